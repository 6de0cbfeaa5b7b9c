"""
In a step of GitHub Actions: annotations and the step's summary; and nothing else that its runner would obey.
"""

import html
import json
import re
import signal

import pytest

from harness import lines

# What the runner takes for an order: at the start of a line, white space aside, or anywhere in it.
ORDER = re.compile(r"^\s*::(?P<kind>[\w-]+)(?: (?P<properties>.*?))?::(?P<data>.*)$|##\[", re.M)
EVIL = "##[add-mask]x ::error::y ##vso[task.x]z ###[group]"


def unescaped(text):
    for code, plain in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(code, plain)
    return text


def orders(text):
    """The orders in a text: kind, properties and data."""
    found = []
    for m in ORDER.finditer(text):
        assert m["kind"], f"an order of the old form: {m[0]}"
        pairs = (p.split("=", 1) for p in (m["properties"] or "").split(",") if p)
        found.append((m["kind"], {k: unescaped(v) for k, v in pairs}, unescaped(m["data"])))
    return found


@pytest.fixture
def step(work):
    """The environment of a step whose repository is the folder of the test."""
    work.env.update(GITHUB_ACTIONS="true", GITHUB_WORKSPACE=str(work.dir), GITHUB_STEP_SUMMARY=str(work.path("summary.md")))
    return work


def rows(work):
    """The table of the summary: name, status, time, cells, reason."""
    text = work.path("summary.md").read_text()
    table = [line for line in text.splitlines() if line.startswith("|")][2:]
    return [[html.unescape(cell.strip()) for cell in line.strip("|").split("|")] for line in table]


def test_failures_are_annotations_and_stand_first_in_the_summary(step):
    step.notebook("sub/good", "print fine")
    step.notebook("sub/bad", "print x", lines("# nothing", "error E,x one: 100% | <b>*wrong*</b> @you"))
    step.workflow({"path": "good.ipynb", "name": "after", "depends_on": ["bad"]}, "good.ipynb", "bad.ipynb",
                  {"path": "bad.ipynb", "name": "allowed", "allow_failure": True}, file="sub/workflow.yaml")
    step.write("summary.md", "before\n")
    run = step.run("sub/workflow.yaml")
    assert run.status == 1
    message = "E,x: one: 100% | <b>*wrong*</b> @you (cell 3, In [2])"
    assert orders(run.err) == [
        ("error", {"file": "sub/bad.ipynb", "title": "notebook 'bad' failed"}, message),
        ("warning", {"file": "sub/bad.ipynb", "title": "notebook 'allowed' failed"}, message)]
    assert orders(run.out) == []
    text = step.path("summary.md").read_text()
    assert text.startswith("before\n### nbfork: test failed\n\n4 notebooks: 1 succeeded, 2 failed, 1 skipped in ")
    assert not re.search(r"<b>|\*wrong|@you", text)
    table = rows(step)
    assert [r[0] for r in table] == ["bad", "allowed", "after", "good"]
    assert table[0][1] == "**failed**" and table[0][4] == message and table[1][4] == "allowed: " + message
    assert table[3][1] == "succeeded" and table[3][3] == "1/1"


def test_of_many_failures_ten_are_annotations(step):
    step.notebook("a", "error E no")
    step.workflow({"path": "a.ipynb", "name": "n{{ item }}", "for_each": list(range(13))}, processes=8)
    run = step.run("workflow.yaml")
    found = orders(run.err)
    assert [o[0] for o in found] == ["error"] * 10
    assert found[-1][2].startswith("4 more notebooks failed")
    assert len(rows(step)) == 13


def test_notebooks_give_the_runner_no_orders(step):
    name = "##[add-mask]a"
    step.notebook(name, lines(f"print {EVIL}", f"print ::error::{EVIL}", f"native {EVIL}", f"error {EVIL.split()[0]} {EVIL}"))
    step.notebook("::error::b", lines("print ::set-output name=x::y", "error E ::warning::x"))
    step.notebook("mother", f'call "{name}.ipynb"')
    args = [f"{name}.ipynb", "::error::b.ipynb", "mother.ipynb"]
    for options in (["-vv"], ["-q"], ["--json"], ["--events=-"], ["--junit=-"], ["--trace=-"]):
        run = step.run(*options, *args)
        assert run.status == 1
        assert {o[0] for o in orders(run.err)} <= {"error"}, options
        assert len(orders(run.err)) == 2 and orders(run.out) == [], options
        assert "##vso[" not in run.err + run.out
        if options == ["--json"]:
            assert json.loads(run.out) == run.results
    assert EVIL in run.record(run.results["notebooks"][0]["name"])["error"]["message"]


def test_elsewhere_it_is_as_it_was(work):
    work.notebook("a", f"error E {EVIL}")
    run = work.run("a.ipynb", env={"GITHUB_STEP_SUMMARY": str(work.path("summary.md"))})
    assert EVIL in run.out and EVIL in run.err and "::error " not in run.err
    assert not work.path("summary.md").exists()


def test_a_run_that_is_stopped_says_so(step):
    step.notebook("a", "hang")
    run = step.start("a.ipynb")
    run.event("cell_started")
    run.signal(signal.SIGTERM)
    run.finish()
    assert orders(run.err) == [("error", {"title": "nbfork"}, "stopped: nbfork was stopped by SIGTERM")]
    assert "stopped: nbfork was stopped by SIGTERM\n" in step.path("summary.md").read_text()


def test_the_summary_keeps_within_what_a_step_may_have(step):
    step.notebook("a", "error E " + "m" * 990)
    step.workflow({"path": "a.ipynb", "name": "n{{ item }}", "for_each": list(range(20))}, processes=8)
    step.write("summary.md", "x" * (1024 * 1024 - 20000) + "\n")
    run = step.run("workflow.yaml")
    text = step.path("summary.md").read_text()
    assert len(text) < 1024 * 1024 and 5 < len(rows(step)) < 20
    assert f"\n{20 - len(rows(step))} more notebooks are not listed.\n" in text
    step.write("summary.md", "x" * 1024 * 1024)
    again = step.run("workflow.yaml")
    assert "no room for a summary" in again.err and len(step.path("summary.md").read_text()) == 1024 * 1024
    assert run.status == again.status == 1


def test_a_summary_that_cannot_be_written_is_a_warning(step):
    step.notebook("a", "print a")
    run = step.run("a.ipynb", env={"GITHUB_STEP_SUMMARY": "missing/summary.md"})
    assert run.status == 0 and "warning: cannot write 'missing/summary.md'" in run.err
