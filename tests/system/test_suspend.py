"""
Ctrl-Z and fg: the notebooks stop with nbfork and go on with it; the time in between does not count.
"""

import json
import os
import signal
import time

import pytest

from harness import marked, state, wait_for
from terminal import Terminal


@pytest.fixture
def terminal(work):
    t = Terminal(work)
    yield t
    t.close()


def kernels(work):
    return [pid for pid, command in marked(work.mark).items() if "faultkernel" in command]


def start(work, terminal, text, *notebooks):
    terminal.type(f"$nbfork -o run {text}\n")
    wait_for(lambda: work.path("run/events.jsonl").exists() and
             work.path("run/events.jsonl").read_text().count('"cell_started"') >= notebooks[0], "the notebooks to run")


def results(work):
    return json.loads(work.path("run/results.json").read_text())


def test_ctrl_z_stops_all_and_fg_continues_all_and_the_time_between_does_not_count(work, terminal):
    work.notebook("a", f"spawn daemon {work.path('pid')}", "wait go", "print done")
    work.notebook("b", "wait go", "print done")
    limit = 10.0
    work.workflow({"path": "a.ipynb", "timeout_seconds": limit, "cell_timeout_seconds": limit - 0.1},
                  {"path": "b.ipynb", "timeout_seconds": limit}, processes=2, timeout_seconds=limit + 0.3)
    start(work, terminal, "workflow.yaml", 3)
    began = time.monotonic()
    wait_for(lambda: work.path("pid").exists(), "the process that one of them starts")
    terminal.type("\x1a")
    terminal.read_until(r"(?s)Stopped.*ready> ")
    everything = [p for p, c in marked(work.mark).items() if "bash" not in c.split()[0]]
    assert len(kernels(work)) == 2 and len(everything) >= 6
    wait_for(lambda: all(state(p) == "T" for p in everything), "all processes to be stopped")
    time.sleep(max(0, began + limit + 1 - time.monotonic()))  # until it would be too late by any of the limits
    assert all(state(p) == "T" for p in everything)
    terminal.type("fg\n")
    work.write("go", "")
    terminal.read_until("(?s)fg.*ready> ")
    assert {n["name"]: n["status"] for n in results(work)["notebooks"]} == {"a": "succeeded", "b": "succeeded"}
    assert all(n["duration_seconds"] < limit for n in results(work)["notebooks"])
    assert results(work)["duration_seconds"] < limit + 0.3
    terminal.type("echo status=$?\n")
    terminal.read_until("status=0")


def test_ctrl_c_stops_in_order_and_the_shell_sees_the_signal(work, terminal):
    work.notebook("a", "print before", "wait go")
    start(work, terminal, "a.ipynb", 2)
    terminal.type("\x03")
    terminal.read_until("ready> ")
    terminal.type("echo status=$?\n")
    terminal.read_until("status=130")
    assert results(work)["notebooks"][0]["status"] == "cancelled"


def test_a_second_ctrl_c_kills(work, terminal):
    work.notebook("a", "print before", "hang ignore-int")
    start(work, terminal, "a.ipynb", 2)
    terminal.type("\x03")
    wait_for(lambda: "run_stopping" in work.path("run/events.jsonl").read_text(), "the stop to begin")

    def press():
        terminal.type("\x03")
        terminal.read(0.15)
        return "ready> " in terminal.seen
    wait_for(press, "the shell to come back")
    assert results(work)["notebooks"][0]["signal"] == signal.SIGKILL  # it has not stopped after five seconds


def test_a_stopped_run_that_is_told_to_end_ends(work):
    work.notebook("a", "print before", "wait go")
    run = work.start("a.ipynb")
    run.event("cell_started", number=2)
    run.signal(signal.SIGTSTP)
    wait_for(lambda: state(run.pid) == "T", "nbfork to stop")
    kernel = kernels(work)[0]
    wait_for(lambda: state(kernel) == "T", "the kernel to stop")
    run.signal(signal.SIGTERM)
    run.signal(signal.SIGCONT)
    run.finish()
    assert run.status == -signal.SIGTERM
    assert run.text("a") == "before\n"


def test_it_can_be_stopped_and_continued_again_and_again(work):
    work.notebook("a", "wait go", "print done")
    run = work.start("a.ipynb")
    run.event("notebook_started")
    for _ in range(5):
        run.signal(signal.SIGTSTP)
        wait_for(lambda: state(run.pid) == "T", "nbfork to stop")
        run.signal(signal.SIGCONT)
        wait_for(lambda: state(run.pid) in ("S", "R"), "nbfork to go on")
    work.write("go", "")
    run.finish()
    assert run.status == 0 and run.text("a") == "done\n"


def test_a_run_that_is_stopped_by_sigstop_goes_on_where_it_was(work):
    work.notebook("a", "wait go", "print done")
    run = work.start("a.ipynb")
    run.event("cell_started", number=1)
    os.kill(run.pid, signal.SIGSTOP)
    work.write("go", "")
    path = run.folder / "notebooks/a.ipynb"
    wait_for(lambda: path.exists() and '"done\\n"' in path.read_text(), "the worker, which was not stopped")
    os.kill(run.pid, signal.SIGCONT)
    assert run.finish().status == 0
