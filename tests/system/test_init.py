"""
A first workflow of the notebooks in a folder: what is found, what is said of it, and that it is right as it is and with
all proposals put in.
"""

import ast
import json
import os
import re
import subprocess

import jsonschema
import pytest

import harness
from harness import code
from test_schema import Core, yaml

HEADER = "# Databricks notebook source\n"

HOSTILE = [
    "plain", "with space", "it's", 'quo"ted', "a: b", "a #b", "-dash", "{brace}", "[list]", "{{ item }}", "${{ x }}", "{{{odd", "&anchor", "*star",
    "!tag", "%percent", "@at", "`tick`", "tab\tbed", "line\nfeed", "über ☃", "\u2028sep", "\x9bc1", "null", "true", "no", "1.10",
    "~", "back\\slash", "a.attempt2", "a" * 180, "?q", "|pipe", ">gt", ",comma", "'", "trailing ", "d$x", "=", "<<",
]


def uncommented(text):
    """With every proposal put in: what is said has one space behind its '#', or three."""
    return re.sub(r"^( *)#(?=\S|  \S)", r"\1", text, flags=re.M)


@pytest.fixture(scope="module")
def schema():
    return json.loads(subprocess.run([*harness.program(), "--schema"], capture_output=True, check=True).stdout)


def check(work, schema, text, folder=""):
    """The workflow is right, as it is and with its proposals; returns the plans of both."""
    plans = []
    for form in (text, uncommented(text)):
        assert list(jsonschema.Draft7Validator(schema).iter_errors(yaml.load(form, Core))) == []
        file = os.path.join(folder, "form.yaml")
        work.write(file, form)
        env = {"API_TOKEN": "x", "DB_PASSWORD": "x"}
        run = work.run("--check", file, folder=None, env=env)
        assert (run.status, run.out) == (0, f"{file}: ok\n"), run.story() + form
        plans.append(json.loads(work.run("-n", "--json", file, folder=None, env=env).out)["notebooks"])
        work.path(file).unlink()
    return plans


def made(work, *args, **more):
    """What --init prints."""
    run = work.run("--init", "-o", "-", *args, folder=None, **more)
    assert run.status == 0, run.story()
    return run.out


def test_hostile_names_are_taken_as_they_are(work, schema):
    for name in HOSTILE:
        work.notebook(name + ".ipynb", "print x")
        work.notebook(f"sub/{name}.ipynb", "print x")
    text = made(work)
    assert text.isprintable() or not re.search(r"[^\n\x20-\x7e\xa0-\u2027\u2030-\uffff]", text)
    plan, _ = check(work, schema, text)
    assert sorted(n["path"] for n in plan) == sorted([n + ".ipynb" for n in HOSTILE] + [f"sub/{n}.ipynb" for n in HOSTILE])
    assert len({n["name"] for n in plan}) == 2 * len(HOSTILE)


def test_it_makes_a_file_and_never_touches_one_that_is_there(work, schema):
    work.notebook("in/load", "print x")
    run = work.run("--init", "in", folder=None)
    assert (run.status, run.out, run.err) == (0, "in/workflow.yaml: 1 notebook\n", "")
    text = work.path("in/workflow.yaml").read_text("utf-8")
    assert re.match(r"# yaml-language-server: \$schema=/.*/nbfork-workflow\.schema\.json\n", text)
    assert "path: load.ipynb\n" in text
    check(work, schema, text, "in")
    assert work.run("in/workflow.yaml").status == 0
    assert "'in/workflow.yaml' is there already" in work.refused("--init", "in")
    work.path("link.yaml").symlink_to("nowhere.yaml")
    assert "is there already" in work.refused("--init", "-o", "link.yaml", "in")
    run = work.run("--init", "-q", "-o", "other/../mine.yaml", "in", folder=None)
    assert run.status == 3 and "cannot write" in run.err
    run = work.run("--init", "-q", "-o", "mine.yaml", "in", folder=None)
    assert (run.status, run.out) == (0, "")
    assert "path: in/load.ipynb\n" in work.path("mine.yaml").read_text("utf-8")


def test_paths_are_seen_from_the_workflow(work, schema):
    work.notebook("a/b/load", "print x")
    work.notebook("a/c/load", "print x")
    work.notebook("top", "print x")
    work.path("a/c/flows").mkdir()
    work.path("alias").symlink_to("a/c")
    run = work.run("--init", "-o", "a/c/flows/w.yaml", "top.ipynb", "a/b", "./alias", folder=None)
    assert run.out == "a/c/flows/w.yaml: 3 notebooks\n"
    text = work.path("a/c/flows/w.yaml").read_text("utf-8")
    plan, _ = check(work, schema, text, "a/c/flows")
    assert [(n["path"], n["name"]) for n in plan] == [
        ("../../../top.ipynb", "top"), ("../../b/load.ipynb", "b-load"), ("../load.ipynb", "load")]


def test_what_is_no_notebook_is_passed_over(work, schema):
    for name in ("run", ".hidden", ".ipynb_checkpoints/a", "sub/.x/b", "nbfork-runs/r/notebooks/c", "mine/notebooks/d", "sub/run"):
        work.notebook(name, "print x")
    work.write("mine/events.jsonl", "")
    work.write("plain.py", "print(1)\n")
    work.write("late.py", "\n" + HEADER)
    work.write("job.py", HEADER + "print(1)\n")
    work.write("query.sql", "-- Databricks notebook source\nSELECT 1\n")
    work.write("other.txt", "")
    work.path("loop").symlink_to(".")
    work.path("dir.ipynb").mkdir()
    work.write("bad\x1b[1m.ipynb", '{"cells": [')
    os.mkfifo(work.path("pipe.ipynb"))
    (work.dir / os.fsdecode(b"not\xff.ipynb")).write_text("{}")
    run = work.run("--init", "-o", "-", folder=None)
    assert "is left out" in run.err and run.err.count("\n") == 2 and "\x1b" not in run.err + run.out
    text = run.out
    assert re.search(r"^  # left out: bad.*: ", text, re.M)
    paths = re.findall(r"^  - path: (.*)", text, re.M)
    assert paths == ["job.py", "query.sql", "run.ipynb", "sub/run.ipynb"]
    names = re.findall(r"^    name: (.*)", text, re.M)
    assert names == ["run-2", "sub-run"] or len(set(names)) == 2


def test_nothing_to_run_and_nonsense_are_refused(work):
    work.path("empty").mkdir()
    work.write("x.txt", "")
    work.notebook("a", "print x")
    assert "there is no notebook to run in 'empty'" in work.refused("--init", "empty")
    assert "cannot open 'nowhere'" in work.refused("--init", "nowhere")
    assert "'x.txt' is no notebook" in work.refused("--init", "x.txt")
    for option in ("--check", "--dry-run", "--json", "-j2", "-tx", "-pa=b", "-sa", "-r", "--deploy", "--job=x", "--progress=tty"):
        assert "--init makes a workflow and runs nothing" in work.refused("--init", option)
    assert "the name of the file to make is empty" in work.refused("--init", "-o", "")


CELL = '''# Parameters
table = "orders"
days: int = 7  # how many days
since = None  # type: date or nothing at all
rate = -0.5
large = 123_456_789_012_345_678_901
hexed = 0xff
point = .5
small = 1e-05
yes = True
text = 'it\\'s "quoted"\\n\\u2603\\x41'
raw = r"C:\\new"
long = """two
lines: # not a comment"""
joined = ("a"
          'b',)
items = [1, "two", [3.0],  # and so on
         {"k": (4, 5)}]
empty = []
options: Dict[str, int] = {"a": 1, 'b': {"c": None}}
braces = "{{ item }} ${{ x }}"
inside = ["{{ item }}", {"{{": "$"}]
no = "y"
date = "2026-11-22"
number_text = "5"
blank = ""
controls = "\x1b[1m\x85\u2028\ufeff\t"
nested = [[], {}, {"": ()}]
today = datetime.date.today()  # not a literal
both = other = 3
f = f"x{table}"
summed = 1 + 2
nul = "a\\0b"
half = "\\ud800"
twice = {"a": 1, "a": 2}
if table == "x":
    days = 8
print(table)
days = 9
api_token = "hunter2"
x == 5
'''


def test_parameters_of_a_tagged_cell(work, schema):
    work.notebook("n", code("table = 'first'"), code(CELL, "parameters"), code("late = 1", "parameters"), kernel="python3")
    text = made(work)
    expected = {}
    for node in ast.parse(CELL).body:
        targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets if isinstance(node, ast.Assign) else []
        if len(targets) == 1 and targets[0].id not in [*expected, "nul", "half", "twice"]:
            try:
                expected[targets[0].id] = json.loads(json.dumps(ast.literal_eval(node.value)))
            except ValueError:
                pass
    assert len(expected) > 20
    expected["api_token"] = "***"
    plan, full = check(work, schema, text)
    assert plan[0]["parameters"] == {}
    assert full[0]["parameters"] == expected
    assert "hunter2" not in text and "{secret: API_TOKEN}" in text
    assert re.search(r"^    #  days: 7  # int: how many days$", text, re.M)
    assert re.search(r"^    #  since: null  # date: or nothing at all$", text, re.M)
    assert re.search(r"^    # parameter today: the notebook has datetime\.date\.today\(\)", text, re.M)
    for name in ("both", "f", "summed", "nul", "half", "twice"):
        assert f"    # parameter {name}: " in text
    assert "late" not in text


def test_parameters_of_other_languages(work):
    work.notebook("r", code('table <- "orders"\nday = "x" # which\nn <- 5L\nflag <- TRUE\nv <- c(1, 2)\n', "parameters"), kernel="ir", language="R")
    work.notebook("s", code('val table = "orders"\nval count = 5 // how many\n', "parameters"), kernel="scala", language="scala")
    text = made(work)
    assert re.findall(r"^    #  (.*)", text, re.M) == ["table: orders", "day: x  # which", "flag: true", "table: orders", "count: 5  # how many"]


def test_widgets_of_databricks(work, schema):
    work.write("job.py", HEADER + '''dbutils.widgets.text("region", "north", "Region")
# dbutils.widgets.text("old", "x")
dbutils.widgets.dropdown( name = 'size', defaultValue="10", choices=["10", "{{"])
dbutils.widgets.multiselect("kinds", "a", ["a", "b"])
dbutils.widgets.combobox("my-name", "x", ["x"])
dbutils.widgets.text("today", str(date.today()))
dbutils.widgets.text("db_password", "hunter2")
dbutils.widgets.text("region", "south")
dbutils.widgets.get("other")

# COMMAND ----------

# MAGIC %sql
# MAGIC create widget TEXT day DEFAULT '2026-11-22';
# MAGIC CREATE WIDGET DROPDOWN `kind` DEFAULT "it's" CHOICES SELECT 1
# MAGIC -- CREATE WIDGET TEXT none DEFAULT 'x'
''')
    text = made(work)
    _, full = check(work, schema, text)
    values = {"region": "north", "size": "10", "kinds": "a", "db_password": "***", "day": "2026-11-22", "kind": "it's"}
    assert {n["name"]: n["parameters"] for n in full} == {"job-1": values, "job-2": values}
    assert "# parameter today: " in text
    assert "# parameter my-name: its name is none of a variable" in text
    assert "old" not in text and "hunter2" not in text and "none DEFAULT" not in text


def test_what_is_taken_in_by_another_is_no_notebook_of_its_own(work, schema):
    work.write("main.py", HEADER + "# MAGIC %run ./lib/helper\n\n# COMMAND ----------\n\nprint(1)\n")
    work.write("lib/helper.py", HEADER + "def f():\n    pass\n")
    text = made(work)
    assert "  #- path: lib/helper.py  # a part of main.py, which takes it in by %run\n" in text
    plan, full = check(work, schema, text)
    assert [n["path"] for n in plan] == ["main.py"]
    assert {n["path"] for n in full} == {"main.py", "lib/helper.py"}


def test_what_another_runs_is_run_once(work, schema):
    work.write("sub/master.py", HEADER + """paths = ['./child', "../top.ipynb", "none", "sibling.py", "master"]
for path in paths:
    dbutils.notebook.run(path, 60)
""")
    work.write("sub/child.py", HEADER + "dbutils.notebook.run('grand/child', 60)\n")
    work.write("sub/three.py", HEADER + "dbutils.notebook.run('two', 60)\n")
    work.write("sub/two.py", HEADER + "dbutils.notebook.run('three', 60)\n")
    work.write("sub/grand/child.py", HEADER + "print(1)\n")
    work.write("sub/sibling.py", HEADER + "print(1)\n")
    work.write("sub/one.py", HEADER + "print('sibling')\n")
    work.notebook("top", "print x")
    text = made(work)
    assert "  #- path: sub/child.py  # sub/master.py runs it itself, by dbutils.notebook.run\n" in text
    plan, full = check(work, schema, text)
    assert {n["path"] for n in plan} == {"sub/master.py", "sub/one.py", "sub/three.py"}
    assert {n["path"] for n in full} == {"sub/master.py", "sub/one.py", "sub/three.py", "sub/two.py", "sub/child.py",
                                        "sub/grand/child.py", "sub/sibling.py", "top.ipynb"}



def test_a_path_in_code_leads_where_it_would(work):
    work.write("main.py", HEADER + "run = dbutils.notebook.run\nrun('lib/../lib/./one', 60)\nrun(\"it's\", 60)\nrun('two.py', 60)\n"
                                   "run('/four', 60)\nrun('../out', 60)\nrun('', 60)\n# '\n")
    for name in ("lib/one.py", "lib/one.sql", "it's.r", "two.py", "two.sql", "four.py", "out.py"):
        header = HEADER.replace("#", "--") if name.endswith(".sql") else HEADER
        work.write(name, header + ("SELECT 1\n" if name.endswith(".sql") else "print(1)\n"))
    work.path("link").symlink_to("lib")
    text = work.run("--init", "-o", "-", "main.py", "link/one.py", "lib/one.sql", ".", folder=None).out
    assert sorted(re.findall(r"^  #- path: (.*?)  # main.py runs", text, re.M)) == \
        ["'it''s.r'", "lib/one.py", "lib/one.py", "lib/one.sql", "lib/one.sql", "two.py"]
