"""
Databricks' source files as notebooks of this machine: cells and titles in the executed copy, languages, %run, what is
said before anything is started.
"""

import json
import os
import re
import signal

import pytest

from harness import code, wait_for
from test_resume import kept, last_run, resume

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


def test_a_notebook_in_sql_stays_one(work):
    source(work, "a.sql", "%md\ntext", "%python\nprint('by Python')", "-- DBTITLE 1,Nothing to do\n-- MAGIC %python")
    run = work.run("a.sql")
    assert run.status == 0
    assert run.text("a") == "by Python\n"
    metadata = run.executed("a")["metadata"]
    assert metadata["language_info"] == {"name": "sql"}
    assert metadata["application/vnd.databricks.v1+notebook"]["language"] == "sql"


def test_an_exported_notebook_without_a_kernelspec_runs_in_its_language(work):
    cells = [{"cell_type": "code", "metadata": {"application/vnd.databricks.v1+cell": {"title": "", "showTitle": False}},
              "source": ["cat(6 * 7)"], "outputs": [], "execution_count": 0}]
    work.write("a.ipynb", json.dumps({"cells": cells, "nbformat": 4, "nbformat_minor": 0, "metadata": {
        "application/vnd.databricks.v1+notebook": {"language": "r", "notebookName": "a"}}}))
    run = work.run("a.ipynb")
    assert run.status == 0
    assert run.text("a") == "42"


def test_a_notebook_is_databricks_by_its_magics_too(work):
    work.write("lib.py", "# Databricks notebook source\nx = 7\n")
    work.notebook("a", "%md\n# Text", "%run ./lib", "print(x)", "%sql\ncreate widget text w default 'v'",
                  "print(getArgument('w'))", kernel="python3")
    run = work.run("a.ipynb")
    assert run.status == 0, run.story()
    assert run.text("a") == "7\nv\n"


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


# ---- %run ----

def test_run_takes_notebooks_in_as_they_stand(work):
    """Nested, by paths relative to each; with what they print, raise and show, in any form of file."""
    source(work, "jobs/main.py", '%run ../lib/setup', "print(twice(21), name, waited)", "%run ./fails",
           "print('not reached')")
    source(work, "lib/setup.py", "%md\ntext", "def twice(n):\n    return 2 * n\nprint('setup')", "%run ./deep/names", "'shown'")
    work.write("lib/deep/names.ipynb", json.dumps({
        "cells": [{"cell_type": "code", "source": ["name = 'deep'\n", "import asyncio\n", "waited = await asyncio.sleep(0, 1)"],
                   "metadata": {}, "outputs": [], "execution_count": None},
                  {"cell_type": "markdown", "source": "text", "metadata": {}}],
        "metadata": {}, "nbformat": 4, "nbformat_minor": 4}))
    source(work, "jobs/fails.py", "raise LookupError('inside')")
    run = work.run("jobs/main.py")
    record = run.record("main")
    assert record["cells"] == {"total": 4, "executed": 3}
    assert (record["error"]["name"], record["error"]["message"], record["error"]["execution_count"]) == (
        "LookupError", "inside", 3)
    assert record["error"]["traceback"][-1] == "in jobs/fails.py:2, by %run"
    first = run.cells("main")[0]
    assert first["execution_count"] == 1
    assert [o.get("text") or o["data"]["text/plain"] for o in first["outputs"]] == [["setup\n"], ["'shown'"]]
    assert run.text("main") == "setup\n42 deep 1\n"
    times = first["metadata"]["execution"]
    assert times["iopub.status.busy"] < times["iopub.execute_input"] < times["shell.execute_reply"]
    assert "".join(run.executed("main")["cells"][record["error"]["cell"]]["source"]) == "%run ./fails"


def test_absolute_paths_of_a_workspace_lead_into_a_folder(work):
    work.write("main.py", "# Databricks notebook source\n# MAGIC %run /Repos/me/etl/names\n\n# COMMAND ----------\n"
               "print(x, dbutils.notebook.run('/Workspace/Repos/me/etl/job', 60), dbutils.notebook.run('/Repos/me/etl/job', 60))\n")
    work.write("clone/names.py", "# Databricks notebook source\nx = 1\n")
    work.write("ws/Shared/top.py", "# Databricks notebook source\np = dbutils.notebook.getContext().notebookPath().get()\nprint(p)\n"
               "print(dbutils.notebook.run(p.rpartition('/')[0] + '/leaf', 60))\n")
    work.write("ws/Shared/leaf.py", "# Databricks notebook source\ndbutils.notebook.exit('leaf')\n")
    work.write("clone/job.py", "# Databricks notebook source\n# MAGIC %run ./names\n\n# COMMAND ----------\ndbutils.notebook.exit(x + 1)\n")
    (work.path("ws/Repos/me")).mkdir(parents=True)
    os.symlink("../../../clone", work.path("ws/Repos/me/etl"))
    work.workflow("main.py", "ws/Shared/top.py", targets={"local": {"workspace": "ws"}}, processes=2)
    run = work.run("workflow.yaml")
    assert run.status == 0, run.story()
    assert run.text("main") == "1 2 2\n" and run.text("top") == "/Shared/top\nleaf\n"
    # What is taken in from there is part of the notebook.
    work.write("clone/names.py", "# Databricks notebook source\nx = 5\n")
    again = resume(work, run)
    assert again.text("main") == "5 6 6\n" and again.record("top")["resumed_from"] is not None
    # By default it is the folder of that name.
    os.rename(work.path("ws"), work.path("workspace"))
    assert work.run("main.py").text("main") == "5 6 6\n"


def test_what_cannot_be_run_in_place_is_said_before_the_start(work):
    source(work, "a.py", "# DBTITLE 1,Title\n\n# why\n# MAGIC %run ./missing", "%run ./plain", "%run", "%run ./b\nprint(1)",
           '%run "./b', "%run ./b $", "%run ./loop", "%run /Shared/b", "x = 1\n# MAGIC %run ./b", "# %run ./none",
           "text = '''\n%run ./b\n'''", "%run ./broken", "%run ./b # fine\n# this too")
    work.write("plain.py", "print(1)\n")
    work.write("broken.ipynb", "{")
    source(work, "b.py", "1")
    source(work, "loop.py", "%run ./sub/back")
    source(work, "sub/back.py", "1", "%run ../a")
    run = work.run("-c", "a.py")
    assert run.status == 2
    assert run.err.splitlines() == [
        "a.py:5:1: %run: there is no notebook 'missing'",
        "a.py:9:1: %run: 'plain.py' is a file, not a notebook: its first line must be '# Databricks notebook source'",
        "a.py:13:1: %run needs the path of a notebook",
        "a.py:17:1: %run must be alone in its cell",
        "a.py:22:1: the path behind %run has no closing quote",
        "a.py:26:1: behind the path of %run there must be values of the form $name=\"value\"",
        "a.py:34:1: %run: there is no notebook '/Shared/b' on this machine, nor 'workspace/Shared/b', where a workspace's "
        "would be",
        "a.py:39:1: %run must be alone in its cell",
        "sub/back.py:6:1: %run of 'sub/../a.py', which this notebook is itself or is run by",
        "broken.ipynb:1:2: not a notebook: unexpected end of the text"]


# ---- Parameters ----

def test_a_cell_with_parameters_is_put_in_where_there_are_no_widgets(work):
    databricks = {"application/vnd.databricks.v1+notebook": {"language": "python"}}
    source(work, "plain.py", "print(sorted(n for n in globals() if n == 'x'))")
    source(work, "in_r.r", "cat(x + 1)")
    work.notebook("exported", "print(sorted(n for n in globals() if n == 'x'))", kernel=None, metadata=databricks)
    work.notebook("tagged", code("x = 1", "parameters"), "print(x)", kernel=None, metadata=databricks)
    work.notebook("ordinary", "print(x)", kernel="python3")
    work.workflow("plain.py", "in_r.r", "exported.ipynb", "tagged.ipynb", "ordinary.ipynb", parameters={"x": 5})
    run = work.run("workflow.yaml")
    assert run.status == 0
    assert {n: run.text(n) for n in ("plain", "in_r", "exported", "tagged", "ordinary")} == {
        "plain": "[]\n", "in_r": "6", "exported": "[]\n", "tagged": "5\n", "ordinary": "5\n"}
    assert [n for n in ("plain", "in_r", "exported", "tagged", "ordinary") if any(
        "injected-parameters" in c["metadata"]["tags"] for c in run.executed(n)["cells"])] == ["in_r", "tagged", "ordinary"]


# ---- Several languages ----

def two_kernels(work, *cells, **keys):
    """A notebook of two fault kernels: in Python, where %scala cells are for the other one."""
    work.kernel("other", language="scala")
    source(work, "a.py", *cells)
    keys.setdefault("targets", {"local": {"kernel": "fault"}})
    return work.workflow("a.py", **keys)


def test_a_cell_runs_on_the_kernel_of_its_language(work):
    source(work, "a.r", "x <- 6\ncat(x)", "%python\nx = 7", "%sh", "%python print(x)", "# in R\ncat(x)", "%run ./b",
           "%python\nimport resource, os\nprint(os.getpid() > 0)")
    source(work, "b.py", "%r\ny <- x * 2", "y = x * 2", "%r\ncat(y)", "%python\nprint('', y)")
    run = work.run("a.r")
    record = run.record("a")
    assert record["status"] == "succeeded"
    assert record["cells"] == {"total": 6, "executed": 6}
    assert run.text("a") == "67\n612 14\nTrue\n"
    copy = run.executed("a")
    assert copy["metadata"]["language_info"]["name"] == "R"
    assert ["".join(c["source"]) for c in copy["cells"]][:3] == ["x <- 6\ncat(x)", "%python\nx = 7", "%sh"]
    assert [c["execution_count"] for c in copy["cells"]] == [1, 2, None, 3, 4, 5, 6]
    assert record["max_rss_bytes"] > 40e6


def test_kernels_of_other_languages_start_when_they_are_needed(work):
    two_kernels(work, "pid", "exit_early = 1\nerror ValueError no", "%scala\npid")
    run = work.run("workflow.yaml")
    assert run.record("a")["error"]["name"] == "ValueError"
    assert len(run.text("a").split()) == 1
    two_kernels(work, "pid", "%scala\npid\nx = 5", "pid", "%scala show x\npid")
    run = work.run("workflow.yaml")
    assert run.status == 0
    first, other, first_again, x, other_again = run.text("a").split()
    assert (first, other, x) == (first_again, other_again, "5")
    assert first != other


def test_another_kernel_s_death_timeout_and_failure_are_the_notebook_s(work):
    two_kernels(work, "print a", "%scala\ndie 9", "print not reached")
    run = work.run("workflow.yaml")
    error = run.record("a")["error"]
    assert (error["kind"], error["name"]) == ("kernel", "DeadKernelError")
    assert error["execution_count"] in (2, None)  # whether it could say that it has begun
    assert "SIGKILL" in error["message"]
    assert "".join(run.executed("a")["cells"][error["cell"]]["source"]) == "%scala\ndie 9"
    # Beside an interrupt, the time of a cell is that of all that it takes in.
    source(work, "slow.py", "sleep 0.6", "%scala\nsleep 0.6", "hang")
    two_kernels(work, "print a", "%run ./slow", "print not reached", defaults={"cell_timeout_seconds": 1.5})
    run = work.run("workflow.yaml")
    assert (run.record("a")["status"], run.record("a")["error"]["name"]) == ("timed_out", "CellTimeoutError")
    assert run.record("a")["duration_seconds"] < 8
    two_kernels(work, "print a", "%scala\nprint b\nerror Odd text", defaults={"allow_errors": True})
    run = work.run("workflow.yaml")
    assert run.status == 0
    assert run.text("a") == "a\nb\n"


def test_a_stop_reaches_the_kernel_that_works(work):
    two_kernels(work, "print a", "%scala\ntouch running\nsleep 60", "print not reached")
    run = work.start("workflow.yaml")
    wait_for(work.path("running").exists, "the cell to run")
    run.signal(signal.SIGINT)
    assert run.wait() == -signal.SIGINT
    assert run.record("a")["status"] == "cancelled"
    assert run.record("a")["error"]["cell"] is not None
    outputs = run.executed("a")["cells"][-2]["outputs"]
    assert [o["ename"] for o in outputs] == ["KeyboardInterrupt"]


@pytest.mark.parametrize("victim", ["nbfork", "worker"])
def test_no_kernel_is_left_when_its_worker_or_nbfork_is_killed(work, victim):
    two_kernels(work, "spawn stubborn one", "%scala\nspawn stubborn two", "touch running\nhang ignore-int")
    run = work.start("workflow.yaml")
    wait_for(work.path("running").exists, "the cell to run")
    os.kill(run.pid if victim == "nbfork" else run.event("notebook_started")["pid"], signal.SIGKILL)
    assert run.wait() == (-signal.SIGKILL if victim == "nbfork" else 1)


def test_a_kernel_that_is_not_there_is_said_before_the_start_at_its_cell(work):
    source(work, "a.py", "1", "# DBTITLE 1,No kernel\n# MAGIC %scala\n# MAGIC val x = 1", "%scala\n2", "%r\n1")
    work.write("b.ipynb", json.dumps({
        "cells": [{"cell_type": "code", "source": "%scala\n1", "metadata": {}, "outputs": [], "execution_count": None}],
        "metadata": {"application/vnd.databricks.v1+notebook": {"language": "python"}}, "nbformat": 4, "nbformat_minor": 4},
        indent=1))
    work.workflow("a.py", {"path": "a.py", "name": "twice"}, "b.ipynb")
    run = work.run("-c", "workflow.yaml")
    assert run.status == 2
    missing = "a cell is in another language than the notebook: no kernel for Scala is installed; there are: fault, ir, python3"
    assert run.err.splitlines() == [f"a.py:7:1: {missing}", f"b.ipynb:5:14: {missing}"]


def test_the_memory_of_all_kernels_together_is_limited(work):
    two_kernels(work, "print a", "%scala\nprint b", "%scala\nprint c", defaults={"memory_limit": "1G"})
    run = work.run("workflow.yaml")
    assert run.text("a") == "a\nb\nc\n"


# ---- With the runtime ----

def test_what_the_workspace_does_itself_is_done_here(work):
    source(work, "lib/given.py", "dbutils.widgets.text('who', 'nobody')\nprint(dbutils.widgets.get('who'))")
    source(work, "a.py", "%sh echo $((6 * 7))", "%sh -e -u\necho \\\n 'a  b'", "%fs\nmkdirs /made\nput /made/f text",
           "%pip --version", "# how much\n%pip --version \\\n  --quiet\nprint('and on')\nif True:\n    %pip --version",
           "x = 1\n%sh echo line\n%restart_python\nprint('not reached')", "print('x' in globals())",
           '%run ./lib/given $who="a \'b" $and=c', "%sh false\necho last", "%sh -e\necho one\nfalse\necho two")
    work.workflow("a.py", targets={"local": {"dbfs": "dbfs"}})
    (work.dir / "dbfs").mkdir()
    run = work.run("workflow.yaml")
    error = run.record("a")["error"]
    assert (error["name"], error["execution_count"]) == ("CalledProcessError", 10)
    text = re.sub(r"^pip .*\n", "PIP\n", run.text("a"), flags=re.M)
    assert text == "42\na  b\ntrue\nWrote 4 bytes.\nPIP\nPIP\nand on\nPIP\nline\nFalse\na 'b\nlast\none\n"


def test_a_failing_pip_fails_its_cell_wherever_it_stands(work):
    source(work, "a.py", "%pip install ./nowhere")
    source(work, "b.py", "%pip install ./nowhere\nprint('not reached')")
    work.workflow("a.py", "b.py")
    run = work.run("workflow.yaml")
    for name in "ab":
        assert run.record(name)["error"]["name"] == "CalledProcessError"
        assert "not reached" not in run.text(name)


def test_an_exit_ends_the_notebook_wherever_it_stands(work):
    source(work, "a.py", "%run ./b", "print('not reached')")
    source(work, "b.py", "print('b')", "dbutils.notebook.exit('from b')", "print('nor this')")
    source(work, "c.r", "cat('in R\\n')", "%python\ndbutils.notebook.exit(dbutils.widgets.get('n'))", "cat('not reached')")
    work.workflow("a.py", {"path": "c.r", "parameters": {"n": 5}})
    run = work.run("workflow.yaml")
    assert run.status == 0
    assert (run.record("a")["result"], run.record("c")["result"]) == ("from b", "5")
    assert run.text("a") == "b\n"
    assert run.text("c") == "in R\n"


def test_sql_without_spark_is_an_error_that_says_what_is_missing(work):
    source(work, "a.sql", "-- nothing here\nselect 1")
    run = work.run("a.sql")
    error = run.record("a")["error"]
    if error is None:
        pytest.skip("there is Spark")
    assert error["execution_count"] == 1
    assert "PySpark" in error["message"] and "pip install pyspark" in error["message"]


# ---- Again ----

def test_a_resume_goes_by_all_that_a_notebook_takes_in(work):
    source(work, "a.py", "%run ./lib/one", "x")
    source(work, "lib/one.py", "x = 1", "%run ./two")
    source(work, "lib/two.py", "%run ../lib/three")
    source(work, "lib/three.py", "y = 1")
    source(work, "b.py", "1")
    work.workflow("a.py", "b.py")
    first = work.run("workflow.yaml")
    assert first.status == 0
    assert kept(resume(work, first)) == ["a", "b"]
    source(work, "lib/three.py", "y = 2")
    again = resume(work, first)
    assert kept(again) == ["b"]
    assert [e["reason"] for e in last_run(again) if e["event"] == "notebook_started"] == ["the notebook changed"]
    work.path("lib/three.py").unlink()
    assert "lib/two.py:2:1: %run: there is no notebook 'lib/../lib/three'\n" in work.run("-c", "workflow.yaml").err
    work.notebook("lib/three", "y = 3", kernel=None)
    assert kept(resume(work, first)) == ["b"]


def test_earlier_runs_tell_how_long_it_takes(work):
    source(work, "a.sql", "%python 1")
    work.workflow("a.sql")
    assert work.run("workflow.yaml", folder=None).status == 0
    plan = work.run("-n", "workflow.yaml", folder=None)
    assert re.search(r"^1 +a +a\.sql +\d\S*s \(earlier run\) ", plan.out, re.M), plan.out
