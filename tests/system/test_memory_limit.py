"""
memory_limit: a notebook that takes more fails, alone, and says why. Where these tests run no cgroup has been given to
nbfork, as a rule: what limits is the private writable memory of each process (RLIMIT_DATA).
"""

import shutil

import pytest

from harness import code, lines

GREEDY = "x = bytes(3 << 30)\nprint(len(x))"  # the system gives no page before it is written to


def error(run, name):
    """Kind, name and message of a notebook's error."""
    record = run.record(name)["error"]
    return record["kind"], record["name"], record["message"]


def test_an_ample_limit_changes_nothing(work):
    work.notebook("a", "print('before')", "import resource\nprint(resource.getrlimit(resource.RLIMIT_DATA))",
                  "x = bytes(1 << 30)\nprint(len(x))", kernel="python3")
    work.workflow({"path": "a.ipynb", "memory_limit": "64G"})
    run = work.run("workflow.yaml")
    assert run.status == 0, run.story()
    assert run.text("a") == f"before\n{(64 << 30, 64 << 30)}\n{1 << 30}\n"
    assert run.record("a")["error"] is None
    assert "memory" not in run.err


def test_a_limit_of_a_few_hundred_megabytes_is_enough_for_a_kernel(work):
    """ipykernel reserves ten times as much address space as it uses memory, which must not count."""
    work.notebook("a", "print('runs')", "x = bytearray(600 << 20)", kernel="python3")
    work.workflow({"path": "a.ipynb", "memory_limit": "400M"})
    run = work.run("workflow.yaml")
    assert error(run, "a") == ("notebook", "MemoryError", "memory_limit is 400 MiB")
    assert run.text("a") == "runs\n"


def test_a_notebook_that_takes_more_fails_alone(work):
    work.notebook("a", "print('before')", GREEDY, "print('not reached')", kernel="python3")
    work.workflow({"path": "a.ipynb", "memory_limit": "2G"}, {"path": "a.ipynb", "name": "free"}, processes=2)
    run = work.run("workflow.yaml")
    assert run.status == 1, run.story()
    assert run.statuses() == {"a": "failed", "free": "succeeded"}
    assert error(run, "a") == ("notebook", "MemoryError", "memory_limit is 2 GiB")
    assert "MemoryError: memory_limit is 2 GiB" in run.out
    assert run.text("a") == "before\n"
    assert run.text("free") == f"before\n{3 << 30}\nnot reached\n"
    raised = [o for c in run.cells("a") for o in c["outputs"] if o["output_type"] == "error"]
    assert [(o["ename"], o["evalue"]) for o in raised] == [("MemoryError", "")]  # what the notebook said stays


def test_what_the_notebook_starts_is_limited_too(work):
    work.notebook("a", "import subprocess, sys\n"
                  "p = subprocess.run([sys.executable, '-c', 'x = bytes(3 << 30)'], capture_output=True, text=True)\n"
                  "print(p.returncode, p.stderr.split()[-1] if p.stderr else None)\n"
                  "p = subprocess.run(['sh', '-c', 'ulimit -d unlimited; ulimit -d'], capture_output=True, text=True)\n"
                  "print(p.stdout.strip())", kernel="python3")
    work.workflow({"path": "a.ipynb", "memory_limit": "2G"}, {"path": "a.ipynb", "name": "free"}, processes=2)
    run = work.run("workflow.yaml")
    assert run.status == 0, run.story()
    assert run.text("free") == "0 None\nunlimited\n"
    assert run.text("a").startswith("1 MemoryError\n")
    assert run.text("a").split()[2:] in ([], [str(2 << 20)])  # it cannot be undone, but by root


@pytest.mark.parametrize("limit, size", [("1M", "1 MiB"), ("20M", "20 MiB")])
@pytest.mark.parametrize("kernel", ["python3", "fault"])
def test_a_limit_with_which_the_kernel_does_not_start(work, kernel, limit, size):
    work.notebook("a", "x = 1", kernel=kernel)
    work.notebook("b", "x = 1")
    work.workflow({"path": "a.ipynb", "memory_limit": limit}, "b.ipynb",
                  targets={"local": {"startup_timeout_seconds": 20}})
    run = work.run("workflow.yaml")
    assert run.status == 1, run.story()
    assert run.statuses() == {"a": "failed", "b": "succeeded"}
    kind, _, message = error(run, "a")
    assert kind == "kernel"
    assert f" (its memory_limit is {size}, which may be too little for it to start)" in message
    assert run.record("a")["cells"]["executed"] == 0


def test_a_kernel_that_does_not_answer_under_a_limit(work):
    work.kernel("mute", "--no-info")
    work.notebook("a", "x = 1", kernel="mute")
    work.workflow({"path": "a.ipynb", "memory_limit": "8G"}, {"path": "a.ipynb", "name": "free"},
                  targets={"local": {"startup_timeout_seconds": 1}})
    run = work.run("workflow.yaml")
    assert error(run, "a") == ("kernel", None, "kernel 'mute' did not answer within 1 s (its memory_limit is 8 GiB, "
                               "which may be too little for it to start)")
    assert error(run, "free") == ("kernel", None, "kernel 'mute' did not answer within 1 s")


@pytest.mark.parametrize("command, how", [
    ("die 11", "was killed by SIGSEGV"), ("die 6", "was killed by SIGABRT"), ("exit 3", "exited with status 3"),
])
def test_a_kernel_that_dies_as_without_memory(work, command, how):
    work.notebook("a", lines("print before", command))
    work.workflow({"path": "a.ipynb", "memory_limit": "8G"}, {"path": "a.ipynb", "name": "free"}, processes=2)
    run = work.run("workflow.yaml")
    what = f"kernel {how} while the cell ran"
    assert error(run, "a") == ("kernel", "DeadKernelError", f"{what}, perhaps because of its memory_limit of 8 GiB")
    assert error(run, "free") == ("kernel", "DeadKernelError", what)


@pytest.mark.parametrize("command", ["die 9", "die 15", "exit 0"])
def test_a_death_that_the_limit_does_not_explain(work, command):
    work.notebook("a", command)
    work.workflow({"path": "a.ipynb", "memory_limit": "8G"})
    run = work.run("workflow.yaml")
    assert error(run, "a")[0] == "kernel"
    assert "memory_limit" not in error(run, "a")[2]


def test_a_kernel_that_breaks_for_want_of_memory(work):
    """The fault kernel has no answer to a MemoryError of its own."""
    work.notebook("a", "fill 3000000000")
    work.workflow({"path": "a.ipynb", "memory_limit": "1500M"})
    run = work.run("workflow.yaml")
    assert run.status == 1, run.story()
    kind, _, message = error(run, "a")
    assert kind == "kernel"
    assert message.endswith(" while the cell ran, perhaps because of its memory_limit of 1500 MiB")
    assert "MemoryError" in run.log("a")


def test_other_exceptions_do_not_speak_of_the_limit(work):
    work.notebook("a", "error ValueError no such thing")
    work.workflow({"path": "a.ipynb", "memory_limit": "8G"})
    run = work.run("workflow.yaml")
    assert error(run, "a") == ("notebook", "ValueError", "no such thing")


def test_the_exception_is_still_one_to_be_allowed(work):
    work.notebook("a", code(GREEDY, "raises-exception"), "print('after')", kernel="python3")
    work.workflow({"path": "a.ipynb", "memory_limit": "2G"})
    run = work.run("workflow.yaml")
    assert run.status == 0, run.story()
    assert run.text("a") == "after\n"


@pytest.mark.skipif(shutil.which("R") is None, reason="there is no R here")
def test_what_r_says(work):
    work.notebook("a", "x <- numeric(5e8)", kernel="ir", language="R")
    work.workflow({"path": "a.ipynb", "memory_limit": "2G"})
    run = work.run("workflow.yaml")
    kind, _, message = error(run, "a")
    assert kind == "notebook"
    assert message.startswith("Error: cannot allocate") and message.endswith(" (memory_limit is 2 GiB)")
