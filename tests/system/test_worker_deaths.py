"""
Workers and kernels that are killed or stopped from outside: one truthful result each, and nobody else notices.
"""

import os
import signal

import pytest

from harness import alive, kill_all, wait_for


@pytest.fixture
def victim(work):
    """Starts `victim`, which is in its second cell, and `other`; returns the run, worker and kernel of victim."""
    def start(*cells, timeout=None):
        work.notebook("victim", "print before", *(cells or ["wait never"]), "print after")
        work.notebook("other", "wait go", "print fine")
        work.workflow({"path": "victim.ipynb", **({"timeout_seconds": timeout} if timeout else {})}, "other.ipynb",
                      processes=2)
        run = work.start("workflow.yaml")
        worker = run.event("notebook_started", name="victim")["pid"]
        kernel = run.event("kernel_ready", name="victim")["pid"]
        run.event("cell_started", name="victim", number=2)
        return run, worker, kernel
    return start


def finish(work, run):
    """Waits until victim is over, lets other go on to its end, and returns victim's record."""
    over = run.event("notebook_finished", name="victim", seconds=50)
    work.write("go", "")
    run.finish()
    assert run.record("other")["status"] == "succeeded"
    assert run.text("other") == "fine\n"
    assert over["notebook"] == run.record("victim")
    return run.record("victim")


@pytest.mark.parametrize("sig", ["KILL", "SEGV", "ABRT", "USR1"])
def test_a_worker_that_is_killed_is_a_failure_of_kind_worker_that_names_the_signal(work, victim, sig):
    run, worker, kernel = victim()
    os.kill(worker, getattr(signal, "SIG" + sig))
    run.event("notebook_finished", name="victim")
    assert not alive(worker) and not alive(kernel)
    record = finish(work, run)
    assert (record["status"], record["error"]["kind"]) == ("failed", "worker")
    assert (record["signal"], record["exit_status"]) == (getattr(signal, "SIG" + sig), None)
    assert "SIG" + sig in record["error"]["message"]


def test_a_worker_that_is_terminated_by_somebody_else_stops_in_order(work, victim):
    run, worker, kernel = victim()
    os.kill(worker, signal.SIGTERM)
    record = finish(work, run)
    assert record["status"] in ("cancelled", "failed")
    assert record["signal"] is None
    assert run.text("victim") == "before\n"
    assert not alive(kernel)


@pytest.mark.parametrize("sig", ["KILL", "SEGV", "TERM"])
def test_a_kernel_that_is_killed_is_a_failure_of_kind_kernel_and_the_copy_has_what_it_did(work, victim, sig):
    run, worker, kernel = victim()
    os.kill(kernel, getattr(signal, "SIG" + sig))
    record = finish(work, run)
    assert (record["status"], record["error"]["kind"]) == ("failed", "kernel")
    assert (record["signal"], record["exit_status"]) == (None, 1)
    assert "SIG" + sig in record["error"]["message"]
    assert run.source("victim", record["error"]["cell"]) == "wait never"
    assert run.text("victim") == "before\n"


@pytest.mark.parametrize("order", [0, 1])
def test_worker_and_kernel_killed_together_are_one_failure(work, victim, order):
    run, worker, kernel = victim()
    os.kill(worker, signal.SIGSTOP)  # so that it does not see the death of its kernel
    kill_all([kernel, worker] if order else [worker, kernel])
    record = finish(work, run)
    assert (record["status"], record["error"]["kind"]) == ("failed", "worker")


def test_a_worker_that_is_stopped_is_over_when_its_time_is(work, victim):
    run, worker, kernel = victim(timeout=10)
    os.kill(worker, signal.SIGSTOP)
    record = finish(work, run)
    assert record["status"] == "timed_out"
    assert record["error"]["kind"] == "timeout"
    assert record["signal"] in (None, signal.SIGKILL)  # woken up to stop in order, or killed
    assert not alive(worker) and not alive(kernel)


def test_a_kernel_that_is_stopped_is_killed_when_its_time_is_over(work, victim):
    run, worker, kernel = victim(timeout=10)
    os.kill(kernel, signal.SIGSTOP)
    record = finish(work, run)
    assert (record["status"], record["error"]["kind"]) == ("timed_out", "timeout")
    assert run.text("victim") == "before\n"
    assert not alive(kernel)


@pytest.mark.parametrize("command, words", [
    ("die 9", "SIGKILL"), ("die 11", "SIGSEGV"), ("exit 3", "status 3"), ("exit 0", "status 0"),
])
def test_a_kernel_that_goes_by_itself_is_a_failure_that_says_how(work, command, words):
    work.notebook("a", "print before", f"native last words\nsleep 0.1\n{command}", "print after")
    run = work.run("a.ipynb")
    record = run.record("a")
    assert (record["status"], record["error"]["kind"]) == ("failed", "kernel")
    assert words in record["error"]["message"]
    assert run.text("a").startswith("before\n") and "after" not in run.text("a")
    assert "last words\n" in run.log("a")


def test_a_kernel_that_goes_after_the_last_cell_has_done_its_work(work):
    work.notebook("a", "print done")
    work.kernel("quitter", "--last-words", work.path("words"))
    run = work.run("a.ipynb")
    assert run.status == 0 and run.text("a") == "done\n"


def test_a_child_of_the_kernel_that_is_killed_is_the_notebooks_own_business(work):
    work.notebook("a", f"spawn child {work.path('pid')}", "wait go", "print fine")
    run = work.start("a.ipynb")
    run.event("cell_started", number=2)
    os.kill(int(work.path("pid").read_text()), signal.SIGKILL)
    work.write("go", "")
    assert run.finish().status == 0
    assert run.text("a") == "fine\n"


def test_many_workers_killed_at_once_are_as_many_results(work):
    work.notebook("a", "wait go")
    work.workflow(*({"path": "a.ipynb", "name": f"n{i}"} for i in range(6)), processes=6)
    run = work.start("workflow.yaml")
    workers = [run.event("notebook_started", name=f"n{i}")["pid"] for i in range(6)]
    wait_for(lambda: all(alive(w) for w in workers), "six workers")
    for w in workers:
        os.kill(w, signal.SIGKILL)
    run.finish()
    assert [n["error"]["kind"] for n in run.results["notebooks"]] == ["worker"] * 6
    assert all(n["signal"] == signal.SIGKILL for n in run.results["notebooks"])
