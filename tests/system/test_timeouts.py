"""
Time limits of a notebook, a cell and the whole run.
"""

import pytest

from harness import SLOW, lines

SLACK = 1.5  # seconds that an orderly end may take


def ename(run, name, cell):
    return [o["ename"] for o in run.cells(name)[cell]["outputs"] if o["output_type"] == "error"]


def test_a_notebook_over_its_time_is_interrupted_and_keeps_what_it_did(work):
    work.notebook("a", "print before", "print in", lines("print waiting", "hang"), "print after")
    work.workflow({"path": "a.ipynb", "timeout_seconds": 1.8})
    run = work.run("workflow.yaml")
    record = run.record("a")
    assert run.status == 1
    assert (record["status"], record["error"]["kind"]) == ("timed_out", "timeout")
    assert "1.8" in record["error"]["message"]
    assert 1.8 <= record["duration_seconds"] < 1.8 + SLACK
    assert run.source("a", record["error"]["cell"]) == "print waiting\nhang"
    assert run.text("a") == "before\nin\nwaiting\n"
    assert ename(run, "a", 2) == ["KeyboardInterrupt"]
    assert record["cells"] == {"total": 4, "executed": 3}


def test_the_time_of_a_notebook_counts_from_its_start_and_not_from_the_queue(work):
    work.notebook("a", f"sleep {0.7 * SLOW}")
    work.workflow(*({"path": "a.ipynb", "name": n, "timeout_seconds": 1.5 * SLOW} for n in "abc"), processes=1)
    run = work.run("workflow.yaml")
    assert set(run.statuses().values()) == {"succeeded"}


def test_a_kernel_that_does_not_hear_the_interrupt_is_killed_five_seconds_later(work):
    work.notebook("deaf", "print before", "hang ignore-int")
    work.notebook("late", "print no", kernel=work.kernel("sleeper", "--late", "60"))
    limit = 1.5 * SLOW
    work.workflow({"path": "deaf.ipynb", "timeout_seconds": limit}, {"path": "late.ipynb", "timeout_seconds": 0.5},
                  {"path": "deaf.ipynb", "name": "cell", "cell_timeout_seconds": 0.5}, processes=3)
    run = work.run("workflow.yaml")
    assert run.statuses() == {"deaf": "timed_out", "late": "timed_out", "cell": "timed_out"}
    assert 5 + limit <= run.record("deaf")["duration_seconds"] < 7 + limit
    assert 5.5 <= run.record("cell")["duration_seconds"] < 7 + limit
    assert run.record("late")["duration_seconds"] < 5.5 + limit
    assert run.text("deaf") == run.text("cell") == "before\n"


def test_a_cell_over_its_time_is_interrupted_and_ends_the_notebook(work):
    limit = 0.6 * SLOW
    work.notebook("a", f"sleep {limit - 0.2}", f"sleep {limit - 0.2}", "print in\nhang", "print after")
    work.workflow({"path": "a.ipynb", "cell_timeout_seconds": limit})
    run = work.run("workflow.yaml")
    record = run.record("a")
    assert (record["status"], record["error"]["kind"]) == ("timed_out", "timeout")
    assert f"{limit:g}" in record["error"]["message"]
    assert run.executed("a")["cells"][record["error"]["cell"]]["execution_count"] == 3
    assert 3 * limit - 0.4 <= record["duration_seconds"] < 3 * limit - 0.4 + SLACK * SLOW
    assert run.text("a") == "in\n"
    assert ename(run, "a", 2) == ["KeyboardInterrupt"]


def test_a_real_kernel_is_interrupted_too(work):
    work.notebook("a", "print('before')", "import time\ntry:\n    time.sleep(30)\n"
                  "finally:\n    print('cleaned up', flush=True)", kernel="python3")
    work.workflow({"path": "a.ipynb", "cell_timeout_seconds": 1})
    run = work.run("workflow.yaml")
    assert run.statuses() == {"a": "timed_out"}
    assert run.text("a") == "before\ncleaned up\n"
    assert ename(run, "a", 1) == ["KeyboardInterrupt"]


def test_a_notebook_that_handles_the_interrupt_has_still_timed_out(work):
    work.notebook("a", "import time\ntry:\n    time.sleep(30)\nexcept KeyboardInterrupt:\n    print('never mind')",
                  "print('more')", kernel="python3")
    work.workflow({"path": "a.ipynb", "cell_timeout_seconds": 1})
    run = work.run("workflow.yaml")
    assert run.statuses() == {"a": "timed_out"}
    assert "never mind" in run.text("a") and "more" not in run.text("a")


def test_the_whole_run_over_its_time_stops_all(work):
    work.notebook("a", "print before", "wait go")
    work.workflow("a.ipynb", {"path": "a.ipynb", "name": "b"}, {"path": "a.ipynb", "name": "c"}, processes=2,
                  timeout_seconds=1.8)
    run = work.run("workflow.yaml")
    assert run.status == 1
    assert run.results["status"] == "timed_out"
    assert {run.statuses()[n] for n in "ab"} == {"cancelled"}
    assert run.record("a")["error"]["kind"] == "stopped"
    assert run.statuses()["c"] == "skipped"
    assert 1.8 <= run.results["duration_seconds"] < 1.8 + SLACK
    assert run.text("a") == run.text("b") == "before\n"


@pytest.mark.parametrize("keys", [{"timeout_seconds": 0}, {"cell_timeout_seconds": 0}])
def test_0_is_no_limit(work, keys):
    work.notebook("a", "sleep 0.3", "print done")
    work.workflow({"path": "a.ipynb", **keys}, defaults={key: 0.2 for key in keys}, timeout_seconds=0)
    run = work.run("workflow.yaml")
    assert run.status == 0 and run.text("a") == "done\n"


def test_defaults_give_limits_and_a_notebook_may_have_its_own(work):
    work.notebook("a", "sleep 0.7")
    work.workflow("a.ipynb", {"path": "a.ipynb", "name": "b", "timeout_seconds": 10}, defaults={"timeout_seconds": 0.4})
    assert work.run("workflow.yaml").statuses() == {"a": "timed_out", "b": "succeeded"}


def test_a_limit_that_is_not_reached_changes_nothing(work):
    work.notebook("a", "print done")
    work.workflow({"path": "a.ipynb", "timeout_seconds": 3600, "cell_timeout_seconds": 1e9}, timeout_seconds=1e9)
    run = work.run("workflow.yaml")
    assert run.status == 0
    assert run.seconds < 5
