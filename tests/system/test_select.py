"""
--select: only some of the notebooks, with what they depend on.
"""

import json

import pytest


@pytest.fixture
def flow(work):
    """Two chains that end in a report, and one beside them."""
    work.notebook("n", "print x")
    work.notebook("bad", "error E no")
    work.workflow({"path": "n.ipynb", "name": "get-{{ item }}", "for_each": ["a", "b"]},
                  {"path": "n.ipynb", "name": "load-{{ item }}", "for_each": ["a", "b"],
                   "depends_on": "get-{{ item }}"},
                  {"path": "n.ipynb", "name": "report", "depends_on": ["load-*"]},
                  {"path": "n.ipynb", "name": "mail", "depends_on": "report"},
                  {"path": "bad.ipynb", "name": "beside"}, {"path": "n.ipynb", "name": "x[1]"})
    return "workflow.yaml"


@pytest.mark.parametrize("globs, names", [
    (["get-a"], ["get-a"]),
    (["load-a"], ["get-a", "load-a"]),
    (["load-*"], ["get-a", "get-b", "load-a", "load-b"]),
    (["report"], ["get-a", "get-b", "load-a", "load-b", "report"]),
    (["*port"], ["get-a", "get-b", "load-a", "load-b", "report"]),
    (["load-b", "get-a"], ["get-a", "get-b", "load-b"]),
    (["load-[!a]"], ["get-b", "load-b"]),
    (["x[1]"], ["x[1]"]),
    (["get-?", "x*"], ["get-a", "get-b", "x[1]"]),
])
def test_what_is_selected_runs_with_what_it_depends_on_in_the_workflows_order(work, flow, globs, names):
    run = work.run(*(a for g in globs for a in ("-s", g)), flow)
    assert run.status == 0  # beside is not there
    assert run.statuses() == dict.fromkeys(names, "succeeded")


def test_everything_is_all_of_it(work, flow):
    assert len(work.run("--select=*", flow).statuses()) == 8


def test_a_plan_and_a_check_select_too(work, flow):
    plan = json.loads(work.run("-n", "--json", "-s", "load-a", flow, folder=None).out)["notebooks"]
    assert [(n["name"], n["position"], n["depends_on"]) for n in plan] == [("get-a", 1, []), ("load-a", 2, ["get-a"])]
    assert work.run("-c", "-s", "load-a", flow, folder=None).out == "workflow.yaml: ok\n"


def test_a_glob_in_depends_on_is_not_narrowed(work, flow):
    """A report of half of the loads would be a wrong one."""
    run = work.run("-n", "--json", "-s", "report", flow, folder=None)
    assert [n["depends_on"] for n in json.loads(run.out)["notebooks"]][-1] == ["load-a", "load-b"]


@pytest.mark.parametrize("glob, words", [
    ("laod-a", "there is no notebook 'laod-a'; did you mean 'load-a'?"),
    ("zz*", "'zz*' matches the name of no notebook"),
    ("load", "load-*"),
    ("LOAD-A", "there is no notebook 'LOAD-A'"),
    ("", ""),
])
def test_what_selects_nothing_is_refused(work, flow, glob, words):
    for more in ([], ["-s", "load-a"], ["-c"], ["-n"]):
        said = work.refused("-s", glob, *more, flow)
        assert words in said and "--select" in said and len(said.splitlines()) == 1
    said = work.refused("-s", "zz1*", "-s", "load-a", "-s", "zz2*", flow)
    assert "zz1*" in said and "zz2*" in said


def test_what_is_not_selected_is_checked_nevertheless(work, flow):
    work.notebook("m")
    work.workflow({"path": "m.ipynb"}, {"path": "m.ipynb", "name": "other", "depends_on": "nope"})
    assert "there is no notebook 'nope'" in work.refused("-s", "m", "workflow.yaml")


def test_a_selected_ones_failure_above_is_a_failure(work):
    work.notebook("n", "print x")
    work.notebook("bad", "error E no")
    work.workflow("bad.ipynb", {"path": "n.ipynb", "depends_on": "bad"}, {"path": "n.ipynb", "name": "other"})
    run = work.run("-s", "n", "workflow.yaml")
    assert run.status == 1 and run.statuses() == {"bad": "failed", "n": "skipped"}


def test_named_notebooks_can_be_selected_from(work):
    work.notebook("a1")
    work.notebook("a2")
    work.notebook("b")
    assert work.run("-s", "a*", "a1.ipynb", "a2.ipynb", "b.ipynb").statuses() == {"a1": "succeeded", "a2": "succeeded"}


def test_values_come_from_what_is_taken_along(work):
    work.notebook("top", 'display {"data": {"application/vnd.nbfork.result+json": {"rows": 7}}}')
    work.notebook("n", "show x")
    work.workflow("top.ipynb", {"path": "n.ipynb", "depends_on": "top",
                                "parameters": {"x": "{{ notebooks.top.result.rows }}"}},
                  {"path": "n.ipynb", "name": "other", "parameters": {"x": 1}})
    run = work.run("-s", "n", "workflow.yaml")
    assert run.statuses() == {"top": "succeeded", "n": "succeeded"} and run.text("n") == "7\n"
