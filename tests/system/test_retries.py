"""
Retries: which failures are tried again, when, and what is left of each attempt.
"""

import re
import signal
import sys

import pytest

import journal
from counting import Count
from harness import FAULTKERNEL, PATIENCE, kill_all
from terminal import Terminal

SOON = {"retry_delay_seconds": 0}


def attempts(run):
    return {n["name"]: n["attempts"] for n in run.results["notebooks"]}


def test_it_is_tried_again_as_often_as_asked(work):
    work.notebook("a", "pid", "error E no")
    work.workflow({"path": "a.ipynb", "retries": 2, **SOON})
    run = work.run("workflow.yaml")
    assert run.status == 1
    record = run.record("a")
    assert (record["status"], record["attempts"], record["error"]["name"]) == ("failed", 3, "E")
    assert [e["attempt"] for e in journal.of(run, "notebook_started")] == [1, 2, 3]
    assert [e["attempt"] for e in journal.of(run, "notebook_attempt_failed")] == [1, 2]
    assert [e["attempt"] for e in journal.of(run, "notebook_finished")] == [3]
    assert "attempt 2 in " in run.err and "attempt 3 in " in run.err and "attempt 4" not in run.err
    assert "a: started (attempt 3)" in run.err and re.search(r"a: failed after \S+ \(attempt 3\): E", run.err)


def test_each_attempt_has_its_files_and_its_results(work):
    work.notebook("a", "pid", "error E no")
    work.workflow({"path": "a.ipynb", "retries": 2, **SOON})
    run = work.run("workflow.yaml")
    earlier = run.record("a")["earlier_attempts"]
    assert [a["attempt"] for a in earlier] == [1, 2]
    kernels = [str(e["pid"]) for e in journal.of(run, "kernel_ready")]
    printed = []
    for i, a in enumerate(earlier, 1):
        assert (a["status"], a["exit_status"], a["signal"]) == ("failed", 1, None)
        assert (a["error"]["kind"], a["error"]["name"], a["error"]["message"]) == ("notebook", "E", "no")
        assert (a["output"], a["log"]) == (f"notebooks/a.attempt{i}.ipynb", f"logs/a.attempt{i}.log")
        assert a["started_at"] <= a["finished_at"] and a["duration_seconds"] > 0
        printed.append(run.text(f"a.attempt{i}").strip())
        assert printed[-1] in run.log(f"a.attempt{i}")
    printed.append(run.text("a").strip())
    assert printed == kernels and len(set(printed)) == 3
    assert [e["ended"] for e in journal.of(run, "notebook_attempt_failed")] == earlier


def test_one_that_succeeds_in_the_end_has_succeeded(work):
    count = Count(work)
    work.notebook("a", "tally", "shaky", "touch done", kernel="count")
    work.notebook("after", "print x")
    work.workflow({"path": "a.ipynb", "retries": 5, "parameters": {"fails": 2}, "env": count.env, **SOON},
                  {"path": "after.ipynb", "depends_on": ["a"]}, on_error="fail-fast")
    run = work.run("workflow.yaml", env={"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(work.path("summary.md"))})
    assert run.status == 0
    record = run.record("a")
    assert (record["status"], record["attempts"], record["error"]) == ("succeeded", 3, None)
    assert [a["error"]["name"] for a in record["earlier_attempts"]] == ["Shaky", "Shaky"]
    assert re.search(r"^a +succeeded .* 4/4  attempt 3$", run.out, re.M), run.story()
    assert re.search(r"a: succeeded in \S+ \(attempt 3\)", run.err) and "| 4/4 | attempt 3 |" in work.path("summary.md").read_text()
    assert count() == {"a": 3}
    assert journal.started(run) == ["a", "a", "a", "after"]
    assert not journal.of(run, "run_stopping")


# By what happens in the notebook and what it has retries for: whether there is a second attempt.
WANTED = {
    "an error": ("error E no", {}, True),
    "a death": ("die 9", {}, True),
    "a cell's time": ("sleep 9", {"cell_timeout_seconds": 0.3}, False),
    "a cell's time, wanted": ("sleep 9", {"cell_timeout_seconds": 0.3, "retry_on_timeout": True}, True),
    "a cell's time, by kind": ("sleep 9", {"cell_timeout_seconds": 0.3, "retry_on": "timeout"}, True),
    "a cell's time, added": ("sleep 9", {"cell_timeout_seconds": 0.3, "retry_on": ["kernel"], "retry_on_timeout": True},
                             True),
    "the time, wanted": ("sleep 9", {"timeout_seconds": 1, "retry_on_timeout": True}, True),
    "the time, not wanted": ("sleep 9", {"timeout_seconds": 1, "retry_on": ["notebook", "kernel", "worker"]}, False),
    "an error, by kind": ("error E no", {"retry_on": ["notebook"]}, True),
    "an error, not by kind": ("error E no", {"retry_on": ["kernel", "worker", "timeout"]}, False),
    "an error, by name": ("error E no", {"retry_on": ["F", "E"]}, True),
    "an error, by one name": ("error E no", {"retry_on": "E"}, True),
    "an error, not by name": ("error E no", {"retry_on": ["F", "e", "EE"]}, False),
    "a long name, by its end": ("error http.E no", {"retry_on": ["E"]}, True),
    "a long name, by itself": ("error http.E no", {"retry_on": ["http.E"]}, True),
    "a long name, not by another": ("error http.E no", {"retry_on": ["ftp.E"]}, False),
    "a short name, by a long one": ("error Timeout no", {"retry_on": ["requests.exceptions.Timeout"]}, True),
    "a death, by kind": ("die 9", {"retry_on": ["kernel"]}, True),
    "a death, not by kind": ("die 9", {"retry_on": ["notebook", "worker"]}, False),
    "nothing": ("error E no", {"retry_on": []}, False),
    "no retries": ("error E no", {"retries": 0}, False),
}


def test_only_failures_that_are_wanted_are_tried_again(work):
    for i, (cell, _, _) in enumerate(WANTED.values()):
        work.notebook(f"n{i}", cell)
    work.workflow(*({"path": f"n{i}.ipynb", "name": name, "retries": 1, **SOON, **keys}
                    for i, (name, (_, keys, _)) in enumerate(WANTED.items())), processes=4)
    run = work.run("workflow.yaml")
    assert attempts(run) == {name: 2 if again else 1 for name, (_, _, again) in WANTED.items()}


def test_a_kernel_that_was_killed_is_tried_again(work):
    work.notebook("a", "wait go")
    work.workflow({"path": "a.ipynb", "retries": 1, **SOON})
    run = work.start("workflow.yaml")
    run.event("cell_started", name="a")
    kill_all([run.event("kernel_ready", name="a")["pid"]])
    failed = run.event("notebook_attempt_failed", name="a")
    work.write("go", "")
    run.finish()
    assert failed["ended"]["error"]["kind"] == "kernel"
    assert (run.status, run.record("a")["attempts"]) == (0, 2)


@pytest.mark.parametrize("retry_on, again", [(None, True), (["worker"], True), (["notebook", "kernel"], False)],
                         ids=["default", "worker", "others"])
def test_a_worker_that_was_killed_is_tried_again(work, retry_on, again):
    work.notebook("a", "wait go")
    work.workflow({"path": "a.ipynb", "retries": 1, **SOON, **({"retry_on": retry_on} if retry_on else {})})
    run = work.start("workflow.yaml")
    run.event("cell_started", name="a")
    kill_all([run.event("notebook_started", name="a")["pid"]])
    if again:
        failed = run.event("notebook_attempt_failed", name="a")
        assert (failed["ended"]["error"]["kind"], failed["ended"]["signal"]) == ("worker", signal.SIGKILL)
        run.event("cell_started", name="a", attempt=2)
    work.write("go", "")
    run.finish()
    assert (run.status, run.record("a")["attempts"]) == ((0, 2) if again else (1, 1))


def test_a_kernel_that_dies_while_it_starts_is_tried_again(work):
    script = 'if [ -e once ]; then exec "$@"; fi; touch once; exec "$@" --die info'
    kernel = [sys.executable, str(FAULTKERNEL), "-f", "{connection_file}"]
    work.kernel("slow", argv=["sh", "-c", script, "sh", *kernel])
    work.notebook("a", "print x", kernel="slow")
    work.workflow({"path": "a.ipynb", "retries": 1, **SOON})
    run = work.run("workflow.yaml")
    record = run.record("a")
    assert (run.status, record["attempts"]) == (0, 2)
    assert record["earlier_attempts"][0]["error"]["kind"] == "kernel"


def test_each_attempt_has_all_the_time_of_its_notebook(work):
    """All of them together take longer than that; each has much of it left for the start of its kernel."""
    count = Count(work)
    work.notebook("a", "tally", f"sleep {1.3 * PATIENCE}", "shaky", kernel="count")
    work.workflow({"path": "a.ipynb", "retries": 9, "parameters": {"fails": 7}, "env": count.env,
                   "timeout_seconds": 10 * PATIENCE, **SOON})
    run = work.run("workflow.yaml", timeout=100)
    assert (run.status, run.record("a")["attempts"]) == (0, 8)
    assert run.results["duration_seconds"] > 10 * PATIENCE


def test_the_delay_grows_by_its_factor_and_a_little_by_chance(work):
    work.notebook("a", "error E no")
    cases = {"plain": {"retries": 1}, "grows": {"retries": 3, "retry_delay_seconds": 0.2},
             "thrice": {"retries": 2, "retry_delay_seconds": 0.2, "retry_backoff": 3},
             "flat": {"retries": 3, "retry_delay_seconds": 0.3, "retry_backoff": 1}}
    delays = {"plain": [1], "grows": [0.2, 0.4, 0.8], "thrice": [0.2, 0.6], "flat": [0.3, 0.3, 0.3]}
    work.workflow(*({"path": "a.ipynb", "name": name, **keys} for name, keys in cases.items()), processes=4)
    run = work.run("workflow.yaml")
    for name, wanted in delays.items():
        failed = journal.of(run, "notebook_attempt_failed", name=name)
        again = journal.of(run, "notebook_started", name=name)[1:]
        assert len(failed) == len(again) == len(wanted)
        for delay, before, after in zip(wanted, failed, again):
            assert delay - 0.001 <= before["retry_in_seconds"] <= 1.25 * delay + 0.001, name
            assert journal.moment(after) - journal.moment(before) >= before["retry_in_seconds"] - 0.01, name


def test_those_that_failed_together_do_not_all_come_back_together(work):
    work.notebook("a", "error E no")
    work.workflow(*({"path": "a.ipynb", "name": f"n{i}"} for i in range(6)), processes=6,
                  defaults={"retries": 1, "retry_delay_seconds": 1})
    run = work.run("workflow.yaml")
    delays = [e["retry_in_seconds"] for e in journal.of(run, "notebook_attempt_failed")]
    assert len(delays) == 6 and len(set(delays)) > 1


def test_a_retry_that_waits_takes_no_slot(work):
    work.notebook("bad", "error E no")
    work.notebook("good", "print x")
    work.workflow({"path": "bad.ipynb", "retries": 1, "retry_delay_seconds": 2}, "good.ipynb", processes=1)
    run = work.run("workflow.yaml")
    assert run.status == 1
    assert journal.started(run) == ["bad", "good", "bad"]
    assert journal.most(run) == 1
    assert journal.place(run, "notebook_finished", name="good") < journal.place(run, "notebook_started", attempt=2)


def test_the_time_it_waits_for_a_retry_is_no_time_in_the_queue(work):
    work.notebook("a", "error E no")
    work.workflow({"path": "a.ipynb", "retries": 1, "retry_delay_seconds": 2})
    run = work.run("workflow.yaml")
    failed, = journal.of(run, "notebook_attempt_failed")
    again, = journal.of(run, "notebook_started", attempt=2)
    late = journal.moment(again) - journal.moment(failed) - failed["retry_in_seconds"]
    assert 0 <= run.record("a")["queued_seconds"] <= late + 0.01


@pytest.mark.parametrize("policy", ["fail-fast", "drain"])
def test_the_policy_is_tripped_by_the_last_attempt_alone(work, policy):
    work.notebook("bad", "error E no")
    work.notebook("long", "wait go")
    work.notebook("next", "touch ran")
    work.workflow({"path": "bad.ipynb", "retries": 2, "retry_delay_seconds": 0.1}, "long.ipynb",
                  {"path": "next.ipynb", "depends_on": "long"}, processes=2, on_error=policy)
    run = work.start("workflow.yaml")
    run.event("run_stopping")
    if policy == "drain":  # with the other one it might end before it hears that it is to stop
        work.write("go", "")
    run.finish()
    assert run.status == 1
    assert run.statuses() == {"bad": "failed", "long": "cancelled" if policy == "fail-fast" else "succeeded",
                              "next": "skipped"}
    assert attempts(run)["bad"] == 3
    assert journal.place(run, "notebook_finished", name="bad") < journal.place(run, "run_stopping")


def test_a_dependent_waits_for_the_last_attempt(work):
    work.notebook("bad", "error E no")
    work.notebook("a", "print x")
    work.workflow({"path": "bad.ipynb", "retries": 2, **SOON},
                  {"path": "a.ipynb", "name": "needs", "depends_on": "bad"},
                  {"path": "a.ipynb", "name": "mends", "depends_on": "bad", "run_if": "at_least_one_failed"},
                  processes=3)
    run = work.run("workflow.yaml")
    assert run.statuses() == {"bad": "failed", "needs": "skipped", "mends": "succeeded"}
    assert journal.started(run) == ["bad", "bad", "bad", "mends"]


def test_one_that_may_fail_is_tried_again_all_the_same(work):
    work.notebook("a", "error E no")
    work.workflow({"path": "a.ipynb", "retries": 1, "allow_failure": True, **SOON}, on_error="fail-fast")
    run = work.run("workflow.yaml")
    assert (run.status, attempts(run)) == (0, {"a": 2})


def one_that_waits(work, **workflow):
    """A run in which nothing runs, and one waits for a minute for its next attempt."""
    work.notebook("a", "print x", "error E no")
    work.notebook("b", "print x")
    work.workflow({"path": "a.ipynb", "retries": 3, "retry_delay_seconds": 60}, {"path": "b.ipynb", "depends_on": "a"},
                  **workflow)
    run = work.start("workflow.yaml")
    run.event("notebook_attempt_failed", name="a")
    return run


def check_what_waited(run):
    """What its last attempt came to stands, as the only one."""
    record = run.record("a")
    assert run.statuses() == {"a": "failed", "b": "skipped"}
    assert (record["attempts"], record["earlier_attempts"]) == (1, [])
    assert (record["error"]["kind"], record["error"]["name"]) == ("notebook", "E")
    assert run.text("a") == "x\n"
    assert "not started" not in next(line for line in run.out.splitlines() if line.startswith("a "))


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM], ids=lambda s: s.name)
def test_a_signal_ends_the_run_at_once_while_only_a_retry_waits(work, sig):
    run = one_that_waits(work)
    run.signal(sig)
    run.finish(40)
    assert run.status == -sig
    assert run.results["status"] == "cancelled"
    assert sig.name in journal.of(run, "run_stopping")[0]["reason"]
    check_what_waited(run)


def test_the_time_of_the_run_ends_while_only_a_retry_waits(work):
    run = one_that_waits(work, timeout_seconds=10 * PATIENCE).finish(40)
    assert (run.status, run.results["status"]) == (1, "timed_out")
    assert run.results["duration_seconds"] >= 10 * PATIENCE
    check_what_waited(run)


def test_a_retry_that_waits_is_not_made_when_the_policy_stops_the_run(work):
    work.notebook("a", "error E no")
    work.notebook("b", "wait go", "error F no")
    work.workflow({"path": "a.ipynb", "retries": 1, "retry_delay_seconds": 60}, "b.ipynb", processes=2,
                  on_error="fail-fast")
    run = work.start("workflow.yaml")
    run.event("notebook_attempt_failed", name="a")
    work.write("go", "")
    run.finish(40)
    assert run.statuses() == {"a": "failed", "b": "failed"}
    assert attempts(run) == {"a": 1, "b": 1}


def test_what_was_stopped_is_not_tried_again(work):
    work.notebook("a", "wait go")
    work.workflow({"path": "a.ipynb", "retries": 5, "retry_on": ["notebook", "kernel", "worker", "timeout"], **SOON})
    run = work.start("workflow.yaml")
    run.event("cell_started", name="a")
    run.signal(signal.SIGTERM)
    run.finish()
    assert (run.statuses(), attempts(run)) == ({"a": "cancelled"}, {"a": 1})


def test_a_terminal_shows_when_the_next_attempt_is(work):
    terminal = Terminal(work)
    try:
        work.notebook("a", "error E no")
        work.workflow({"path": "a.ipynb", "retries": 1, "retry_delay_seconds": 1.5})
        terminal.type("$nbfork -o run workflow.yaml; echo st''atus=$?\n")
        terminal.read_until(r"a: [^\r\n]*failed[^\r\n]*E: no[^\r\n]*attempt 2 in [12]\.\ds")
        terminal.read_until(r"0/1[^\r\n]*1 waiting[^\r\n]*\r\n[^\r\n]*attempt 2 in [12]s: E: no")
        terminal.read_until("status=1")
    finally:
        terminal.close()
