"""
Progress on standard error: plain lines, or live ones on a terminal; never broken by what notebooks print.
"""

import json
import re

import pytest

from harness import lines, wait_for
from terminal import Terminal

HOSTILE = r'write "first\u001b[2J\u001b[31m\u0007\r\nsecond\u0000 \u009b1m\u202e\u2028 third\u001b]0;title\u0007\n"'


@pytest.fixture
def terminal(work):
    t = Terminal(work)
    yield t
    t.close()


def test_without_a_terminal_it_is_plain_lines_with_the_names(work):
    work.notebook("good", "print a", "print b")
    work.notebook("bad", "error ValueError oh")
    run = work.run("good.ipynb", "bad.ipynb")
    said = run.err.splitlines()
    for name in ("good", "bad"):
        assert any(name in line for line in said)
    assert any("bad" in line and "failed" in line for line in said)
    assert "\x1b" not in run.err and "\r" not in run.err


@pytest.mark.parametrize("where", ["plain", "auto"])
def test_what_notebooks_print_does_not_break_plain_lines(work, where):
    work.notebook("a", HOSTILE, lines("native \x1b[31mred", "stderr \x1b[1m"), "error E \x1b[31mred\x1b[2J\x07")
    run = work.run(f"--progress={where}", "-v", "a.ipynb")
    for text in (run.err, run.out):
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u202e]", text), repr(text)


def test_none_is_silent(work):
    work.notebook("a", "print a\nnative b")
    assert work.run("--progress=none", "a.ipynb").err == ""


def test_warnings_name_the_notebook(work):
    work.notebook("a", "badsig x", "print a")
    run = work.run("--progress=none", "a.ipynb")
    assert re.search(r"nbfork\[a\]: ", run.err)


def test_on_a_terminal_each_running_notebook_has_a_live_line(work, terminal):
    work.notebook("alpha", "print first line of alpha", "print x", "wait go")
    work.notebook("beta", "print only line of beta", "wait go")
    terminal.type("$nbfork -o run -j 2 alpha.ipynb beta.ipynb\n")
    seen = terminal.read_until(r"(?s)alpha[^\r\n]*3/3[^\r\n]*x.*")
    if "only line of beta" not in seen:
        terminal.read_until("only line of beta")
    assert "\x1b[" in seen
    work.write("go", "")
    rest = terminal.read_until(r"(?s)succeeded.*ready> ")
    assert "alpha" in rest and "beta" in rest
    terminal.type("stty -a; echo status=$?\n")
    after = terminal.read_until("status=0")
    assert re.search(r"[^-]echo\b", after) and "[?25l" not in after  # the terminal is as it was


def test_a_hostile_notebook_does_not_reach_the_terminal(work, terminal):
    work.notebook("a", HOSTILE, "wait go", "error E \x1b[2Jcleared\x07")
    terminal.type("$nbfork -o run a.ipynb; echo status=$?\n")
    seen = terminal.read_until("second")
    work.write("go", "")
    seen += terminal.read_until("status=1")
    for bad in ("\x1b[2J", "\x07", "\x1b]0;", "\x9b", "\u202e"):
        assert bad not in seen, repr(seen)


def test_the_cursor_comes_back_after_an_interrupt(work, terminal):
    work.notebook("a", "wait go")
    terminal.type("$nbfork -o run a.ipynb; echo status=$?\n")
    terminal.read_until("1/1")
    terminal.type("\x03")
    seen = terminal.read_until(r"status=130|\^C(?s:.*)ready> ")
    assert seen.count("\x1b[?25l") <= seen.count("\x1b[?25h") or "\x1b[?25l" not in seen


@pytest.mark.parametrize("rows, columns", [(24, 20), (3, 80), (24, 1), (1, 10), (0, 0)])
def test_small_terminals_do_no_harm(work, terminal, rows, columns):
    work.notebook("a-notebook-with-quite-a-long-name", "print " + "漢字é" * 50, "sleep 0.3", "print x")
    terminal.resize(rows, columns)
    work.workflow(*({"path": "a-notebook-with-quite-a-long-name.ipynb", "name": f"a-notebook-with-quite-a-long-name-{i}"}
                    for i in range(6)), processes=6)
    terminal.type("$nbfork -o run workflow.yaml >out; echo st''atus=$?\n")
    terminal.read_until("status=0")
    assert json.loads(work.path("run/results.json").read_text())["status"] == "succeeded"


def test_a_dumb_terminal_gets_plain_lines(work):
    t = Terminal(work, term="dumb")
    try:
        work.notebook("a", "print a")
        t.type("$nbfork -o run a.ipynb; echo st''atus=$?\n")
        assert "\x1b[" not in t.read_until("status=0").replace("\x1b[?2004", "")
    finally:
        t.close()


def test_a_terminal_that_takes_nothing_blocks_nothing(work):
    """Ctrl-S: the run goes on behind a terminal that is held."""
    t = Terminal(work)
    try:
        work.notebook("a", "wait go", *["big 20000"] * 20)
        t.type("$nbfork -o run a.ipynb >out\n")
        t.read_until("1/21")
        t.type("\x13")
        work.write("go", "")
        wait_for(lambda: work.path("run/results.json").exists(), "the end of the run")
        t.type("\x11")
        t.read_until("ready> ")
    finally:
        t.close()
