"""
A machine that runs short: of disk, of file descriptors, of processes, of memory.
"""

import os
import resource
import subprocess
import uuid
from pathlib import Path

import pytest

from harness import UNDER_VALGRIND, full, wait_for

PIDS = Path("/sys/fs/cgroup/pids")


@pytest.fixture
def disk(work):
    """Makes small disks: disk(folder, bytes) mounts one there."""
    mounted = []

    def mount(folder, size):
        path = work.path(folder)
        path.mkdir(parents=True, exist_ok=True)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", path], capture_output=True).returncode:
            pytest.skip("cannot mount a small disk here")
        mounted.append(path)
        return path
    yield mount
    for path in mounted:
        subprocess.run(["umount", "-l", path], check=True)


def settle(run, name, cell):
    """Waits until this code cell runs and the copy says so: then nothing is written until the cell goes on."""
    run.event("cell_started", name=name, number=cell + 1)
    copy = run.folder / f"notebooks/{name}.ipynb"
    wait_for(lambda: copy.exists() and run.cells(name)[cell]["metadata"].get("papermill", {}).get("status") == "running",
             f"the copy of {name} with its cell {cell} at work")


def test_a_disk_that_fills_up_ends_the_run_with_status_3(work, disk):
    work.notebook("a", "print before", "wait go", "print after")
    work.workflow("a.ipynb", {"path": "a.ipynb", "name": "b"}, processes=1)
    run = work.start("-o", disk("disk", "400k") / "run", "workflow.yaml", folder=None)
    run.folder = work.path("disk/run")
    settle(run, "a", 1)
    with full(work.path("disk")):
        work.write("go", "")
        run.wait()
    assert run.status == 3
    assert "No space left on device" in run.err
    assert run.events[0]["event"] == "run_started"
    for path in run.folder.rglob("*"):  # nothing half-written under its final name
        if path.suffix == ".ipynb":
            assert path.read_text().rstrip().endswith("}")


def test_what_was_finished_before_the_disk_filled_up_is_there(work, disk):
    work.notebook("first", "print done")
    work.notebook("second", "wait go", "print after")
    work.workflow("first.ipynb", "second.ipynb", processes=1)
    run = work.start("-o", disk("disk", "400k") / "run", "workflow.yaml", folder=None)
    run.folder = work.path("disk/run")
    settle(run, "second", 0)
    with full(work.path("disk")):
        work.write("go", "")
        run.wait()
    assert run.status == 3
    assert run.text("first") == "done\n"
    assert any(e["event"] == "notebook_finished" and e["name"] == "first" for e in run.events)


def test_a_disk_that_is_full_from_the_start_starts_nothing(work, disk):
    work.notebook("a", "touch ran")
    folder = disk("disk", "100k")
    with full(folder):
        run = work.start("-o", folder / "run", "a.ipynb", folder=None)
        run.wait()
    assert run.status == 3
    assert "No space left on device" in run.err
    assert not work.path("ran").exists()


def test_a_copy_that_does_not_fit_is_a_failure_of_that_notebook(work, disk):
    """The copies are put on a disk of their own: the journal and the other notebook go on."""
    work.notebook("large", "wait go", "big 2000000")
    work.notebook("small", "print fine")
    run = work.start("-j", "1", "large.ipynb", "small.ipynb")
    settle(run, "large", 0)
    disk("run-1/notebooks", "1m")
    work.write("go", "")
    run.wait()
    assert run.status == 1
    assert run.statuses() == {"large": "failed", "small": "succeeded"}
    assert "No space left on device" in run.record("large")["error"]["message"]


def test_a_limit_on_file_sizes_is_no_reason_to_die(work):
    work.notebook("a", "print before", "big 3000000", "print after")
    run = work.start("a.ipynb", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20)))
    run.wait()
    assert run.status in (1, 3)
    assert run.statuses() == {"a": "failed"}
    assert "File too large" in run.record("a")["error"]["message"]
    assert run.record("a")["signal"] is None


@pytest.mark.parametrize("limit", [8, 12, 16, 20, 24, 32, 48])
def test_few_descriptors_are_an_error_and_not_a_hang(work, limit):
    if UNDER_VALGRIND and limit < 20:
        pytest.skip("valgrind itself cannot start")
    work.notebook("a", "print a")
    work.workflow(*({"path": "a.ipynb", "name": f"n{i}"} for i in range(6)), processes=6,
                  targets={"local": {"startup_timeout_seconds": 5}})  # kernels cannot start in that either
    run = work.start("workflow.yaml", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
    run.wait(60)
    assert run.status in (0, 1, 3)
    if run.status == 3:
        assert "Too many open files" in run.err
    if run.status == 1:
        wrong = [n["error"]["message"] for n in run.results["notebooks"] if n["status"] == "failed"]
        assert wrong and all(wrong)


def test_many_notebooks_in_few_descriptors_all_run_when_few_at_a_time(work):
    work.notebook("a", "print a")
    work.workflow(*({"path": "a.ipynb", "name": f"n{i}"} for i in range(24)), processes=2)
    run = work.run("workflow.yaml", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40)))
    assert run.status == 0  # none leaks from one to the next


def test_a_machine_without_processes_to_give_is_status_3(work):
    group = PIDS / f"nbfork-test-{uuid.uuid4().hex}"
    try:
        group.mkdir()
        (group / "pids.max").write_text("2")
    except OSError:
        pytest.skip("no cgroup to limit processes with")
    try:
        work.notebook("a", "touch ran")
        work.workflow(*({"path": "a.ipynb", "name": f"n{i}"} for i in range(4)), processes=4)
        run = work.start("workflow.yaml", preexec_fn=lambda: (group / "cgroup.procs").write_text(str(os.getpid())))
        run.wait()
        assert run.status in (1, 3)
        assert "Resource temporarily unavailable" in run.err + run.out
        assert run.results["status"] != "succeeded"
    finally:
        wait_for(lambda: not (group / "cgroup.procs").read_text(), "the group to be empty")
        group.rmdir()
