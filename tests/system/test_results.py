"""
The results document and the event stream: what each field says. That every document of every run has the right form
is checked with each run, in invariants.py.
"""

import pytest

from harness import code, markdown

RESULT = "application/vnd.nbfork.result+json"


def show(value):
    """A command that hands back a value; value is JSON text."""
    return 'display {"data": {"%s": %s}}' % (RESULT, value)


def scrap(kind, value):
    """A command that shows what scrapbook.glue does."""
    return 'display {"data": {"application/scrapbook.scrap.%s+json": %s}}' % (kind, value)


def test_every_field_of_a_run_with_all_kinds_of_ends(work):
    work.notebook("sub/good", markdown("# title"), "print a\nsleep 0.3", show('{"rows": 3}'),
                  code("print no", "skip-execution"), "")
    work.notebook("bad", "print a", markdown("text"), "error ZeroDivisionError division by zero", "print never")
    work.workflow("sub/good.ipynb", {"path": "bad.ipynb", "parameters": {"table": "orders"}},
                  {"path": "bad.ipynb", "name": "allowed", "allow_failure": True}, name="all", processes=2)
    run = work.run("workflow.yaml")
    assert run.status == 1
    r = run.results
    assert r["nbfork"] == work.run("-V", folder=None).out.split()[1]
    assert r["run"]["dir"] == run.dir.name
    assert (r["workflow"], r["target"], r["processes"]) == ({"name": "all", "file": "workflow.yaml"}, "local", 2)
    assert (r["on_error"], r["status"]) == ("let-finish", "failed")
    assert r["counts"] == {"succeeded": 1, "failed": 2, "timed_out": 0, "cancelled": 0, "skipped": 0}
    assert 0.3 < r["duration_seconds"] < 60

    good, bad, allowed = r["notebooks"]
    assert (good["name"], good["path"], good["target"]) == ("good", "sub/good.ipynb", "local")
    assert (good["status"], good["error"], good["result"]) == ("succeeded", None, {"rows": 3})
    assert good["cells"] == {"total": 2, "executed": 2}
    assert good["parameters"] == {}
    assert 0.3 <= good["duration_seconds"] <= r["duration_seconds"]
    assert 0.01 < good["cpu_seconds"] < 20
    assert 8 << 20 < good["max_rss_bytes"] < 1 << 30
    assert (good["output"], good["log"]) == ("notebooks/good.ipynb", "logs/good.log")

    assert (bad["status"], bad["exit_status"], bad["signal"], bad["result"]) == ("failed", 1, None, None)
    assert bad["parameters"] == {"table": "orders"}
    error = bad["error"]
    assert (error["kind"], error["name"], error["message"]) == ("notebook", "ZeroDivisionError", "division by zero")
    assert error["traceback"] == ["\x1b[31mTraceback\x1b[0m", "ZeroDivisionError: division by zero"]
    assert run.source("bad", error["cell"]) == "error ZeroDivisionError division by zero"
    assert bad["cells"] == {"total": 4, "executed": 3}  # with the cell of the parameters
    assert error["execution_count"] == 3
    assert allowed["status"] == "failed" and allowed["error"]["execution_count"] == 2


def test_a_run_whose_only_failure_is_allowed_succeeds(work):
    work.notebook("bad", "error E no")
    work.workflow({"path": "bad.ipynb", "allow_failure": True})
    run = work.run("workflow.yaml")
    assert run.status == 0
    assert run.results["status"] == "succeeded"
    assert run.statuses() == {"bad": "failed"}


def test_notebooks_stand_in_the_order_of_the_workflow_whatever_ends_first(work):
    work.notebook("slow", "wait go")
    work.notebook("quick", "print x")
    work.workflow("slow.ipynb", "quick.ipynb", {"path": "quick.ipynb", "name": "another"}, processes=2)
    run = work.start("workflow.yaml")
    run.event("notebook_finished", name="another")
    work.write("go", "")
    run.finish()
    assert [n["name"] for n in run.results["notebooks"]] == ["slow", "quick", "another"]
    ends = [e["name"] for e in run.events if e["event"] == "notebook_finished"]
    assert ends == ["quick", "another", "slow"]


def test_waiting_for_a_place_in_the_pool_is_queued_time_and_not_duration(work):
    work.notebook("a", "sleep 0.4")
    work.workflow("a.ipynb", {"path": "a.ipynb", "name": "b"}, processes=1)
    run = work.run("workflow.yaml")
    a, b = run.results["notebooks"]
    assert a["queued_seconds"] + a["duration_seconds"] + b["duration_seconds"] < run.results["duration_seconds"] + 0.05
    assert b["queued_seconds"] >= a["queued_seconds"] + a["duration_seconds"] - 0.05
    assert b["started_at"] >= a["finished_at"]
    assert b["duration_seconds"] < run.results["duration_seconds"] - 0.3


def test_cpu_and_memory_are_those_of_the_whole_tree(work):
    child = "import time\nx = bytearray(150 << 20)\nwhile time.process_time() < 1.5: pass"
    work.notebook("a", f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {child!r}])", kernel="python3")
    work.notebook("b", "print a")
    run = work.run("a.ipynb", "b.ipynb")
    a, b = run.results["notebooks"]
    assert a["cpu_seconds"] > 1.6  # the interpreter of the kernel, and 1.5 s below it
    assert a["max_rss_bytes"] > 150 << 20
    assert b["cpu_seconds"] < 1.5
    assert b["max_rss_bytes"] < 150 << 20


@pytest.mark.parametrize("cells, value", [
    ([], None),
    ([show('{"rows": 3}')], {"rows": 3}),
    ([show('{"rows": 3}'), show("[1, 2.50, null]")], [1, 2.5, None]),
    ([show("12345678901234567890")], 12345678901234567890),
    ([show('"plain text"')], "plain text"),
    ([show(r'"{\"a\": [1]}"')], {"a": [1]}),
    ([show('"{not json"')], "{not json"),
    ([show('"7"')], "7"),
    ([show("false")], False),
    (['result {"%s": {"k": "é"}}' % RESULT], {"k": "é"}),
    ([scrap("json", '{"name": "n", "data": 3, "encoder": "json", "version": 1}'),
      scrap("text", '{"name": "t", "data": "x", "encoder": "text", "version": 1}')], {"n": 3, "t": "x"}),
], ids=lambda v: "")
def test_the_result_is_what_the_notebook_handed_back(work, cells, value):
    work.notebook("a", *cells)
    run = work.run("a.ipynb")
    got = run.record("a")["result"]
    assert got == value and type(got) is type(value)


def test_a_failed_notebook_keeps_the_result_it_had(work):
    work.notebook("a", show("1"), "error E no")
    assert work.run("a.ipynb").record("a")["result"] in (1, None)


def test_hostile_text_stays_strict_json(work):
    hostile = r'\u0000\u0001\u001b[31m\u2028\u0085\"\\</script>\ud83d\ude00'
    work.notebook("a", f'write "{hostile}"', "nan", r"error Ev\il \x00\ud800 “quoted”")
    run = work.run("--json", "a.ipynb")
    assert run.record("a")["error"]["name"] == r"Ev\il"


def test_lone_surrogates_and_nan_in_results_do_not_break_the_document(work):
    work.notebook("a", 'raw iopub error {"ename": "\\ud800", "evalue": "\\udfff x", "traceback": ["\\ud800"]}',
                  r'display {"data": {"%s": {"x": "\ud800"}}}' % RESULT)
    work.notebook("b", 'display {"data": {"%s": {"x": NaN, "y": [Infinity, -Infinity]}}}' % RESULT)
    run = work.run("a.ipynb", "b.ipynb")  # the documents are read strictly by the checks that follow
    assert run.dir.exists()


def test_a_long_traceback_and_a_huge_message_come_back(work):
    work.notebook("a", "error E " + "m" * 3_000_000)
    run = work.run("a.ipynb")
    error = run.record("a")["error"]
    assert error["kind"] == "notebook" and error["name"] == "E"
    assert error["message"].startswith("m" * 1000)


def test_event_times_and_seconds_fit(work):
    work.notebook("a", "sleep 0.3", "error E no")
    run = work.run("a.ipynb")
    events = run.events
    started, ready = (next(e for e in events if e["event"] == k) for k in ("notebook_started", "kernel_ready"))
    assert started["attempt"] == 1 and ready["pid"] != started["pid"]
    first, second = (e for e in events if e["event"] == "cell_finished")
    assert 0.3 <= first["seconds"] < 60 and first["failed"] is False
    assert second["failed"] is True
    assert [e["event"] for e in events if e["event"] != "memory_sampled"] == [
        "run_started", "notebook_started", "kernel_ready", "cell_started", "cell_finished", "cell_started",
        "cell_finished", "notebook_finished", "run_finished"]
    assert events[-1]["time"] >= run.record("a")["finished_at"]


def test_cells_of_events_are_indices_in_the_executed_copy(work):
    work.notebook("a", markdown("x"), "print one", markdown("y"), "print two")
    run = work.run("-p", "p=1", "a.ipynb")
    cells = run.executed("a")["cells"]
    sources = ["".join(cells[e["cell"]]["source"]) for e in run.events if e["event"] == "cell_started"]
    assert sources[-2:] == ["print one", "print two"]
