"""
Workers that are killed, and nbfork itself, at any moment: what runs there goes on there, and whoever comes next follows
it. No notebook is run twice.

The moments are drawn with a seed, which NBFORK_TEST_SEED gives. With NBFORK_TEST_SOAK set it is a hundred kills.
"""

import os
import random
import shutil
import signal
import time

import pytest

from harness import alive, kill_all, wait_for
from journal import of
from remote import profile, source

SEED = int(os.environ.get("NBFORK_TEST_SEED", "20261125"))
SOAK = bool(os.environ.get("NBFORK_TEST_SOAK"))


def flow(site, count, seconds="0.2", gate=False, **keys):
    """
    That many notebooks in layers of five, each of which takes some time and hands its number back, and the value of one
    above with it. gate: each waits until there is a file `go`.
    """
    go = str(site.work.path("go"))
    site.source("a.py", f"import os, time; time.sleep({seconds})",
                f"while {gate} and not os.path.exists({go!r}): time.sleep(0.05)",
                "dbutils.notebook.exit(dbutils.widgets.get('i') + ' ' + dbutils.widgets.get('above'))")
    listed = []
    for i in range(count):
        above = f"n{i - 5}" if i >= 5 else None
        listed.append({"path": "a.py", "name": f"n{i}", **({"depends_on": above} if above else {}), "parameters": {
            "i": i, "above": f"{{{{ notebooks.{above}.result }}}}" if above else ""}})
    site.workflow(*listed, **keys)


def expected(i):
    return f"{i} {expected(i - 5)}" if i >= 5 else f"{i} "


def once(site, count):
    """Every notebook was run once, and by one run there."""
    assert site.executions() == {f"n{i}": 1 for i in range(count)}
    assert len(site.runs()) == count


def workers(run):
    """The workers that are at work, as far as the journal knows, by notebook."""
    pids = {}
    for e in run.events:
        if e["event"] == "notebook_started":
            pids[e["name"]] = e["pid"]
        elif e["event"] in ("notebook_finished", "notebook_attempt_failed"):
            pids.pop(e["name"], None)
    return pids


def kill(run):
    """kill -9 of nbfork; its workers notice, and go, without touching what runs there."""
    pids = list(workers(run).values())
    run.proc.kill()
    run.wait()
    wait_for(lambda: not any(alive(pid) for pid in pids), "the workers to go")


def resume(site, run, *args, **more):
    return site.start(f"-r{run.folder}", *args, "workflow.yaml", folder=run.folder, **more)


def test_workers_that_are_killed(site):
    rng = random.Random(SEED)
    count, kills = (100, 100) if SOAK else (10, 14)
    # Nothing ends before half of them have been killed; the others may be too late.
    flow(site, count, "1.2", gate=True, defaults={"retries": 50, "retry_delay_seconds": 0}, processes=10)
    run = site.start("--progress=none", "workflow.yaml")
    killed = set()
    while len(killed) < kills and run.proc.poll() is None:
        pids = {name: pid for name, pid in workers(run).items() if pid not in killed}
        if pids:
            pid = pids[rng.choice(sorted(pids))]
            try:
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
            except ProcessLookupError:
                pass
        if len(killed) >= kills / 2:
            site.work.write("go", "")
        time.sleep(rng.choice([0.01, 0.05, 0.2]))
    run.finish(120)
    site.check(run)
    assert run.status == 0, (SEED, run.story())
    assert [n["result"] for n in run.results["notebooks"]] == [expected(i) for i in range(count)]
    once(site, count)
    assert sum(n["attempts"] - 1 for n in run.results["notebooks"]) >= kills / 2
    # It is one submission, however many attempts have followed it.
    assert {e["submission"] for e in of(run, "notebook_started")} == {1}
    killed = [a for n in run.results["notebooks"] for a in n["earlier_attempts"]]
    assert {a["error"]["kind"] for a in killed} == {"worker"}


@pytest.mark.patience(900 if SOAK else 120)
def test_nbfork_that_is_killed_and_resumed(build):
    rng = random.Random(SEED)
    count, kills = (200, 100) if SOAK else (25, 10)
    site = build("--pending", "0:0.3")
    flow(site, count, "0.1 + float(dbutils.widgets.get('i')) % 3 / 2", processes=12)
    folder = site.work.path("run")
    run = site.work.start("-o", folder, "--progress=none", "workflow.yaml", folder=folder, env=site.env)
    done = 0
    while done < kills:
        # Some at the very beginning, some when there is something there.
        time.sleep(rng.choice([0.02, 0.1, 0.3, 0.6, 1.2]))
        if run.proc.poll() is not None:
            break
        run.proc.kill()
        run.wait()
        done += 1
        if not run.events:  # killed before there was anything to resume
            assert site.runs() == []
            run = site.work.start("-o", site.work.path(f"run{done}"), "--progress=none", "workflow.yaml",
                                  folder=site.work.path(f"run{done}"), env=site.env)
        else:
            run = resume(site, run, "--progress=none")
    run.finish(600)
    site.check(run)
    assert run.status == 0, (SEED, run.story())
    assert [n["result"] for n in run.results["notebooks"]] == [expected(i) for i in range(count)]
    once(site, count)
    assert done >= 3
    for private in site.work.leftovers()[1]:  # where there was nobody left to remove it
        shutil.rmtree(private, ignore_errors=True)
    assert {e["submission"] for e in of(run, "notebook_started")} == {1}


def test_what_ended_while_nobody_looked(site):
    flow(site, 3, "0", gate=True)
    run = site.start()
    for i in range(3):
        run.event("notebook_submitted", name=f"n{i}")
    kill(run)
    site.work.write("go", "")
    wait_for(lambda: all(r["over"] for r in site.runs()), "the runs there")
    run = resume(site, run).finish()
    site.check(run)
    assert run.status == 0, run.story()
    assert [n["result"] for n in run.results["notebooks"]] == ["0 ", "1 ", "2 "]
    once(site, 3)
    assert len(site.workspace.log("/runs/submit")) == 3  # they are known by their ids
    assert all(n["attempts"] == 2 for n in run.results["notebooks"])


@pytest.mark.parametrize("who", ["worker", "nbfork"])
def test_killed_while_the_answer_to_the_submission_is_on_its_way(site, who):
    flow(site, 1, "1", defaults={"retries": 1, "retry_delay_seconds": 0})
    site.workspace.faults([{"match": {"path": "submit$", "count": 1}, "action": {"slow": {"seconds": 50, "pieces": 2}}}])
    run = site.start()
    wait_for(lambda: site.executions() == {"n0": 1}, "the run there")
    if who == "worker":
        kill_all(workers(run).values())
    else:
        kill(run)
        assert of(run, "notebook_submitted") == []
        run = resume(site, run)
    run.finish()
    site.check(run)
    assert run.status == 0 and run.record("n0")["result"] == "0 ", run.story()
    once(site, 1)
    assert site.runs()[0]["submits"] >= 2 and run.record("n0")["attempts"] == 2


def test_a_notebook_that_was_changed_meanwhile_runs_anew(site):
    """What runs there is the notebook as it was: nobody wants that one's result for the new one's, nor both at once."""
    site.source("a.py", "import time; time.sleep(600)", "dbutils.notebook.exit('old')")
    site.workflow("a.py")
    run = site.start()
    run_id = run.event("notebook_submitted")["run_id"]
    kill(run)
    site.source("a.py", "dbutils.notebook.exit('new')")
    run = resume(site, run).finish()
    site.check(run)
    assert run.status == 0, run.story()
    assert run.record("a")["result"] == "new"
    assert f"'a' starts anew, because the notebook changed; run {run_id}, which was started before, is cancelled first" in \
        run.err
    old, new = (site.workspace.get(r["run_id"]) for r in site.runs())
    assert old["state"]["result_state"] == "CANCELED" and old["end_time"] <= new["start_time"]


def test_what_cannot_be_cancelled_keeps_its_changed_notebook_from_running(site):
    site.source("a.py", "import time; time.sleep(600)")
    site.workflow("a.py")
    run = site.start()
    run_id = run.event("notebook_submitted")["run_id"]
    kill(run)
    site.source("a.py", "dbutils.notebook.exit('new')")
    site.workspace.faults([{"match": {"path": "runs/cancel$"}, "action": {"status": 403, "body": {
        "error_code": "PERMISSION_DENIED", "message": "Not yours."}}}])
    for _ in range(2):  # it is not forgotten either
        run = resume(site, run).finish()
        error = run.record("a")["error"]
        assert run.status == 1 and error["kind"] == "target"
        assert f"whether run {run_id}, which was started with other inputs, has ended could not be confirmed: http" in \
            error["message"]
        assert len(site.runs()) == 1
    site.workspace.faults([])
    run = resume(site, run).finish()
    assert run.status == 0 and run.record("a")["result"] == "new", run.story()
    assert len(site.runs()) == 2 and site.runs()[0]["result"] == "CANCELED"


def test_a_run_that_was_left_in_another_workspace_is_left_alone(build):
    first, second = build(), build()
    for site in (first, second):
        site.source("a.py", "import time; time.sleep(60 if dbutils.widgets.get('n') == '1' else 0)")
    first.workflow({"path": "a.py", "parameters": {"n": 1}})
    run = first.start()
    run_id = run.event("notebook_submitted")["run_id"]
    kill(run)
    second.workflow({"path": "a.py", "parameters": {"n": 2}})
    run = resume(second, run).finish()
    assert run.status == 0, run.story()
    assert f"notebook 'a' starts in another workspace; run {run_id} in the one before is left alone" in run.err
    assert not first.runs()[0]["over"] and len(second.runs()) == 1
    assert second.workspace.log("/runs/cancel") == [] and first.workspace.log("/runs/cancel") == []


def test_a_workspace_is_known_however_its_host_is_written(site):
    site.source("a.py", "dbutils.notebook.exit('x')")
    site.source("b.py", "import time; time.sleep(3)", "dbutils.notebook.exit('y')")
    site.workflow("a.py", {"path": "b.py", "depends_on": "a"})
    run = site.start()
    run.event("notebook_submitted", name="b")
    kill(run)
    run = resume(site, run, env={"DATABRICKS_HOST": site.workspace.url + "/"}).finish()
    assert run.status == 0, run.story()
    assert site.executions() == {"a": 1, "b": 1} and run.record("a")["resumed_from"]


def test_a_success_in_another_workspace_is_none_here(build):
    first, second = build(), build()
    for site in (first, second):
        site.source("a.py", "1")
        site.workflow("a.py")
        profile(site.work, f"[DEFAULT]\nhost = {site.workspace.url}\ntoken = {site.workspace.token}\n")
        site.env = {}
        if site is first:
            run = site.run()
        else:
            run = resume(site, run, "-v").finish()
    assert run.status == 0 and len(second.runs()) == 1, run.story()
    assert "because its workspace changed" in run.err


def test_what_it_depends_on_ran_again_so_what_was_left_is_cancelled(site):
    site.source("a.py", "dbutils.notebook.exit('same')")
    site.source("b.py", "import time; time.sleep(60 if 'same' else 0)")
    site.workflow("a.py", {"path": "b.py", "depends_on": "a"})
    run = site.start()
    run_id = run.event("notebook_submitted", name="b")["run_id"]
    kill(run)
    site.source("a.py", "1", "dbutils.notebook.exit('same')")
    site.source("b.py", "import time; time.sleep(60 if 'same' else 0)")
    run = resume(site, run)
    wait_for(lambda: len(site.runs("b")) == 2, "another run of it")
    assert site.workspace.get(int(run_id))["state"]["result_state"] == "CANCELED"
    run.signal(signal.SIGTERM)
    run.finish()
    assert f"'b' starts anew, because 'a', on which it depends, runs again; run {run_id}" in run.err


def test_an_edit_while_it_waits_is_not_taken_for_what_ran(site):
    """Notebooks are imported when the run begins."""
    gate = site.work.path("go")
    site.source("a.py", "import os, time", f"while not os.path.exists({str(gate)!r}): time.sleep(0.1)")
    site.source("b.py", "dbutils.notebook.exit('old')")
    site.workflow("a.py", {"path": "b.py", "depends_on": "a"})
    run = site.start()
    run.event("notebook_submitted", name="a")
    site.source("b.py", "dbutils.notebook.exit('new')")
    gate.write_text("")
    run.finish()
    assert run.record("b")["result"] == "old"
    run = resume(site, run).finish()
    assert run.record("b")["result"] == "new" and run.record("a")["resumed_from"], run.story()


@pytest.mark.parametrize("timeout", [None, 3])
def test_a_run_that_takes_long_to_end_is_not_taken_for_the_next_attempt(build, timeout):
    site = build("--terminating", "14")
    flag = site.work.path("again")
    site.source("a.py", "import os, time", f"if not os.path.exists({str(flag)!r}): open({str(flag)!r}, 'w'); time.sleep(60)",
                "dbutils.notebook.exit('second')")
    if timeout is not None:  # its own time limit ends it, and it is tried again
        site.workflow({"path": "a.py", "timeout_seconds": 8, "retries": 1, "retry_on_timeout": True,
                       "retry_delay_seconds": 0})
        run = site.start()
        run.finish(120)
        assert run.record("a")["earlier_attempts"][0]["status"] == "timed_out"
    else:
        site.workflow("a.py")
        run = site.start()
        wait_for(flag.exists, "the notebook to run")
        run.signal(signal.SIGTERM)
        run.finish()
        run = resume(site, run).finish(120)
    assert run.status == 0 and run.record("a")["result"] == "second", run.story()
    assert len(site.runs()) == 2 and site.runs()[0]["over"]


# ---- Stopping while something runs there that nobody follows ----

@pytest.fixture
def abandoned(site):
    """A run whose notebook `a` waits for another attempt, with the first one's run going on there; and `b` that runs."""
    site.source("a.py", "import time; time.sleep(600)")
    site.source("b.py", "import time, os", f"while not os.path.exists({str(site.work.path('go'))!r}): time.sleep(0.1)",
                "raise ValueError('no')")

    def make(*args, **keys):
        site.workflow({"path": "a.py", "retries": 1, "retry_delay_seconds": 600}, "b.py", **keys)
        run = site.start(*args, "workflow.yaml")
        for name in ("a", "b"):
            run.event("notebook_submitted", name=name)
        wait_for(lambda: site.executions() == {"a": 1, "b": 1}, "the runs there")
        kill_all([workers(run)["a"]])
        run.event("notebook_attempt_failed", name="a")
        assert not any(r["over"] for r in site.runs())
        return run
    return make


def test_a_stop_ends_what_waits_for_another_attempt_too(site, abandoned):
    run = abandoned()
    run.signal(signal.SIGTERM)
    run.finish()
    site.check(run)
    assert all(r["over"] for r in site.runs())
    run_id = site.runs("a")[0]["run_id"]
    message = run.record("a")["error"]["message"]
    assert run.record("a")["status"] == "failed" and message.endswith(f"; run {run_id} was cancelled"), message
    assert "cannot confirm" not in run.err
    # And whoever resumes has both run again.
    site.source("a.py", "1")
    site.source("b.py", "1")
    again = resume(site, run).finish()
    assert again.statuses() == {"a": "succeeded", "b": "succeeded"}, again.story()


def test_so_does_the_policy(site, abandoned):
    run = abandoned("-e", "fail-fast")
    site.work.write("go", "")
    run.finish()
    assert run.status == 1 and all(r["over"] for r in site.runs())
    assert run.record("a")["error"]["message"].endswith("was cancelled")


def test_and_what_has_failed_with_its_run_left_running(site):
    site.source("a.py", "import time; time.sleep(600)")
    site.workflow("a.py", on_error="fail-fast")
    run = site.start("-v", "workflow.yaml")
    run_id = run.event("notebook_submitted")["run_id"]
    wait_for(lambda: site.executions() == {"a": 1}, "the run there")
    kill_all([workers(run)["a"]])
    run.finish()
    assert run.status == 1 and site.runs()[0]["over"]
    assert f"run {run_id} of notebook 'a', which nobody followed, was cancelled" in run.err


def test_and_what_a_worker_that_was_killed_could_not_cancel(site):
    site.source("a.py", "import time; time.sleep(600)")
    names = ("a", "b", "c")
    site.workflow(*({"path": "a.py", "name": name} for name in names), processes=3)
    run = site.start("-v", "workflow.yaml")
    for name in names:
        run.event("notebook_submitted", name=name)
    wait_for(lambda: sum(site.executions().values()) == 3, "the runs there")
    site.workspace.faults([{"match": {"path": "runs/cancel$", "nth": [1, 2, 3]}, "action": {"delay": 3, "drop": "before"}}])
    pids = list(workers(run).values())
    run.signal(signal.SIGTERM)
    run.event("run_stopping")
    wait_for(lambda: len(site.workspace.log("runs/cancel")) == 3, "all to ask, who wait for the answer then")
    kill_all(pids)
    run.finish()
    assert all(r["over"] for r in site.runs()), run.story()
    assert "cannot confirm" not in run.err


def test_but_what_may_finish_is_left_to_finish(site, abandoned):
    run = abandoned("-e", "drain")
    site.work.write("go", "")
    run.finish()
    assert run.status == 1
    [there] = site.runs("a")
    assert not there["over"]
    assert f"whether run {there['run_id']} has ended could not be confirmed: http" in run.record("a")["error"]["message"]


def test_what_cannot_be_cancelled_then_is_said(site, abandoned):
    run = abandoned()
    site.workspace.faults([{"match": {"path": "runs/cancel$"}, "action": {"drop": "before"}}])
    run.signal(signal.SIGTERM)
    run.finish()
    [there] = site.runs("a")
    assert not there["over"]
    assert f"cannot confirm that run {there['run_id']} of notebook 'a' has ended: http" in run.err
    assert f"whether run {there['run_id']} has ended could not be confirmed: http" in run.record("a")["error"]["message"]


def test_a_second_signal_does_not_wait_for_it(site, abandoned):
    run = abandoned()
    site.workspace.faults([{"match": {"path": "runs/cancel$"}, "action": {"drop": "before"}}])
    run.signal(signal.SIGTERM)
    run.event("run_stopping")
    time.sleep(0.3)  # what comes sooner is taken for an echo
    run.signal(signal.SIGTERM)
    run.finish()
    assert run.status == -signal.SIGTERM and not site.runs("a")[0]["over"]
    assert "could not be confirmed" in run.record("a")["error"]["message"]


def test_a_resume_that_is_stopped_ends_what_it_had_not_come_to(site):
    flow(site, 3, "600", processes=3)
    run = site.start()
    wait_for(lambda: site.executions() == {f"n{i}": 1 for i in range(3)}, "the runs there")
    kill(run)
    run = resume(site, run, "-j1")
    run.event("notebook_started", name="n0", attempt=2)
    run.signal(signal.SIGINT)
    run.finish()
    site.check(run)
    assert all(r["over"] for r in site.runs()) and len(site.runs()) == 3


def test_what_failed_is_submitted_anew_and_what_succeeded_is_kept(site):
    site.source("good.py", "dbutils.notebook.exit('good')")
    marker = site.work.path("marker")
    site.source("bad.py", f"import os\nif not os.path.exists({str(marker)!r}): raise ValueError('not yet')")
    site.workflow("good.py", "bad.py")
    run = site.run()
    assert run.statuses() == {"good": "succeeded", "bad": "failed"}
    marker.write_text("")
    site.workspace.test("DELETE", "log")
    run = resume(site, run).finish()
    site.check(run)
    assert run.statuses() == {"good": "succeeded", "bad": "succeeded"}
    assert run.record("good")["resumed_from"] and run.record("good")["result"] == "good"
    assert run.record("good")["remote"]["code"] == "SUCCESS" and run.record("good")["url"]
    assert site.executions() == {"good": 1, "bad": 2}
    assert len({r["token"] for r in site.runs("bad")}) == 2
    assert [e["submission"] for e in of(run, "notebook_started", name="bad")] == [1, 2]
    assert len(site.workspace.log("/runs/submit")) == 1


def test_what_was_cancelled_is_not_followed(site):
    flow(site, 2, "600")
    run = site.start()
    wait_for(lambda: site.executions() == {"n0": 1, "n1": 1}, "the runs there")
    run.signal(signal.SIGTERM)
    run.finish()
    assert set(run.statuses().values()) == {"cancelled"}
    flow(site, 2, "0")
    run = resume(site, run).finish()
    assert run.status == 0, run.story()
    assert [n["result"] for n in run.results["notebooks"]] == ["0 ", "1 "]
    assert len(site.runs()) == 4 and [e["submission"] for e in of(run, "notebook_started", name="n0")] == [1, 2]


def test_a_second_signal_waits_for_nothing_and_says_what_may_still_run(site):
    flow(site, 1, "600")
    run = site.start()
    run_id = run.event("notebook_submitted")["run_id"]
    url = wait_for(lambda: of(run, "notebook_submitted")[-1]["url"], "its page")
    site.workspace.faults([{"match": {"path": "runs/cancel$"}, "action": {"drop": "before"}}])
    run.signal(signal.SIGINT)
    run.event("run_stopping")
    time.sleep(0.3)  # what comes sooner is taken for an echo
    run.signal(signal.SIGINT)
    run.finish()
    assert run.status == -signal.SIGINT
    record = run.record("n0")
    assert f"whether run {run_id} has ended could not be confirmed: {url}" in record["error"]["message"]
    assert record["url"] == url
    assert not site.runs()[0]["over"] and site.runs()[0]["run_id"] == int(run_id)


def test_a_run_that_is_gone_is_said(site):
    flow(site, 1, "0", gate=True)
    run = site.start()
    run_id = int(run.event("notebook_submitted")["run_id"])
    kill(run)
    site.work.write("go", "")
    wait_for(lambda: site.runs()[0]["over"], "its end")
    site.workspace.api("POST", "2.2/jobs/runs/delete", {"run_id": run_id})
    run = resume(site, run).finish()
    error = run.record("n0")["error"]
    assert run.status == 1 and error["kind"] == "target" and f"{run_id}" in error["message"]
    assert "does not exist" in error["message"]
    # And the next one begins anew.
    run = resume(site, run).finish()
    assert run.status == 0 and run.record("n0")["result"] == "0 "


def test_another_workflow_of_the_same_name_is_another_run(site):
    site.source("a.py", "dbutils.notebook.exit('x')")
    site.workflow("a.py")
    first, second = site.start(), site.start()
    assert first.finish().status == second.finish().status == 0
    assert len({r["token"] for r in site.runs()}) == 2
    assert source("dbutils.notebook.exit('x')") == site.work.path("a.py").read_text()
