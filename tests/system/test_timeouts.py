"""
Time limits of a notebook, a cell and the whole run.
"""

import time

import pytest

from harness import lines

LIMIT = 10.0  # seconds, in which a kernel has started and done some cells on any machine
SLACK = 20.0  # that an end may take; a kernel that was killed has not raised KeyboardInterrupt


def ename(run, name, cell):
    return [o["ename"] for o in run.cells(name)[cell]["outputs"] if o["output_type"] == "error"]


def test_a_notebook_over_its_time_is_interrupted_and_keeps_what_it_did(work):
    work.notebook("a", "print before", "print in", lines("print waiting", "hang"), "print after")
    work.workflow({"path": "a.ipynb", "timeout_seconds": LIMIT + 0.8})
    run = work.run("workflow.yaml")
    record = run.record("a")
    assert run.status == 1
    assert (record["status"], record["error"]["kind"]) == ("timed_out", "timeout")
    assert "10.8" in record["error"]["message"]
    assert LIMIT + 0.8 <= record["duration_seconds"] < LIMIT + SLACK
    assert run.source("a", record["error"]["cell"]) == "print waiting\nhang"
    assert run.text("a") == "before\nin\nwaiting\n"
    assert ename(run, "a", 2) == ["KeyboardInterrupt"]
    assert record["cells"] == {"total": 4, "executed": 3}


def test_the_time_of_a_notebook_counts_from_its_start_and_not_from_the_queue(work):
    work.notebook("a", "wait go")
    work.workflow("a.ipynb", {"path": "a.ipynb", "name": "b", "timeout_seconds": LIMIT}, processes=1)
    run = work.start("workflow.yaml")
    run.event("cell_started", name="a")
    time.sleep(LIMIT + 0.5)
    work.write("go", "")
    run.finish()
    assert set(run.statuses().values()) == {"succeeded"}
    assert run.record("b")["queued_seconds"] > LIMIT


def test_a_kernel_that_does_not_hear_the_interrupt_is_killed_five_seconds_later(work):
    work.notebook("deaf", "print before", "hang ignore-int")
    work.notebook("late", "print no", kernel=work.kernel("sleeper", "--late", "300"))
    work.workflow({"path": "deaf.ipynb", "timeout_seconds": LIMIT}, {"path": "late.ipynb", "timeout_seconds": 0.5},
                  {"path": "deaf.ipynb", "name": "cell", "cell_timeout_seconds": LIMIT / 2}, processes=3)
    run = work.run("workflow.yaml")
    assert run.statuses() == {"deaf": "timed_out", "late": "timed_out", "cell": "timed_out"}
    assert LIMIT + 5 <= run.record("deaf")["duration_seconds"] < LIMIT + 5 + SLACK
    assert LIMIT / 2 + 5 <= run.record("cell")["duration_seconds"] < LIMIT + 5 + SLACK
    assert run.record("late")["duration_seconds"] < LIMIT + SLACK
    assert run.text("deaf") == run.text("cell") == "before\n"


def test_a_cell_over_its_time_is_interrupted_and_ends_the_notebook(work):
    limit = LIMIT / 2
    work.notebook("a", *["sleep 0.8"] * 7, "print in\nhang", "print after")
    work.workflow({"path": "a.ipynb", "cell_timeout_seconds": limit})
    run = work.run("workflow.yaml")
    record = run.record("a")
    assert (record["status"], record["error"]["kind"]) == ("timed_out", "timeout")
    assert f"{limit:g}" in record["error"]["message"]
    assert run.executed("a")["cells"][record["error"]["cell"]]["execution_count"] == 8
    assert 7 * 0.8 + limit <= record["duration_seconds"] < 2 * limit + SLACK
    assert run.text("a") == "in\n"
    assert ename(run, "a", 7) == ["KeyboardInterrupt"]


def test_a_real_kernel_is_interrupted_too(work):
    work.notebook("a", "print('before')", "import time\ntry:\n    time.sleep(300)\n"
                  "finally:\n    print('cleaned up', flush=True)", kernel="python3")
    work.workflow({"path": "a.ipynb", "cell_timeout_seconds": LIMIT / 2})
    run = work.run("workflow.yaml")
    assert run.statuses() == {"a": "timed_out"}
    assert run.text("a") == "before\ncleaned up\n"
    assert ename(run, "a", 1) == ["KeyboardInterrupt"]


def test_a_notebook_that_handles_the_interrupt_has_still_timed_out(work):
    work.notebook("a", "import time\ntry:\n    time.sleep(300)\nexcept KeyboardInterrupt:\n    print('never mind')",
                  "print('more')", kernel="python3")
    work.workflow({"path": "a.ipynb", "cell_timeout_seconds": LIMIT / 2})
    run = work.run("workflow.yaml")
    assert run.statuses() == {"a": "timed_out"}
    assert "never mind" in run.text("a") and "more" not in run.text("a")


def test_the_whole_run_over_its_time_stops_all(work):
    work.notebook("a", "print before", "wait go")
    work.workflow("a.ipynb", {"path": "a.ipynb", "name": "b"}, {"path": "a.ipynb", "name": "c"}, processes=2,
                  timeout_seconds=LIMIT)
    run = work.run("workflow.yaml")
    assert run.status == 1
    assert run.results["status"] == "timed_out"
    assert {run.statuses()[n] for n in "ab"} == {"cancelled"}
    assert run.record("a")["error"]["kind"] == "stopped"
    assert run.statuses()["c"] == "skipped"
    assert LIMIT <= run.results["duration_seconds"] < LIMIT + SLACK
    assert run.text("a") == run.text("b") == "before\n"


@pytest.mark.parametrize("keys", [{"timeout_seconds": 0}, {"cell_timeout_seconds": 0}])
def test_0_is_no_limit(work, keys):
    work.notebook("a", "sleep 0.3", "print done")
    work.workflow({"path": "a.ipynb", **keys}, defaults={key: 0.2 for key in keys}, timeout_seconds=0)
    run = work.run("workflow.yaml")
    assert run.status == 0 and run.text("a") == "done\n"


def test_defaults_give_limits_and_a_notebook_may_have_its_own(work):
    work.notebook("a", "sleep 0.7")
    work.workflow("a.ipynb", {"path": "a.ipynb", "name": "b", "timeout_seconds": 50}, defaults={"timeout_seconds": 0.4})
    assert work.run("workflow.yaml").statuses() == {"a": "timed_out", "b": "succeeded"}


def test_a_limit_that_is_not_reached_changes_nothing(work):
    work.notebook("a", "print done")
    work.workflow({"path": "a.ipynb", "timeout_seconds": 3600, "cell_timeout_seconds": 1e9}, timeout_seconds=1e9)
    assert work.run("workflow.yaml").status == 0
