"""
The live view: what the screen of a terminal shows.
"""

import os
import re
import signal

import pytest

from harness import lines
from tmux import Tmux

BAR = "[\u2500\u2501\u2578]+"


@pytest.fixture
def screen(work):
    t = Tmux(work)
    yield t
    t.close()


def view(screen, head="test "):
    """The lines from the view's first one on."""
    found = screen.splitlines()
    at = [i for i, line in enumerate(found) if line.startswith(head)]
    return found[at[-1]:] if at else []


def start(screen, *args):
    screen.type(f"clear; $nbfork -o run {' '.join(args)} >out", "Enter")


def end(screen, *keys):
    """The shell is there again, and has the terminal as it was."""
    if keys:
        screen.type(*keys)
    shown = screen.until(lambda s: s.endswith("ready>"), "the end", 60)
    assert not re.search(r" 1/1 | 2/3 |waits for|^test on", shown, re.MULTILINE) and screen.in_order()
    return shown


def a_bit_of_everything(work):
    """Two run, one of which writes over its line; one fails and waits; one waits for a pool, one for others."""
    work.notebook("quick", "print q")
    work.notebook("load", "print x", lines(r'write "\r\u001b[32m  5%\u001b[0m\r 10%\u001b[K 漢字 é̂ 🚀\u202e"', "wait go"), "print done")
    work.notebook("bad", "error ValueError no rows")
    work.workflow({"path": "load.ipynb", "pool": "one"},
                  {"path": "bad.ipynb", "retries": 1, "retry_delay_seconds": 3600},
                  {"path": "load.ipynb", "name": "漢字-report"},
                  {"path": "quick.ipynb", "name": "next", "pool": "one"},
                  {"path": "quick.ipynb", "name": "last", "depends_on": ["bad", "load"]},
                  processes=2, pools={"one": 1})


def test_a_look_at_the_screen_is_enough(work, screen):
    a_bit_of_everything(work)
    start(screen, "workflow.yaml")
    shown = screen.until(lambda s: s.count(" 10%") == 2 and "attempt 2" in s, "two that run and one that waits")
    head, *rows = view(shown)
    assert re.fullmatch(rf"test on local  {BAR} 0/5  \d+s  2 running, 3 waiting", head)
    wanted = [rf"  load         {BAR} 2/3  +\d+s   10% 漢字 é̂ 🚀",
              rf"  漢字-report  {BAR} 2/3  +\d+s   10% 漢字 é̂ 🚀",
              r"  bad          attempt 2 in (\d+m\d\ds|1h00m): ValueError: no rows",
              r"  next         waits for pool one \(1 of 1 taken\)",
              r"  last         waits for load and 1 more"]
    assert len(rows) == len(wanted)
    for row, pattern in zip(rows, wanted):
        assert re.fullmatch(pattern, row), (row, pattern)
    assert re.search(r"^\[0/5\] bad: failed after \d+\.\ds: ValueError: no rows \(cell \d, In \[1\]\); attempt 2 in 1h", screen.all(),
                     re.MULTILINE)
    work.write("go", "")
    screen.until(lambda s: re.search(r"^\[3/5\] .*\n(?s:.*)waits for bad$", s, re.MULTILINE), "what is left")
    end(screen, "C-c")


def test_it_fits_whatever_the_size_becomes(work, screen):
    a_bit_of_everything(work)
    start(screen, "workflow.yaml")
    screen.until(lambda s: s.count(" 10%") == 2 and "attempt 2" in s, "the view")
    clean = True
    for rows, columns in (50, 200), (24, 100), (14, 80), (24, 40), (14, 62), (5, 20), (3, 60), (30, 100):
        screen.resize(rows, columns)
        # What tmux has put into its history, because its lines had no room, is out of reach.
        clean = clean and columns >= 80

        def fits(s):
            found = view(s, "test on" if columns >= 60 else "test " if columns >= 40 else "0/5")
            once = len(re.findall(r"^(?:test .*)?0/5 ", s, re.MULTILINE)) == 1
            return found and (once or not clean) and len(found) == min(rows - 1, 6) and max(map(len, found)) < columns
        screen.until(fits, f"the view at {rows}x{columns}")
    screen.type("C-c")
    screen.until(lambda s: s.endswith("ready>"), "the end")
    assert screen.in_order()


def test_a_thousand_notebooks_have_as_many_lines_as_fit(work, screen):
    work.notebook("a", "wait go")
    work.workflow(*({"path": "a.ipynb", "name": f"n{i:03}"} for i in range(1000)), processes=20)
    start(screen, "workflow.yaml")
    shown = screen.until(lambda s: s.count(" 1/1 ") == 16 and "20 running, 980 waiting" in s, "running ones", 60)
    found = view(shown)
    assert len(found) == 18
    assert re.fullmatch(r"  and 984 more: 4 running, 980 waiting for a process", found[-1])
    assert [line.split()[0] for line in found[1:17]] == [f"n{i:03}" for i in range(16)]
    end(screen, "C-c")


def test_a_failure_leaves_what_is_needed_to_look_at_it(work, screen):
    work.notebook("bad", "print x", "error ValueError no rows")
    work.notebook("slow", "wait go")
    start(screen, "-j", "2", "bad.ipynb", "slow.ipynb")
    shown = screen.until(lambda s: "1 failed, 1 running" in s, "the failure")
    assert re.search(r"^\[1/2\] bad: failed after \d+\.\ds: ValueError: no rows \(cell 3, In \[2\]\)\n"
                     rf"    run/notebooks/bad\.ipynb\n\S+ on local  {BAR} 1/2  \d+s  1 failed, 1 running$", shown, re.MULTILINE)
    work.write("go", "")
    end(screen)


def test_suspended_it_leaves_the_terminal_to_the_shell(work, screen):
    work.notebook("a", "wait go")
    start(screen, "a.ipynb")
    screen.until(lambda s: " 1/1 " in s, "the view")
    screen.type("C-z")
    shown = screen.until(lambda s: "Stopped" in s and s.endswith("ready>"), "the shell")
    assert " 1/1 " not in shown and screen.in_order()
    screen.type("fg", "Enter")
    screen.until(lambda s: " 1/1 " in s.rpartition("ready> fg")[2], "the view again")
    work.write("go", "")
    assert "a: succeeded in" in end(screen)


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGKILL])
def test_killed_it_leaves_a_terminal_that_is_in_order(work, screen, sig):
    work.notebook("a", "wait go")
    screen.type("$nbfork -o run a.ipynb & echo $! >pid; fg >/dev/null; echo st''atus=$?", "Enter")
    screen.until(lambda s: " 1/1 " in s, "the view")
    os.kill(int(work.path("pid").read_text()), sig)
    screen.until(lambda s: f"status={128 + sig}" in s, "the end")
    assert screen.in_order()


def test_no_colour_is_none(work):
    t = Tmux(work, NO_COLOR="1")
    try:
        a_bit_of_everything(work)
        start(t, "workflow.yaml")
        t.until(lambda s: s.count(" 10%") == 2 and "attempt 2" in s, "the view")
        assert "\x1b[" not in t.tmux("capture-pane", "-p", "-e")
        end(t, "C-c")
    finally:
        t.close()


def test_what_the_machine_has_no_room_for_is_said(work, screen):
    work.notebook("a", "wait go")
    work.workflow(*({"path": "a.ipynb", "name": f"n{i}"} for i in range(3)), processes=3, limits={"min_free_memory": "1000T"})
    start(screen, "workflow.yaml")
    shown = screen.until(lambda s: " 1/1 " in s and "nothing new" in s, "the reason")
    head, notice, *rows = view(shown)
    assert re.search(r"  1 running, 2 waiting$", head)
    assert re.fullmatch(r"  nothing new is started: free memory is .* less than .*", notice)
    assert [row.split(None, 1)[1] for row in rows[1:]] == ["waits for room on this machine"] * 2
    end(screen, "C-c")
