"""
What changes around a run while it goes on: files that are taken away or rewritten, readers that stall, terminals that
close.
"""

import json
import os
import shutil
import subprocess

import pytest

from harness import alive, wait_for
from terminal import Terminal


@pytest.fixture
def flow(work):
    """Starts `first`, which waits for `go`, and behind it `second`, on a kernel of its own."""
    work.kernel("other")
    work.notebook("first", "wait go", "print first")
    work.notebook("second", "print second", kernel="other")
    run = work.start("-j", "1", "first.ipynb", "second.ipynb")
    run.event("cell_started", name="first")
    return run


@pytest.mark.parametrize("change, words", [
    (lambda work: work.path("second.ipynb").unlink(), "No such file"),
    (lambda work: work.write("second.ipynb", "{rubbish"), "not a notebook"),
    (lambda work: shutil.rmtree(work.jupyter / "kernels/other"), "other"),
], ids=["notebook removed", "notebook overwritten", "kernel removed"])
def test_what_was_there_at_the_start_and_is_not_later_is_a_failure_of_that_notebook(work, flow, change, words):
    change(work)
    work.write("go", "")
    flow.inputs.clear()  # this test has changed them
    run = flow.finish()
    assert run.statuses() == {"first": "succeeded", "second": "failed"}
    assert words in run.record("second")["error"]["message"]


def test_a_notebook_that_is_written_anew_before_its_turn_runs_as_it_is_then(work, flow):
    work.notebook("second", "print changed", kernel="other")
    work.write("go", "")
    flow.inputs.clear()
    assert flow.finish().text("second") == "changed\n"


def test_a_run_folder_that_is_taken_away_is_status_3(work):
    work.notebook("a", "print before", "wait go", "print after")
    run = work.start("a.ipynb")
    run.event("cell_started", number=2)
    os.rename(run.folder, work.path("elsewhere"))
    work.write("go", "")
    run.wait()
    assert run.status in (1, 3)
    assert "No such file" in run.err + run.out


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_reader_that_stalls_delays_nothing(work, stream):
    """A pipe holds 64 KiB; a run that waited for room in it would stand still."""
    work.notebook("a", *["print x"] * 1000)
    reader, writer = os.pipe()
    args = ["--events=-", "--progress=none"] if stream == "stdout" else ["-v"]
    run = work.start(*args, "a.ipynb", **{stream: writer})
    os.close(writer)
    wait_for(lambda: (run.folder / "results.json").exists(), "the end of the run", 50)
    os.close(reader)
    run.finish()
    assert run.status == 0


def test_a_pipe_of_events_has_all_of_the_journal(work):
    work.notebook("a", *["print x"] * 300)
    run = work.start("--events=-", "--progress=none", "a.ipynb", stdout=subprocess.PIPE)
    text = run.proc.stdout.read().decode()
    run.proc.stdout.close()
    run.finish()
    for line in (run.dir / "events.jsonl").read_text().splitlines():
        assert line in text


def test_a_terminal_that_closes_stops_the_run_in_order(work):
    work.notebook("a", "pid", "wait go")
    t = Terminal(work)
    t.type("$nbfork -o run a.ipynb\n")
    t.read_until("2/2")
    log = work.path("run/logs/a.log")
    kernel = int(wait_for(lambda: log.exists() and log.read_text(), "the kernel's process id"))
    t.hang_up()
    wait_for(work.path("run/results.json").exists, "the results")
    results = json.loads(work.path("run/results.json").read_text())
    assert results["status"] == "cancelled"
    assert results["notebooks"][0]["status"] == "cancelled"
    assert not alive(kernel)
    wait_for(lambda: not work.leftovers()[0], "nbfork to end")
