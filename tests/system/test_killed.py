"""
kill -9 of nbfork itself, at any moment: a second later nothing of it is left.
"""

import random
import shutil
import signal
import time

import pytest

from harness import GONE, PATIENCE, UNDER_VALGRIND, kill_all, marked, wait_for

random_moments = random.Random(20261122)
MOMENTS = sorted([0.0, 0.002, 0.01, 0.05] + [random_moments.uniform(0.05, 1.0) for _ in range(8)])


def flow(work, **more):
    work.notebook("a", "print a", f"spawn daemon {work.path('pid-a')}", "print b", "sleep 0.1", "fill 100000")
    work.notebook("b", "print a", f"spawn stubborn {work.path('pid-b')}", "hang ignore-int")
    work.notebook("c", "import subprocess\nsubprocess.Popen(['setsid', 'sleep', '600'])", "import time; time.sleep(30)",
                  kernel="python3")
    work.workflow(*({"path": f"{n}.ipynb", "name": f"{n}{i}"} for i in range(2) for n in "ab"), "c.ipynb", processes=4)
    return work.start("workflow.yaml", **more)


def gone(work):
    """
    All processes, and all that they could read a key from. The private folder itself stays where nbfork was killed
    before there was anybody else who could have removed it.
    """
    wait_for(lambda: not work.leftovers()[0], "all processes to go", GONE)
    for folder in work.leftovers()[1]:
        assert not [p for p in folder.rglob("*") if not p.is_dir()]
        shutil.rmtree(folder)


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda m: f"{m:.3f}s")
def test_nothing_is_left(work, moment):
    run = flow(work)
    time.sleep(moment * PATIENCE)
    run.proc.kill()
    run.proc.wait()
    gone(work)


def name(pid):
    try:
        with open(f"/proc/{pid}/comm") as f:
            return f.read().strip()
    except OSError:
        return None


def test_nothing_is_left_when_all_that_is_called_nbfork_is_killed(work):
    """As killall -9 nbfork does: the workers go by other names and clean up."""
    run = flow(work)
    run.event("cell_started", name="b0", number=3)
    called = name(run.pid)
    assert called == "nbfork" or UNDER_VALGRIND
    for pid in marked(work.mark):
        if name(pid) == called:
            kill_all([pid])
    run.proc.wait()
    gone(work)


def test_nothing_is_left_when_nbfork_dies_while_it_stops(work):
    run = flow(work)
    run.event("cell_started", name="b0", number=3)
    run.signal(signal.SIGTERM)
    run.event("run_stopping")
    run.proc.kill()
    run.proc.wait()
    gone(work)


def test_the_journal_of_a_killed_run_is_whole_lines(work):
    run = flow(work)
    run.event("notebook_finished", name="a0")
    run.proc.kill()
    run.proc.wait()
    text = (run.folder / "events.jsonl").read_text()
    assert text.endswith("\n")
    assert run.events[0]["event"] == "run_started"
    assert not (run.folder / "results.json").exists()
    assert run.text("a0").startswith("a\n")
    gone(work)
