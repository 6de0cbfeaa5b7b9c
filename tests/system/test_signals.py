"""
SIGINT, SIGTERM and SIGHUP: once in order, twice at once, and then by the same signal.
"""

import os
import signal
import time

import pytest

from harness import alive, wait_for

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def flow(work, *end, **popen):
    """Two notebooks that run in their second cell and one that waits."""
    work.notebook("a", "print before", *(end or ["wait go"]), "print after")
    work.workflow("a.ipynb", {"path": "a.ipynb", "name": "b"}, {"path": "a.ipynb", "name": "c"}, processes=2)
    run = work.start("workflow.yaml", **popen)
    for name in "ab":
        run.event("cell_started", name=name, number=2)
    return run


def repeat(run, *signals):
    """Sends the signals over and over until nbfork is gone, as somebody does who means it."""
    def send():
        for sig in signals:
            if run.proc.poll() is None:
                run.signal(sig)
        time.sleep(0.05)
        return run.proc.poll() is not None
    wait_for(send, f"nbfork to end by {signals}")


def killed(run, *names):
    """These were killed, and did not stop by themselves when the five seconds were over."""
    return all(run.record(n)["signal"] == signal.SIGKILL for n in names)


@pytest.mark.parametrize("sig", SIGNALS, ids=lambda s: s.name)
def test_the_first_stops_in_order_and_nbfork_ends_by_it(work, sig):
    run = flow(work)
    run.signal(sig)
    run.finish()
    assert run.status == -sig
    assert run.results["status"] == "cancelled"
    assert run.statuses() == {"a": "cancelled", "b": "cancelled", "c": "skipped"}
    assert sig.name in next(e["reason"] for e in run.events if e["event"] == "run_stopping")
    for name in "ab":
        assert run.text(name) == "before\n"
        record = run.record(name)
        assert record["error"]["kind"] == "stopped"
        cell = run.executed(name)["cells"][record["error"]["cell"]]
        assert "".join(cell["source"]) == "wait go"
        assert [o["ename"] for o in cell["outputs"] if o["output_type"] == "error"] == ["KeyboardInterrupt"]
    assert "cancelled" in run.out  # the summary


@pytest.mark.parametrize("sig", SIGNALS, ids=lambda s: s.name)
def test_a_second_one_kills_at_once_and_the_results_are_still_written(work, sig):
    run = flow(work, "hang ignore-int")
    run.signal(sig)
    run.event("run_stopping")
    repeat(run, signal.SIGTERM if sig == signal.SIGHUP else sig)  # the end of a terminal sends several HUP
    run.finish()
    assert run.status == -sig
    assert run.statuses() == {"a": "cancelled", "b": "cancelled", "c": "skipped"}
    assert killed(run, "a", "b")


def test_a_second_one_may_be_another(work):
    run = flow(work, "hang ignore-int")
    run.signal(signal.SIGINT)
    run.event("run_stopping")
    repeat(run, signal.SIGTERM)
    run.finish()
    assert run.status in (-signal.SIGINT, -signal.SIGTERM)
    assert killed(run, "a", "b")


def test_the_second_writes_what_had_been_saved(work):
    run = flow(work, "hang ignore-int")
    wait_for(lambda: (run.folder / "notebooks/a.ipynb").exists() and run.text("a"), "the first output in the copy")
    run.signal(signal.SIGTERM)
    run.event("run_stopping")
    repeat(run, signal.SIGTERM)
    run.finish()
    assert killed(run, "a") and run.text("a") == "before\n"


def test_a_deaf_kernel_is_killed_after_five_seconds(work):
    run = flow(work, "hang ignore-int")
    kernels = [run.event("kernel_ready", name=n)["pid"] for n in "ab"]
    run.signal(signal.SIGTERM)
    run.event("run_stopping")
    assert all(alive(k) for k in kernels)
    run.finish()
    assert run.status == -signal.SIGTERM
    assert not killed(run, "a") and not killed(run, "b")  # but their kernels
    assert run.text("a") == "before\n"


@pytest.mark.parametrize("sig", SIGNALS, ids=lambda s: s.name)
def test_one_that_was_ignored_at_the_start_stays_ignored(work, sig):
    run = flow(work, preexec_fn=lambda: signal.signal(sig, signal.SIG_IGN))
    run.signal(sig)
    run.signal(sig)
    work.write("go", "")
    run.finish()
    assert run.status == 0
    assert set(run.statuses().values()) == {"succeeded"}


def test_kernels_do_not_inherit_ignored_or_blocked_signals(work):
    work.notebook("a", "import signal as s\nprint([n.name for n in s.Signals if s.getsignal(n) == s.SIG_IGN])\n"
                  "print(list(s.pthread_sigmask(s.SIG_BLOCK, [])))", kernel="python3")
    run = work.run("a.ipynb")
    ignored, blocked = run.text("a").splitlines()
    assert blocked == "[]"
    assert set(eval(ignored)) <= {"SIGPIPE", "SIGXFSZ"}  # Python's own


def test_a_signal_while_kernels_start_stops_them_too(work):
    work.kernel("slow", "--late", "300")
    work.notebook("a", "print no", kernel="slow")
    run = work.start("-j", "2", "a.ipynb", folder=True)
    run.event("notebook_started", name="a")
    run.signal(signal.SIGTERM)
    run.finish()
    assert run.status == -signal.SIGTERM
    assert run.statuses() == {"a": "cancelled"}


def test_the_signal_reaches_a_shell_as_the_usual_exit_status(work):
    work.notebook("a", "wait go")
    run = work.start("a.ipynb", prefix=["sh", "-c", '"$0" "$@" & echo $! > pid; wait $!; echo $? > status'])
    run.event("cell_started", name="a")
    pid = wait_for(lambda: work.path("pid").exists() and work.path("pid").read_text().strip(), "its number")
    os.kill(int(pid), signal.SIGTERM)
    run.wait()
    assert work.path("status").read_text() == "143\n"


def test_signals_to_the_whole_group_are_not_heard_twice(work):
    """Ctrl-C in a terminal goes to the foreground group: notebooks are in groups of their own."""
    run = flow(work)
    os.killpg(run.pid, signal.SIGINT)
    run.finish()
    assert run.status == -signal.SIGINT
    assert run.text("a") == "before\n"


def test_quick_signals_in_a_row_do_no_harm(work):
    run = flow(work)
    for sig in SIGNALS * 5:
        try:
            run.signal(sig)
        except ProcessLookupError:
            break
    run.wait()
    assert run.status in [-s for s in SIGNALS]
    assert run.results["status"] == "cancelled"


def test_an_interrupt_goes_by_message_to_a_kernel_that_wants_it_so(work):
    work.kernel("messages", "--no-sigint", interrupt_mode="message")
    work.notebook("a", "wait go", kernel="messages")
    run = work.start("a.ipynb")
    run.event("cell_started", name="a")
    run.signal(signal.SIGINT)
    run.finish()
    assert run.status == -signal.SIGINT
    assert [o["ename"] for o in run.cells("a")[0]["outputs"]] == ["KeyboardInterrupt"]


def test_a_hail_of_signals_does_not_keep_the_results_from_being_written(work):
    """Those that come after the notebooks have ended, too."""
    for name in "abc":
        work.notebook(name, "wait never")
    work.workflow(*(f"{n}.ipynb" for n in "abc"), processes=3)
    run = work.start("workflow.yaml")
    run.event("cell_started", name="c")
    while run.proc.poll() is None:
        run.signal(signal.SIGINT)
        time.sleep(0.003)
    run.finish()
    assert run.status == -signal.SIGINT
    assert run.results["status"] == "cancelled"
    assert set(run.statuses().values()) == {"cancelled"}
