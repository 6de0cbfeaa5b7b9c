"""
papermill's marks in the executed copy: metadata of the notebook and its cells, and the error marker cells.
"""

import re

import pytest

from harness import code, markdown

STYLE = "color:red; font-family:Helvetica Neue, Helvetica, Arial, sans-serif; font-size:2em;"
ISO = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(\+00:00)?"


def sources(run, name):
    return ["".join(c["source"]) for c in run.executed(name)["cells"]]


def marks(run, name):
    return [(i, "".join(c["source"])) for i, c in enumerate(run.executed(name)["cells"])
            if "papermill-error-cell-tag" in c["metadata"].get("tags", [])]


def test_metadata_of_a_notebook_that_succeeds(work):
    work.notebook("sub/a", markdown("m"), "print a\nsleep 0.2", "print b")
    work.workflow({"path": "sub/a.ipynb", "parameters": {"x": [1, None]}})
    run = work.run("workflow.yaml")
    nb = run.executed("a")
    meta = nb["metadata"]["papermill"]
    assert set(meta) == {"default_parameters", "parameters", "environment_variables", "version", "input_path",
                         "output_path", "start_time", "end_time", "duration", "exception"}
    assert meta["parameters"] == {"x": [1, None]}
    assert (meta["default_parameters"], meta["environment_variables"], meta["exception"]) == ({}, {}, None)
    assert meta["input_path"].endswith("sub/a.ipynb")
    assert meta["output_path"].endswith(f"{run.dir.name}/notebooks/a.ipynb")
    assert re.fullmatch(ISO, meta["start_time"]) and re.fullmatch(ISO, meta["end_time"])
    assert 0.2 <= meta["duration"] < 60
    assert [c["metadata"]["papermill"]["status"] for c in nb["cells"]] == ["completed"] * 4
    for c in nb["cells"]:
        p = c["metadata"]["papermill"]
        assert set(p) == {"exception", "start_time", "end_time", "duration", "status"}
        assert p["exception"] is False and p["start_time"] <= p["end_time"]
        assert isinstance(c["metadata"]["tags"], list)
    assert nb["cells"][2]["metadata"]["papermill"]["duration"] >= 0.2


def test_metadata_and_markers_of_a_notebook_that_fails(work):
    work.notebook("a", markdown("m"), "print a", "error E no", "print b", markdown("end"))
    run = work.run("a.ipynb")
    nb = run.executed("a")
    assert nb["metadata"]["papermill"]["exception"] is True
    assert marks(run, "a") == [
        (0, f"<span style=\"{STYLE}\">An Exception was encountered at "
            "'<a href=\"#papermill-error-cell\">In [2]</a>'.</span>"),
        (3, f'<span id="papermill-error-cell" style="{STYLE}">'
            "Execution using papermill encountered an exception here and stopped:</span>")]
    assert sources(run, "a")[4] == "error E no"
    assert run.record("a")["error"]["cell"] == 4
    states = [c["metadata"]["papermill"]["status"] for c in nb["cells"] if "papermill" in c["metadata"]]
    assert states == ["completed", "completed", "failed", "pending", "pending"]
    assert [c["metadata"]["papermill"]["exception"] for c in nb["cells"] if "papermill" in c["metadata"]][2] is True


def test_markers_of_an_earlier_run_are_replaced_and_not_added_to(work):
    work.notebook("a", "print a", "error E no")
    first = work.run("a.ipynb")
    work.write("b.ipynb", (first.dir / "notebooks/a.ipynb").read_text())
    second = work.run("b.ipynb")
    assert len(marks(second, "b")) == 2
    assert sources(second, "b") == sources(first, "a")
    work.write("c.ipynb", (first.dir / "notebooks/a.ipynb").read_text().replace("error E no", "print fine"))
    third = work.run("c.ipynb")
    assert third.status == 0
    assert marks(third, "c") == []
    assert third.executed("c")["metadata"]["papermill"]["exception"] is None


def test_an_expected_exception_is_no_failure_and_leaves_no_marker(work):
    work.notebook("a", code("error E expected", "raises-exception"), "print b")
    run = work.run("a.ipynb")
    assert run.status == 0
    assert marks(run, "a") == []
    assert [c["metadata"]["papermill"]["status"] for c in run.cells("a")] == ["completed"] * 2


def test_the_marker_points_at_the_cell_that_stopped_it_and_not_at_an_expected_exception(work):
    work.notebook("a", code("error E expected", "raises-exception"), "error F no", "print never")
    run = work.run("a.ipynb")
    at = marks(run, "a")[1][0]
    assert sources(run, "a")[at + 1] == "error F no"


@pytest.mark.parametrize("cell", ["error SystemExit 0", "error SystemExit None"])
def test_an_exit_without_an_error_code_ends_the_notebook_as_a_success(work, cell):
    work.notebook("a", "print a", cell, "print never")
    run = work.start("a.ipynb")
    assert run.wait() == 0  # alone of all successes, it has not executed all cells
    assert run.record("a")["cells"] == {"total": 3, "executed": 2}
    assert (run.text("a"), marks(run, "a")) == ("a\n", [])


@pytest.mark.parametrize("cell", ["error SystemExit 3", "error SystemExit False", "error SystemExit no such table"])
def test_an_exit_with_an_error_code_is_a_failure(work, cell):
    work.notebook("a", cell, "print never")
    run = work.run("a.ipynb")
    assert run.status == 1
    assert run.record("a")["error"]["name"] == "SystemExit"
    assert len(marks(run, "a")) == 2


@pytest.mark.parametrize("status", ["0", "None", "3"])
@pytest.mark.parametrize("tags, more", [(["raises-exception"], {}), ([], {"allow_errors": True})], ids=["tag", "key"])
def test_where_errors_are_allowed_an_exit_is_one_of_them(work, status, tags, more):
    work.notebook("a", code(f"error SystemExit {status}", *tags), "print b")
    work.workflow({"path": "a.ipynb", **more})
    run = work.run("workflow.yaml")
    assert run.status == 0
    assert run.record("a")["cells"] == {"total": 2, "executed": 2}
    assert run.text("a") == "b\n"


@pytest.mark.parametrize("cell, more", [
    ("die 9", {}), ("hang", {"cell_timeout_seconds": 5}), ("hang", {"timeout_seconds": 10}),
], ids=["kernel death", "cell timeout", "timeout"])
def test_other_ends_are_marked_too(work, cell, more):
    work.notebook("a", "print a", cell, "print never")
    work.workflow({"path": "a.ipynb", **more})
    run = work.run("workflow.yaml")
    assert run.executed("a")["metadata"]["papermill"]["exception"] is True
    cells = run.cells("a")
    assert cells[1]["metadata"]["papermill"]["exception"] is True
    assert [c["metadata"]["papermill"]["status"] for c in cells] == ["completed", "failed", "pending"]
    assert len(marks(run, "a")) == 2
    at = marks(run, "a")[1][0]
    assert sources(run, "a")[at + 1] == cell


def test_a_stopped_notebook_is_complete(work):
    work.notebook("a", "print a", "wait go", "print never")
    run = work.start("a.ipynb")
    run.event("cell_started", number=2)
    run.signal(15)
    run.finish()
    meta = run.executed("a")["metadata"]["papermill"]
    assert meta["end_time"] and meta["duration"] > 0
    assert [c["metadata"]["papermill"]["status"] for c in run.cells("a")][0::2] == ["completed", "pending"]


def test_language_info_is_there_after_a_failure_too(work):
    work.notebook("a", "die 9")
    assert work.run("a.ipynb").executed("a")["metadata"]["language_info"]["name"] == "python"
