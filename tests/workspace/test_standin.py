"""What the stand-in workspace promises to tests, beyond what the SDK of Databricks sees of it: test_sdk.py."""

import base64
import http.client
import json
import os
import re
import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.parse
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import standin  # noqa: E402

HEADER = "# Databricks notebook source\n"
CELL = "\n# COMMAND ----------\n"


def notebook(*cells):
    return HEADER + CELL.join(cells)


@pytest.fixture(scope="module", params=["kernel", "inline"])
def each(request):
    with standin.StandIn("--engine", request.param, "--no-limits", "--secret", "scope/key=hidden") as started:
        yield started
        assert started.state()["bugs"] == []


@pytest.fixture
def start():
    """Starts one with options of the test's own."""
    started = []

    def begin(*options):
        started.append(standin.StandIn("--engine", "inline", *options))
        return started[-1]
    yield begin
    bugs = [bug for one in started if one.process.poll() is None for bug in one.state()["bugs"]]
    for one in started:
        one.close()
    assert bugs == []


def run(workspace, text, parameters=None, **more):
    """Runs a notebook; returns (the run, its output)."""
    workspace.put("/Tests/one", text)
    made = workspace.ended(workspace.submit("/Tests/one", parameters, **more))
    return made, workspace.output(made)


def refused(status, ask, *given, **more):
    """The error of what must be refused with this status."""
    with pytest.raises(urllib.error.HTTPError) as caught:
        ask(*given, **more)
    assert caught.value.code == status
    return standin.error_of(caught.value)


def raw(workspace, method, path, body=None, authorization=None):
    """Asks without urllib's opinions. Returns (status, headers, body)."""
    connection = http.client.HTTPConnection(workspace.url.removeprefix("http://"), timeout=30)
    try:
        connection.request(method, path, None if body is None else json.dumps(body),
                           {"Authorization": authorization or f"Bearer {workspace.token}"})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def model(workspace, made):
    """The notebook's model in the page that runs/export gives."""
    page = workspace.api("GET", f"2.2/jobs/runs/export?run_id={made['tasks'][0]['run_id']}")["views"][0]["content"]
    encoded = re.search(r"__DATABRICKS_NOTEBOOK_MODEL = '([^']+)'", page).group(1)
    return json.loads(urllib.parse.unquote(base64.b64decode(encoded).decode()))


# -- running notebooks, with either engine


def test_result_and_prints(each):
    made, output = run(
        each, notebook("x = 20\nprint('one')", "%md\n# no", "x * 2", "dbutils.notebook.exit(str(x))", "1 / 0")
    )
    assert made["state"]["result_state"] == "SUCCESS" and output["notebook_output"] == {
        "result": "20",
        "truncated": False,
    }
    commands = model(each, made)["commands"]
    assert [command["command"] for command in commands][1] == "%md\n# no"
    assert [command["state"] for command in commands] == ["finished"] * 4 + ["input"]
    assert commands[0]["results"]["data"][0] | {"name": None} == commands[0]["results"]["data"][0] | {
        "type": "ansi", "data": "one\n", "name": None}
    assert commands[2]["results"]["data"][0]["data"] == "40\n"


def test_error(each):
    made, output = run(
        each, notebook("print('before')", "def f():\n    raise KeyError('<gone>')\nf()", "print('never')")
    )
    assert made["state"] == {
        "life_cycle_state": "INTERNAL_ERROR",
        "result_state": "FAILED",
        "user_cancelled_or_timedout": False,
        "state_message": "Task main failed with message: Workload failed, see run output for details.",
    }
    assert made["status"]["termination_details"]["code"] == "RUN_EXECUTION_ERROR"
    assert made["tasks"][0]["state"]["life_cycle_state"] == "TERMINATED"
    assert output["error"] == "KeyError: '<gone>'"
    assert "\x1b[" in output["error_trace"] and output["notebook_output"] == {}
    command = model(each, made)["commands"][1]
    assert command["state"] == "error" and "&lt;gone&gt;" in command["errorSummary"] and "\x1b[" in command["error"]


def test_widgets(each):
    made, output = run(
        each,
        notebook(
            "dbutils.widgets.text('b', 'default')",
            "dbutils.notebook.exit(dbutils.widgets.get('a') + dbutils.widgets.get('b'))",
        ),
        {"a": "given "},
    )
    assert output["notebook_output"]["result"] == "given default"
    made, output = run(each, notebook("dbutils.widgets.get('nothing')"))
    assert made["state"]["result_state"] == "FAILED"
    assert "InputWidgetNotDefined: No input widget named nothing is defined" in output["error"]


def test_result_is_cut_at_five_megabytes(each):
    _, output = run(each, notebook("dbutils.notebook.exit('ä' * 3_000_000)"))
    assert output["notebook_output"]["truncated"] is True
    assert len(output["notebook_output"]["result"].encode()) == 5 * 1024 * 1024


def test_run_of_another_notebook_in_place(each):
    each.put("/Tests/inner/values", notebook("value = 7", "%md\nnothing"))
    each.put("/Tests/inner/more", notebook("%run ./values", "value = value * 2"))
    _, output = run(each, notebook("# MAGIC %run ./inner/more", "dbutils.notebook.exit(str(value))"))
    assert output["notebook_output"]["result"] == "14"
    _, output = run(each, notebook("# MAGIC %run ./inner/missing"))
    assert "Notebook not found: /Tests/inner/missing" in output["error"]


def test_run_of_another_notebook_aside(each):
    each.put("/Tests/double", notebook("dbutils.notebook.exit(str(2 * int(dbutils.widgets.get('n'))))"))
    _, output = run(each, notebook("dbutils.notebook.exit(dbutils.notebook.run('double', 0, {'n': '4'}))"))
    assert output["notebook_output"]["result"] == "8"
    each.put("/Tests/raises", notebook("raise OSError('deep')"))
    _, output = run(each, notebook("dbutils.notebook.run('./raises', 10)"))
    assert "FAILED: OSError: deep" in output["error"]


def test_jupyter_notebooks_tables_and_secrets(each):
    cells = [{"cell_type": "markdown", "source": ["# x"]},
             {"cell_type": "code", "source": ["display([{'a': 1, 'b': None}])\n", "displayHTML('<b>x</b>')"]},
             {"cell_type": "code", "source": "dbutils.notebook.exit(dbutils.secrets.get('scope', 'key'))"}]
    each.put(
        "/Tests/jupyter", json.dumps({"cells": cells, "nbformat": 4, "nbformat_minor": 5, "metadata": {}}), "JUPYTER"
    )
    made = each.ended(each.submit("/Tests/jupyter"))
    assert each.output(made)["notebook_output"]["result"] == "hidden"
    table, html = model(each, made)["commands"][1]["results"]["data"]
    assert (
        table["type"] == "table"
        and table["data"] == [[1, None]]
        and [column["name"] for column in table["schema"]] == ["a", "b"]
    )
    assert html["type"] == "htmlSandbox" and html["data"] == "<b>x</b>"


def test_values_between_tasks(each):
    each.put("/Tests/sets", notebook("dbutils.jobs.taskValues.set('k', [1, 2])"))
    each.put("/Tests/gets", notebook("v = dbutils.jobs.taskValues.get('a', 'k')",
                                     "dbutils.notebook.exit(f\"{v} {dbutils.widgets.get('p')}\")"))
    run_id = each.api(
        "POST",
        "2.2/jobs/runs/submit",
        {
            "queue": {"enabled": True},
            "tasks": [
                {"task_key": "a", "notebook_task": {"notebook_path": "/Tests/sets"}},
                {
                    "task_key": "b",
                    "depends_on": [{"task_key": "a"}],
                    "notebook_task": {
                        "notebook_path": "/Tests/gets",
                        "base_parameters": {"p": "{{tasks.a.values.k}} {{tasks.a.result_state}}"},
                    },
                },
            ],
        },
    )["run_id"]
    made = each.ended(run_id)
    output = each.api("GET", f"2.2/jobs/runs/get-output?run_id={made['tasks'][1]['run_id']}")
    assert output["notebook_output"]["result"] == "[1, 2] [1, 2] success"


def test_dead_process(each):
    made, output = run(each, notebook("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"))
    assert made["state"]["result_state"] == "FAILED" and "kernel is unresponsive" in output["error"]


def test_cancel_kills_the_process(each):
    each.put("/Tests/long", notebook("import time\nprint('on')\ntime.sleep(900)"))
    run_id = each.submit("/Tests/long")
    pid = wait_for(lambda: [one["pid"] for one in each.state()["scheduler"]["running"] if one["pid"]])[0]
    each.api("POST", "2.1/jobs/runs/cancel", {"run_id": each.get(run_id)["tasks"][0]["run_id"]})
    made = each.ended(run_id)
    assert made["state"]["result_state"] == "CANCELED" and made["tasks"][0]["state"]["user_cancelled_or_timedout"]
    wait_for(lambda: gone(pid))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("engine", ["kernel", "inline"])
def test_nothing_survives_it(engine, number):
    with standin.StandIn("--engine", engine) as workspace:
        workspace.put("/Tests/long", notebook("import time\ntime.sleep(900)"))
        workspace.submit("/Tests/long")
        pid = wait_for(lambda: [one["pid"] for one in workspace.state()["scheduler"]["running"] if one["pid"]])[0]
        workspace.process.send_signal(number)
        workspace.process.wait(30)
        wait_for(lambda: gone(pid))


# -- phases, queue, time


def test_phases(start):
    workspace = start("--pending", "2", "--terminating", "2")
    workspace.put("/Tests/short", notebook("import time\ntime.sleep(2)"))
    run_id = workspace.submit("/Tests/short")
    seen = []
    while not seen or seen[-1] != "TERMINATED":
        state = workspace.get(run_id)["tasks"][0]["state"]["life_cycle_state"]
        if seen[-1:] != [state]:
            seen.append(state)
        time.sleep(0.05)
    assert seen == ["PENDING", "RUNNING", "TERMINATING", "TERMINATED"]
    task = workspace.get(run_id)["tasks"][0]
    assert min(task["setup_duration"], task["execution_duration"], task["cleanup_duration"]) >= 1999


def test_queue(start):
    workspace = start("--concurrent-runs", "1")
    workspace.put("/Tests/long", notebook("import time\ntime.sleep(900)"))
    workspace.put("/Tests/short", notebook("pass"))
    first = workspace.submit("/Tests/long")
    second, third = workspace.submit("/Tests/short"), workspace.submit("/Tests/short")
    state = wait_for(lambda: (made := workspace.get(second))["state"]["life_cycle_state"] == "QUEUED" and made)
    assert state["status"]["queue_details"]["code"] == "ACTIVE_RUNS_LIMIT_REACHED"
    body = {"tasks": [{"task_key": "k", "notebook_task": {"notebook_path": "/Tests/short"}}]}
    assert refused(429, workspace.api, "POST", "2.2/jobs/runs/submit", body)["error_code"] == "REQUEST_LIMIT_EXCEEDED"
    workspace.api("POST", "2.2/jobs/runs/cancel", {"run_id": third})
    assert workspace.ended(third)["state"]["result_state"] == "CANCELED"
    workspace.api("POST", "2.2/jobs/runs/cancel", {"run_id": first})
    assert workspace.ended(second)["state"]["result_state"] == "SUCCESS"
    assert [one["executions"] for one in workspace.state()["runs"]] == [1, 1, 0]


def test_clock_and_time_limit(start):
    workspace = start("--client", "id:secret")
    workspace.put("/Tests/long", notebook("import time\ntime.sleep(900)"))
    run_id = workspace.submit("/Tests/long", timeout_seconds=7200)
    wait_for(lambda: workspace.get(run_id)["state"]["life_cycle_state"] == "RUNNING")
    workspace.clock(advance=7201)
    made = workspace.ended(run_id)
    assert made["state"]["result_state"] == "TIMEDOUT" and made["tasks"][0]["execution_duration"] >= 7200000


def test_tokens_by_the_clock(start):
    workspace = start("--client", "id:secret")
    basic = "Basic " + base64.b64encode(b"id:secret").decode()

    def token():
        connection = http.client.HTTPConnection(workspace.url.removeprefix("http://"))
        connection.request("POST", "/oidc/v1/token", "grant_type=client_credentials&scope=all-apis", {
            "Authorization": basic, "Content-Type": "application/x-www-form-urlencoded"})
        answer = json.load(connection.getresponse())
        connection.close()
        return answer
    workspace.clock(scale=60)
    first = token()
    assert 59 <= first["expires_in"] <= 60
    me = "/api/2.0/preview/scim/v2/Me"
    assert raw(workspace, "GET", me, None, f"Bearer {first['access_token']}")[0] == 200
    workspace.clock(advance=3600)
    assert raw(workspace, "GET", me, None, f"Bearer {first['access_token']}")[0] == 401
    assert raw(workspace, "GET", me, None, f"Bearer {token()['access_token']}")[0] == 200


# -- faults


def test_lost_answer_and_idempotency(start):
    workspace = start()
    workspace.put("/Tests/short", notebook("pass"))
    workspace.faults([{"match": {"path": "runs/submit", "nth": 1}, "action": {"drop": "after"}},
                      {"match": {"path": "runs/submit", "nth": 1}, "action": {"drop": "before", "reset": True}}])
    for _ in range(2):
        with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError, urllib.error.URLError)):
            workspace.submit("/Tests/short", token="tok")
    run_id = workspace.submit("/Tests/short", token="tok")
    workspace.ended(run_id)
    assert [(one["run_id"], one["submits"], one["executions"]) for one in workspace.state()["runs"]] == [(run_id, 2, 1)]
    entries = workspace.log("runs/submit")
    assert [(entry["status"], entry["fault"]) for entry in entries] == [(200, "rule 1"), (None, "rule 2"), (200, None)]
    assert [entry["idempotency_token"] for entry in entries] == ["tok", None, "tok"]
    workspace.api("POST", "2.2/jobs/runs/delete", {"run_id": run_id})
    assert "deleted" in refused(400, workspace.submit, "/Tests/short", token="tok")["message"]
    assert workspace.token not in json.dumps(workspace.log())


def test_answers_of_faults(start):
    workspace = start()
    me = "/api/2.0/preview/scim/v2/Me"

    def with_fault(**action):
        workspace.faults([{"match": {"path": "scim", "count": 1}, "action": action}])
        return raw(workspace, "GET", me)
    status, _, body = with_fault(status=503)
    assert status == 503 and json.loads(body)["error_code"] == "TEMPORARILY_UNAVAILABLE"
    status, headers, _ = with_fault(status=429, retry_after=7, body={"error_code": "X", "message": "y"})
    assert (status, headers["Retry-After"]) == (429, "7")
    assert with_fault(status=429, retry_after={"date": 5})[1]["Retry-After"].endswith("GMT")
    status, headers, body = with_fault(html=True)
    assert status == 200 and headers["Content-Type"].startswith("text/html") and b"<form" in body
    with pytest.raises(http.client.IncompleteRead):
        with_fault(truncate=10)
    with pytest.raises(ValueError):
        json.loads(with_fault(garbage=True)[2])
    began = time.monotonic()
    assert with_fault(slow={"seconds": 0.5, "pieces": 5})[0] == 200
    assert with_fault(delay=0.5)[0] == 200 and time.monotonic() - began >= 1.0
    assert with_fault(token_expired=True)[0] == 401
    assert raw(workspace, "GET", me)[0] == 200


def test_rules_are_due_when_they_say(start):
    workspace = start()
    me = "/api/2.0/preview/scim/v2/Me"

    def statuses(number, **match):
        workspace.faults([{"match": match, "action": {"status": 503}}], seed=3)
        return [raw(workspace, "GET", me)[0] for _ in range(number)]
    assert statuses(4, nth=[2, 4]) == [200, 503, 200, 503]
    assert statuses(4, after=1, count=2) == [200, 503, 503, 200]
    assert statuses(2, method="POST") == [200, 200]
    assert 5 <= statuses(60, probability=0.3).count(503) <= 35
    assert statuses(2, during=[0, 1000]) == [503, 503]
    workspace.clock(advance=1001)
    assert raw(workspace, "GET", me)[0] == 200
    assert "unknown keys" in refused(400, workspace.faults, [{"match": {"pth": "x"}, "action": {}}])["message"]


def test_what_the_platform_does_to_runs(start):
    workspace = start("--cluster", "0101-111111-c1", "--contexts", "1")
    workspace.faults(
        [{"match": {"task": "main", "count": 1}, "run": {"code": "DRIVER_ERROR", "message": "driver gone"}}]
    )
    made, output = run(workspace, notebook("pass"), max_retries=1)
    assert [task["state"].get("result_state") for task in made["tasks"]] == ["FAILED", "SUCCESS"]
    assert made["tasks"][0]["status"]["termination_details"] == {
        "code": "DRIVER_ERROR", "type": "CLOUD_FAILURE", "message": "driver gone"}
    assert made["tasks"][1]["attempt_number"] == 1 and made["state"]["result_state"] == "SUCCESS"
    workspace.put("/Tests/long", notebook("import time\ntime.sleep(900)"))
    first = workspace.submit("/Tests/long", existing_cluster_id="0101-111111-c1")
    wait_for(lambda: workspace.get(first)["state"]["life_cycle_state"] == "RUNNING")
    made, _ = run(workspace, notebook("pass"), existing_cluster_id="0101-111111-c1")
    assert made["status"]["termination_details"]["code"] == "MAX_SPARK_CONTEXTS_EXCEEDED"


def test_missing_notebook(start):
    workspace = start()
    made = workspace.ended(workspace.submit("/Tests/nothing"))
    assert made["status"]["termination_details"]["code"] == "RESOURCE_NOT_FOUND"
    assert made["tasks"][0]["state"]["life_cycle_state"] == "INTERNAL_ERROR"


# -- limits and refusals


@pytest.mark.parametrize("retry_after", ["always", "never"])
def test_limits(start, retry_after):
    workspace = start("--limit", "jobs/runs/get=2", "--retry-after", retry_after)
    run_id = (workspace.put("/Tests/short", notebook("pass")), workspace.submit("/Tests/short"))[1]
    answers = []
    threads = [
        threading.Thread(
            target=lambda: answers.append(raw(workspace, "GET", f"/api/2.2/jobs/runs/get?run_id={run_id}"))
        )
        for _ in range(60)  # so many that some come too fast however slowly they are sent
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    refusals = [headers for status, headers, _ in answers if status == 429]
    assert 1 <= len(refusals) <= 58
    assert {headers["Retry-After"] for headers in refusals} == ({"1"} if retry_after == "always" else {None})
    assert workspace.state()["limits"]["peak"]["jobs/runs/get"] == 2


def test_requests_are_counted_when_they_come_and_not_when_somebody_looks(start):
    """What has come on two connections a second apart is not too fast, though it is looked at in one go."""
    workspace = start("--limit", "jobs/runs/get=1", "--retry-after", "never")
    run_id = (workspace.put("/Tests/short", notebook("pass")), workspace.submit("/Tests/short"))[1]
    request = f"GET /api/2.2/jobs/runs/get?run_id={run_id} HTTP/1.0\r\nAuthorization: Bearer {workspace.token}\r\n\r\n"
    address = urllib.parse.urlsplit(workspace.url)
    connections = []
    workspace.process.send_signal(signal.SIGSTOP)
    try:
        for _ in range(2):
            connections.append(socket.create_connection((address.hostname, address.port), 60))
            connections[-1].sendall(request.encode())
            time.sleep(1.1)
    finally:
        workspace.process.send_signal(signal.SIGCONT)
    answers = []
    for connection in connections:
        with connection, connection.makefile("rb") as file:
            answers.append(file.readline().split()[1])
    assert answers == [b"200", b"200"]


def test_refusals(start):
    workspace = start("--no-serverless")
    good = {"task_key": "k", "notebook_task": {"notebook_path": "/x"}, "existing_cluster_id": "1125-084310-standin1"}

    def message(*given, **more):
        return refused(400, workspace.api, "POST", "2.2/jobs/runs/submit", {"tasks": list(given), **more})["message"]
    assert "at least one task" in message()
    assert "One of job_cluster_key, new_cluster" in message(
        {name: good[name] for name in ("task_key", "notebook_task")}
    )
    assert "Duplicate task key" in message(good, good)
    assert "Expected 'string'" in message(
        {**good, "notebook_task": {"notebook_path": "/x", "base_parameters": {"n": 1}}}
    )
    assert "absolute" in message({**good, "notebook_task": {"notebook_path": "x"}})
    assert "does not exist" in message({**good, "existing_cluster_id": "x"})
    assert "circle" in message({**good, "depends_on": [{"task_key": "k"}]})
    assert "at most 64" in message(good, idempotency_token="x" * 65)
    assert "Run 5 does not exist." == refused(400, workspace.api, "GET", "2.1/jobs/runs/get?run_id=5")["message"]
    assert raw(workspace, "GET", "/api/2.0/preview/scim/v2/Me", None, "Bearer wrong")[0] == 403
    many = [{**good, "task_key": f"k{number}"} for number in range(101)]
    assert (
        "API 2.2 and above" in refused(400, workspace.api, "POST", "2.1/jobs/runs/submit", {"tasks": many})["message"]
    )
    assert workspace.state()["runs"] == []


def wait_for(condition, seconds=60):
    until = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < until
        time.sleep(0.05)
    return value


def gone(pid):
    """Whether a process is dead; that nobody has waited for it does not matter."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return not os.path.exists(f"/proc/{pid}")
