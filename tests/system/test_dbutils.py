"""
dbutils and what else Databricks' notebooks find here: every function against what Databricks says of it, the errors'
names and texts included.
"""

import json
import os
import subprocess

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
    ("dbutils.fs.mv('/data/a.txt', 'dbfs:/data/a.txt')", ("ExecutionError", "are the same file")),
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
    ("dbutils.fs.mount('wasbs://x', '/mnt/x')", ("ExecutionError", "wasbs://x cannot be mounted here: make the folder /")),
    ("dbutils.fs.unmount('/mnt/x')", ("ExecutionError", JAVA % (
        "unmount", "java.rmi.RemoteException: java.lang.IllegalArgumentException: requirement failed: Directory not mounted: "
        "/mnt/x"))),
    ("dbutils.fs.mkdirs('/mnt/x'), [m.mountPoint for m in dbutils.fs.mounts()], dbutils.fs.mounts()[1].source[:6]",
     [True, ["/", "/mnt/x"], "file:/"]),
    ("dbutils.fs.mount(source='wasbs://x', mount_point='/mnt/x', extra_configs={'a': 'b'})", True),
    ("dbutils.fs.updateMount('wasbs://x', mountPoint='/mnt/x', encryptionType='', extraConfigs={})", True),
    ("dbutils.fs.unmount(mount_point='/mnt/x'), dbutils.fs.rm('/mnt', recurse=True), len(dbutils.fs.mounts())", [True, True, 1]),
    # Names of arguments, of which there are two where the documentation has had both.
    ("dbutils.fs.head(file='/data/a.txt', max_bytes=2), dbutils.fs.head('/data/a.txt', maxBytes=2)", ["ä", "ä"]),
    ("len(dbutils.fs.ls(path='/data')), len(dbutils.fs.ls(dir='/data'))", [1, 1]),
    ("dbutils.fs.cp(source='/data/a.txt', dest='/data/1', recurse=True), dbutils.fs.mv(from_='/data/1', to='/data/2')",
     [True, True]),
    ("dbutils.fs.rm(dir='/data/2'), dbutils.fs.mkdirs(dir='/data'), dbutils.fs.rm(path='/data')",
     ("TypeError", "unexpected keyword argument 'path'")),
    ("dbutils.fs.ls(where='/data')", ("TypeError", "unexpected keyword argument 'where'")),
    # Secrets.
    ("len(dbutils.secrets.get('app', 'token')), dbutils.secrets.getBytes(scope='app', key='token')[:1] == b'h'", [11, True]),
    ("[s.key for s in dbutils.secrets.list('app')]", ["token", "other"]),
    ("[s.name for s in dbutils.secrets.listScopes()]", ["app"]),
    ("len(dbutils.secrets.get('from-env', 'a.key'))", 9),
    ("dbutils.secrets.get('app', 'no')", ("Py4JJavaError", JAVA % (
        "get", "java.lang.IllegalArgumentException: Secret does not exist with scope: app and key: no"))),
    ("dbutils.secrets.get(scope='no', key='x')", ("Py4JJavaError", "Secret does not exist with scope: no and key: x "
     "(it is in neither the secrets of the target nor the variable NBFORK_SECRET_NO_X)")),
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
    ("context().jobId().get() == context().currentRunId().get()", True),
    ("context().tags().apply('no')", ("Py4JJavaError", "java.util.NoSuchElementException: key not found: no")),
    ("context().clusterId().get()", ("Py4JJavaError", "java.util.NoSuchElementException: None.get (notebooks run on no cluster")),
    ("context().tags().apply('user'), context().userName().get()", ["someone", "someone"]),
    ("context().apiUrl().get(), context().browserHostName().get()", ["https://ws.example.com", "ws.example.com"]),
    ("context().tags().get('browserHostName').get()", "ws.example.com"),
    ("context().apiToken().getOrElse(None)", None),
    ("context().apiToken().get()", ("Py4JJavaError", "None.get (no workspace is known here: DATABRICKS_TOKEN is not set)")),
    ("dbutils.notebook.entry_point.getCurrentBindings()['day']", "2026-11-22"),
    ("dbutils.notebook.entry_point.getCurrentBindings().get('no', 'x')", "x"),
    ("json.loads(context().toJson())['extraContext']['notebook_path'].endswith('/table')", True),
    ("repl_context()", ["table", True, None]),
    # Credentials, of which there are none.
    ("dbutils.credentials.showRoles(), dbutils.credentials.showCurrentRole()", [[], []]),
    ("dbutils.credentials.getCurrentCredentials()", {}),
    ("dbutils.credentials.assumeRole('x')", ("NotImplementedError", "there are no roles of a cloud here")),
    # What there is, in Python's own way.
    ("all(x in dir(dbutils) for x in 'credentials data fs jobs library notebook secrets widgets help'.split())", True),
    ("repr(dbutils.fs), repr(dbutils)", ["<dbutils.fs>", "<dbutils>"]),
    ("said(dbutils.help).count('fs: '), 'dbutils.fs.cp(source, dest, recurse=False): ' in said(dbutils.fs.help)", [1, True]),
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
    run = work.run("workflow.yaml", env={"OTHER": "0ther", "NBFORK_SECRET_FROM_ENV_A_KEY": "env-value", "LOGNAME": "someone",
                                         "DATABRICKS_HOST": "ws.example.com/"})
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
           "%who_ls", "1", "print(len(In))", "1 / 0")
    run = work.run("uses.ipynb")
    assert run.status == 1
    assert run.text("uses").startswith("True __main__\nTrue\nfrom sh\n")
    assert run.text("uses").endswith("\n8\n")
    assert [c["execution_count"] for c in run.cells("uses")[-8:]] == list(range(1, 9))
    shown = displays(run, "uses")
    assert shown[0] == {"text/plain": "[1]"}
    assert json.loads(shown[1]["text/plain"].replace("'", '"')) == ["before", "d"]
    assert not any("nbfork" in line for line in run.record("uses")["error"]["traceback"])


def test_other_notebooks_have_no_runtime(work):
    python(work, "plain", "print('dbutilsx' in globals())", "import sys; print('nbfork_databricks' in sys.modules)")
    run = work.run("plain.ipynb")
    assert run.text("plain") == "False\nFalse\n"


def test_cells_of_other_kinds(work):
    work.write("n.py", source(
        magic("%sh\necho out; echo err >&2; echo ${0##*.}\nfalse"),
        magic("%sh -eu\nprintf '\\xc3\\xa4'; false") + "\n", "print('never')"))
    work.write("fs.py", source(
        magic("%fs mkdirs /a/b"), magic("%fs ls /a"), magic("%fs cp -r dbfs:/a dbfs:/c"), magic("%fs rm -r /c"),
        "dbutils.fs.put('/a/x', 'some text')", magic("%fs head /a/x 4"), magic("%fs ls '/no where'")))
    work.write("bad.py", source(magic("%fs chmod /a")))
    work.write("lib/pip/__init__.py", "")
    work.write("lib/pip/__main__.py", "import sys\nprint(sys.argv[1:])\nsys.exit('nothing' in sys.argv)\n")
    work.write("installs.py", source(magic("%pip install -q 'a b' c  # that one\n%pip uninstall \\\n  x"), magic("%pip install nothing")))
    work.workflow("n.py", "fs.py", "bad.py", {"path": "installs.py", "env": {"PYTHONPATH": str(work.path("lib"))}}, processes=2)
    run = work.run("workflow.yaml")
    assert run.text("n") == "out\nerr\nsh\nä" and run.record("n")["cells"]["executed"] == 2
    assert run.record("n")["error"]["name"] == "CalledProcessError"
    table = displays(run, "fs")[0]
    assert table["text/plain"].splitlines()[0].split() == ["path", "|", "name", "|", "size", "|", "modificationTime"]
    assert "dbfs:/a/b/ | b/" in table["text/plain"] and "<td>dbfs:/a/b/</td>" in table["text/html"]
    assert run.text("fs") == "true\ntrue\ntrue\nWrote 9 bytes.\n[Truncated to first 4 bytes]\nsome\n"
    assert run.record("fs")["error"]["name"] == "ExecutionError"
    assert run.record("bad")["error"]["message"] == "%fs has no command 'chmod'; '%fs help' says what there is"
    assert run.text("installs") == "['install', '-q', 'a b', 'c']\n['uninstall', 'x', '-y']\n['install', 'nothing']\n"
    assert run.record("installs")["error"]["name"] == "CalledProcessError"


def test_a_shell_cell_does_not_wait_for_what_it_leaves_running(work):
    work.write("n.py", source(magic("%sh\nsleep 100 &\necho begun")))
    run = work.run("n.py", timeout=60)
    assert run.status == 0 and run.text("n") == "begun\n" and run.seconds < 50


def test_a_shell_cell_ends_with_its_shell_whatever_goes_on_writing(work):
    work.write("n.py", source(magic("%sh\nyes &")))
    run = work.run("n.py", timeout=60)
    assert run.status == 0 and set(run.text("n")) <= set("y\n")


def test_sql_makes_and_removes_widgets(work):
    work.write("n.sql", "-- Databricks notebook source\n" + "\n-- COMMAND ----------\n".join([
        "-- The day.\nCREATE WIDGET TEXT day DEFAULT '2026-01-01';\ncreate widget text `a b` default \"it's; \\\"x\\\"\"",
        "-- MAGIC %python\n-- MAGIC print(dbutils.widgets.getAll())",
        "/* No longer. */ remove widget day",
        "REMOVE WIDGET day",
        "-- MAGIC %python\n-- MAGIC print(dbutils.widgets.getAll())",
        "create widget dropdown d default 1"]))
    work.workflow({"path": "n.sql", "parameters": {"n": 1}, "allow_errors": True})
    run = work.run("workflow.yaml")
    values = {"a b": "it's; \"x\""}
    assert run.text("n").splitlines() == [str({"day": "2026-01-01", **values, "n": "1"}), str({**values, "n": "1"})]
    errors = [o["evalue"] for c in run.cells("n") for o in c["outputs"] if o["output_type"] == "error"]
    assert len(errors) == 2 and WIDGET % "day" in errors[0] and "a widget is made by CREATE WIDGET TEXT" in errors[1]


def test_spark_is_not_so_much_as_imported_where_nobody_uses_it(work):
    work.write("lib/pyspark/__init__.py", "import os\nopen(os.environ['SEEN'], 'w').close()\n")
    work.write("n.py", source("print(isinstance(spark, str), dbutils.widgets.getAll())", "import pyspark"))
    work.write("m.py", source("print(isinstance(spark, str), dbutils.widgets.getAll())"))
    env = {"PYTHONPATH": str(work.path("lib"))}
    work.workflow({"path": "n.py", "env": {"SEEN": str(work.path("seen-n"))}},
                  {"path": "m.py", "env": {"SEEN": str(work.path("seen-m"))}})
    run = work.run("workflow.yaml", env=env)
    assert run.status == 0 and run.record("m")["start"] == "warm", run.story()
    assert work.path("seen-n").exists() and not work.path("seen-m").exists()


def test_what_display_shows(work):
    work.write("n.py", source(
        "display([{'a': 1, 'b': '<x>'}, {'a': None, 'c': 2}])", "display([(1, 'x'), (2,)], [1, 'two'])",
        "display(range(3))", "display([object])", "displayHTML('<b>x</b>')", "display([{'i': i} for i in range(1001)])",
        "from collections import namedtuple\ndisplay([namedtuple('P', 'x y')(1, 2)])", "display([])",
        "from IPython.display import Markdown\ndisplay(Markdown('*m*'), metadata={'k': 1})",
        "display(['x' * (1 << 20)] * 3)"))
    run = work.run("n.py")
    assert run.status == 0, run.story()
    shown = displays(run, "n")
    assert shown[0] == {"text/html": "<table>\n<thead><tr><th>a</th><th>b</th><th>c</th></tr></thead>\n<tbody>\n"
                        "<tr><td>1</td><td>&lt;x&gt;</td><td>null</td></tr>\n<tr><td>null</td><td>null</td><td>2</td></tr>\n"
                        "</tbody>\n</table>",
                        "text/plain": "a    | b    | c\n---- | ---- | ----\n1    | <x>  | null\nnull | null | 2"}
    assert shown[1]["text/plain"] == "_1 | _2\n-- | ----\n1  | x\n2  | null"
    assert shown[2]["text/plain"] == "value\n-----\n1\ntwo"
    assert shown[3] == {"text/plain": "range(0, 3)"} and shown[4] == {"text/plain": "[object]"}
    assert shown[5]["text/html"] == "<b>x</b>"
    assert shown[6]["text/html"].count("<tr>") == 1001 and "showing first 1000 rows" in shown[6]["text/html"]
    assert shown[6]["text/plain"].count("\n") == 42 and shown[6]["text/plain"].endswith("\n... more than 1000 rows")
    assert shown[7]["text/plain"] == "x | y\n- | -\n1 | 2"
    assert shown[8] == {"text/plain": "[]"} and "text/markdown" in shown[9]
    assert shown[10]["text/html"].count("<tr>") == 3 and "showing first 2 rows" in shown[10]["text/html"]


def test_what_display_shows_of_pandas(work):
    if subprocess.run(["/usr/bin/python3", "-c", "import pandas"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
        pytest.skip("there is no pandas")
    work.write("n.py", source(
        "import pandas as pd\ndisplay(pd.DataFrame({'n': [1, 2], 't': ['a', 'b']}))", "display(pd.Series([1.5], name='s'))",
        "dbutils.data.summarize(pd.DataFrame({'n': [1, 2]}))"))
    shown = displays(work.run("n.py"), "n")
    assert shown[0]["text/plain"] == "n | t\n- | -\n1 | a\n2 | b" and "<td>a</td>" in shown[0]["text/html"]
    assert shown[1]["text/plain"] == "s\n---\n1.5"
    assert "count | 2.0" in shown[2]["text/plain"]


def test_python_is_restarted(work):
    work.write("n.py", source(
        "import os, sys\nx = 1\nos.makedirs('lib')\nopen('lib/fresh.py', 'w').write('v = 1')\nsys.path.insert(0, 'lib')\n"
        "import fresh, json\nprint(fresh.v)\ndbutils.widgets.text('w', 'kept')",
        "open('lib/fresh.py', 'w').write('v = 22')\ndbutils.library.restartPython()\nprint('never')",
        "import fresh\nprint(fresh.v, 'x' in globals(), dbutils.widgets.get('w'), 'spark' in globals())", "1 / 0"))
    run = work.run("n.py")
    assert run.text("n") == "1\n22 False kept True\n"
    assert run.record("n")["error"]["name"] == "ZeroDivisionError" and run.record("n")["cells"]["executed"] == 4
    assert displays(run, "n") == [] and run.log("n").count("Traceback") == 1


def test_python_in_a_notebook_of_another_language_has_dbutils(work):
    work.write("n.r", source("x <- 1", magic("%python\nprint(dbutils.widgets.get('p'))\n"
                             "dbutils.jobs.taskValues.set('v', 1)\ndbutils.notebook.exit('by Python')"), "cat('never')"))
    run = work.run("-p", "p=given", "n.r")
    record = run.record("n")
    assert (record["status"], record["result"], record["values"]) == ("succeeded", "by Python", {"v": 1}), run.story()
    assert run.text("n") == "given\n"


def test_nothing_is_left_when_nbfork_is_killed(work):
    work.write("n.py", source("dbutils.widgets.getAll()", "print('begun', flush=True)\nimport time; time.sleep(100)"))
    work.workflow({"path": "n.py", "name": "a"}, {"path": "n.py", "name": "b"}, processes=2)
    run = work.start("workflow.yaml")
    for name in "ab":
        run.event("cell_started", name=name, number=2)
    run.proc.kill()
    run.wait()  # and the fixture sees that no process and no private folder is left


# ---- Secrets ----

def test_a_secret_parameter_is_a_widget_s_value(work):
    work.write("n.py", source("print(len(dbutils.widgets.get('token')), dbutils.widgets.get('token'))"))
    work.workflow({"path": "n.py", "parameters": {"token": {"secret": "TOKEN"}}})
    run = work.run("workflow.yaml", env={"TOKEN": "hunter2"})
    assert run.status == 0 and run.text("n") == "7 ***\n"



def test_secrets_are_shown_nowhere(work):
    secret = "hunter2-hunt\"er2\nand a second line"
    work.write("secrets.json", json.dumps({"app": {"token": secret, "short": "qq7", "marks": "<pa&s'\"s>"}}))
    os.chmod(work.path("secrets.json"), 0o600)
    work.write("n.py", source(
        "s = dbutils.secrets.get('app', 'token')\nprint(s); print(repr(s), dbutils.secrets.get('app', 'short').join('--'))\ndisplay([{'s': s}])\ns",
        "import sys; print(s, file=sys.stderr)\ndbutils.jobs.taskValues.set('v', s)",
        "print(dbutils.secrets.get('from', 'env'))\nprint(dbutils.secrets.get('n', 'x'))\nimport html\n"
        "m = dbutils.secrets.get('app', 'marks')\ndisplay([{'m': m}])\ndisplayHTML(html.escape(m))",
        "assert len(s) == 34\nimport os; os.system('echo by the shell: ' + dbutils.secrets.get('app', 'short'))\nraise ValueError(s)"))
    work.workflow({"path": "n.py"}, targets={"local": {"secrets": "secrets.json"}})
    run = work.run("workflow.yaml", "-v", env={"NBFORK_SECRET_FROM_ENV": "environ-secret", "NBFORK_SECRET_N_X": "anoth3r"})
    assert run.record("n")["error"]["name"] == "ValueError", run.story()
    text = run.text("n")
    assert text.startswith("[REDACTED]\n'[REDACTED]' -[REDACTED]-\n") and "[REDACTED]\n[REDACTED]\n" in text
    assert "by the shell: [REDACTED]" in text
    assert run.record("n")["values"] == {"v": "[REDACTED]"} and run.record("n")["error"]["message"] == "[REDACTED]"
    written = [p.read_text() for p in run.dir.rglob("*") if p.is_file()] + [run.out, run.err]
    for part in ("hunter2", "second line", "qq7", "environ-secret", "anoth3r", "pa&s", "pa&amp;s"):
        assert not any(part in w for w in written), part


@pytest.mark.parametrize("secrets, message", [
    ({"app": {"token": "plain"}}, "secret 'token' must be {secret: NAME}, to be read from environment variable NAME; secrets "
     "as such belong into a file of their own, 'secrets: FILE'"),
    ({"app": {"token": {"secret": "NOT_SET_AT_ALL"}}}, "environment variable 'NOT_SET_AT_ALL' of secret key 'token' is not set"),
    ({"app": "x"}, "'app' must be a map"),
    (["x"], "'secrets' must be the name of a file, or a map of scopes, not a list"),
    ("nowhere.yaml", "cannot read file of secrets 'nowhere.yaml': No such file or directory"),
    ("bad.yaml", "bad.yaml:2:9: secret 'token' must be text, not a whole number; put it in quotes"),
    ("list.yaml", "list.yaml:1:1: a file of secrets must be a map of scopes, each a map of secrets, not a list"),
    ("broken.yaml", "broken.yaml:2:1: "),
])
def test_secrets_that_cannot_be_read_are_said_before_the_start(work, secrets, message):
    work.write("bad.yaml", "app:\n token: 5\n")
    work.write("list.yaml", "- app\n")
    work.write("broken.yaml", "app: {\n")
    work.write("n.py", source("1"))
    work.workflow("n.py", targets={"local": {"secrets": secrets}})
    assert message in work.refused("workflow.yaml")


def test_secrets_in_a_notebook_s_own_environment_are_shown_nowhere(work):
    work.write("n.py", source("print(dbutils.secrets.get('own', 'key'))\ndbutils.notebook.run('child', 60)"))
    work.write("child.py", source("s = dbutils.secrets.get('own', 'key')\nassert len(s) == 7\nprint(s)"))
    work.workflow({"path": "n.py", "env": {"NBFORK_SECRET_OWN_KEY": "hunter2"}})
    run = work.run("workflow.yaml")
    assert run.status == 0, run.story()
    assert run.text("n") == run.text("n.child") == "[REDACTED]\n"


def test_a_file_of_secrets_that_others_can_read_is_warned_of(work):
    work.write("s.yaml", "app: {token: abc}\n")
    os.chmod(work.path("s.yaml"), 0o644)
    work.write("n.py", source("1"))
    work.workflow("n.py", targets={"local": {"secrets": "s.yaml"}})
    run = work.run("-c", "workflow.yaml", folder=None)
    assert "other users can use file of secrets 's.yaml'; make it yours alone: chmod 600" in run.err


# ---- The kernel ----

def test_a_kernel_that_cannot_read_the_program_is_sent_it(work):
    work.write("lib/sitecustomize.py", "import builtins\nplain = builtins.open\ndef refuse(file, *a, **k):\n"
               "    if str(file).endswith(('/runtime/program', '/runtime/code')):\n        raise PermissionError(file)\n"
               "    return plain(file, *a, **k)\nbuiltins.open = refuse\n")
    work.write("n.py", source("print(dbutils.widgets.getAll())"))
    work.workflow("n.py", targets={"local": {"warm": "off"}})
    run = work.run("workflow.yaml", env={"PYTHONPATH": str(work.path("lib"))})
    assert run.status == 0 and run.text("n") == "{}\n", run.story()


def test_a_kernel_in_which_there_can_be_no_dbutils_says_why(work):
    work.write("lib/sitecustomize.py", "import sys\nclass No:\n    def find_spec(name, path=None, target=None):\n"
               "        if name == 'marshal': pass\nimport marshal\nmarshal.load = None\nimport types\n"
               "def fail(*a): raise RuntimeError('no module for you')\ntypes.ModuleType = fail\n")
    work.write("n.py", source("1"))
    work.workflow("n.py", targets={"local": {"warm": "off"}})
    run = work.run("workflow.yaml", env={"PYTHONPATH": str(work.path("lib"))})
    error = run.record("n")["error"]
    assert error["kind"] == "kernel", run.story()


# ---- Other notebooks ----

CHILD = source("n = dbutils.widgets.get('n')", "import time\nif n == 'bad': raise ValueError('no such table')\n"
               "if n == 'slow': time.sleep(100)", "try:\n    dbutils.jobs.taskValues.get('a', 'b')\n"
               "except TypeError as e: print(e)\ndbutils.jobs.taskValues.set('k', 1)\n"
               "print(dbutils.jobs.taskValues.get('a', 'b', debugValue='d'))", "dbutils.notebook.exit('got ' + n)")
FAILED = "com.databricks.WorkflowException: com.databricks.NotebookExecutionException: FAILED: "


@pytest.mark.parametrize("warm", ["auto", "off"])
def test_notebooks_run_notebooks_as_the_recipes_do(work, warm):
    work.write("sub/child.py", CHILD)
    work.write("sub/master.py", source(
        "def run_notebook(n):\n    return dbutils.notebook.run('./child', 600, {'n': n})\n"
        "results = [run_notebook(1)]",
        "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(2) as e:\n"
        "    results += e.map(run_notebook, ['a', 'b'])",
        "from multiprocessing import Pool\nwith Pool(processes=2) as p:\n    results += p.map(run_notebook, ['c', 'd'])\n"
        "    try:\n        p.map(run_notebook, ['bad'])\n    except Exception as e:\n"
        "        results += [type(e).__name__, str(e), str(e.java_exception.getCause())]",
        "from py4j.protocol import Py4JJavaError\n"
        "for args in ('child', 60, {'n': 'bad'}), ('child', 1, {'n': 'slow'}), ('nowhere', 5):\n    try:\n"
        "        dbutils.notebook.run(*args)\n    except Py4JJavaError as e:\n        results += [str(e)]",
        "import json\ndbutils.notebook.exit(json.dumps(results))"))
    work.workflow("sub/master.py", targets={"local": {"warm": warm}}, processes=2)
    run = work.run("workflow.yaml", timeout=110)
    record = run.record("master")
    assert run.status == 0, run.story()
    got, results = record["result"][:5], record["result"][5:]
    assert got == [f"got {n}" for n in "1abcd"]
    assert results[0] == "Py4JJavaError" and FAILED + "Workload failed, see run output for details" in results[1]
    assert results[2].startswith("com.databricks.NotebookExecutionException: FAILED")
    assert "An error occurred while calling o1._run.\n: " + FAILED in results[3] and "ValueError: no such table" in results[3]
    assert "NotebookExecutionException: TIMEDOUT\n" in results[4]
    assert FAILED + 'Unable to run notebook "nowhere": there is no notebook' in results[5]
    children = record["children"]
    assert [c["status"] for c in children].count("succeeded") == 5 and len(children) == 8
    assert all(c["values"] == {} for c in children)
    outside = "Must pass debugValue when calling get outside of a job context. debugValue cannot be None.\nd\n"
    assert run.text(children[0]["name"]) == outside


# ---- Hand-backs of any kernel ----

def test_an_argument_that_is_no_name_is_a_widget_and_no_code(work):
    """Widgets may be called anything; variables may not, where a child has a cell for its parameters."""
    work.write("widgets.py", source("dbutils.notebook.exit(dbutils.widgets.get('a b\\n'))"))
    python(work, "cell", {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": "b = 1", "outputs": [],
                          "execution_count": None}, "dbutils.notebook.exit(str(b))")
    work.write("m.py", source(
        "print(dbutils.notebook.run('widgets', 0, {'a b\\n': 'x'}))",
        "try:\n    dbutils.notebook.run('cell', 0, {'a = 1\\nb': '2'})\nexcept Exception as e:\n    print(e)",
        "print(dbutils.notebook.run('cell', 0, {'b': '3'}))"))
    run = work.run("m.py")
    assert run.status == 0, run.story()
    printed = run.text("m").splitlines()
    assert printed[0] == "x" and printed[-1] == "3"
    assert "cannot be a variable's name" in run.text("m")
    assert [c["name"] for c in run.record("m")["children"]] == ["m.widgets", "m.cell"]


def test_what_stands_where_an_answer_is_to_be_is_in_nobodys_way(work):
    """A FIFO would be waited for, by nbfork itself; a link would be followed."""
    work.write("child.py", source("dbutils.notebook.exit('x')"))
    work.write("victim", "untouched")
    work.write("m.py", source(
        "import os\nfolder = os.path.dirname(os.environ['NBFORK_CALL'])\n"
        "os.mkfifo(folder + '/answer-1.new')\nos.mkfifo(folder + '/answer-2')\n"
        f"os.symlink({str(work.path('victim'))!r}, folder + '/answer-2.new')\n"
        "print(dbutils.notebook.run('child', 60), dbutils.notebook.run('child', 60))"))
    run = work.run("m.py")
    assert run.status == 0, run.story()
    assert run.text("m") == "x x\n"
    assert work.path("victim").read_text() == "untouched"


def test_a_result_in_a_file_or_shown_by_any_kernel(work):
    python(work, "python", "import json, os\nprint(os.environ['NBFORK_RESULT'])\n"
           "json.dump({'rows': 3}, open(os.environ['NBFORK_RESULT'], 'w'))")
    work.notebook("r", "writeLines('{\"rows\": 3.50, \"none\": null}', Sys.getenv('NBFORK_RESULT'))", kernel="ir", language="R")
    work.notebook("shown", "IRdisplay::publish_mimebundle(list('application/vnd.nbfork.result+json' = list(rows = 3)))",
                  kernel="ir", language="R")
    python(work, "shell", "import os; os.system('echo \\'\"[1, 2]\"\\' > \"$NBFORK_RESULT\"')")
    python(work, "both", "import os\nfrom IPython.display import publish_display_data as p\n"
           f"p({{'{RESULT}': 'shown'}})\nopen(os.environ['NBFORK_RESULT'], 'w').write('1')")
    python(work, "uses", "dbutils.notebook\nimport os\nopen(os.environ['NBFORK_RESULT'], 'w').write('1')",
           "dbutils.notebook.exit('exit')")
    python(work, "scraps", "import os\nfrom IPython.display import publish_display_data as p\n"
           "p({'application/scrapbook.scrap.json+json': {'name': 'a', 'data': 1}})\n"
           "open(os.environ['NBFORK_RESULT'], 'w').write('2')")
    wanted = {"python": {"rows": 3}, "r": {"rows": 3.5, "none": None}, "shown": {"rows": 3}, "shell": [1, 2], "both": "shown",
              "uses": "exit", "scraps": 2}
    run = work.run(*(f"{name}.ipynb" for name in wanted))
    assert run.status == 0, run.story()
    assert {name: run.record(name)["result"] for name in wanted} == wanted


@pytest.mark.parametrize("code, message", [
    ("open(f, 'w').write('{\"a\": 1,\\n]')", "must hold one value of JSON: line 2, column 1: "),
    ("os.mkdir(f)", "cannot read the file that NBFORK_RESULT names: "),
    ("os.mkfifo(f)", "cannot read the file that NBFORK_RESULT names: it is no regular file"),
    ("open(f, 'wb').truncate(9 << 20)", "cannot read the file that NBFORK_RESULT names: it is too large"),
    ("open(f, 'w').write('[' * 505 + ']' * 505)", "is nested too deeply"),
    ("open(f, 'w').write('5'); 1 / 0", "division by zero"),
    ("open(f, 'w')", None),
])
def test_a_result_file_that_is_none(work, code, message):
    python(work, "n", f"import os; f = os.environ['NBFORK_RESULT']\n{code}")
    run = work.run("n.ipynb")
    record = run.record("n")
    assert record["result"] is None
    if message is None:
        assert record["status"] == "succeeded"
    else:
        assert (record["status"], record["error"]["kind"]) == ("failed", "notebook")
        assert message in record["error"]["message"]


# ---- Spark, where there is an interpreter that has it ----

@pytest.mark.skipif("NBFORK_TEST_SPARK" not in os.environ, reason="NBFORK_TEST_SPARK names no interpreter with PySpark")
@pytest.mark.patience(300)
def test_spark(work):
    folder = work.jupyter / "kernels" / "spark"
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text(json.dumps({"argv": [
        os.environ["NBFORK_TEST_SPARK"], "-m", "ipykernel_launcher", "-f", "{connection_file}"], "display_name": "Spark",
        "language": "python"}))
    work.write("n.py", source(
        "import os\nfrom pyspark.sql import SparkSession\nprint(isinstance(spark, SparkSession), 'java' in str(vars().get('x')))",
        "df = spark.createDataFrame([(1, 'a'), (2, None)], 'n int, t string')\ndisplay(df)\n"
        "df.write.mode('overwrite').parquet('dbfs:/tables/x')",
        "print([f.name for f in dbutils.fs.ls('/tables')], spark.read.parquet('dbfs:/tables/x').count(), type(spark).__name__)",
        "from pyspark.dbutils import DBUtils\nprint(DBUtils(spark) is dbutils)\ndf.createOrReplaceTempView('v')\n"
        "dbutils.widgets.text('least', '2')",
        magic("%sql\nselect 1; -- not; this\nselect n, '${least};x' as q from v where n >= :least"),
        "print(_sqldf.count(), table('v').count(), sql('select 1 as one').collect()[0].one, sqlContext.table('v').count())",
        "df.write.mode('overwrite').saveAsTable('t')\nprint(spark.table('t').count(), sc.parallelize([1, 2]).sum())",
        "dbutils.data.summarize(df)",
        # A path without a scheme is one of dbfs:/, to whomever it is given.
        "df.write.csv('/plain'); spark.sql(\"create database d location '/dbs/d'\"); df.write.mode('overwrite').saveAsTable('d.t')\n"
        "print(spark.read.csv('dbfs:/plain').count(), sc.textFile('/plain').count(), os.path.exists('/plain'))\n"
        "print([sorted({f.name.partition('-')[0] for f in dbutils.fs.ls(p)}) for p in ('/plain', '/dbs', '/user/hive/warehouse')])\n"
        "df.write.csv('/user/me/x'); print(dbutils.fs.ls('/user/me')[0].path, spark.read.csv('dbfs:/user/me/x').count())\n"
        "dbutils.fs.rm('/plain', True), dbutils.fs.rm('/dbs', True), dbutils.fs.rm('/user', True)",
        magic("%sql create widget dropdown w default 'b' choices select * from values ('a'), ('b')"),
        magic("%sql\nselect :w, getArgument('w') as g, '${w}'"), "print(_sqldf.collect()[0][1])",
        "print(spark.conf.get('spark.databricks.service.client.enabled'), spark.conf.get('spark.databricks.workspaceUrl'))",
        "dbutils.notebook.exit(spark.conf.get('spark.app.name'))"))
    work.workflow("n.py", {"path": "n.py", "name": "again", "depends_on": "n"}, targets={"local": {"kernel": "spark"}})
    run = work.run("workflow.yaml", timeout=280, env={"DATABRICKS_HOST": "https://ws.example.com"})
    assert run.status == 0, run.story()
    for name in ("n", "again"):
        assert run.text(name) == "True False\n['x/'] 2 SparkSession\nTrue\n1 2 1 2\n2 3\n" \
            "2 2 False\n[['_SUCCESS', 'part'], ['d/'], ['t/']]\ndbfs:/user/me/x/ 2\nb\nfalse ws.example.com\n"
        shown = displays(run, name)
        assert shown[0]["text/plain"] == "n | t\n- | ----\n1 | a\n2 | null"
        assert shown[1]["text/plain"] == "n | q\n- | ---\n2 | 2;x"
        assert run.record(name)["result"] == name
