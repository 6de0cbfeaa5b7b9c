"""
Notebooks on a workspace: how one logs in, how they get there, what is made of their ends.
"""

import base64
import json
import signal
import subprocess
import time

import pytest

from harness import PATIENCE, wait_for
from remote import CLUSTER, HOME, USER, profile, program_that_prints, source
from test_secrets import ENV, SECRET, spellings

RESULT = "application/vnd.nbfork.result+json"


# ---- A run ----

def test_a_run_and_all_that_is_known_of_it(site):
    site.source("a.py", 'print("printed")', 'import sys; print("complaint", file=sys.stderr)\n6 * 7',
                'dbutils.notebook.exit(dbutils.widgets.get("x") + "!")', 'print("never")')
    site.work.notebook("sub/b", "print('b was here')", kernel=None)
    site.workspace.put("/Shared/flow/c", source("dbutils.notebook.exit('c')"))
    site.workflow({"path": "a.py", "parameters": {"x": 5}}, "sub/b.ipynb", "/Shared/flow/c")
    run = site.run("-vv", "workflow.yaml")
    assert run.statuses() == {"a": "succeeded", "b": "succeeded", "c": "succeeded"}
    site.check_remote(run)

    a = run.record("a")
    assert a["result"] == "5!" and a["cells"] == {"total": 4, "executed": 3}
    assert a["target"] == "prod" and a["exit_status"] == 0
    [there] = site.runs("a")
    assert there["executions"] == 1 and there["submits"] == 1 and there["user"] == USER
    assert there["tasks"][0]["notebook"] == f"{HOME}/a"
    remote = a["remote"]
    assert remote["code"] == "SUCCESS" and remote["result_truncated"] is False
    told = site.workspace.get(there["run_id"])["tasks"][0]
    for phase in ("queue", "setup", "execution"):
        assert remote[f"{phase}_seconds"] == told[f"{phase}_duration"] / 1000
    assert a["url"].startswith(site.workspace.url) and a["url"].endswith(f"/run/{there['run_id']}")
    assert site.runs("b")[0]["tasks"][0]["notebook"] == f"{HOME}/sub/b"
    assert site.runs("c")[0]["tasks"][0]["notebook"] == "/Shared/flow/c"

    assert run.text("a").startswith("printed\n") and run.text("a", "stderr") == "complaint\n"
    assert "printed\n" in run.log("a") and "complaint\n" in run.log("a") and "never" not in run.log("a")
    assert any("42" in json.dumps(c["outputs"]) for c in run.cells("a"))
    assert [c["execution_count"] for c in run.cells("a")] == [1, 2, 3, None]
    assert run.text("b") == "b was here\n"

    # Its id is in the journal before anything else is asked of it, and each request is told.
    for name in "abc":
        kinds = [e["event"] for e in run.events if e.get("name") == name]
        assert kinds[:2] == ["notebook_started", "notebook_submitted"] and kinds[-1] == "notebook_finished"
    submitted = run.event("notebook_submitted", name="a")
    assert submitted["run_id"] == str(there["run_id"]) and submitted["submission"] == 1
    assert f"POST /api/2.2/jobs/runs/submit: 200" in run.err and "request " in run.err
    assert f"logged in to {site.workspace.url} as {USER} (pat)" in run.err
    log = [r for r in site.workspace.log() if "urllib" not in r["user_agent"]]
    assert {r["user_agent"].split("/")[0] for r in log} == {"nbfork"}
    assert {r["auth"] for r in log} == {"Bearer"}


def test_parameters_arrive_as_text(site):
    values = {"text": "a \"b\" {{ '{{' }} ü\n", "whole": 12345678901234567890, "real": 1.5, "yes": True, "no": False,
              "nothing": None, "list": [1, "two", None], "map": {"a": {"b": [True]}}, "empty": "", "large": "x" * 70000}
    site.source("a.py", "import json", f"dbutils.notebook.exit(json.dumps({{n: dbutils.widgets.get(n) "
                                       f"for n in {sorted(values)!r}}}))")
    site.workflow({"path": "a.py", "parameters": values})
    run = site.run()
    assert run.status == 0, run.story()
    got = run.record("a")["result"]
    assert got.pop("text") == "a \"b\" {{ ü\n"
    assert got.pop("large") == "x" * 70000
    assert {n: json.loads(v) for n, v in got.items() if n != "empty"} == {
        n: values[n] for n in values if n not in ("text", "large", "empty")}
    assert got["yes"] == "true" and got["nothing"] == "null" and got["empty"] == ""


def test_a_secret_arrives_and_is_in_nothing_that_is_written_here(site):
    site.source("a.py", 'key = dbutils.widgets.get("key")', "print(key)", "displayHTML(f'<b>{key}</b>')",
                "import json; dbutils.notebook.exit(json.dumps({'k': key, 'n': len(key)}))")
    site.source("b.py", 'key = dbutils.widgets.get("key")', "raise ValueError('no ' + key)")
    site.source("c.py", "dbutils.notebook.exit(str(len(dbutils.secrets.get('scope', 'key'))))")
    secret = {"key": {"secret": "NBFORK_TEST_SECRET"}}
    site.workflow({"path": "a.py", "parameters": secret}, {"path": "b.py", "parameters": secret}, "c.py")
    run = site.run("--json", "--events=events.jsonl", "-vv", "workflow.yaml", env=ENV)
    assert run.record("a")["result"] == {"k": "***", "n": len(SECRET)}
    assert run.record("a")["parameters"] == {"key": "***"}
    assert run.record("b")["error"]["name"] == "ValueError" and run.record("b")["error"]["message"] == "no ***"
    assert run.record("c")["result"] == "18"
    texts = site.check(run)
    texts |= {str(p): p.read_text("utf-8", "replace") for p in site.work.dir.glob("*.jsonl")}
    for place, text in texts.items():
        for spelling in spellings(SECRET):
            assert spelling not in text, f"the secret is in {place}"
    # There it can be read by whoever may see the run: the manual says so.
    assert site.runs("a")[0]["tasks"][0]["parameters"] == {"key": SECRET}


def test_results(site):
    results = {"text": "plain", "number": "17", "object": '{"a": [1, null]}', "list": "[1]", "empty": "", "quoted": '"q"',
               "half": '{"a":'}
    for name, text in results.items():
        site.source(f"{name}.py", f"dbutils.notebook.exit({text!r})")
    site.source("none.py", "1")
    site.source("huge.py", "dbutils.notebook.exit('x' * 6_000_000)")
    site.workflow(*(f"{n}.py" for n in [*results, "none", "huge"]))
    run = site.run()
    assert run.status == 0, run.story()
    got = {n: run.record(n)["result"] for n in [*results, "none"]}
    assert got == {**results, "object": {"a": [1, None]}, "list": [1], "empty": None, "none": None}
    huge = run.record("huge")
    assert huge["remote"]["result_truncated"] is True and huge["result"] == "x" * 5242880
    assert not any(run.record(n)["remote"]["result_truncated"] for n in results)


def test_what_a_notebook_raises(site):
    site.source("raises.py", "1", "class Odd(Exception):\n    pass", "raise Odd('two\\nlines: yes')")
    site.source("bare.py", "raise KeyError")
    site.source("coded.py", "raise RuntimeError('\\x1b[31mred\\x1b[0m')")
    site.work.notebook("jupyter", {"cell_type": "markdown", "metadata": {}, "source": "# One"}, "x = 1", "x / 0", kernel=None)
    site.source("exits.py", "raise SystemExit(3)")
    site.source("syntax.py", "def f(:")
    site.source("dies.py", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    site.source("below.py", "dbutils.notebook.run('./raises', 10)")
    names = ["raises", "bare", "coded", "exits", "syntax", "dies", "below"]
    site.workflow(*(f"{n}.py" for n in names), "jupyter.ipynb", {"path": "raises.py", "name": "allowed", "allow_failure": True})
    run = site.run()
    assert run.status == 1
    assert {run.record(n)["error"]["kind"] for n in names} == {"notebook"}
    error = run.record("raises")["error"]
    assert error["name"] == "Odd" and error["message"] == "two\nlines: yes"
    assert run.source("raises", error["cell"]) == "raise Odd('two\\nlines: yes')"
    assert error["traceback"][-2:] == ["Odd: two", "lines: yes"]
    assert "raise Odd" in "".join(error["traceback"]) and "\x1b" not in "".join(error["traceback"])
    assert run.record("raises")["remote"]["code"] == "RUN_EXECUTION_ERROR"
    assert run.record("bare")["error"]["name"] == "KeyError"
    assert run.record("coded")["error"]["message"] == "red"
    assert run.record("exits")["error"]["name"] == "SystemExit"
    assert run.record("syntax")["error"]["name"] == "SyntaxError"
    assert "kernel is unresponsive" in run.record("dies")["error"]["message"]
    assert "lines: yes" in run.record("below")["error"]["message"]
    jupyter = run.record("jupyter")["error"]
    assert jupyter["name"] == "ZeroDivisionError" and run.source("jupyter", jupyter["cell"]) == "x / 0"
    assert "# One" in [run.source("jupyter", i) for i, c in enumerate(run.executed("jupyter")["cells"])
                       if c["cell_type"] == "markdown"]
    assert f"ZeroDivisionError: division by zero (cell {jupyter['cell']}" in run.out
    site.check_remote(run)


def test_what_the_platform_caused_may_be_tried_again_and_is_another_run(site):
    site.source("a.py", "dbutils.notebook.exit('done')")
    site.workflow({"path": "a.py", "name": "lost", "retries": 2, "retry_delay_seconds": 0},
                  {"path": "a.py", "name": "hopeless"}, {"path": "a.py", "name": "contexts"}, {"path": "a.py", "name": "late"})
    site.workspace.faults([
        {"match": {"task": "^lost$", "nth": 1}, "run": {"code": "DRIVER_ERROR", "message": "driver gone"}},
        {"match": {"task": "^hopeless$"}, "run": {"code": "CLUSTER_ERROR"}},
        {"match": {"task": "^contexts$"}, "run": {"code": "MAX_SPARK_CONTEXTS_EXCEEDED", "type": "CLIENT_ERROR"}},
        {"match": {"task": "^late$"}, "run": {"when": "end", "code": "INTERNAL_ERROR", "type": "INTERNAL_ERROR"}}])
    run = site.run()
    assert run.statuses() == {"lost": "succeeded", "hopeless": "failed", "contexts": "failed", "late": "failed"}
    lost = run.record("lost")
    assert lost["attempts"] == 2 and lost["result"] == "done"
    [before] = lost["earlier_attempts"]
    assert before["error"]["kind"] == "target" and "driver gone" in before["error"]["message"]
    assert "DRIVER_ERROR" in before["error"]["message"]
    assert len({r["token"] for r in site.runs("lost")}) == 2 and len({r["run_id"] for r in site.runs("lost")}) == 2
    for name, code in (("hopeless", "CLUSTER_ERROR"), ("contexts", "MAX_SPARK_CONTEXTS_EXCEEDED"), ("late", "INTERNAL_ERROR")):
        assert run.record(name)["error"]["kind"] == "target", name
        assert run.record(name)["remote"]["code"] == code
        assert code in run.record(name)["error"]["message"]
    assert site.executions() == {"lost": 1, "hopeless": 0, "contexts": 0, "late": 1}


def test_retries_of_a_notebook_are_runs_of_their_own(site):
    marker = site.work.path("tries")
    site.source("a.py", f"f = open({str(marker)!r}, 'a')\nf.write('x')\nf.flush()\nn = f.tell()\nprint('try', n)",
                "if n < 3: raise ValueError(f'only {n}')")
    site.workflow({"path": "a.py", "retries": 3, "retry_delay_seconds": 0})
    run = site.run()
    record = run.record("a")
    assert record["status"] == "succeeded" and record["attempts"] == 3
    assert [a["error"]["message"] for a in record["earlier_attempts"]] == ["only 1", "only 2"]
    assert "try 1" in (run.dir / "logs/a.attempt1.log").read_text()
    assert "try 3" in run.log("a")
    assert [e["submission"] for e in run.events if e["event"] == "notebook_started"] == [1, 2, 3]
    assert len({r["token"] for r in site.runs()}) == 3
    assert [r["executions"] for r in site.runs()] == [1, 1, 1]


def test_values_go_from_one_to_the_next_and_between_here_and_there(site):
    site.source("there.py", "import json\ndbutils.notebook.exit(json.dumps({'n': int(dbutils.widgets.get('n')) + 1}))")
    site.work.notebook("here", "show n", f'display {{"data": {{"{RESULT}": {{"n": 40}}}}}}')
    site.source("end.py", "dbutils.notebook.exit(dbutils.widgets.get('n') + ' ' + dbutils.widgets.get('who'))")
    site.workflow({"path": "here.ipynb", "target": "local", "parameters": {"n": 0}},
                  {"path": "there.py", "depends_on": "here", "parameters": {"n": "{{ notebooks.here.result.n }}"}},
                  {"path": "here.ipynb", "name": "back", "target": "local", "depends_on": "there",
                   "parameters": {"n": "{{ notebooks.there.result.n }}"}},
                  {"path": "end.py", "depends_on": "back", "parameters": {
                      "n": "{{ notebooks.there.result.n }}", "who": "{{ run.id }}"}})
    run = site.run()
    assert run.status == 0, run.story()
    assert run.text("back") == "41\n"
    assert run.record("end")["result"] == f"41 {run.results['run']['id']}"
    assert run.record("here")["remote"] is None and run.record("here")["url"] is None
    assert run.record("here")["target"] == "local" and run.record("end")["target"] == "prod"


def test_with_another_target_the_same_workflow_runs_here(site):
    site.work.notebook("a", "show n")
    site.workflow({"path": "a.ipynb", "parameters": {"n": 1}})
    run = site.work.run("--target", "local", "workflow.yaml", env={"DATABRICKS_HOST": "https://nowhere.invalid"})
    assert run.status == 0 and run.text("a") == "1\n"
    assert site.workspace.log() == []


# ---- Getting there ----

def test_a_file_is_imported_once_and_its_folder_is_made(site):
    site.source("deep/er/a.py", "dbutils.notebook.exit(dbutils.widgets.get('i'))")
    site.workflow({"path": "deep/er/a.py", "for_each": list(range(12)), "name": "a{{ item }}", "parameters": {"i": "{{ item }}"}},
                  target={"upload_to": "/Shared/flow/x/"})
    run = site.run()
    assert run.status == 0, run.story()
    assert [run.record(f"a{i}")["result"] for i in range(12)] == [str(i) for i in range(12)]
    imports = [r["status"] for r in site.workspace.log("/workspace/import")]
    assert imports == [404, 200]
    assert len(site.workspace.log("/mkdirs")) == 1
    assert site.workspace.state()["files"]["/Shared/flow/x/deep/er/a"]["kind"] == "NOTEBOOK"
    assert len({r["token"] for r in site.runs()}) == 12
    # It goes there again with the next run, as it is then.
    site.source("deep/er/a.py", "dbutils.notebook.exit('changed')")
    assert site.run("-s", "a1", "workflow.yaml").record("a1")["result"] == "changed"


def test_sources_in_other_languages_are_imported_as_such(site):
    for name, mark in (("a.sql", "--"), ("b.scala", "//"), ("c.r", "#"), ("d.R", "#")):
        site.work.write(name, f"{mark} Databricks notebook source\n1\n")
    site.workflow("a.sql", "b.scala", "c.r", "d.R", on_error="let-finish")
    site.run()
    told = site.workspace.api("GET", f"2.0/workspace/list?path={HOME}")["objects"]
    assert {o["path"].rpartition("/")[2]: o["language"] for o in told} == {"a": "SQL", "b": "SCALA", "c": "R", "d": "R"}


def test_what_cannot_be_imported_is_refused_with_its_place(site):
    site.work.write("plain.py", "print(1)\n")
    site.work.write("bom.py", "\ufeff" + source("1"))
    site.work.write("long.py", "# Databricks notebook source of something\n1\n")
    site.workflow("plain.py", "bom.py", "long.py", "missing.py")
    err = site.refused()
    lines = (site.work.dir / "workflow.yaml").read_text().split("\n")
    for name in ("plain.py", "bom.py", "long.py"):
        line = next(i for i, text in enumerate(lines, 1) if f'"{name}"' in text)
        column = lines[line - 1].index(f'"{name}"') + 1
        assert f"workflow.yaml:{line}:{column}: " in err
        assert f"'{name}' would be imported as a file, not as a notebook: its first line must be " in err
    assert "missing.py" in err
    assert site.workspace.log() == []


def test_two_files_do_not_become_one_notebook(site):
    site.source("a.py", "1")
    site.work.notebook("a.ipynb", "1", kernel=None)
    site.workflow("a.py", {"path": "a.ipynb", "name": "other"})
    err = site.refused("--check", "workflow.yaml")
    assert f"'a.py' and 'a.ipynb' would both be imported as '{HOME}/a'; rename one of them" in err


def test_keys_that_mean_nothing_there_are_refused(site):
    site.source("a.py", "1")
    site.workflow({"path": "a.py", "kernel": "python3", "env": {"A": "1"}, "cell_timeout_seconds": 3,
                   "memory_limit": "1G", "allow_errors": True})
    err = site.refused()
    for key in ("'kernel'", "'env'", "'cell_timeout_seconds'", "'memory_limit'", "'allow_errors'"):
        assert key in err
    assert site.workspace.log() == []


@pytest.mark.parametrize("target, message", [
    ({"clusterid": "x"}, "'clusterid'"),
    ({"existing_cluster_id": "x", "serverless": True}, "more than one of the keys existing_cluster_id, new_cluster and serverless"),
    ({"environment_key": "e"}, "no environments in which to find it"),
    ({"upload_to": "relative"}, "must be a folder of the workspace"),
    ({"new_cluster": "x"}, "a map"),
    ({"libraries": {"a": 1}}, "a list"),
    ({"performance_target": "FAST"}, "PERFORMANCE_OPTIMIZED"),
    ({"token": "dapi-in-a-file"}, "'token' does not belong into a workflow"),
])
def test_wrong_keys_of_the_target_are_refused_with_their_place(site, target, message):
    site.source("a.py", "1")
    site.workflow("a.py", target=target)
    err = site.refused()
    assert message in err and err.startswith("workflow.yaml:")
    assert "dapi-in-a-file" not in err
    assert site.workspace.log() == []


def test_what_the_target_says_is_passed_on(site):
    """The stand-in refuses what it does not know, and what does not fit together."""
    site.source("a.py", "1")
    site.workflow({"path": "a.py", "timeout_seconds": 100}, target={
        "new_cluster": {"spark_version": "15.4.x-scala2.12", "node_type_id": "i3.xlarge", "num_workers": 1},
        "libraries": [{"pypi": {"package": "simplejson"}}], "tags": {"team": "x"}, "queue": False,
        "access_control_list": [{"group_name": "users", "permission_level": "CAN_VIEW"}],
        "email_notifications": {"on_failure": ["a@example.com"]}, "performance_target": "STANDARD",
        "notification_settings": {"no_alert_for_skipped_runs": True}, "run_as": {"user_name": USER}})
    first = site.start()
    site.workflow("a.py", file="other.yaml", target={"environment_key": "e", "environments": [
        {"environment_key": "e", "spec": {"environment_version": "2", "dependencies": ["x"]}}]})
    second = site.run("other.yaml")
    assert first.finish().status == second.status == 0
    site.check(first)
    there = site.workspace.get(second.record("a")["remote"]["run_id"])
    assert there["tasks"][0]["environment_key"] == "e"


# ---- Checking ----

def test_check_says_who_one_is_and_changes_nothing(site):
    site.source("a.py", "1")
    site.workspace.put("/Shared/flow/c", source("1"))
    site.workspace.test("DELETE", "log")
    site.workflow("a.py", "/Shared/flow/c", target={"existing_cluster_id": CLUSTER, "warehouse_id": "stand-in-warehouse"})
    out = site.accepted()
    assert f"target 'prod': logged in to {site.workspace.url} as {USER} (pat)" in out
    assert {r["method"] for r in site.workspace.log()} == {"GET"}
    assert f"{HOME}/a" not in site.workspace.state()["files"]


def test_check_finds_what_is_not_there(site):
    site.workspace.put("/Shared/flow/c", source("1"))
    site.workspace.put("/Shared/flow/file.txt", "text", "RAW")
    site.workflow("/Shared/flow/c", "/Shared/flow/none", "/Shared/flow/file.txt", "/Shared/flow",
                  target={"existing_cluster_id": "0000-missing", "warehouse_id": "dry"})
    err = site.refused("--check", "workflow.yaml")
    lines = (site.work.dir / "workflow.yaml").read_text().split("\n")
    for path, message in (("/Shared/flow/none", "cannot find notebook '/Shared/flow/none' in the workspace"),
                          ("/Shared/flow/file.txt", "is no notebook of the workspace, but a FILE"),
                          ("/Shared/flow", "is no notebook of the workspace, but a DIRECTORY")):
        line = len(lines) - next(i for i, text in enumerate(reversed(lines)) if text.strip(" ,") == f'"{path}"')
        place = f"workflow.yaml:{line}:{lines[line - 1].index(chr(34)) + 1}: "
        assert any(text.startswith(place) and message in text for text in err.split("\n")), (place, err)
    assert "cannot use cluster '0000-missing'" in err and "Cluster 0000-missing does not exist" in err
    assert "cannot use SQL warehouse 'dry'" in err
    assert "RESOURCE_DOES_NOT_EXIST" in err and "request " in err
    # And so does a run, which then is none.
    assert "cannot use cluster" in site.refused()


def test_the_default_cluster_is_that_of_the_environment(site):
    site.source("a.py", "1")
    site.workflow("a.py")
    assert "cannot use cluster 'of-mine'" in site.refused("--check", "workflow.yaml", env={"DATABRICKS_CLUSTER_ID": "of-mine"})
    run = site.run(env={"DATABRICKS_CLUSTER_ID": CLUSTER})
    assert run.status == 0
    assert site.workspace.get(site.runs()[0]["run_id"])["tasks"][0]["existing_cluster_id"] == CLUSTER
    site.workflow("a.py", target={"serverless": True})
    site.accepted(env={"DATABRICKS_CLUSTER_ID": "of-mine"})


# ---- Logging in ----

NONE = {"DATABRICKS_HOST": None, "DATABRICKS_TOKEN": None}


@pytest.fixture
def login(site):
    """A workflow that is ready to be checked."""
    site.source("a.py", "1")
    site.workflow("a.py")
    return site


def who(out):
    """(user, method) of what -v says."""
    line = next(text for text in out.split("\n") if "logged in to" in text)
    user, _, method = line.partition(" as ")[2].partition(" ")
    return user, method.strip("()")


def test_profiles(login):
    url, token = login.workspace.url, login.workspace.token
    wrong = "token = dapiwrongwrongwrong"
    good = f"host = {url}\ntoken = {token}  ; that is it\n"
    for text, env, target in (
            (f"[DEFAULT]\n{good}", NONE, {}),
            (f"[__settings__]\ndefault_profile = mine\n[DEFAULT]\nhost = {url}\n{wrong}\n[mine]\n{good}", NONE, {}),
            (f"[DEFAULT]\nhost = {url}\n{wrong}\n[mine]\n{good}", {**NONE, "DATABRICKS_CONFIG_PROFILE": "mine"}, {}),
            (f"[other]\nhost = {url}\n{wrong}\n[mine]\n{good}", {**NONE, "DATABRICKS_CONFIG_PROFILE": "other"}, {"profile": "mine"}),
            # The environment is stronger than the file, attribute by attribute.
            (f"[mine]\nhost = {url}\n{wrong}\n", {"DATABRICKS_HOST": None, "DATABRICKS_CONFIG_PROFILE": "mine"}, {}),
            # A file that nobody has named is left alone when the environment says enough.
            ("[DEFAULT]\nhost = https://elsewhere.invalid\nclient_id = a\nclient_secret = b\n", {}, {}),
            # The target's own host is the strongest.
            (f"[mine]\nhost = https://elsewhere.invalid\ntoken = '{token}'\n",
             {"DATABRICKS_HOST": "https://elsewhere.invalid", "DATABRICKS_TOKEN": None}, {"profile": "mine", "host": url + "/?o=123#x"}),
            (f"host={url}\ntoken: \"{token}\"\n", NONE, {})):
        profile(login.work, text)
        login.workflow("a.py", target=target)
        assert who(login.accepted(env=env)) == (USER, "pat"), text
    login.work.write("elsewhere.cfg", f"[DEFAULT]\n{good}")
    login.workflow("a.py")
    profile(login.work, f"[DEFAULT]\nhost = {url}\n{wrong}\n")
    login.accepted(env={**NONE, "DATABRICKS_CONFIG_FILE": "elsewhere.cfg"})


def test_a_password(login):
    login.secrets.add("password")
    out = login.work.run("--check", "-v", "workflow.yaml", folder=None, env={
        **login.env, "DATABRICKS_TOKEN": None, "DATABRICKS_USERNAME": USER, "DATABRICKS_PASSWORD": "password"})
    assert out.status == 0 and who(out.err) == (USER, "basic")


@pytest.mark.parametrize("env, text, target, messages", [
    ({}, "", {"profile": "none"}, ["there is no", ".databrickscfg' to have profile 'none'"]),
    ({}, "[DEFAULT]\ntoken = x\n", {"profile": "none"}, [".databrickscfg' has no profile 'none'"]),
    ({"DATABRICKS_CONFIG_PROFILE": "__settings__"}, "[__settings__]\n", {}, ["'__settings__' is no profile to log in with"]),
    (NONE, "", {}, ["the workspace's host is not known: set DATABRICKS_HOST"]),
    ({"DATABRICKS_TOKEN": None}, "", {}, ["there is no way to log in to", "set DATABRICKS_TOKEN"]),
    ({"DATABRICKS_CLIENT_ID": "id", "DATABRICKS_CLIENT_SECRET": "hush-hush"}, "", {},
     ["more than one way to log in: DATABRICKS_TOKEN (pat) and DATABRICKS_CLIENT_ID, DATABRICKS_CLIENT_SECRET (oauth-m2m)",
      "DATABRICKS_AUTH_TYPE"]),
    ({"DATABRICKS_CONFIG_PROFILE": "p"}, "[p]\nclient_id = id\nclient_secret = hush-hush\n", {},
     ["DATABRICKS_TOKEN (pat) and client_id of profile 'p', client_secret of profile 'p' (oauth-m2m)"]),
    ({"DATABRICKS_AUTH_TYPE": "magic"}, "", {}, ["auth_type 'magic' is not known here", "oauth-m2m"]),
    ({"DATABRICKS_AUTH_TYPE": "oauth-m2m"}, "", {}, ["what oauth-m2m needs to log in is not all set: set DATABRICKS_CLIENT_ID"]),
    ({"DATABRICKS_HOST": "http://example.com"}, "", {}, ["'http://example.com' would be spoken to without TLS; write https://"]),
    ({"DATABRICKS_HOST": "http://127.0.0.1.example.com"}, "", {}, ["without TLS"]),
    ({}, "", {"host": "https://user:hush-hush@example.com"}, ["is no address of a workspace"]),
])
def test_what_is_missing_or_ambiguous_is_said(login, env, text, target, messages):
    if text:
        profile(login.work, text)
    login.workflow("a.py", target=target)
    err = login.refused("-vv", "workflow.yaml", env={"PATH": "/usr/bin:/bin", **env})
    for message in messages:
        assert message in err
    if not target:
        assert "hush-hush" not in err
    assert login.workspace.log() == []


@pytest.mark.parametrize("env, method", [
    ({"DATABRICKS_TOKEN": "dapi-wrong-wrong"}, "pat"),
    ({"DATABRICKS_TOKEN": None, "DATABRICKS_USERNAME": "me", "DATABRICKS_PASSWORD": "wrong-wrong"}, "basic"),
    ({"DATABRICKS_TOKEN": None, "DATABRICKS_CLIENT_ID": "me", "DATABRICKS_CLIENT_SECRET": "wrong-wrong"}, "oauth-m2m"),
])
def test_a_wrong_login_is_said_with_who_and_where_and_nothing_is_started(login, env, method):
    login.secrets |= {v for v in env.values() if v and "wrong" in v}
    began = time.monotonic()
    err = login.refused("-vv", "workflow.yaml", env=env)
    assert time.monotonic() - began < 50 * PATIENCE
    assert f"cannot log in to '{login.workspace.url}'" in err
    assert env.get("DATABRICKS_USERNAME") or env.get("DATABRICKS_CLIENT_ID") or "DATABRICKS_TOKEN" in err
    if method != "oauth-m2m":
        assert f"host={login.workspace.url}, auth_type={method}" in err and "***" in err
    else:
        assert "cannot log in as 'me'" in err
    secret = next(iter(login.secrets - {login.workspace.token}))
    assert base64.b64encode(f"me:{secret}".encode()).decode() not in err


def test_the_token_of_the_databricks_program(login):
    token = login.workspace.token
    answer = json.dumps({"access_token": token, "token_type": "Bearer", "expiry": "2099-01-01T00:00:00Z"})
    path = program_that_prints(login.work, answer)
    env = {"DATABRICKS_TOKEN": None, "PATH": path}
    assert who(login.accepted(env=env)) == (USER, "databricks-cli")
    profile(login.work, f"[mine]\nhost = {login.workspace.url}\nauth_type = databricks-cli\n")
    assert who(login.accepted(env={**env, **NONE, "DATABRICKS_CONFIG_PROFILE": "mine"})) == (USER, "databricks-cli")
    assert login.work.path("asked").read_text().split("\n")[:2] == [
        f"auth token --host {login.workspace.url}", "auth token --profile mine"]
    # One worker asks for all.
    login.workflow({"path": "a.py", "for_each": list(range(5)), "name": "a{{ item }}"})
    before = login.work.path("asked").read_text().count("\n")
    run = login.run(env=env)
    assert run.status == 0, run.story()
    assert login.work.path("asked").read_text().count("\n") == before + 1


def test_a_databricks_program_that_fails_is_quoted(login):
    path = program_that_prints(login.work, "", 1)
    program = login.work.path("bin/databricks")
    program.write_text("#!/bin/sh\necho 'Error: no login; run databricks auth login' >&2\nexit 1\n")
    err = login.refused(env={"DATABRICKS_TOKEN": None, "PATH": path})
    assert "run databricks auth login" in err and "auth token --host" in err
    program.write_text("#!/bin/sh\necho '{\"access_token\": 17}'\n")
    assert "its answer holds no token" in login.refused(env={"DATABRICKS_TOKEN": None, "PATH": path})


def oauth(site):
    site.env = {"DATABRICKS_HOST": site.workspace.url, "DATABRICKS_CLIENT_ID": "robot",
                "DATABRICKS_CLIENT_SECRET": "hush-hush-secret"}
    site.secrets.add("hush-hush-secret")
    return site


def test_azure(build):
    site = build("--azure-client", "app-1:hush-hush-azure")
    site.secrets.add("hush-hush-azure")
    site.env = {"DATABRICKS_HOST": site.workspace.url, "ARM_CLIENT_ID": "app-1", "ARM_CLIENT_SECRET": "hush-hush-azure",
                "AZURE_AUTHORITY_HOST": site.workspace.url}
    site.source("a.py", "dbutils.notebook.exit('here')")
    site.workflow("a.py")
    tenant = "11111111-2222-3333-4444-555555555555"
    assert who(site.accepted(env={"ARM_TENANT_ID": tenant})) == ("app-1", "azure-client-secret")
    assert not site.workspace.log("/aad/auth")
    run = site.run()
    assert run.record("a")["result"] == "here", run.story()
    assert site.workspace.log("/aad/auth") and site.runs()[0]["user"] == "app-1"
    err = site.refused("-vv", "workflow.yaml", env={"ARM_CLIENT_SECRET": "wrong-wrong"})
    assert "cannot log in as 'app-1'" in err and "AADSTS7000215" in err and "wrong-wrong" not in err


def test_who_administers_a_workspace_in_azure_need_not_be_its_user(build):
    resource = "/subscriptions/1/resourceGroups/g/providers/Microsoft.Databricks/workspaces/w"
    site = build("--azure-client", "app-1:hush-hush-azure", "--azure-resource", resource)
    site.secrets.add("hush-hush-azure")
    site.env = {"DATABRICKS_HOST": site.workspace.url, "ARM_CLIENT_ID": "app-1", "ARM_CLIENT_SECRET": "hush-hush-azure",
                "AZURE_AUTHORITY_HOST": site.workspace.url}
    site.source("a.py", "dbutils.notebook.exit('here')")
    site.workflow("a.py")
    assert "403 PERMISSION_DENIED: User not authorized." in site.refused("workflow.yaml")
    run = site.run(env={"DATABRICKS_AZURE_RESOURCE_ID": resource})
    assert run.record("a")["result"] == "here", run.story()
    site.workspace.faults([{"match": {"path": "runs/get$", "count": 1}, "action": {"token_expired": True}}])
    run = site.run(env={"DATABRICKS_AZURE_RESOURCE_ID": resource})
    assert run.record("a")["result"] == "here", run.story()


def test_one_token_for_all_is_renewed_before_it_expires_and_when_it_is_refused(build):
    """Three hours in nine seconds, in which a token of an hour is not enough."""
    site = oauth(build("--client", "robot:hush-hush-secret", "--clock-scale", "1200"))
    site.source("long.py", "import time; time.sleep(9)", "dbutils.notebook.exit('through')")
    site.workflow({"path": "long.py", "for_each": list(range(6)), "name": "l{{ item }}"})
    run = site.start("-vv", "workflow.yaml")
    for i in range(6):
        run.event("notebook_submitted", name=f"l{i}")
    # What comes with the next request is not good any more.
    site.workspace.faults([{"match": {"path": "runs/get$", "count": 1}, "action": {"token_expired": True}}])
    run.finish()
    site.check(run)
    assert run.status == 0, run.story()
    assert [n["result"] for n in run.results["notebooks"]] == ["through"] * 6
    grants = site.workspace.log("/oidc/v1/token")
    hours = run.seconds * 1200 / 3600
    assert 3 <= len(grants) <= 2 * hours + 5, (len(grants), hours)
    refused = [r for r in site.workspace.log() if r["status"] == 401]
    assert [r["fault"] for r in refused if r["fault"]] == ["rule 1"]
    assert site.executions() == {f"l{i}": 1 for i in range(6)}
    assert site.runs()[0]["user"] == "robot"


# ---- Stopping ----

SLEEPY = "import time; print('begun')"


def ended_there(site, name):
    return [r["result"] for r in site.runs(name)]


def test_time_limits_there_and_here(build):
    site = build("--clock-scale", "100")
    site.source("a.py", SLEEPY, "time.sleep(600)")
    # There these are over within a second.
    site.workflow({"path": "a.py", "name": "there", "timeout_seconds": 20})
    run = site.run()
    there = run.record("there")
    assert there["status"] == "timed_out" and there["error"]["kind"] == "timeout"
    assert there["exit_status"] == 2 and there["duration_seconds"] < 20
    assert ended_there(site, "there") == ["TIMEDOUT"]
    # And here these are over before they are there.
    site.workspace.clock(scale=0.01)
    site.workflow({"path": "a.py", "name": "here", "timeout_seconds": 10.2})
    run = site.run()
    here = run.record("here")
    assert here["status"] == "timed_out" and here["error"]["message"] == "notebook did not finish within 10.2 s"
    assert ended_there(site, "here") == ["CANCELED"] and here["remote"]["code"] in ("CANCELED", "USER_CANCELED")
    assert run.text("here") == "begun\n"


def test_fail_fast_cancels_what_runs_there_and_waits_for_its_end(build):
    site = build("--terminating", "0.6")
    begun = str(site.work.path("begun"))
    site.source("slow.py", SLEEPY, f"open({begun!r}, 'w').close()", "time.sleep(600)")
    site.source("fails.py", "import os, time", f"while not os.path.exists({begun!r}): time.sleep(0.05)", "1/0")
    site.workflow("slow.py", "fails.py", {"path": "slow.py", "name": "never", "depends_on": "slow"}, on_error="fail-fast")
    run = site.run()
    assert run.statuses() == {"slow": "cancelled", "fails": "failed", "never": "skipped"}
    assert ended_there(site, "slow") == ["CANCELED"] and all(r["over"] for r in site.runs())
    assert "stopped because" in run.record("slow")["error"]["message"]
    assert run.record("slow")["remote"]["code"] in ("CANCELED", "USER_CANCELED")
    assert run.text("slow") == "begun\n"


def test_interrupting_cancels(site):
    site.source("slow.py", SLEEPY, "time.sleep(600)")
    site.workflow({"path": "slow.py", "for_each": [1, 2, 3], "name": "s{{ item }}"})
    run = site.start()
    for i in (1, 2, 3):
        run.event("notebook_submitted", name=f"s{i}")
    wait_for(lambda: site.executions() == {"s1": 1, "s2": 1, "s3": 1}, "all three to run")
    run.signal(signal.SIGINT)
    run.finish()
    site.check(run)
    assert run.status == -signal.SIGINT
    assert set(run.statuses().values()) == {"cancelled"}
    assert [r["result"] for r in site.runs()] == ["CANCELED"] * 3
    assert all(not r["over"] or r["state"] == "TERMINATED" for r in site.runs())


def test_a_cancel_that_does_not_come_through_is_said_with_the_page(site):
    site.source("slow.py", SLEEPY, "time.sleep(600)")
    site.workflow("slow.py")
    run = site.start()
    url = wait_for(lambda: next((e["url"] for e in run.events if e["event"] == "notebook_submitted" and e["url"]), None), "its page")
    site.workspace.faults([{"match": {"path": "runs/cancel$"}, "action": {"status": 503}}])
    run.signal(signal.SIGTERM)
    run.finish()
    site.check(run)
    record = run.record("slow")
    assert record["status"] == "cancelled" and record["url"] == url
    assert f"cannot confirm that run {record['remote']['run_id']} has ended: {url}" in run.err
    assert "could not be confirmed" in record["error"]["message"]
    assert not site.runs()[0]["over"]


def test_somebody_who_cancels_it_there(site):
    site.source("slow.py", SLEEPY, "time.sleep(600)")
    site.workflow("slow.py")
    run = site.start()
    run_id = int(run.event("notebook_submitted")["run_id"])
    site.workspace.api("POST", "2.2/jobs/runs/cancel", {"run_id": run_id})
    run.finish()
    record = run.record("slow")
    assert run.status == 1 and record["status"] == "cancelled" and record["error"]["kind"] == "stopped"
    assert "signal" not in record["error"]["message"] and "workspace" in record["error"]["message"]


# ---- Watching ----

def test_progress_says_what_it_waits_for(build):
    """The workspace's clock stands until what it waits for has been said."""
    site = build("--concurrent-runs", "1", "--pending", "4", "--clock-scale", "0.001")
    go = site.work.path("go")
    site.source("a.py", "import os, time", f"while not os.path.exists({str(go)!r}): time.sleep(0.05)", "time.sleep(0.5)")
    site.workflow({"path": "a.py", "for_each": [1, 2], "name": "n{{ item }}"})
    run = site.start("--progress=plain", "-v", "workflow.yaml")
    queued = "| queued: The maximum number of concurrent runs of the workspace has been reached."
    wait_for(lambda: queued in run.err and "| pending" in run.err, "one in the queue and one on its way")
    site.workspace.clock(advance=5)
    wait_for(lambda: "| running" in run.err, "one that runs")
    site.workspace.clock(advance=5, scale=10)
    go.write_text("")
    run.finish()
    site.check(run)
    assert run.status == 0, run.story()
    queued = sorted(n["remote"]["queue_seconds"] for n in run.results["notebooks"])
    assert queued[0] == 0 and queued[1] >= 9.9
    assert all(n["remote"]["setup_seconds"] >= 3.9 and n["remote"]["execution_seconds"] >= 4.9
               for n in run.results["notebooks"])


def test_older_and_newer_answers_mean_the_same(build):
    sites = {forms: build("--forms", forms) for forms in ("state", "status")}
    sites["state"].source("good.py", "dbutils.notebook.exit('x')")
    sites["state"].source("bad.py", "1/0")
    sites["state"].source("slow.py", "import time; time.sleep(600)")
    sites["state"].workflow("good.py", "bad.py", {"path": "slow.py", "timeout_seconds": 8})
    for run in [site.start() for site in sites.values()]:
        run.finish()
        assert run.statuses() == {"good": "succeeded", "bad": "failed", "slow": "timed_out"}
        assert run.record("bad")["error"]["kind"] == "notebook"
        assert run.record("bad")["error"]["name"] == "ZeroDivisionError"
    for site in sites.values():
        assert [r["result"] for r in site.runs("slow")] in (["CANCELED"], ["TIMEDOUT"])


def private_bytes(pid):
    with open(f"/proc/{pid}/smaps_rollup") as f:
        return sum(int(line.split()[1]) * 1024 for line in f if line.startswith("Private_"))


@pytest.mark.skipif(PATIENCE > 1, reason="checkers take memory of their own")
def test_a_worker_that_waits_is_small(site):
    go = site.work.path("go")
    site.source("slow.py", "import os, time", f"while not os.path.exists({str(go)!r}): time.sleep(0.1)")
    site.workflow({"path": "slow.py", "for_each": list(range(4)), "name": "s{{ item }}"})
    run = site.start()
    for i in range(4):
        run.event("notebook_submitted", name=f"s{i}")

    def looks():
        """How often each was looked at, with an answer."""
        asked = [r["run_id"] for r in site.workspace.log("/runs/get") if r["status"] == 200]
        return [asked.count(r["run_id"]) for r in site.runs()]
    wait_for(lambda: min(looks()) >= 2, "the second look at each")
    time.sleep(0.1)
    try:
        sizes = [private_bytes(e["pid"]) for e in run.events if e["event"] == "notebook_started"]
    except PermissionError:
        sizes = []
    go.write_text("")
    run.finish()
    if not sizes:
        pytest.skip("only root may look at the memory of workers")
    assert max(sizes) <= 4 << 20, sizes


def test_a_plan_asks_and_starts_nothing(site):
    site.source("a.py", "1")
    site.workspace.put("/Shared/flow/c", source("1"))
    site.workspace.test("DELETE", "log")
    site.workflow("a.py", {"path": "/Shared/flow/c", "depends_on": "a"})
    run = site.work.run("-n", "workflow.yaml", folder=None, env=site.env)
    assert run.status == 0 and "/Shared/flow/c" in run.out, run.story()
    assert {r["method"] for r in site.workspace.log()} == {"GET"}


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_while_it_logs_in(site, sig):
    site.source("a.py", "1")
    site.workflow("a.py")
    site.workspace.faults([{"match": {"path": "scim/v2/Me$"}, "action": {"delay": 100}}])
    run = site.start()
    wait_for(lambda: site.workspace.log("/Me"), "the question who one is")
    began = time.monotonic()
    run.signal(sig)
    run.wait()
    assert run.status == -sig and time.monotonic() - began < 50 * PATIENCE
    assert site.runs() == []


def test_tls_is_verified(work, build, monkeypatch):
    key, certificate = work.path("key.pem"), work.path("certificate.pem")
    if subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                       "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
                      stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode:
        pytest.skip("openssl makes no certificate")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))  # for what the test itself asks
    site = build("--tls", certificate, key, "--name", "localhost")
    site.source("a.py", "dbutils.notebook.exit('safe')")
    site.workflow("a.py")
    trusted = {"CURL_CA_BUNDLE": str(certificate)}
    began = time.monotonic()
    assert "certificate" in site.refused()
    assert time.monotonic() - began < 50 * PATIENCE  # asking again would be of no use
    run = site.run(env={**trusted, "DATABRICKS_HOST": site.workspace.url.removeprefix("https://")})
    assert run.record("a")["result"] == "safe", run.story()
    # One that was made for another name is none.
    assert "127.0.0.1" in site.refused(env={**trusted, "DATABRICKS_HOST": site.workspace.url.replace("localhost", "127.0.0.1")})
