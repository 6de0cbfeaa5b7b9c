"""
The stand-in workspace as Databricks' own SDK for Python sees it: what that does unchanged, with its defaults, works
as with a real workspace. Skipped where the SDK cannot be imported (pip install databricks-sdk).
"""

import base64
import io
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

pytest.importorskip("databricks.sdk", reason="Databricks' SDK for Python (PyPI databricks-sdk) is not installed")

from databricks.sdk import WorkspaceClient  # noqa: E402
from databricks.sdk.errors import (InvalidParameterValue, NotFound, OperationFailed,  # noqa: E402
                                   PermissionDenied, ResourceAlreadyExists, ResourceDoesNotExist, Unauthenticated)
from databricks.sdk.service import jobs  # noqa: E402
from databricks.sdk.service.workspace import ExportFormat, ImportFormat, Language, ObjectType  # noqa: E402

import standin  # noqa: E402

SOURCE = """# Databricks notebook source
# MAGIC %md
# MAGIC # Sum
# COMMAND ----------
a = int(dbutils.widgets.get("a"))
print("a is", a)
# COMMAND ----------
dbutils.notebook.exit(str(a + 1))
"""
RAISES = "# Databricks notebook source\nprint('before')\n# COMMAND ----------\nraise ValueError('out of range')\n"
SLEEPS = "# Databricks notebook source\nimport time\ntime.sleep(600)\n"
HOME = f"/Users/{'someone@example.com'}"
WITHIN = timedelta(minutes=2)


@pytest.fixture(scope="module", params=["kernel", "inline"])
def workspace(request):
    with standin.StandIn(
        "--engine", request.param, "--client", "principal:s3cret", "--azure-client", "entra:hidden"
    ) as started:
        yield started
        assert started.state()["bugs"] == []


@pytest.fixture(autouse=True)
def no_settings_of_ours(monkeypatch, tmp_path):
    import os
    for name in list(os.environ):
        if name.startswith(("DATABRICKS_", "ARM_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def client(workspace):
    return WorkspaceClient(host=workspace.url, token=workspace.token)


@pytest.fixture
def put(client):
    def put(name, text):
        path = f"{HOME}/sdk/{name}"
        client.workspace.mkdirs(f"{HOME}/sdk")
        client.workspace.import_(path, content=base64.b64encode(text.encode()).decode(), format=ImportFormat.SOURCE,
                                 language=Language.PYTHON, overwrite=True)
        return path
    return put


def task(path, key="main", **more):
    parameters = more.pop("parameters", {})
    return jobs.SubmitTask(
        task_key=key, notebook_task=jobs.NotebookTask(notebook_path=path, base_parameters=parameters), **more
    )


# -- logging in


def test_personal_access_token(client):
    assert client.current_user.me().user_name == "someone@example.com"
    assert client.config.auth_type == "pat"
    assert client.get_workspace_id() > 0


def test_wrong_token(workspace):
    with pytest.raises(PermissionDenied, match="Invalid access token"):
        WorkspaceClient(host=workspace.url, token="dapi-wrong").current_user.me()


def test_oauth_for_a_service_principal(workspace):
    client = WorkspaceClient(host=workspace.url, client_id="principal", client_secret="s3cret")
    assert client.config.auth_type == "oauth-m2m"
    assert client.current_user.me().user_name == "principal"


def test_oauth_with_a_wrong_secret(workspace):
    with pytest.raises(ValueError, match="invalid_client"):
        WorkspaceClient(host=workspace.url, client_id="principal", client_secret="wrong").current_user.me()


def test_expired_access_token(workspace):
    client = WorkspaceClient(host=workspace.url, client_id="principal", client_secret="s3cret")
    client.current_user.me()
    workspace.test("POST", "expire", {})
    with pytest.raises(Unauthenticated, match="expired"):
        client.current_user.me()


def test_tenant_of_a_workspace_on_azure(workspace):
    import requests
    answer = requests.get(f"{workspace.url}/aad/auth", allow_redirects=False, timeout=60)
    assert answer.status_code == 302
    tenant = answer.headers["Location"].split("/")[3]
    token = requests.post(f"{workspace.url}/{tenant}/oauth2/token", timeout=60, data={
        "grant_type": "client_credentials", "client_id": "entra", "client_secret": "hidden",
        "resource": "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d"}).json()["access_token"]
    assert WorkspaceClient(host=workspace.url, token=token).current_user.me().user_name == "entra"


# -- files


def test_import_needs_the_folder(client):
    content = base64.b64encode(SOURCE.encode()).decode()
    with pytest.raises(ResourceDoesNotExist, match="parent folder"):
        client.workspace.import_(f"{HOME}/nowhere/x", content=content, language=Language.PYTHON)


def test_import_status_list_export_delete(client, put):
    path = put("sum", SOURCE)
    info = client.workspace.get_status(path)
    assert (info.object_type, info.language, info.path) == (ObjectType.NOTEBOOK, Language.PYTHON, path)
    assert client.workspace.get_status(f"/Workspace{path}").object_id == info.object_id
    assert path in [entry.path for entry in client.workspace.list(f"{HOME}/sdk")]
    assert base64.b64decode(client.workspace.export(path, format=ExportFormat.SOURCE).content).decode() == SOURCE
    assert b'"nbformat": 4' in client.workspace.download(path, format=ExportFormat.JUPYTER).read()
    with pytest.raises(ResourceAlreadyExists):
        client.workspace.import_(path, content=base64.b64encode(b"x").decode(), language=Language.PYTHON)
    client.workspace.delete(path)
    with pytest.raises(ResourceDoesNotExist):
        client.workspace.get_status(path)


def test_upload_finds_out_what_it_is(client):
    client.workspace.mkdirs(f"{HOME}/up")
    client.workspace.upload(f"{HOME}/up/nb.py", SOURCE.encode(), format=ImportFormat.AUTO, overwrite=True)
    client.workspace.upload(f"{HOME}/up/plain.py", b"x = 1\n", format=ImportFormat.AUTO, overwrite=True)
    kinds = {entry.path: entry.object_type for entry in client.workspace.list(f"{HOME}/up", recursive=True)}
    assert kinds == {f"{HOME}/up/nb": ObjectType.NOTEBOOK, f"{HOME}/up/plain.py": ObjectType.FILE}
    assert client.workspace.download(f"{HOME}/up/plain.py").read() == b"x = 1\n"


# -- runs


def test_submit_and_result(client, put):
    waiter = client.jobs.submit(run_name="one", tasks=[task(put("sum", SOURCE), parameters={"a": "41"})],
                                queue=jobs.QueueSettings(enabled=True))
    run = waiter.result(timeout=WITHIN)
    assert run.run_id == waiter.run_id > 2 ** 53
    assert run.state.life_cycle_state == jobs.RunLifeCycleState.TERMINATED
    assert run.state.result_state == jobs.RunResultState.SUCCESS
    assert run.status.termination_details.code == jobs.TerminationCodeCode.SUCCESS
    assert run.run_type == jobs.RunType.SUBMIT_RUN
    assert len(run.tasks) == 1 and run.tasks[0].run_id != run.run_id
    output = client.jobs.get_run_output(run.tasks[0].run_id)
    assert output.notebook_output.result == "42" and not output.notebook_output.truncated
    assert output.error is None
    with pytest.raises(InvalidParameterValue, match="multiple tasks is not supported"):
        client.jobs.get_run_output(run.run_id)


def test_failure(client, put):
    waiter = client.jobs.submit(run_name="fails", tasks=[task(put("raises", RAISES))])
    with pytest.raises(OperationFailed, match="Workload failed, see run output for details"):
        waiter.result(timeout=WITHIN)
    run = client.jobs.get_run(waiter.run_id)
    assert run.state.life_cycle_state == jobs.RunLifeCycleState.INTERNAL_ERROR
    assert run.state.result_state == jobs.RunResultState.FAILED
    assert run.tasks[0].state.life_cycle_state == jobs.RunLifeCycleState.TERMINATED
    assert run.tasks[0].state.result_state == jobs.RunResultState.FAILED
    assert run.status.termination_details.code == jobs.TerminationCodeCode.RUN_EXECUTION_ERROR
    output = client.jobs.get_run_output(run.tasks[0].run_id)
    assert output.error == "ValueError: out of range"
    assert "\x1b[" in output.error_trace and "ValueError" in output.error_trace


def test_missing_run(client):
    with pytest.raises(ResourceDoesNotExist, match="Run 7 does not exist"):
        client.jobs.get_run(7)


def test_cancel(client, put):
    waiter = client.jobs.submit(run_name="long", tasks=[task(put("sleeps", SLEEPS))])
    wait_for(lambda: client.jobs.get_run(waiter.run_id).state.life_cycle_state == jobs.RunLifeCycleState.RUNNING)
    assert waiter.run_id in [run.run_id for run in client.jobs.list_runs(active_only=True)]
    run = client.jobs.cancel_run(waiter.run_id).result(timeout=WITHIN)
    assert run.state.result_state == jobs.RunResultState.CANCELED
    assert run.state.user_cancelled_or_timedout
    assert run.tasks[0].state.result_state == jobs.RunResultState.CANCELED
    assert waiter.run_id in [run.run_id for run in client.jobs.list_runs(completed_only=True)]


def test_cancel_and_wait(client, put):
    run_id = client.jobs.submit(run_name="long", tasks=[task(put("sleeps", SLEEPS))]).run_id
    client.jobs.cancel_run_and_wait(run_id, timeout=WITHIN)
    assert client.jobs.get_run(run_id).state.result_state == jobs.RunResultState.CANCELED
    client.jobs.delete_run(run_id)
    with pytest.raises(NotFound):
        client.jobs.get_run(run_id)


def test_timeout(client, put):
    run = client.jobs.submit(run_name="late", tasks=[task(put("sleeps", SLEEPS), timeout_seconds=1)]).result(
        timeout=WITHIN
    )
    assert run.state.result_state == jobs.RunResultState.TIMEDOUT
    assert run.tasks[0].state.result_state == jobs.RunResultState.TIMEDOUT


def test_idempotency_token(client, workspace, put):
    path = put("sum", SOURCE)
    ids = {
        client.jobs.submit(
            run_name="once", idempotency_token="t" * 64, tasks=[task(path, parameters={"a": "1"})]
        ).run_id
        for _ in range(3)
    }
    assert len(ids) == 1
    client.jobs.wait_get_run_job_terminated_or_skipped(ids.pop(), timeout=WITHIN)
    mine = [run for run in workspace.state()["runs"] if run["token"] == "t" * 64]
    assert [(run["submits"], run["executions"]) for run in mine] == [(3, 1)]
    with pytest.raises(InvalidParameterValue, match="64 characters"):
        client.jobs.submit(idempotency_token="t" * 65, tasks=[task(path)])


def test_export(client, put):
    run = client.jobs.submit(tasks=[task(put("sum", SOURCE), parameters={"a": "1"})]).result(timeout=WITHIN)
    views = client.jobs.export_run(run.tasks[0].run_id, views_to_export=jobs.ViewsToExport.CODE).views
    assert [view.name for view in views] == ["sum"]
    assert "__DATABRICKS_NOTEBOOK_MODEL = '" in views[0].content


def test_more_than_a_hundred_tasks():
    with standin.StandIn("--engine", "inline") as workspace:
        client = WorkspaceClient(host=workspace.url, token=workspace.token)
        workspace.put("/Shared/tiny", "# Databricks notebook source\n")
        waiter = client.jobs.submit(
            run_name="many", tasks=[task("/Shared/tiny", f"t{number}") for number in range(130)]
        )
        waiter.result(timeout=WITHIN)
        run = client.jobs.get_run(waiter.run_id)
        assert [one.task_key for one in run.tasks] == [f"t{number}" for number in range(130)]
        raw = workspace.get(waiter.run_id)
        assert len(raw["tasks"]) == 100 and raw["next_page_token"]


def test_throttling_is_got_over(client, workspace):
    workspace.faults([{"match": {"path": "scim", "nth": [1, 2]}, "action": {"status": 429, "retry_after": 1}}])
    assert client.current_user.me().user_name
    workspace.faults([])


# -- saved jobs


def saved_task(path, key, **more):
    parameters = more.pop("parameters", {})
    return jobs.Task(
        task_key=key, notebook_task=jobs.NotebookTask(notebook_path=path, base_parameters=parameters), **more
    )


def test_saved_job(client, put):
    path = put("sum", SOURCE)
    created = client.jobs.create(
        name="nightly",
        parameters=[jobs.JobParameterDefinition(name="a", default="1")],
        tasks=[
            saved_task(path, "first"),
            saved_task(
                path,
                "second",
                depends_on=[jobs.TaskDependency(task_key="first")],
                parameters={"b": "{{tasks.first.run_id}}"},
            ),
        ],
    )
    assert "nightly" in [job.settings.name for job in client.jobs.list(name="nightly")]
    assert client.jobs.get(created.job_id).settings.tasks[1].depends_on[0].task_key == "first"
    run = client.jobs.run_now(created.job_id, job_parameters={"a": "5"}).result(timeout=WITHIN)
    assert run.job_id == created.job_id and run.run_type == jobs.RunType.JOB_RUN
    results = {one.task_key: client.jobs.get_run_output(one.run_id).notebook_output.result for one in run.tasks}
    assert results == {"first": "6", "second": "6"}
    client.jobs.update(created.job_id, new_settings=jobs.JobSettings(name="weekly"))
    assert client.jobs.get(created.job_id).settings.name == "weekly"
    client.jobs.reset(created.job_id, jobs.JobSettings(name="monthly", tasks=[saved_task(path, "only")]))
    assert [one.task_key for one in client.jobs.get(created.job_id).settings.tasks] == ["only"]
    client.jobs.delete(created.job_id)
    with pytest.raises(ResourceDoesNotExist):
        client.jobs.get(created.job_id)


def test_retries_run_if_and_for_each(client, put):
    fails, works = put("raises", RAISES), put("sum", SOURCE)
    inner = saved_task(works, "inner", parameters={"a": "{{input}}"})
    created = client.jobs.create(
        name="shapes",
        tasks=[
            saved_task(fails, "fails", max_retries=1, min_retry_interval_millis=10),
            saved_task(works, "after", depends_on=[jobs.TaskDependency(task_key="fails")], parameters={"a": "1"}),
            saved_task(
                works,
                "handler",
                depends_on=[jobs.TaskDependency(task_key="fails")],
                run_if=jobs.RunIf.AT_LEAST_ONE_FAILED,
                parameters={"a": "1"},
            ),
            jobs.Task(task_key="each", for_each_task=jobs.ForEachTask(inputs="[1, 2, 3]", concurrency=2, task=inner)),
        ],
    )
    run_id = client.jobs.run_now(created.job_id).run_id
    wait_for(lambda: client.jobs.get_run(run_id).status.state == jobs.RunLifecycleStateV2State.TERMINATED)
    run = client.jobs.get_run(run_id)
    results = {(one.task_key, one.attempt_number): one.state.result_state.value for one in run.tasks}
    assert results == {("fails", 0): "FAILED", ("fails", 1): "FAILED", ("after", 0): "UPSTREAM_FAILED",
                       ("handler", 0): "SUCCESS", ("each", 0): "SUCCESS"}
    each = next(one for one in run.tasks if one.task_key == "each")
    outputs = [
        client.jobs.get_run_output(one.run_id).notebook_output.result
        for one in client.jobs.get_run(each.run_id).iterations
    ]
    assert outputs == ["2", "3", "4"]


def test_clusters_and_warehouses(client):
    cluster = next(iter(client.clusters.list()))
    assert client.clusters.get(cluster.cluster_id).state.value == "RUNNING"
    with pytest.raises(ResourceDoesNotExist):
        client.clusters.get("0000-000000-nothing0")
    assert client.warehouses.get(next(iter(client.warehouses.list())).id).state.value == "RUNNING"


def test_upload_of_a_file_object(client):
    client.workspace.upload(f"{HOME}/object.ipynb", io.BytesIO(b'{"cells": [], "nbformat": 4, "metadata": {}}'),
                            format=ImportFormat.AUTO, overwrite=True)
    assert client.workspace.get_status(f"{HOME}/object").object_type == ObjectType.NOTEBOOK


def wait_for(condition, seconds=120):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.1)
