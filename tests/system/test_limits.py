"""
How many run at a time: pools, the machine's load and memory, and the signals that change the number.
"""

import os
import re
import signal
import subprocess
import sys
import time

import pytest

import journal
from harness import kill_all, wait_for

MIB = 1 << 20


@pytest.fixture
def busy():
    """Something that keeps the load of the machine at 1 or more."""
    spinner = subprocess.Popen(["nice", "-n", "19", sys.executable, "-c", "print(flush=True)\nwhile True: pass"],
                               stdout=subprocess.PIPE)
    spinner.stdout.readline()  # it spins from now on
    yield
    spinner.kill()
    spinner.stdout.close()
    spinner.wait()


class Memory:
    """A /proc/meminfo for nbfork alone, which says what the test wants."""

    def __init__(self, path, free):
        self.path = path
        path.write_text(self.text(free))
        # Whoever reads it meanwhile must never find it empty: it is written in one piece, of one length.
        self.fd = os.open(path, os.O_WRONLY)
        self.prefix = ["unshare", "-m", "--propagation", "private", "sh", "-c",
                       'mount --bind "$0" /proc/meminfo && exec "$@"', str(path)]

    @staticmethod
    def text(free):
        return f"MemTotal:     {64 * MIB:12d} kB\nMemFree:      {1:12d} kB\nMemAvailable: {free // 1024:12d} kB\n"

    def set(self, free):
        os.pwrite(self.fd, self.text(free).encode(), 0)


@pytest.fixture
def memory(work):
    m = Memory(work.short / "meminfo", 1000 * MIB)
    try:
        if subprocess.run(m.prefix + ["true"], capture_output=True).returncode != 0:
            pytest.skip("may not mount anything here")
        yield m
    finally:
        os.close(m.fd)


def many(path, prefix, n, **keys):
    return [{"path": path, "name": f"{prefix}{i}", **keys} for i in range(n)]


# Pools.

def test_a_pool_is_never_exceeded(work):
    work.notebook("a", "print x", "sleep 0.1")
    work.workflow(*many("a.ipynb", "db", 7, pool="db"), *many("a.ipynb", "net", 3, pool="net"),
                  *many("a.ipynb", "free", 3), processes=6, pools={"db": 2, "net": 1})
    run = work.run("workflow.yaml")
    assert run.status == 0
    assert journal.most(run, "db") == 2
    assert journal.most(run, "net") == 1
    assert journal.most(run) > 3


def test_a_pool_with_few_places_does_not_keep_others_from_running(work):
    work.notebook("slow", "wait go")
    work.notebook("quick", "print x")
    work.workflow(*many("slow.ipynb", "db", 3, pool="db"), *many("quick.ipynb", "free", 3), processes=2,
                  pools={"db": 1})
    run = work.start("workflow.yaml")
    for i in range(3):
        run.event("notebook_finished", name=f"free{i}")
    assert journal.started(run)[0] == "db0" and len(journal.started(run)) == 4
    work.write("go", "")
    run.finish()
    assert run.status == 0
    assert journal.most(run, "db") == 1


def test_a_pool_with_more_places_than_processes_changes_nothing(work):
    work.notebook("a", "sleep 0.1")
    work.workflow(*many("a.ipynb", "n", 4, pool="p"), processes=2, pools={"p": 50, "nobody": 1})
    run = work.run("workflow.yaml")
    assert (run.status, journal.most(run, departing=False)) == (0, 2)


def test_a_retry_that_waits_gives_its_place_in_the_pool_to_others(work):
    work.notebook("bad", "error E no")
    work.notebook("good", "print x")
    work.workflow({"path": "bad.ipynb", "pool": "p", "retries": 1, "retry_delay_seconds": 2},
                  {"path": "good.ipynb", "pool": "p"}, processes=4, pools={"p": 1})
    run = work.run("workflow.yaml")
    assert journal.started(run) == ["bad", "good", "bad"]
    assert journal.most(run) == 1


def test_priority_counts_within_a_pool(work):
    work.notebook("a", "sleep 0.05")
    work.workflow(*({"path": "a.ipynb", "name": f"p{i}", "pool": "p", "priority": i} for i in range(4)), processes=3,
                  pools={"p": 1})
    run = work.run("workflow.yaml")
    assert journal.started(run) == ["p3", "p2", "p1", "p0"]


# Load and memory.

@pytest.mark.parametrize("limits, why", [
    ({"max_load": 0.01}, r"load is \d+\.\d of 0\.01"),
    ({"min_free_memory": "1000T"}, r"free memory is \d+\.\d [MGT]B, less than 1\.1 PB"),
], ids=["load", "memory"])
def test_while_the_machine_is_short_one_runs_at_a_time(work, busy, limits, why):
    work.notebook("a", "print x", "sleep 0.1")
    work.workflow(*many("a.ipynb", "n", 3), processes=3, limits=limits)
    run = work.run("workflow.yaml")
    assert run.status == 0
    assert journal.most(run) == 1
    held = [line for line in run.err.splitlines() if "nothing new is started" in line]
    assert held and all(re.fullmatch(r"\[\d/3\] nothing new is started: " + why, line) for line in held)
    assert held[0].startswith("[0/3]")
    assert len(held) <= 2  # said when it begins, not all the time


def test_limits_that_leave_room_hold_nothing(work):
    work.notebook("a", "wait go")
    work.workflow(*many("a.ipynb", "n", 3), processes=3, limits={"max_load": 100000, "min_free_memory": "1K"})
    run = work.start("workflow.yaml")
    for i in range(3):
        run.event("cell_started", name=f"n{i}")
    work.write("go", "")
    run.finish()
    assert run.status == 0
    assert "nothing new" not in run.err


def test_when_there_is_room_again_more_is_started(work, memory):
    work.notebook("a", "wait go")
    work.workflow(*many("a.ipynb", "n", 3), processes=3, limits={"min_free_memory": "100M"})
    memory.set(60 * MIB)
    run = work.start("workflow.yaml", prefix=memory.prefix)
    run.event("cell_started", name="n0")
    wait_for(lambda: "nothing new is started: free memory is 62.9 MB, less than 104.9 MB" in run.err, "the reason")
    assert journal.started(run) == ["n0"]
    memory.set(1000 * MIB)
    run.event("cell_started", name="n1")
    run.event("cell_started", name="n2")
    assert "notebooks are started again" in run.err
    work.write("go", "")
    run.finish()
    assert run.status == 0
    assert not journal.of(run, "notebook_requeued")


# The youngest goes when memory gets short.

REQUEUE = {"min_free_memory": "100M", "requeue_youngest": True}


def two_that_run(work, memory, limits=REQUEUE, **defaults):
    work.notebook("a", "print before", "wait go", "print after")
    work.workflow(*many("a.ipynb", "n", 2), processes=2, limits=limits, on_error="fail-fast", defaults=defaults)
    run = work.start("workflow.yaml", prefix=memory.prefix)
    for name in ("n0", "n1"):
        run.event("cell_started", name=name, number=2)
    return run


def test_the_youngest_is_stopped_and_runs_again_later(work, memory):
    run = two_that_run(work, memory)
    memory.set(30 * MIB)
    run.event("notebook_requeued", name="n1", attempt=1)
    wait_for(lambda: "nothing new is started: free memory" in run.err, "the word that it is short")
    assert journal.started(run) == ["n0", "n1"]
    memory.set(1000 * MIB)
    run.event("cell_started", name="n1", attempt=2, number=2)
    work.write("go", "")
    run.finish()
    assert run.status == 0
    assert run.statuses() == {"n0": "succeeded", "n1": "succeeded"}
    assert [run.record(n)["attempts"] for n in ("n0", "n1")] == [1, 2]
    before, = run.record("n1")["earlier_attempts"]
    assert (before["attempt"], before["status"], before["error"]["kind"]) == (1, "cancelled", "stopped")
    assert "min_free_memory" in before["error"]["message"]
    assert run.text("n1.attempt1") == "before\n"
    assert run.text("n1") == "before\nafter\n"
    assert "before" in run.log("n1.attempt1")
    assert re.search(r"n1: stopped, to run again later: .*min_free_memory", run.err)
    assert not journal.of(run, "notebook_attempt_failed") and not journal.of(run, "run_stopping")


def test_being_queued_again_uses_up_no_retry(work, memory):
    run = two_that_run(work, memory, retries=1, retry_delay_seconds=0)
    memory.set(30 * MIB)
    run.event("notebook_requeued", name="n1")
    memory.set(1000 * MIB)
    run.event("cell_started", name="n1", attempt=2, number=2)
    kill_all([run.event("kernel_ready", name="n1", attempt=2)["pid"]])
    run.event("notebook_attempt_failed", name="n1", attempt=2)
    work.write("go", "")
    run.finish()
    assert run.status == 0
    assert run.record("n1")["attempts"] == 3
    assert [a["status"] for a in run.record("n1")["earlier_attempts"]] == ["cancelled", "failed"]


def test_the_last_one_is_left_alone_however_short_memory_is(work, memory):
    work.notebook("a", "print x", "sleep 2.5")
    work.workflow(*many("a.ipynb", "n", 1), processes=2, limits=REQUEUE)
    memory.set(0)
    run = work.run("workflow.yaml", prefix=memory.prefix)
    assert (run.status, run.record("n0")["attempts"]) == (0, 1)


@pytest.mark.parametrize("limits, free", [({"min_free_memory": "100M"}, 1), (REQUEUE, 60)],
                         ids=["not asked", "half is left"])
def test_otherwise_what_runs_is_left_alone(work, memory, limits, free):
    run = two_that_run(work, memory, limits)
    memory.set(free * MIB)
    time.sleep(2.5)  # it looks once a second
    work.write("go", "")
    run.finish()
    assert run.status == 0
    assert not journal.of(run, "notebook_requeued")


def test_a_signal_while_one_is_queued_again(work, memory):
    run = two_that_run(work, memory)
    memory.set(30 * MIB)
    run.event("notebook_requeued", name="n1")
    run.signal(signal.SIGINT)
    run.finish()
    assert run.status == -signal.SIGINT
    assert run.statuses() == {"n0": "cancelled", "n1": "cancelled"}
    assert run.record("n1")["attempts"] == 1


# One more, one less.

def resize(run, sig, processes):
    """Sends the signal and waits until it has come."""
    n = len(journal.of(run, "processes_changed"))
    run.signal(sig)
    wait_for(lambda: len(journal.of(run, "processes_changed")) > n, f"{sig.name} to be obeyed")
    assert journal.of(run, "processes_changed")[-1]["processes"] == processes


def test_usr1_is_one_more_and_usr2_one_less(work):
    for i in range(6):
        work.notebook(f"n{i}", f"wait go{i}")
    work.workflow(*(f"n{i}.ipynb" for i in range(6)), processes=9)
    run = work.start("-j", 1, "workflow.yaml")
    run.event("cell_started", name="n0")
    assert journal.started(run) == ["n0"]
    for i in (1, 2):
        resize(run, signal.SIGUSR1, i + 1)
        run.event("cell_started", name=f"n{i}")
    for i in (2, 1):
        resize(run, signal.SIGUSR2, i)
    for i in range(6):  # one after the other: what runs is left alone, and nothing new is started before one is left
        work.write(f"go{i}", "")
        run.event("notebook_finished", name=f"n{i}")
    run.finish()
    assert run.status == 0
    assert journal.place(run, "notebook_finished", name="n2") < journal.place(run, "notebook_started", name="n3")
    assert journal.most(run, departing=False) == 3
    assert journal.of(run, "run_started")[0]["processes"] == 1
    assert [e["processes"] for e in journal.of(run, "processes_changed")] == [2, 3, 2, 1]
    assert "3 notebooks at a time from now on" in run.err
    assert "1 notebook at a time from now on" in run.err


def test_usr2_leaves_at_least_one(work):
    work.notebook("a", "wait one", "wait two", "wait go")
    work.workflow(*many("a.ipynb", "n", 2), processes=1)
    run = work.start("workflow.yaml")
    run.event("cell_started", name="n0")
    for _ in range(3):
        run.signal(signal.SIGUSR2)
        time.sleep(0.05)
    # That they have been obeyed is nowhere to be seen. They are heard before the first cell ends, and obeyed before
    # nbfork looks for what comes next.
    for number, file in enumerate(("one", "two"), 2):
        work.write(file, "")
        run.event("cell_started", name="n0", number=number)
    resize(run, signal.SIGUSR1, 2)
    work.write("go", "")
    run.finish()
    assert run.status == 0


def test_the_signals_do_no_harm_whenever_they_come(work):
    """From the first event, which says the process id, to the very end."""
    work.notebook("a", "print x")
    work.workflow(*many("a.ipynb", "n", 8), processes=1)
    run = work.start("workflow.yaml")
    assert run.event("run_started")["pid"] == run.pid
    while run.proc.poll() is None:
        for sig in (signal.SIGUSR1, signal.SIGUSR2):
            try:
                run.signal(sig)
            except ProcessLookupError:
                pass
        time.sleep(0.002)
    run.finish()
    assert run.status == 0


def test_one_more_ends_the_wait_at_once(work):
    """A slot that has come does not wait until something ends; not even while a retry waits."""
    work.notebook("bad", "error E no")
    work.notebook("slow", "wait go")
    work.workflow({"path": "bad.ipynb", "retries": 1, "retry_delay_seconds": 60},
                  *many("slow.ipynb", "s", 2), processes=1)
    run = work.start("workflow.yaml")
    run.event("cell_started", name="s0")
    resize(run, signal.SIGUSR1, 2)
    run.event("cell_started", name="s1")
    run.signal(signal.SIGTERM)
    run.finish(40)
    assert run.statuses() == {"bad": "failed", "s0": "cancelled", "s1": "cancelled"}
