"""
dbutils and what else Databricks' notebooks find here: every function against what Databricks says of it, the errors'
names and texts included.
"""

import json
import os

import pytest

RESULT = "application/vnd.nbfork.result+json"


def source(*cells):
    return "# Databricks notebook source\n" + "\n\n# COMMAND ----------\n\n".join(cells) + "\n"


def magic(text):
    return "\n".join("# MAGIC " + line for line in text.split("\n"))


def python(work, name, *cells):
    return work.notebook(name, *cells, kernel=None)


def displays(run, name):
    """What the executed copy has been shown, as bundles of MIME types."""
    return [{k: "".join(v) if isinstance(v, list) else v for k, v in o["data"].items()}
            for c in run.cells(name) for o in c["outputs"] if "data" in o]


JAVA = "An error occurred while calling o1.%s.\n: %s"
WIDGET = "com.databricks.dbutils_v1.InputWidgetNotDefined: No input widget named %s is defined"
MISSING = "java.io.FileNotFoundException: No such file or directory: %s"

# What is called, and what that gives: a value, or (name of the exception, its text).
TABLE = [
    # Widgets. The notebook was given day=2026-11-22, n=3, list=[1, 2] and flag=true.
    ("dbutils.widgets.get('day')", "2026-11-22"),
    ("dbutils.widgets.get('n'), dbutils.widgets.get('list'), dbutils.widgets.get('flag')", ["3", "[1, 2]", "true"]),
    ("dbutils.widgets.text('day', 'default', 'The day'), dbutils.widgets.get('day')", [None, "2026-11-22"]),
    ("dbutils.widgets.text(name='t', defaultValue='a'), dbutils.widgets.get('t')", [None, "a"]),
    ("dbutils.widgets.text('t', 'b'), dbutils.widgets.get('t')", [None, "a"]),
    ("dbutils.widgets.text('x', 5)", ("Py4JError", "An error occurred while calling o1.text. Trace:\n"
     "py4j.Py4JException: Method text([class java.lang.String, class java.lang.Integer, null]) does not exist")),
    ("dbutils.widgets.text('x')", ("TypeError", "missing 1 required positional argument: 'defaultValue'")),
    ("dbutils.widgets.dropdown('d', 'b', ['a', 'b'], 'label'), dbutils.widgets.get('d')", [None, "b"]),
    ("dbutils.widgets.dropdown('d2', 'c', ['a', 'b'])", ("Py4JJavaError", JAVA % (
        "dropdown", "java.lang.IllegalArgumentException: requirement failed: default value c of widget d2 is not one"))),
    ("dbutils.widgets.dropdown('d3', 'a', [1, 'a'])", ("Py4JError", "class java.lang.Integer")),
    ("dbutils.widgets.combobox('c', 'z', ['a', 'b']), dbutils.widgets.get('c')", [None, "z"]),
    ("dbutils.widgets.multiselect('m', 'a', [str(i) for i in range(3)] + ['a']), dbutils.widgets.get('m')", [None, "a"]),
    ("dbutils.widgets.multiselect('m2', 'q', ['a'])", ("Py4JJavaError", "java.lang.IllegalArgumentException")),
    ("dbutils.widgets.get('no')", ("Py4JJavaError", JAVA % ("getArgument", WIDGET % "no"))),
    ("dbutils.widgets.getArgument('no', 'other'), dbutils.widgets.getArgument('t', 'other')", ["other", "a"]),
    ("getArgument('t'), getArgument('no', 'x')", ["a", "x"]),
    ("getArgument('no')", ("Py4JJavaError", WIDGET % "no")),
    ("dbutils.widgets.getAll()", {"c": "z", "d": "b", "day": "2026-11-22", "flag": "true", "list": "[1, 2]", "m": "a",
                                  "n": "3", "t": "a"}),
    ("dbutils.widgets.remove('t'), 't' in dbutils.widgets.getAll()", [None, False]),
    ("dbutils.widgets.remove('t')", ("Py4JJavaError", JAVA % ("remove", WIDGET % "t"))),
    ("dbutils.widgets.removeAll(), dbutils.widgets.getAll()",
     [None, {"day": "2026-11-22", "flag": "true", "list": "[1, 2]", "n": "3"}]),
    # An error is what a notebook catches there, and can be looked into.
    ("catch_java(lambda: dbutils.widgets.get('no'))", ["com.databricks.dbutils_v1.InputWidgetNotDefined",
                                                      "No input widget named no is defined", None]),
    # Files.
    ("dbutils.fs.put('/data/a.txt', 'hello')", True),
    ("dbutils.fs.put('dbfs:/data/a.txt', 'again')", ("ExecutionError", JAVA % (
        "put", "org.apache.hadoop.fs.FileAlreadyExistsException: File already exists: dbfs:/data/a.txt"))),
    ("dbutils.fs.put('dbfs:/data/a.txt', 'äöü', overwrite=True), dbutils.fs.put('/data/a.txt', 'äöü', True)", [True, True]),
    ("dbutils.fs.put('/data/x', 5)", ("Py4JError", "Method put([class java.lang.Integer]) does not exist")),
    ("dbutils.fs.head('/data/a.txt'), dbutils.fs.head('dbfs:/data/a.txt', 2)", ["äöü", "ä"]),
    ("dbutils.fs.mkdirs('dbfs:/data/sub/deep'), dbutils.fs.mkdirs('/data/sub')", [True, True]),
    ("[(f.path, f.name, f.size, f.isDir(), f.isFile(), len(f)) for f in dbutils.fs.ls('/data')]",
     [["dbfs:/data/a.txt", "a.txt", 6, False, True, 4], ["dbfs:/data/sub/", "sub/", 0, True, False, 4]]),
    ("abs(dbutils.fs.ls('/data')[0].modificationTime / 1000 - __import__('time').time()) < 600", True),
    ("[f.name for f in dbutils.fs.ls('dbfs:/data/a.txt')]", ["a.txt"]),
    ("dbutils.fs.ls('/data/sub/deep')", []),
    ("[f.name for f in dbutils.fs.ls('/')], [f.path for f in dbutils.fs.ls('dbfs:///')]", [["data/"], ["dbfs:/data/"]]),
    ("dbutils.fs.ls('/nowhere')", ("ExecutionError", JAVA % ("ls", MISSING % "dbfs:/nowhere"))),
    ("catch_java(lambda: dbutils.fs.ls('dbfs:/nowhere'))[0]", "java.io.FileNotFoundException"),
    ("dbutils.fs.head('/nowhere')", ("ExecutionError", MISSING % "dbfs:/nowhere")),
    ("dbutils.fs.cp('/nowhere', '/data')", ("ExecutionError", JAVA % ("cp", MISSING % "dbfs:/nowhere"))),
    ("dbutils.fs.mv('/nowhere', '/data')", ("ExecutionError", JAVA % ("mv", MISSING % "dbfs:/nowhere"))),
    ("dbutils.fs.ls('relative')", ("ExecutionError", "java.lang.IllegalArgumentException: Path must be absolute: relative")),
    ("dbutils.fs.ls('abfss://a@b/c')", ("ExecutionError", 'No FileSystem for scheme "abfss"')),
    ("dbutils.fs.cp('/data/a.txt', '/data/sub'), dbutils.fs.head('/data/sub/a.txt')", [True, "äöü"]),
    ("dbutils.fs.cp('/data', '/copy')", ("ExecutionError", "java.io.IOException: Cannot copy directory")),
    ("dbutils.fs.cp('/data', '/data/sub/x', True)", ("ExecutionError", "which is a part of it")),
    ("dbutils.fs.cp('/data', '/copy', recurse=True), [f.name for f in dbutils.fs.ls('/copy')]", [True, ["a.txt", "sub/"]]),
    ("dbutils.fs.mv('/copy/a.txt', '/copy/b/c.txt'), [f.name for f in dbutils.fs.ls('/copy')]", [True, ["b/", "sub/"]]),
    ("dbutils.fs.mv('/copy/sub', '/moved', True), [f.name for f in dbutils.fs.ls('/moved')]", [True, ["a.txt", "deep/"]]),
    ("dbutils.fs.rm('/moved')", ("ExecutionError", "java.io.IOException: Cannot delete non-empty directory dbfs:/moved")),
    ("dbutils.fs.rm('/moved', True), dbutils.fs.rm('/moved', True), dbutils.fs.rm('/copy/b/c.txt')", [True, False, True]),
    ("dbutils.fs.rm('/copy', recurse=True), dbutils.fs.rm('/data/sub/../../data/sub', True)", [True, True]),
    ("dbutils.fs.put('file:' + os.getcwd() + '/here.txt', 'local'), open('here.txt').read()", [True, "local"]),
    ("dbutils.fs.cp('file://' + os.getcwd() + '/here.txt', 'dbfs:/data/b.txt'), dbutils.fs.head('/data/b.txt')",
     [True, "local"]),
    ("dbutils.fs.ls('file:' + os.getcwd() + '/here.txt')[0].path == f'file:{os.getcwd()}/here.txt'", True),
    ("dbutils.fs.rm('/../../../../data/b.txt'), dbutils.fs.ls('/..')[0].name", [True, "data/"]),
    ("dbutils.fs.mounts()[0].mountPoint, dbutils.fs.refreshMounts()", ["/", True]),
    ("dbutils.fs.mount('wasbs://x', '/mnt/x')", ("ExecutionError", "there are no mounts here")),
    ("dbutils.fs.unmount('/mnt/x')", ("ExecutionError", "there are no mounts here")),
    # Secrets.
    ("len(dbutils.secrets.get('app', 'token')), dbutils.secrets.getBytes(scope='app', key='token')[:1] == b'h'", [11, True]),
    ("[s.key for s in dbutils.secrets.list('app')]", ["token", "other"]),
    ("[s.name for s in dbutils.secrets.listScopes()]", ["app"]),
    ("len(dbutils.secrets.get('from-env', 'a.key'))", 9),
    ("dbutils.secrets.get('app', 'no')", ("Py4JJavaError", JAVA % (
        "get", "java.lang.IllegalArgumentException: Secret does not exist with scope: app and key: no"))),
    ("dbutils.secrets.get(scope='no', key='x')", ("Py4JJavaError", "Secret does not exist with scope: no and key: x")),
    ("dbutils.secrets.list('no')", ("Py4JJavaError", "RESOURCE_DOES_NOT_EXIST: Scope no does not exist!")),
    # Task values.
    ("dbutils.jobs.taskValues.set('rows', 3), dbutils.jobs.taskValues.set(key='l', value=[1, {'a': None}])", [None, None]),
    ("dbutils.jobs.taskValues.set(1, 3)", ("TypeError", "key must be a string")),
    ("dbutils.jobs.taskValues.set('o', object())", ("TypeError", "not JSON serializable")),
    ("dbutils.jobs.taskValues.set('big', 'x' * 49152)", ("ValueError", "48 KiB")),
    ("dbutils.jobs.taskValues.get('before', 'n')", 7),
    ("dbutils.jobs.taskValues.get(taskKey='before', key='n', default=1, debugValue=2)", 7),
    ("dbutils.jobs.taskValues.get('before', 'no', default=5), dbutils.jobs.taskValues.get('before', 'no', 0)", [5, 0]),
    ("dbutils.jobs.taskValues.get('before', 'no')", ("ValueError", "Task value with key no does not exist")),
    ("dbutils.jobs.taskValues.get('nobody', 'n', default=1)", ("ValueError", "Task key does not exist in run: nobody")),
    # Other notebooks: what is wrong before anything is asked for.
    ("dbutils.notebook.run(5, 10)", ("TypeError", "path must be a string")),
    ("dbutils.notebook.run('x', 'y')", ("TypeError", "timeout_seconds must be a number")),
    ("dbutils.notebook.run('x', 1, {'a': None})", ("TypeError", "arguments must be strings")),
    # Where the notebook is, asked as it is asked there.
    ("context().notebookPath().get().rpartition('/')[2], context().currentRunId().isDefined()", ["table", True]),
    ("context().tags().get('taskKey').get(), context().tags().get('no').isDefined()", ["table", False]),
    ("context().tags().apply('no')", ("Py4JJavaError", "java.util.NoSuchElementException: key not found: no")),
    ("context().clusterId().get()", ("Py4JJavaError", "java.util.NoSuchElementException: None.get")),
    ("json.loads(context().toJson())['extraContext']['notebook_path'].endswith('/table')", True),
    ("repl_context()", ["table", True, None]),
    # Credentials, of which there are none.
    ("dbutils.credentials.showRoles(), dbutils.credentials.showCurrentRole()", [[], []]),
    ("dbutils.credentials.assumeRole('x')", ("NotImplementedError", "there are no roles of a cloud here")),
    # What there is, in Python's own way.
    ("all(x in dir(dbutils) for x in 'credentials data fs jobs library notebook secrets widgets help'.split())", True),
    ("repr(dbutils.fs), repr(dbutils)", ["<dbutils.fs>", "<dbutils>"]),
    ("said(dbutils.help).count('fs: '), 'dbutils.fs.cp(from_, to, recurse=False): ' in said(dbutils.fs.help)", [1, True]),
    ("said(dbutils.widgets.help, 'get')", "dbutils.widgets.get(name): The value of a widget.\n"),
    ("dbutils.fs.help('nothing')", ("ValueError", "dbutils.fs has no nothing")),
    ("said(dbutils.fs.put, '/data/c', 'abc'), said(dbutils.fs.head, '/data/c', 2)",
     ["Wrote 3 bytes.\n", "[Truncated to first 2 bytes]\n"]),
    # The modules that notebooks import.
    ("same_dbutils()", [True, True, True, True]),
    ("pickle.loads(pickle.dumps(dbutils.fs)) is dbutils.fs, pickle.loads(pickle.dumps(dbutils.widgets.get))('n')", [True, "3"]),
    ("pickled_error()", ["Py4JJavaError", True]),
    # Spark, where there is none.
    ("spark.sql", ("ModuleNotFoundError", "-m pip install pyspark")),
    ("sc.parallelize([1])", ("ModuleNotFoundError", "-m pip install pyspark")),
    ("table('x')", ("ModuleNotFoundError", "-m pip install pyspark")),
    ("sql('select 1')", ("ModuleNotFoundError", "-m pip install pyspark")),
    ("'pip install pyspark' in repr(spark)", True),
]

TOOLS = """\
import contextlib, io, json, os, pickle
def catch_java(f):
    from py4j.protocol import Py4JJavaError
    try:
        f()
    except Py4JJavaError as e:
        return [e.java_exception.getClass().getName(), e.java_exception.getMessage(), e.java_exception.getCause()]
def context():
    return dbutils.notebook.entry_point.getDbutils().notebook().getContext()
def repl_context():
    from dbruntime.databricks_repl_context import get_context
    return [get_context().notebookPath.rpartition('/')[2], get_context().isInJob, get_context().clusterId]
def said(f, *args):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        f(*args)
    return out.getvalue()
def same_dbutils():
    from dbruntime import UserNamespaceInitializer
    from dbruntime.dbutils import DBUtils, FileInfo
    import databricks.sdk.runtime as r
    return [DBUtils(spark) is dbutils, UserNamespaceInitializer.getOrCreate().get_namespace_globals()['dbutils'] is dbutils,
            r.dbutils is dbutils and r.spark is spark, isinstance(dbutils.fs.ls('/data')[0], FileInfo)]
def pickled_error():
    try:
        dbutils.widgets.get('no')
    except Exception as e:
        again = pickle.loads(pickle.dumps(e))
        return [type(again).__name__, str(again) == str(e)]
results = []
def look(text):
    try:
        results.append(eval(text))
    except Exception as e:
        results.append([type(e).__name__, str(e)])
"""


def table_cells():
    return [TOOLS, "\n".join(f"look({text!r})" for text, _ in TABLE),
            "dbutils.notebook.exit(json.dumps(results))", "print('never')"]


@pytest.mark.parametrize("warm", ["auto", "off"])
def test_every_function(work, warm):
    work.write("table.py", source(*table_cells()))
    work.write("before.py", source("dbutils.jobs.taskValues.set('n', 7)"))
    work.write("secrets.yaml", "app:\n  token: hunter2hunt\n  other: {secret: OTHER}\n")
    os.chmod(work.path("secrets.yaml"), 0o600)
    work.workflow("before.py", {"path": "table.py", "depends_on": "before", "parameters": {
        "day": "2026-11-22", "n": 3, "list": [1, 2], "flag": True}},
        targets={"local": {"warm": warm, "secrets": "secrets.yaml", "dbfs": "files"}})
    run = work.run("workflow.yaml", env={"OTHER": "0ther", "NBFORK_SECRET_FROM_ENV_A_KEY": "env-value"})
    record = run.record("table")
    assert run.status == 0 and record["start"] == ("warm" if warm == "auto" else "cold"), run.story()
    assert "never" not in run.text("table")
    assert len(record["result"]) == len(TABLE)
    for (text, wanted), found in zip(TABLE, record["result"]):
        if isinstance(wanted, tuple):
            assert isinstance(found, list) and found[0] == wanted[0] and wanted[1] in found[1], (text, found)
        else:
            assert found == wanted, text
    assert record["values"] == {"rows": 3, "l": [1, {"a": None}]}
    assert sorted(p.name for p in work.path("files").iterdir()) == ["data"]
    assert "other users" not in run.err


def test_exit_ends_the_notebook_wherever_it_stands(work):
    ends = {
        "plain": "dbutils.notebook.exit('a')\nprint('never')",
        "caught": "try:\n    dbutils.notebook.exit('a')\nexcept Exception:\n    print('never')",
        "swallowed": "try:\n    dbutils.notebook.exit('a')\nexcept BaseException:\n    pass",
        "thread": "import threading\nt = threading.Thread(target=lambda: dbutils.notebook.exit('a'))\n"
                  "threading.excepthook = lambda *a: None\nt.start(); t.join()",
        "deep": "def f(n):\n    return f(n - 1) if n else dbutils.notebook.exit('a')\nf(50)",
    }
    for name, code in ends.items():
        work.write(f"{name}.py", source("dbutils.widgets.text('x', '')", code, "print('never')"))
    work.notebook("tagged", {"cell_type": "code", "metadata": {"tags": ["raises-exception"]}, "outputs": [],
                             "execution_count": None, "source": ends["plain"]}, "print('never')", kernel=None)
    work.write("raises.py", source("try:\n    dbutils.notebook.exit('a')\nfinally:\n    1 / 0", "print('never')"))
    work.workflow(*(f"{name}.py" for name in ends), "tagged.ipynb", {"path": "raises.py", "allow_failure": True},
                  {"path": "plain.py", "name": "errors", "allow_errors": True})
    run = work.run("workflow.yaml")
    assert run.status == 0, run.story()
    for name in [*ends, "tagged", "errors"]:
        record = run.record(name)
        assert (record["status"], record["result"]) == ("succeeded", "a"), name
        assert "never" not in run.text(name), name
        shown = [d for d in displays(run, name) if "application/vnd.nbfork.exit+json" in d]
        assert [d["text/plain"] for d in shown] == ["Notebook exited: a"], name
        assert not any(o["output_type"] == "error" for c in run.cells(name) for o in c["outputs"]), name
        assert "NotebookExit" not in run.log(name), name
    assert run.record("raises")["error"]["name"] == "ZeroDivisionError"


@pytest.mark.parametrize("value, result", [
    ("'{\"rows\": [1, 2.50]}'", {"rows": [1, 2.5]}), ("'text'", "text"), ("'5'", "5"), ("''", ""), ("5", "5"),
    ("None", None), ("'[1'", "[1"), ("'ä\\n\"'", "ä\n\"")])
def test_what_exit_is_given_is_the_result(work, value, result, request):
    work.write("n.py", source(f"dbutils.notebook.exit({value})"))
    run = work.run("n.py")
    assert run.status == 0 and run.record("n")["result"] == result


def test_a_notebook_that_merely_uses_dbutils_is_left_as_it_is(work):
    python(work, "uses", "before = dbutils is not None\nprint(before, __name__)",
           "from IPython.display import display as d\nprint(display is d)", "%%sh\necho from sh", "display([1])",
           "%who_ls", "1", "print(In[-3:], get_ipython().execution_count)", "1 / 0")
    run = work.run("uses.ipynb")
    assert run.status == 1
    assert run.text("uses").startswith("True __main__\nTrue\nfrom sh\n")
    assert "['%who_ls'" not in run.text("uses") and "7\n" in run.text("uses")
    assert [c["execution_count"] for c in run.cells("uses")[-8:]] == list(range(1, 9))
    shown = displays(run, "uses")
    assert shown[0] == {"text/plain": "[1]"}
    assert json.loads(shown[1]["text/plain"].replace("'", '"')) == ["before", "d"]
    assert not any("nbfork" in line for line in run.record("uses")["error"]["traceback"])


def test_other_notebooks_have_no_runtime(work):
    python(work, "plain", "print('dbutilsx' in globals())", "import sys; print('nbfork_databricks' in sys.modules)")
    run = work.run("plain.ipynb")
    assert run.text("plain") == "False\nFalse\n"
