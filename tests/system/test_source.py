"""
Databricks' source files as notebooks of this machine: cells and titles in the executed copy, languages, %run, what is
said before anything is started.
"""

import json

HEADERS = {"py": "# Databricks notebook source", "sql": "-- Databricks notebook source",
           "r": "# Databricks notebook source", "R": "# Databricks notebook source",
           "scala": "// Databricks notebook source"}
COMMENTS = {"py": "#", "sql": "--", "r": "#", "R": "#", "scala": "//"}


def source(work, name, *cells):
    """Writes a source file as the workspace exports one. A cell that begins with '%' gets the prefix of magics."""
    ending = name.rpartition(".")[2]
    comment = COMMENTS[ending]
    texts = []
    for cell in cells:
        if cell.startswith("%"):
            cell = "\n".join(f"{comment} MAGIC {line}".rstrip() for line in cell.split("\n"))
        texts.append(cell)
    return work.write(name, HEADERS[ending] + "\n" + f"\n\n{comment} COMMAND ----------\n\n".join(texts))


def test_a_source_file_runs_and_its_copy_is_a_jupyter_notebook(work):
    source(work, "sub/load.py", "%md\n# A title\n\ntext", "# DBTITLE 1,Count\nn = 1\nprint('n', n)", "",
           "# DBTITLE 0,Hidden\nn + 1", "import os\nprint(os.path.basename(os.getcwd()))")
    run = work.run("sub/load.py")
    assert run.status == 0
    assert run.record("load")["cells"] == {"total": 3, "executed": 3}
    copy = run.executed("load")
    title = "application/vnd.databricks.v1+cell"
    assert [(c["cell_type"], "".join(c["source"]), c["metadata"].get(title)) for c in copy["cells"]] == [
        ("markdown", "# A title\n\ntext", None), ("code", "n = 1\nprint('n', n)", {"showTitle": True, "title": "Count"}),
        ("code", "", None), ("code", "n + 1", {"showTitle": False, "title": "Hidden"}),
        ("code", "import os\nprint(os.path.basename(os.getcwd()))", None)]
    assert copy["metadata"]["application/vnd.databricks.v1+notebook"] == {
        "language": "python", "notebookName": "load", "widgets": {}}
    assert copy["metadata"]["language_info"]["name"] == "python"
    assert [c["id"] for c in copy["cells"]] == [f"cell-{i}" for i in range(5)]
    assert run.text("load") == "n 1\nsub\n"
    assert copy["cells"][3]["outputs"][0]["data"]["text/plain"] == ["2"]


def test_an_error_is_at_its_cell(work):
    source(work, "a.py", "%md\ntext", "x = 1", "x / 0")
    run = work.run("a.py")
    assert run.status == 1
    error = run.record("a")["error"]
    assert (error["name"], error["execution_count"]) == ("ZeroDivisionError", 2)
    assert "".join(run.executed("a")["cells"][error["cell"]]["source"]) == "x / 0"


def test_a_notebook_in_r_runs_on_the_kernel_of_r(work):
    source(work, "a.r", "x <- 20", "cat(x * 2 + 2)")
    run = work.run("a.r")
    assert run.status == 0
    assert run.text("a") == "42"
    assert run.executed("a")["metadata"]["language_info"]["name"] == "R"


def test_an_exported_notebook_without_a_kernelspec_runs_in_its_language(work):
    cells = [{"cell_type": "code", "metadata": {"application/vnd.databricks.v1+cell": {"title": "", "showTitle": False}},
              "source": ["cat(6 * 7)"], "outputs": [], "execution_count": 0}]
    work.write("a.ipynb", json.dumps({"cells": cells, "nbformat": 4, "nbformat_minor": 0, "metadata": {
        "application/vnd.databricks.v1+notebook": {"language": "r", "notebookName": "a"}}}))
    run = work.run("a.ipynb")
    assert run.status == 0
    assert run.text("a") == "42"


def test_files_that_are_no_notebooks_are_said_before_the_start(work):
    work.write("plain.py", "print(1)\n")
    work.write("latin.py", HEADERS["py"].encode() + b"\nx = '\xe9'\n")
    source(work, "fine.py", "1")
    source(work, "a.scala", "val x = 1")
    work.workflow("plain.py", "latin.py", "fine.py", "a.scala")
    run = work.run("--check", "workflow.yaml")
    assert run.status == 2
    path = f"{work.dir}/" if run.err.startswith("/") else ""
    assert f"{path}plain.py:1:1: not a notebook: its first line must be '# Databricks notebook source'\n" in run.err
    assert f"{path}latin.py:2:6: not a notebook: text that is not UTF-8\n" in run.err
    assert "no kernel for Scala is installed; there are: " in run.err
    assert run.err.count("\n") == 3
    assert not run.dir.exists()
