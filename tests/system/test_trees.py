"""
When nbfork says that a notebook is over, nothing that it started is left, however it tried to get away.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import journal
from harness import SLOW, alive, marked, program, state, wait_for

KINDS = ["child", "setsid", "daemon", "stubborn", "hydra"]


def run_and_look(work, run, names):
    """Reads the event stream; the moment a notebook is said to be over, none of its processes may be left."""
    seen = []
    for line in run.proc.stdout:
        e = json.loads(line)
        if e["event"] == "notebook_finished":
            seen.append(e["name"])
            pid = int(work.path(f"pid-{e['name']}").read_text())
            assert not alive(pid), f"{e['name']}: process {pid} is still there ({state(pid)})"
            if e["name"] == "hydra":
                left = [c for c in marked(work.mark).values() if "pid-hydra" in c and "faultkernel" not in c]
                assert not left, left
        if e["event"] == "run_finished":
            break
    run.proc.stdout.close()
    run.finish()
    assert sorted(seen) == sorted(names)


def flow(work, *end, **more):
    for kind in KINDS:
        work.notebook(kind, f"spawn {kind} {work.path('pid-' + kind)}", *end)
    work.workflow(*({"path": f"{k}.ipynb", **more} for k in KINDS), processes=len(KINDS))
    return work.start("--events=-", "--progress=none", "workflow.yaml", stdout=subprocess.PIPE)


def test_after_success(work):
    run = flow(work)
    run_and_look(work, run, KINDS)
    assert run.status == 0


def test_after_the_death_of_the_kernel(work):
    run = flow(work, "die 9")
    run_and_look(work, run, KINDS)
    assert {n["error"]["kind"] for n in run.results["notebooks"]} == {"kernel"}


SHARED = """
import time
from multiprocessing import shared_memory
forgotten = shared_memory.SharedMemory(create=True, size=100)
print(forgotten.name)"""


@pytest.mark.parametrize("warm", ["auto", "off"])
def test_memory_that_was_shared_and_forgotten_is_removed(work, warm):
    """Python has a process for that, which does it when all others of the notebook are gone."""
    work.notebook("a", SHARED, kernel="python3")
    work.notebook("b", SHARED, "time.sleep(600)", kernel="python3")
    work.workflow("a.ipynb", {"path": "b.ipynb", "timeout_seconds": 5}, processes=2, targets={"local": {"warm": warm}})
    run = work.run("workflow.yaml")
    assert run.statuses() == {"a": "succeeded", "b": "timed_out"}, run.story()
    for name in "ab":
        shared = run.text(name).strip()
        assert shared.startswith("psm_") and not Path("/dev/shm", shared).exists()


def test_after_the_death_of_the_worker(work):
    run = flow(work, "wait never")
    for kind in KINDS:
        run.event("cell_started", name=kind, number=2)
    for kind in KINDS:
        subprocess.run(["kill", "-9", str(run.event("notebook_started", name=kind)["pid"])], check=True)
    run_and_look(work, run, KINDS)
    assert {n["error"]["kind"] for n in run.results["notebooks"]} == {"worker"}


def test_after_a_timeout(work):
    run = flow(work, "wait never", timeout_seconds=10 * SLOW)  # each must have come to its second cell by then
    run_and_look(work, run, KINDS)
    assert set(run.statuses().values()) == {"timed_out"}


def test_a_daemon_that_holds_the_output_of_the_kernel_delays_nothing(work):
    work.notebook("a", f"spawn daemon {work.path('pid')}", "print done")
    run = work.run("a.ipynb")
    assert run.status == 0
    printed, = journal.of(run, "cell_finished", number=2)
    over, = journal.of(run, "notebook_finished")
    assert journal.moment(over) - journal.moment(printed) < 5


def test_daemons_of_one_notebook_do_not_disturb_the_other(work):
    work.notebook("a", f"spawn daemon {work.path('pid-a')}")
    work.notebook("b", f"spawn daemon {work.path('pid-b')}", "wait go")
    work.workflow("a.ipynb", "b.ipynb", processes=2)
    run = work.start("workflow.yaml")
    run.event("cell_started", name="b", number=2)
    run.event("notebook_finished", name="a")
    b = int(work.path("pid-b").read_text())
    assert alive(b)
    work.write("go", "")
    assert run.finish().status == 0
    assert not alive(b)


@pytest.mark.parametrize("command", [
    "import subprocess\nsubprocess.Popen(['setsid', 'sh', '-c', 'echo $$ > pid; exec sleep 600'], start_new_session=True)",
    "import multiprocessing, time\np = multiprocessing.get_context('fork').Process(target=time.sleep, args=(600,))\n"
    "p.start()\nopen('pid', 'w').write(str(p.pid))",
], ids=["subprocess", "multiprocessing"])
def test_with_a_real_kernel(work, command):
    work.notebook("a", command, "import time, os\nwhile not os.path.exists('pid') or not open('pid').read(): time.sleep(0.01)",
                  kernel="python3")
    run = work.run("a.ipynb")
    assert run.status == 0
    assert not alive(int(work.path("pid").read_text()))


def test_as_the_first_process_of_a_container(work):
    container = ["unshare", "--pid", "--fork", "--mount-proc"]
    if subprocess.run([*container, "true"], capture_output=True).returncode:
        pytest.skip("cannot make a pid namespace here")
    for kind in KINDS:
        work.notebook(kind, f"spawn {kind} {work.path('pid-' + kind)}")
    work.notebook("python", "1 + 1", kernel="python3")
    work.notebook("dies", "die 9")
    run = work.run("-j", "7", *(f"{n}.ipynb" for n in [*KINDS, "python", "dies"]), prefix=container)
    assert run.statuses() == {**dict.fromkeys([*KINDS, "python"], "succeeded"), "dies": "failed"}


def test_zombies_of_the_tree_do_not_pile_up_in_nbfork(work):
    work.notebook("a", *[f"spawn daemon {work.path(f'pid-{i}')}" for i in range(3)])
    work.notebook("b", "wait go")
    run = work.start("-j", "2", "a.ipynb", "b.ipynb")
    run.event("notebook_finished", name="a")

    def zombies():
        with open(f"/proc/{run.pid}/task/{run.pid}/children") as f:
            return [p for p in f.read().split() if state(p) == "Z"]
    wait_for(lambda: not zombies(), "zombies to be reaped")
    work.write("go", "")
    assert run.finish().status == 0


# Inherits what a program leaves, be it a zombie, and exits with how many that were.
HEIR = """
import ctypes, os, subprocess, sys
assert ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0  # PR_SET_CHILD_SUBREAPER
assert subprocess.run(sys.argv[1:]).returncode == 0
left = 0
while True:
    try:
        os.waitpid(-1, 0)
    except ChildProcessError:
        sys.exit(left)
    left += 1
"""


def test_nbfork_leaves_no_zombie(work):
    """The process that wrote the last report was one."""
    work.notebook("a", "print x")
    done = subprocess.run([sys.executable, "-c", HEIR, *program(), "-q", "-o", "run-1", "a.ipynb"], cwd=work.dir, env=work.env,
                          timeout=SLOW * 60)
    assert done.returncode == 0
    assert work.path("run-1/report.html").exists()
