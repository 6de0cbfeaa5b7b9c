"""
Notebooks that run notebooks: the calls, by what a client of the socket sees, and what comes of every way to end.
"""

import json
import os
import signal
import subprocess
import time

import pytest

from harness import alive, lines, wait_for
from journal import most, of

RESULT = "application/vnd.nbfork.result+json"


def result(value):
    return "display " + json.dumps({"data": {RESULT: value}})


def answers(run, name):
    """What the notebook printed, lines of JSON."""
    return [json.loads(line) for line in run.text(name).splitlines()]


def master(work, *cells, name="m", **keys):
    work.notebook(name, *cells)
    return {"path": f"{name}.ipynb", **keys}


def run(work, *notebooks, status=0, timeout=60, args=(), **keys):
    work.workflow(*notebooks, **{"processes": 2, **keys})
    done = work.run("workflow.yaml", *args, timeout=timeout)
    assert done.status == status, done.story()
    return done


def children(done, name="m"):
    return {c["name"]: c for c in done.record(name)["children"]}


# ---- What comes back ----

def test_what_a_call_comes_to(work):
    work.notebook("sub/child", {**code_parameters("x = 1\ny = 2"), "source": "x = '1'\ny = '2'"},
                  lines("show x", "cwd", result({"rows": 3})))
    work.notebook("sub/fails", "print before", "error ValueError no such table", "print after")
    work.notebook("sub/deeper", 'call {"path": "child", "arguments": {"x": "deep"}}', result("text"))
    work.notebook("sub/slow", lines("print begun", "hang"))
    work.notebook("broken", "print x", kernel="nowhere")
    work.write("sub/plain.py", "print(1)\n")
    m = master(
        work,
        'call {"path": "sub/child", "arguments": {"x": "7", "new": "\\u00e9 \'"}}',
        lines('call "./sub/fails.ipynb"', "print 1"),
        lines('call "sub/../sub/deeper"', 'call {"path": "sub/slow", "timeout_seconds": 0.5}'),
        # Seen from another notebook's file.
        lines('call {"path": "./child", "caller": "sub/x.py"}', f'call {json.dumps(str(work.path("sub/child")))}'),
        lines('call "nothing"', 'call "broken"', 'call "sub"', 'call "sub/plain.py"', 'call "a\\u0000b"'),
        lines(r'send "{\n"', r'send "[]\n"', r'send "{\"path\": 7}\n"', r'send "{\"path\": \"c\", \"arguments\": {\"a\": 1}}\n"',
              r'send "{\"path\": \"c\", \"timeout_seconds\": -1}\n"', r'send "{\"path\": \"c\", \"timeout_seconds\": NaN}\n"',
              r'send "{\"path\": \"c\", \"caller\": 1}\n"', 'send "no end"', 'send ""',
              # One that says no more waits all the same.
              r'send "{\"path\": \"sub/child\"}\n"'))
    done = run(work, m)
    a = answers(done, "m")
    assert a[0] == {"status": "succeeded", "exit": None, "result": {"rows": 3}, "name": "m.child",
                    "output": str(done.dir / "notebooks/m.child.ipynb")}
    assert (a[1]["status"], a[1]["name"], a[1]["output"]) == ("failed", "m.fails", str(done.dir / "notebooks/m.fails.ipynb"))
    assert (a[1]["error"]["kind"], a[1]["error"]["name"], a[1]["error"]["message"]) == ("notebook", "ValueError", "no such table")
    assert a[2] == 1
    assert (a[3]["status"], a[3]["result"], a[3]["name"]) == ("succeeded", "text", "m.deeper")
    assert (a[4]["status"], a[4]["error"]["kind"]) == ("timed_out", "timeout")
    assert "within 0.5 s" in a[4]["error"]["message"]
    assert [x["name"] for x in a[5:7]] == ["m.child-2", "m.child-3"]
    assert [x["status"] for x in a[7:12]] == ["refused"] * 5
    for x, words in zip(a[7:12], ["'nothing'", "nowhere", "'sub'", "plain.py", "NUL"]):
        assert words in x["message"]
    assert [x["message"] if x else x for x in a[12:-1]] == [
        "the call is no line of JSON", "the call has no path, a text", "the call has no path, a text",
        "the call's arguments are not all text", *["the call's timeout_seconds is no number from 0 on"] * 2,
        "the call's caller is no text", "", ""]
    assert a[-1]["name"] == "m.child-4"
    assert list(children(done)) == ["m.child", "m.fails", "m.deeper", "m.slow", "m.child-2", "m.child-3", "m.child-4"]
    child = children(done)["m.child"]
    assert child["parameters"] == {"x": "7", "new": "é '"}
    assert child["path"] == "sub/child"
    # The folder of the child, and its argument.
    assert done.text("m.child").splitlines() == ['"7"', str(work.path("sub"))]
    assert done.text("m.child-2").splitlines()[0] == '"1"'
    deeper = children(done)["m.deeper"]["children"]
    assert [c["name"] for c in deeper] == ["m.deeper.child"] and deeper[0]["result"] == {"rows": 3}
    assert done.results["counts"]["succeeded"] == 1
    assert done.results["status"] == "succeeded"
    called = [(e["name"], e["parent"], e["path"]) for e in of(done, "notebook_called")]
    assert ("m.deeper.child", "m.deeper", "child") in called and len(called) == 8


def code_parameters(source):
    return {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": source, "outputs": [],
            "execution_count": None}


def test_names_are_the_only_ones(work):
    work.notebook("child", "print x")
    work.notebook("sub/child", "print x")
    work.notebook("attempt1", "print x")
    work.notebook("ä b", "print x")
    long = "n" * 180
    work.notebook(long, 'call "attempt1"')
    work.notebook("other", "print x")
    m = master(work, lines('call "child"', 'call "sub/child"', 'call "attempt1"', 'call "attempt1"', 'call "ä b"', f'call "{long}"'))
    done = run(work, m, {"path": "other.ipynb", "name": "m.child"}, {"path": "other.ipynb", "name": "m.child-3"})
    assert [x["name"] for x in answers(done, "m")] == ["m.child-2", "m.child-4", "m.attempt1-2", "m.attempt1-3", "m.ä b",
                                                       "m." + "n" * 100]


# ---- The pool ----

def test_callers_do_not_count_among_processes(work):
    work.notebook("child", result(1))
    work.notebook("middle", 'calls 2 "child"')
    m = [master(work, 'calls 3 "middle"', name=f"m{i}") for i in range(3)]
    done = run(work, *m, processes=1)
    assert all(c["status"] == "succeeded" for i in range(3) for c in done.record(f"m{i}")["children"])
    leaves = [c for i in range(3) for n in done.record(f"m{i}")["children"] for c in n["children"]]
    assert len(leaves) == 3 * 3 * 2
    # What has been begun comes to its end before more is begun: never are more open than are nested.
    started, peak = set(), 0
    for e in done.events:
        if e["event"] == "notebook_started":
            started.add(e["name"])
        elif e["event"] == "notebook_finished":
            started.discard(e["name"])
        peak = max(peak, len(started))
    assert peak == 3


def test_fifty_threads_and_processes_at_once(work):
    work.notebook("child", lines("sleep 0.02", result("done")))
    done = run(work, master(work, 'calls 50 "child"', 'forked 20 "child"'))
    a = answers(done, "m")
    assert [x["result"] for x in a[0] + a[1]] == ["done"] * 70
    assert len({x["name"] for x in a[0] + a[1]}) == 70
    assert most(done, "m.", departing=False) == 2


def test_a_machine_without_room_does_not_hold_what_somebody_waits_for(work):
    work.notebook("child", "print x")
    done = run(work, master(work, 'calls 3 "child"'), limits={"max_load": 0.0001, "min_free_memory": "900T"})
    assert [x["status"] for x in answers(done, "m")[0]] == ["succeeded"] * 3
    assert most(done, "m.") == 1


def test_recursion_has_an_end(work):
    done = run(work, master(work, 'call "m"'), timeout=120)
    depth, n = 0, done.record("m")
    while n["children"]:
        n, depth = n["children"][0], depth + 1
    assert depth == 30
    assert "nested more than 30 deep" in done.text(n["name"])


def test_large_arguments_and_results(work):
    work.notebook("child", code_parameters("x = ''"), lines("fill 10", "show x"))
    work.notebook("large", "display " + json.dumps({"data": {RESULT: "é" * 4_000_000}}))
    work.notebook("larger", "display " + json.dumps({"data": {RESULT: "x" * 9_000_000}}))
    m = master(work, f'call {json.dumps({"path": "child", "arguments": {"x": "y" * 500_000}})}',
               f'call {json.dumps({"path": "child", "arguments": {"x": "y" * 600_000}})}', 'call "large"', 'call "larger"')
    done = run(work, m)
    a = answers(done, "m")
    assert a[0]["status"] == "succeeded" and json.loads(done.text("m.child")) == "y" * 500_000
    assert a[1]["status"] == "refused" and "512 KiB" in a[1]["message"]
    assert a[2]["result"] == "é" * 4_000_000
    assert a[3]["status"] == "failed" and "too large" in a[3]["error"]["message"]


# ---- Ends ----

def processes(started):
    """The processes of each notebook of a run: its worker, then its kernel."""
    pids = {e["name"]: [e["pid"]] for e in of(started, "notebook_started")}
    for e in of(started, "kernel_ready"):
        pids[e["name"]].append(e["pid"])
    return pids


@pytest.fixture
def nested(work):
    """Starts m, which runs middle, which runs leaf, which hangs; returns the run and its processes by name."""
    def start(*others, args=(), cells=(), until="m.middle.leaf", **keys):
        work.notebook("leaf", lines("print here", "hang"))
        work.notebook("middle", 'call "leaf"', "print after")
        m = master(work, *(cells or ['call "middle"', "print after"]), **keys.pop("m", {}))
        work.workflow(m, *others, **{"processes": 2, **keys})
        started = work.start("workflow.yaml", *args)
        if until:
            started.event("cell_started", name=until)
        return started, processes(started)
    return start


def gone(pids):
    return not any(alive(p) for ps in pids.values() for p in ps)


@pytest.mark.parametrize("whom", ["worker", "kernel"])
def test_a_caller_that_dies_takes_what_it_runs_along(work, nested, whom):
    started, pids = nested()
    os.kill(pids["m"][whom == "kernel"], signal.SIGKILL)
    started.finish()
    assert started.status == 1
    assert gone(pids)
    m = started.record("m")
    assert (m["status"], m["error"]["kind"]) == ("failed", whom)
    middle = m["children"][0]
    leaf = middle["children"][0]
    assert (middle["status"], leaf["status"]) == ("cancelled", "cancelled")
    assert "notebook 'm'" in middle["error"]["message"]
    names = [e["name"] for e in of(started, "notebook_finished")]
    assert names == ["m.middle.leaf", "m.middle", "m"]


@pytest.mark.parametrize("whom", ["worker", "kernel"])
def test_one_in_the_middle_that_dies_is_a_failure_for_its_caller(work, nested, whom):
    started, pids = nested()
    os.kill(pids["m.middle"][whom == "kernel"], signal.SIGKILL)
    started.finish()
    assert started.status == 0
    assert gone(pids)
    a = started.text("m").splitlines()
    assert json.loads(a[0])["error"]["kind"] == whom and a[1] == "after"
    middle = children(started)["m.middle"]
    assert (middle["status"], middle["children"][0]["status"]) == ("failed", "cancelled")


# How far the two below have come when the time is up is chance: it may be short of the leaf, or of its first cell.

@pytest.mark.parametrize("key", ["timeout_seconds", "cell_timeout_seconds"])
def test_a_caller_past_its_time(work, nested, key):
    started, _ = nested(m={key: 4}, until=None)
    started.finish()
    assert gone(processes(started))
    m = started.record("m")
    assert (m["status"], m["error"]["kind"]) == ("timed_out", "timeout")
    assert [c["status"] for c in m["children"]] == ["cancelled"]
    assert all(c["status"] == "cancelled" for c in children(started).values())


@pytest.mark.parametrize("sig", ["INT", "TERM", "HUP"])
def test_a_signal_in_the_middle(work, nested, sig):
    started, pids = nested()
    started.signal(getattr(signal, "SIG" + sig))
    started.finish()
    assert started.status == -getattr(signal, "SIG" + sig)
    assert gone(pids)
    m = started.record("m")
    middle = m["children"][0]
    assert [x["status"] for x in (m, middle, middle["children"][0])] == ["cancelled"] * 3
    assert "SIG" + sig in middle["error"]["message"]


def test_nbfork_killed_leaves_nothing_and_resumes(work, nested):
    started, pids = nested()
    started.proc.kill()
    started.wait()
    wait_for(lambda: gone(pids), "all processes to go")
    work.notebook("leaf", "print better")
    again = work.run(f"--resume={started.dir}", "workflow.yaml", folder=started.dir)
    assert again.status == 0, again.story()
    m = again.record("m")
    assert m["attempts"] == 2
    # Files of before are not written over.
    assert [c["name"] for c in m["children"]] == ["m.middle-2"]
    assert m["children"][0]["parent_attempt"] == 2
    assert again.text("m.middle-2.leaf") == "better\n"


def test_two_signals(work, nested):
    started, pids = nested()
    started.signal(signal.SIGINT)
    wait_for(lambda: of(started, "run_stopping"), "the run to stop")
    time.sleep(0.3)
    started.signal(signal.SIGINT)
    started.finish()
    assert gone(pids)


def test_a_failure_elsewhere_with_fail_fast_and_with_drain(work, nested):
    work.notebook("fails", lines("wait go", "error ValueError x"))
    started, pids = nested({"path": "fails.ipynb"}, on_error="fail-fast", processes=3)
    work.write("go", "")
    started.finish()
    assert gone(pids)
    assert started.statuses() == {"m": "cancelled", "fails": "failed"}
    assert "fails" in children(started)["m.middle"]["error"]["message"]


def test_what_may_finish_may_do_what_it_waits_for(work):
    work.notebook("fails", "error ValueError x")
    work.notebook("child", result(5))
    work.notebook("late", "print x")
    m = master(work, lines("wait failed", 'calls 4 "child"'))
    work.workflow(m, "fails.ipynb", "late.ipynb", processes=2, on_error="drain")
    started = work.start("workflow.yaml")
    started.event("run_stopping")
    work.write("failed", "")
    started.finish()
    assert started.statuses() == {"m": "succeeded", "fails": "failed", "late": "skipped"}
    assert [x["result"] for x in answers(started, "m")[0]] == [5] * 4


def test_a_failed_child_is_its_callers_affair(work):
    work.notebook("child", "error ValueError x")
    done = run(work, master(work, 'call "child"'), on_error="fail-fast")
    assert done.results["status"] == "succeeded"
    assert children(done)["m.child"]["status"] == "failed"


def test_who_does_not_wait_any_more(work):
    work.notebook("child", lines("touch begun", "hang"))
    work.notebook("last", lines("touch going", "hang"))
    # Also when the notebook ends.
    m = master(work, 'begin "child"', lines("wait begun", "drop"), lines('begin "last"', "wait going"))
    done = run(work, m)
    a, b = children(done).values()
    assert (a["status"], b["status"]) == ("cancelled", "cancelled")
    assert "does not wait" in a["error"]["message"]
    assert "does not wait" in b["error"]["message"]


def test_a_process_of_the_kernel_that_called_and_dies(work):
    work.notebook("child", lines("touch begun", "hang"))
    m = master(work, 'orphan pid "child"', lines("wait begun", "wait go"))
    work.workflow(m, processes=2)
    started = work.start("workflow.yaml")
    started.event("cell_started", name="m.child")
    os.kill(int(work.path("pid").read_text()), signal.SIGKILL)
    started.event("notebook_finished", name="m.child")
    work.write("go", "")
    started.finish()
    assert started.status == 0
    assert children(started)["m.child"]["status"] == "cancelled"


def test_calls_that_wait_in_the_queue_are_given_up(work):
    work.notebook("child", lines("touch begun", "wait go"))
    work.notebook("never", "print x")
    m = master(work, lines('begin "child"', "wait begun", 'begin "never"', 'begin "never"', "drop", "touch go", 'call "never"'))
    done = run(work, m, processes=1)
    c = list(children(done).values())
    assert [x["status"] for x in c[1:]] == ["skipped", "skipped", "succeeded"]


def test_each_attempt_has_its_own(work):
    work.notebook("child", lines("touch once", result(1)))
    m = master(work, 'call "child"', lines("wait twice", "print x"), cell_timeout_seconds=0, retries=1, retry_delay_seconds=0)
    work.workflow(m, processes=1)
    started = work.start("workflow.yaml")
    started.event("cell_started", name="m", number=2)
    os.kill(of(started, "notebook_started", name="m")[0]["pid"], signal.SIGKILL)
    work.write("twice", "")
    started.finish()
    assert started.status == 0, started.story()
    assert [(c["name"], c["parent_attempt"]) for c in started.record("m")["children"]] == [("m.child", 1), ("m.child-2", 2)]


def test_kept_with_what_it_has_run(work):
    work.notebook("child", result({"n": 1}))
    work.notebook("fails", "error ValueError x")
    done = run(work, master(work, 'call "child"'), "fails.ipynb", status=1)
    before = done.record("m")["children"]
    work.notebook("fails", "print x")
    again = work.run(f"--resume={done.dir}", "workflow.yaml", folder=done.dir)
    assert again.status == 0, again.story()
    assert again.record("m")["resumed_from"] and again.record("m")["children"] == before


def test_secrets_that_are_handed_on(work):
    work.notebook("child", code_parameters("x = ''"), lines("show x", r'write "hun\u0074er2\n"'))
    m = master(work, r'call {"path": "child", "arguments": {"x": "word=hun\u0074er2", "y": "plain"}}',
               parameters={"token": {"secret": "TOKEN"}})
    work.workflow(m, processes=1)
    done = work.run("workflow.yaml", env={"TOKEN": "hunter2"})
    assert done.status == 0, done.story()
    assert children(done)["m.child"]["parameters"] == {"x": "***", "y": "plain"}
    assert done.text("m.child") == '"***"\n***\n'
    for path in done.dir.rglob("*"):
        assert not path.is_file() or b"hunter2" not in path.read_bytes(), path


def test_an_answer_for_which_there_is_no_room(work):
    """The caller would wait for ever."""
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", work.short / "run"], capture_output=True).returncode:
        pytest.skip("cannot mount a small disk here")
    try:
        work.notebook("child", "display " + json.dumps({"data": {RESULT: "x" * 3_000_000}}))
        done = run(work, master(work, 'call "child"', "print after"), status=1)
        assert done.record("m")["status"] == "cancelled"
        assert "No space left" in done.record("m")["error"]["message"]
        assert children(done)["m.child"]["status"] == "succeeded"
    finally:
        subprocess.run(["umount", "-l", work.short / "run"], check=True)


def test_many_calls_one_after_the_other(work):
    """Nothing grows with them but what the results need."""
    work.notebook("child", "print x")
    done = run(work, master(work, *['calls 10 "child"'] * 10), processes=4, timeout=120)
    assert len(children(done)) == 100


# ---- With dbutils ----

MASTER = """# Databricks notebook source
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import Pool

notebook_paths = ["./child1", "./child2", "./child3"]
timeout_seconds = 600

def run_notebook(path):
    return dbutils.notebook.run(path=path, timeout_seconds=timeout_seconds, arguments={"day": "22"})

with ThreadPoolExecutor(max_workers=3) as executor:
    print(list(executor.map(run_notebook, notebook_paths)))

# COMMAND ----------
with Pool(processes=2) as pool:
    print(pool.map(run_notebook, notebook_paths))

# COMMAND ----------
def run_with_retry(notebook, timeout, args={}, max_retries=3):
    num_retries = 0
    while True:
        try:
            return dbutils.notebook.run(notebook, timeout, args)
        except Exception as e:
            timeout = -1
            if num_retries > max_retries:
                raise e
            print("Retrying error", type(e).__name__)
            num_retries += 1

print(run_with_retry("./flaky", 60, max_retries=5))
try:
    dbutils.notebook.run("./slow", 1)
except Exception as e:
    print("TIMEDOUT" in str(e))
dbutils.notebook.exit("all " + str(len(notebook_paths)))
"""


@pytest.mark.parametrize("warm", ["auto", "off"])
def test_the_usual_masters(work, warm):
    work.write("master.py", MASTER)
    for i in (1, 2, 3):
        work.write(f"child{i}.py", "# Databricks notebook source\ndbutils.widgets.text('day', '')\n\n# COMMAND ----------\n"
                   f"dbutils.notebook.exit('child{i} of ' + dbutils.widgets.get('day'))\n\n# COMMAND ----------\n1/0\n")
    work.write("flaky.py", "# Databricks notebook source\nimport glob\nn = len(glob.glob('try*'))\nopen(f'try{n}', 'w').close()\n"
               "if n < 2:\n    raise ValueError(n)\ndbutils.notebook.exit('{\"tries\": 3}')\n")
    work.write("slow.py", "# Databricks notebook source\nimport time\ntime.sleep(600)\n")
    done = run(work, "master.py", targets={"local": {"warm": warm}}, timeout=120)
    m = done.record("master")
    texts = done.text("master").splitlines()
    three = str([f"child{i} of 22" for i in (1, 2, 3)])
    assert texts[:2] == [three, three]
    assert texts[-2:] == ['{"tries": 3}', "True"]
    assert m["result"] == "all 3"
    assert [c["status"] for c in m["children"][:6]] == ["succeeded"] * 6
    flaky = [c for c in m["children"] if c["path"] == "./flaky"]
    assert [c["status"] for c in flaky] == ["failed", "failed", "succeeded"]
    assert flaky[-1]["result"] == {"tries": 3}
    assert m["children"][-1]["status"] == "timed_out"
    # The last one's time may be over before its kernel is ready.
    assert {c["start"] for c in m["children"][:-1]} == {"warm" if warm == "auto" else "cold"}


def test_a_signal_in_the_middle_of_a_pool(work):
    work.write("master.py", """# Databricks notebook source
from multiprocessing import Pool
def run_notebook(path):
    return dbutils.notebook.run(path, 600)
with Pool(processes=4) as pool:
    pool.map(run_notebook, ["./slow"] * 4)
""")
    work.write("slow.py", "# Databricks notebook source\nimport time\ntime.sleep(600)\n")
    work.workflow("master.py", processes=4)
    started = work.start("workflow.yaml")
    wait_for(lambda: len([e for e in of(started, "cell_started") if e.get("parent")]) == 4, "all four to run", 60)
    started.signal(signal.SIGINT)
    started.finish()
    m = started.record("master")
    assert m["status"] == "cancelled" and [c["status"] for c in m["children"]] == ["cancelled"] * 4


def test_values_for_other_notebooks(work):
    work.write("sets.py", "# Databricks notebook source\ndbutils.jobs.taskValues.set('rows', [1, {'a': 'é'}])\n"
               "dbutils.jobs.taskValues.set('day', 'old')\ndbutils.jobs.taskValues.set('day', 7)\n")
    work.write("gets.py", "# Databricks notebook source\nprint(dbutils.jobs.taskValues.get('sets', 'rows'), "
               "dbutils.jobs.taskValues.get('sets', 'none', default=3), dbutils.widgets.getAll())\n")
    done = run(work, "sets.py", {"path": "gets.py", "depends_on": ["sets"], "parameters": {
        "whole": "{{ notebooks.sets.values.day }}", "part": "{{ notebooks.sets.values.rows[1].a }}!"}})
    assert done.record("sets")["values"] == {"rows": [1, {"a": "é"}], "day": 7}
    assert done.record("gets")["parameters"] == {"whole": 7, "part": "é!"}
    assert done.text("gets") == "[1, {'a': 'é'}] 3 {'whole': '7', 'part': 'é!'}\n"
    # As the file of a job has it.
    tasks = [{"task_key": "sets", "notebook_task": {"notebook_path": "sets"}},
             {"task_key": "gets", "depends_on": [{"task_key": "sets"}], "notebook_task": {
                 "notebook_path": "gets", "base_parameters": {"day": "{{tasks.sets.values.day}}"}}}]
    work.write("job.yml", json.dumps({"resources": {"jobs": {"j": {"name": "j", "tasks": tasks}}}}))
    done = work.run("job.yml")
    assert done.status == 0, done.story()
    assert done.record("gets")["parameters"] == {"day": "7"}
    # What nobody set is said before the notebook starts.
    done = run(work, "sets.py", {"path": "gets.py", "depends_on": ["sets"], "parameters": {
        "x": "{{ notebooks.sets.values.month }}"}}, status=1)
    error = done.record("gets")["error"]
    assert error["kind"] == "dependency" and "it has 'rows', 'day'" in error["message"]
