"""
--dry-run: the plan as a table, as a document and as a graph; and --check. Neither starts or makes anything.
"""

import json
import re
import shutil
import subprocess

import pytest

from invariants import closed, maybe, strict, COUNT, NUMBER, TEXT

import jsonschema

SECRET = "hunter2-Qx77-hunter2"
ENV = {"NBFORK_TEST_SECRET": SECRET}

RUN_IF = ["all_success", "all_done", "at_least_one_success", "none_failed", "at_least_one_failed", "all_failed"]
NOTEBOOK = closed(
    position=maybe(type="integer", minimum=1), name=TEXT, path=TEXT, target=TEXT, kernel=maybe(**TEXT),
    parameters={"type": "object"}, depends_on={"type": "array", "items": TEXT}, run_if={"enum": RUN_IF},
    pool=maybe(**TEXT),
    priority={"type": "integer"}, retries=COUNT, timeout_seconds=maybe(**NUMBER), cell_timeout_seconds=maybe(**NUMBER),
    working_directory=TEXT,
    estimate=closed(source={"enum": [None, "history", "size"]}, seconds=maybe(**NUMBER), bytes=maybe(**COUNT)),
    kept={"type": "boolean"}, note=maybe(**TEXT))
PLAN = closed(
    schema={"const": "nbfork.plan/1"}, workflow=closed(name=TEXT, file=maybe(**TEXT)), target=TEXT,
    processes={"type": "integer", "minimum": 1}, on_error={"enum": ["let-finish", "fail-fast", "drain"]},
    order={"enum": ["as-written", "smallest-first", "longest-first"]}, notebooks={"type": "array", "items": NOTEBOOK})


def dry(work, *args, env=ENV):
    """Runs nbfork --dry-run, and sees to it that nothing has come of it but output."""
    before = work.snapshot()
    run = work.run("-n", *args, folder=None, env=env)
    assert (run.status, run.err) == (0, ""), run.story()
    assert work.snapshot() == before
    assert not work.path("ran").exists()
    assert SECRET not in run.out
    return run.out


def document(work, *args):
    plan = strict(dry(work, "--json", *args))
    jsonschema.validate(plan, PLAN)
    return plan


@pytest.fixture
def flow(work):
    """A workflow that has everything that a plan shows."""
    work.notebook("load", "touch ran")
    work.notebook("report", "touch ran")
    work.write("w.yaml", """
name: nightly
processes: 3
on_error: drain
pools: {warehouse: 2}
parameters: {day: 2026-11-22, password: {secret: NBFORK_TEST_SECRET}}
notebooks:
- path: report.ipynb
  depends_on: ["load-*"]
  run_if: all_done
  parameters: {rows: "{{ notebooks.load-orders.result.rows }}", id: "{{ run.id }}", bad: .nan, big: 12345678901234567890123}
- path: load.ipynb
  name: load-{{ item.table }}
  for_each: [{table: orders, file: data/orders.csv}, {table: items, file: data/items.csv}]
  parameters: {table: "{{ item.table }}", file: "{{ item.file }}"}
  pool: warehouse
  timeout_seconds: 600
  cell_timeout_seconds: 0.5
  retries: 2
- {path: load.ipynb, name: alarm, depends_on: report, run_if: at_least_one_failed}
- {path: load.ipynb, name: first, priority: 5, kernel: fault, parameters: {password: plain}}
""")
    return "w.yaml"


def test_the_table_is_one_a_person_reads(work, flow):
    assert dry(work, flow) == """\
#  NOTEBOOK     PATH          ESTIMATE  WAITS FOR
1  first        load.ipynb    unknown   -
     parameters: day: "2026-11-22", password: "plain"
2  load-orders  load.ipynb    unknown   pool warehouse
     parameters: day: "2026-11-22", password: ***, table: "orders", file: "data/orders.csv"
3  load-items   load.ipynb    unknown   pool warehouse
     parameters: day: "2026-11-22", password: ***, table: "items", file: "data/items.csv"
4  report       report.ipynb  unknown   load-orders, load-items (all_done)
     parameters: day: "2026-11-22", password: ***, rows: "{{ notebooks.load-orders.result.rows }}", id: "{{ run.id }}", bad: "NaN", big: 12345678901234567890123
5  alarm        load.ipynb    unknown   report (at_least_one_failed)
     runs only after a failure
     parameters: day: "2026-11-22", password: ***
5 notebooks, 3 processes, drain, as-written
"""


def test_the_document_has_the_workflows_order_and_the_position_of_each(work, flow):
    plan = document(work, flow)
    assert plan["workflow"] == {"name": "nightly", "file": "w.yaml"}
    assert (plan["target"], plan["processes"], plan["on_error"], plan["order"]) == ("local", 3, "drain", "as-written")
    assert [(n["name"], n["position"]) for n in plan["notebooks"]] == [
        ("report", 4), ("load-orders", 2), ("load-items", 3), ("alarm", 5), ("first", 1)]
    report, orders, _, alarm, first = plan["notebooks"]
    assert report["parameters"] == {"day": "2026-11-22", "password": "***",
                                    "rows": "{{ notebooks.load-orders.result.rows }}",
                                    "id": "{{ run.id }}", "bad": "NaN", "big": 12345678901234567890123}
    assert (report["depends_on"], report["run_if"], report["pool"]) == (["load-orders", "load-items"], "all_done", None)
    assert (orders["pool"], orders["timeout_seconds"], orders["cell_timeout_seconds"],
            orders["retries"]) == ("warehouse", 600, 0.5, 2)
    assert alarm["note"] == "runs only after a failure"
    assert (first["priority"], first["kernel"], first["parameters"]["password"]) == (5, "fault", "plain")
    assert not any(n["kept"] for n in plan["notebooks"])


def test_the_order_is_that_of_the_run(work, flow):
    work.write("w.yaml", work.path("w.yaml").read_text().replace("{secret: NBFORK_TEST_SECRET}", "1").replace(
        'rows: "{{ notebooks.load-orders.result.rows }}", ', "").replace("bad: .nan, ", ""))
    plan = document(work, flow)
    run = work.run("-j1", flow)
    assert run.status == 0
    started = [e["name"] for e in run.events if e["event"] == "notebook_started"]
    by_position = sorted((n for n in plan["notebooks"]), key=lambda n: n["position"])
    assert started == [n["name"] for n in by_position if n["name"] != "alarm"]


def test_what_the_command_line_says_is_in_it(work, flow):
    plan = document(work, "-j", "7", "-e", "fail-fast", "-p", "day=never", "-s", "first", flow)
    assert (plan["processes"], plan["on_error"]) == (7, "fail-fast")
    assert [(n["name"], n["parameters"]["day"]) for n in plan["notebooks"]] == [("first", "never")]


def test_named_notebooks_have_a_plan_too(work, flow):
    assert [n["name"] for n in document(work, "load.ipynb", "report.ipynb")["notebooks"]] == ["load", "report"]
    assert document(work, "load.ipynb")["workflow"]["file"] is None


def test_earlier_runs_tell_how_long_it_takes(work):
    work.notebook("n", "print x")
    work.workflow({"path": "n.ipynb", "for_each": [1, 2], "parameters": {"x": "{{ item }}"}}, processes=1)
    assert "unknown" in dry(work, "workflow.yaml")
    run = work.run("workflow.yaml", folder=None)
    assert run.status == 0
    known = document(work, "workflow.yaml")["notebooks"]
    for n, record in zip(known, run.results["notebooks"]):
        assert n["estimate"]["source"] == "history"
        assert abs(n["estimate"]["seconds"] - record["duration_seconds"]) < 0.002
    last = dry(work, "workflow.yaml").splitlines()[-1]
    assert re.fullmatch(r"2 notebooks, 1 process, let-finish, as-written; about \d+(\.\d)?s", last)
    # With another parameter it is another notebook, but most like the one of that name and file.
    assert "(earlier run)" in dry(work, "-p", "x=5", "workflow.yaml")
    work.notebook("other", "print x")
    assert "unknown" in dry(work, "other.ipynb")


def test_a_resume_shows_what_is_kept_and_why_the_rest_runs(work):
    work.notebook("a", "print a")
    work.notebook("b", "print b")
    work.notebook("bad", "error E no")
    work.workflow("a.ipynb", "b.ipynb", "bad.ipynb", {"path": "a.ipynb", "name": "c", "depends_on": "b"})
    run = work.run("workflow.yaml")
    work.notebook("b", "print other")
    out = dry(work, "--resume=" + run.dir.name, "workflow.yaml")
    assert "kept: succeeded in run " + run.results["run"]["id"] in out
    assert "runs again, because the notebook changed" in out
    assert "4 notebooks (1 kept)" in out
    notebooks = document(work, "--resume=" + run.dir.name, "workflow.yaml")["notebooks"]
    assert [(n["name"], n["kept"], n["position"]) for n in notebooks] == [
        ("a", True, None), ("b", False, 1), ("bad", False, 2), ("c", False, 3)]
    assert "'b', on which it depends, runs again" in notebooks[3]["note"]


def test_a_wide_join_is_shortened_in_the_table_and_whole_in_the_document(work):
    work.notebook("n")
    work.workflow({"path": "n.ipynb", "for_each": list(range(50))},
                  {"path": "n.ipynb", "name": "join", "depends_on": "n-*"})
    assert "n-1, n-2, n-3 and 47 more" in dry(work, "workflow.yaml")
    assert len(document(work, "workflow.yaml")["notebooks"][-1]["depends_on"]) == 50


def test_hostile_text_breaks_neither_table_nor_document(work):
    text = "a\nb\x1b[31m\x07\"'\\ é 漢 😀 \u2028 \u202e"
    work.notebook("n")
    work.write("rows.json", json.dumps([text, "{{ x }}", "x" * 3000]))
    work.workflow({"path": "n.ipynb", "for_each": {"file": "rows.json"}, "parameters": {"x": "{{ item }}"}})
    out = dry(work, "workflow.yaml")
    assert "\x1b" not in out and "\x07" not in out
    assert max(map(len, out.splitlines())) < 200
    assert [n["parameters"]["x"] for n in document(work, "workflow.yaml")["notebooks"]] == [text, "{{ x }}", "x" * 3000]


# ---- The graph ----

def graph(work, *args):
    """The nodes with their labels, and the edges, as Graphviz reads them."""
    if not shutil.which("dot"):
        pytest.skip("no dot")
    out = dry(work, "--graph", *args)
    done = subprocess.run(["dot", "-Tjson"], input=out, capture_output=True, text=True,
                          env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"})
    assert done.returncode == 0 and done.stderr == "", done.stderr + out
    found = json.loads(done.stdout)
    nodes = {n["_gvid"]: n for n in found.get("objects", [])}
    return ({n["name"]: n["label"] for n in nodes.values()},
            sorted((nodes[e["tail"]]["name"], nodes[e["head"]]["name"]) for e in found.get("edges", [])))


def test_the_graph_has_the_notebooks_and_what_they_wait_for(work, flow):
    nodes, edges = graph(work, flow)
    assert set(nodes) == {"report", "load-orders", "load-items", "alarm", "first"}
    assert all(label.startswith(name) for name, label in nodes.items())
    assert edges == [("load-items", "report"), ("load-orders", "report"), ("report", "alarm")]


def test_names_are_quoted_in_it(work):
    names = ['a "b"', "back\\slash\\", "é 漢 😀", "<b>&amp;", "x;y{z}", "new -> old", "node", "\\n", "10"]
    work.notebook("n")
    work.workflow(*({"path": "n.ipynb", "name": n} for n in names),
                  {"path": "n.ipynb", "name": "last", "depends_on": names})
    nodes, edges = graph(work, "workflow.yaml")
    assert len(nodes) == len(names) + 1 and {b for _, b in edges} == {"last"} and len(edges) == len(names)
    assert set(names) - {"back\\slash\\", "\\n"} <= set(nodes)


def test_the_graph_of_nothing(work):
    work.notebook("n")
    work.workflow({"path": "n.ipynb", "for_each": {"list": [], "allow_empty": True}})
    assert graph(work, "workflow.yaml") == ({}, [])


# ---- Errors and wrong use ----

@pytest.mark.parametrize("args, words", [
    (["--graph"], ["--graph", "--dry-run"]), (["-n", "--graph", "--json"], ["--graph", "--json"]),
    (["-c", "--graph"], ["--dry-run"]),
])
def test_options_that_do_not_go_together_are_refused(work, flow, args, words):
    said = work.refused(*args, flow, env=ENV)
    assert all(w in said for w in words)


@pytest.mark.parametrize("args", [["-n"], ["-n", "--json"], ["-n", "--graph"], ["-c"], ["-c", "-n"]])
def test_mistakes_are_found_as_by_a_run(work, flow, args):
    text = work.path("w.yaml").read_text()
    work.write("w.yaml", text.replace("item.file", "item.flie").replace("path: report.ipynb", "path: reprot.ipynb"))
    said = work.refused(*args, flow, env=ENV)
    assert "did you mean 'file'?" in said and "reprot.ipynb" in said
    assert said == work.refused(flow, env=ENV)


def test_a_resume_of_nothing_is_refused(work, flow):
    assert "none" in work.refused("-n", "--resume=none", flow, env=ENV)
    work.path("empty").mkdir()
    assert "empty" in work.refused("-n", "--resume=empty", flow, env=ENV)


def test_a_full_standard_output_is_an_error(work, flow):
    with open("/dev/full", "w") as full:
        run = work.run("-n", flow, stdout=full, folder=None, env=ENV)
    assert run.status == 3 and "No space left on device" in run.err


def test_check_starts_and_makes_nothing(work, flow):
    before = work.snapshot()
    for args in ([], ["-s", "first"], ["--check", "-j", "3"]):
        run = work.run("-c", *args, flow, folder=None, env=ENV)
        assert (run.status, run.out, run.err) == (0, "w.yaml: ok\n", "")
    assert work.snapshot() == before
    assert not work.path("ran").exists()


def test_neither_starts_a_process(work, flow):
    if not shutil.which("strace"):
        pytest.skip("no strace")
    for args in (["-c"], ["-n"]):
        # Two cannot trace it at a time, and the search for leaks does.
        run = work.run(*args, flow, folder=None, env={**ENV, "ASAN_OPTIONS": "detect_leaks=0"},
                       prefix=["strace", "-f", "-o", "trace", "-e", "trace=process"])
        assert run.status == 0
        assert not re.search(r"\b(fork|vfork|clone3?)\(", work.path("trace").read_text())
