"""
Workflows as saved jobs of a workspace: --deploy.
"""

import json

import pytest

from remote import HOME, source

DAILY = {"cron": "0 0 6 * * ?", "timezone": "Europe/Berlin"}


@pytest.fixture
def place(site):
    """A site without any job."""
    for job in site.workspace.state()["jobs"]:
        site.workspace.api("POST", "2.2/jobs/delete", {"job_id": job["job_id"]})
    site.source("load.py", "dbutils.notebook.exit(dbutils.widgets.get('table'))")
    site.source("report.py", "dbutils.notebook.exit('done ' + dbutils.widgets.get('run'))")
    return site


def daily(site, load=None, report=None, **keys):
    """Writes a workflow of three notebooks."""
    site.workflow({"path": "load.py", "name": "load-{{ item }}", "for_each": ["orders", "items"],
                   "parameters": {"table": "{{ item }}"}, "timeout_seconds": 600, **(load or {})},
                  {"path": "report.py", "depends_on": "load-*", "run_if": "all_done",
                   "parameters": {"run": "{{ run.id }}"}, **(report or {})}, **keys)


def deploy(site, *args, status=0, **more):
    run = site.start("--deploy", *args, "workflow.yaml", folder=None, **more).finish()
    site.check(run)
    assert run.status == status, run.story()
    assert not site.work.path("nbfork-runs").exists()
    return run


def lines(run):
    """What it printed, the address aside."""
    return [line for line in run.out.splitlines() if not line.startswith("http")]


def jobs(site):
    return site.workspace.state()["jobs"]


def job(site):
    [found] = jobs(site)
    return found


def posts(site):
    """What has been changed there since the last look."""
    found = [r["path"].rpartition("/")[2] for r in site.workspace.log() if r["method"] == "POST"
             and not r["path"].startswith("/_test")]
    site.workspace.test("DELETE", "log")
    return found


def test_it_is_created_and_then_nothing_changes(place):
    daily(place, schedule=DAILY, load={"retries": 2, "retry_delay_seconds": 30})
    run = deploy(place)
    made = job(place)
    assert run.out.splitlines() == [f"{place.workspace.url}/jobs/{made['job_id']}", "+ job test", "+ task load-orders",
                                    "+ task load-items", "+ task report"]
    assert run.err == ""
    settings = made["settings"]
    assert made["name"] == "test" and settings["max_concurrent_runs"] == 1 and settings["queue"] == {"enabled": True}
    assert settings["schedule"] == {"quartz_cron_expression": "0 0 6 * * ?", "timezone_id": "Europe/Berlin",
                                    "pause_status": "UNPAUSED"}
    orders, items, report = settings["tasks"]
    assert orders["notebook_task"] == {"notebook_path": f"{HOME}/load", "source": "WORKSPACE",
                                       "base_parameters": {"table": "orders"}}
    assert items["notebook_task"]["base_parameters"] == {"table": "items"}
    assert (orders["timeout_seconds"], orders["max_retries"], orders["min_retry_interval_millis"]) == (600, 2, 30000)
    assert report["depends_on"] == [{"task_key": "load-orders"}, {"task_key": "load-items"}]
    assert report["run_if"] == "ALL_DONE" and report["timeout_seconds"] == 0
    assert report["notebook_task"]["base_parameters"] == {"run": "{{job.run_id}}"}
    assert posts(place).count("create") == 1

    for args in (), ("-v",), ("--dry-run",):
        again = deploy(place, *args)
        assert again.out.splitlines() == [f"{place.workspace.url}/jobs/{made['job_id']}", "unchanged"]
    assert posts(place) == [] and job(place) == made


def test_what_differs_is_told_and_updated(place):
    daily(place, schedule=DAILY, load={"retries": 1})
    deploy(place)
    before = job(place)
    daily(place, schedule={**DAILY, "paused": True}, load={"timeout_seconds": 900},
          report={"name": "summary", "parameters": {"day": 5}})
    place.source("load.py", "dbutils.notebook.exit(1)")
    posts(place)
    expected = [f"notebook {HOME}/load: changed", "schedule.pause_status UNPAUSED -> PAUSED"]
    for name in "load-orders", "load-items":
        expected += [f"task {name}: timeout_seconds 600 -> 900", f"task {name}: max_retries 1 -> 0",
                     f"task {name}: - min_retry_interval_millis 1000"]
    expected += ["+ task summary", "- task report"]

    dry = deploy(place, "--dry-run")
    assert lines(dry) == expected
    assert posts(place) == [] and job(place) == before
    run = deploy(place)
    assert run.out == dry.out
    assert posts(place).count("reset") == 1
    after = job(place)
    assert after["job_id"] == before["job_id"] and after["writes"] == before["writes"] + 1
    assert [t["task_key"] for t in after["settings"]["tasks"]] == ["load-orders", "load-items", "summary"]
    assert after["settings"]["schedule"]["pause_status"] == "PAUSED"
    assert lines(deploy(place)) == ["unchanged"]

    daily(place, load={"timeout_seconds": 900}, report={"name": "summary", "parameters": {"day": 5}})
    run = deploy(place)
    assert [line[:11] for line in lines(run)] == ["- schedule "]
    assert "schedule" not in job(place)["settings"]


def test_what_was_set_by_hand_is_set_back(place):
    daily(place)
    deploy(place)
    mine = job(place)
    place.workspace.api("POST", "2.2/jobs/update", {"job_id": mine["job_id"], "new_settings": {
        "timeout_seconds": 5, "trigger": {"periodic": {"interval": 1}},
        "tasks": [{**mine["settings"]["tasks"][2], "max_retries": 3}]}})
    assert lines(deploy(place)) == ['timeout_seconds 5 -> 0', '- trigger {"periodic": {"interval": 1}}',
                                    "task report: max_retries 3 -> 0"]
    assert job(place)["settings"] == mine["settings"]
    assert lines(deploy(place)) == ["unchanged"]


def test_a_notebook_that_is_gone_comes_back(place):
    daily(place)
    deploy(place)
    place.workspace.api("POST", "2.0/workspace/delete", {"path": f"{HOME}/load"})
    assert lines(deploy(place)) == [f"+ notebook {HOME}/load"]
    assert f"{HOME}/load" in place.workspace.state()["files"]
    assert lines(deploy(place)) == ["unchanged"]


def test_what_the_workspace_hides_is_seen_by_the_digest(place):
    """A member that is taken out of a cluster's settings looks like one that the workspace has added."""
    cluster = {"spark_version": "15.4.x-scala2.12", "num_workers": 1}
    daily(place, target={"new_cluster": {**cluster, "spark_conf": {"a": "b"}}})
    deploy(place)
    daily(place, target={"new_cluster": cluster})
    assert lines(deploy(place)) == ["settings changed in what the workspace adds to"]
    made = job(place)["settings"]
    assert made["job_clusters"] == [{"job_cluster_key": "main", "new_cluster": cluster}]
    assert {t["job_cluster_key"] for t in made["tasks"]} == {"main"}
    assert lines(deploy(place)) == ["unchanged"]


@pytest.mark.parametrize("tags", [None, {"nbfork": "0123"}])
def test_a_job_of_somebody_else_is_left_alone(place, tags):
    place.workspace.put("/Shared/flow/x", source("1"))
    theirs = {"name": "test", "tasks": [{"task_key": "x", "notebook_task": {"notebook_path": "/Shared/flow/x"}}]}
    if tags:
        theirs["tags"] = tags
    other = place.workspace.api("POST", "2.2/jobs/create", theirs)["job_id"]
    daily(place)
    run = deploy(place)
    assert f"job {other} has the name 'test' too, but was not deployed from this workflow" in run.err
    assert "+ job test" in run.out
    found = {j["job_id"]: j for j in jobs(place)}
    assert len(found) == 2 and found[other]["writes"] == 1 and len(found[other]["settings"]["tasks"]) == 1
    assert lines(deploy(place)) == ["unchanged"]


def test_the_folder_belongs_to_what_a_job_is_known_by(place):
    daily(place)
    deploy(place)
    daily(place, target={"upload_to": "/Users/me/flow"})
    assert "+ job test" in deploy(place).out
    assert {j["settings"]["tasks"][0]["notebook_task"]["notebook_path"] for j in jobs(place)} == \
        {f"{HOME}/load", "/Users/me/flow/load"}


def test_two_of_them_are_one_too_many(place):
    daily(place)
    deploy(place)
    first = job(place)
    second = place.workspace.api("POST", "2.2/jobs/create", first["settings"])["job_id"]
    run = deploy(place, status=2)
    assert run.out == "" and "more than one job 'test' that was deployed from this workflow: " in run.err
    assert str(first["job_id"]) in run.err and str(second) in run.err


def test_it_is_started(place):
    daily(place)
    run = deploy(place, "--run-now", "--json")
    document = json.loads(run.out)
    made = job(place)
    assert document["job_id"] == str(made["job_id"]) and document["action"] == "created"
    assert document["url"] == f"{place.workspace.url}/jobs/{made['job_id']}"
    assert document["run_url"] == f"{document['url']}/runs/{document['run_id']}"
    ended = place.workspace.ended(int(document["run_id"]))
    assert ended["state"]["result_state"] == "SUCCESS"
    results = {t["task_key"]: place.workspace.output({"tasks": [t]})["notebook_output"]["result"]
               for t in ended["tasks"]}
    assert results == {"load-orders": "orders", "load-items": "items", "report": f"done {document['run_id']}"}

    # Once more, with nothing to change.
    again = deploy(place, "--run-now")
    assert lines(again)[:1] == ["unchanged"] and lines(again)[1].startswith(f"started: {document['url']}/runs/")
    ended = place.workspace.ended(int(lines(again)[1].rpartition("/")[2]))
    assert ended["state"]["result_state"] == "SUCCESS" and ended["job_id"] == made["job_id"]


def test_the_document(place):
    daily(place)
    planned = json.loads(deploy(place, "--json", "--dry-run").out)
    assert planned["job_id"] is planned["url"] is planned["run_id"] is planned["run_url"] is None
    assert planned["dry_run"] is True and planned["action"] == "created" and jobs(place) == []
    whole = {"change": "added", "notebook": None, "key": None, "from": None}
    assert planned["changes"] == [{**whole, "task": None, "to": "test"}] + [
        {**whole, "task": name, "to": None} for name in ("load-orders", "load-items", "report")]
    deploy(place)
    sent = job(place)["settings"]
    assert {name: sent[name] for name in planned["settings"]} == planned["settings"]

    daily(place, timeout_seconds=60)
    document = json.loads(deploy(place, "--json").out)
    assert set(document) == {"job_id", "name", "url", "action", "dry_run", "changes", "run_id", "run_url"}
    assert document["action"] == "updated" and document["dry_run"] is False
    assert document["changes"] == [{"change": "changed", "task": None, "notebook": None, "key": "timeout_seconds",
                                    "from": 0, "to": 60}]
    assert json.loads(deploy(place, "--json").out)["action"] == "unchanged"
    assert deploy(place, "--quiet").out == ""


def test_many_tasks_come_on_several_pages(place):
    place.workflow({"path": "load.py", "name": "t{{ item }}", "for_each": list(range(205)),
                    "parameters": {"table": "{{ item }}"}})
    deploy(place)
    assert len(job(place)["settings"]["tasks"]) == 205
    posts(place)
    assert lines(deploy(place)) == ["unchanged"]
    assert posts(place) == []
    place.workflow({"path": "load.py", "name": "t{{ item }}", "for_each": list(range(204)),
                    "parameters": {"table": "{{ item }}"}})
    assert lines(deploy(place)) == ["- task t204"]


# ---- What goes wrong ----

def test_a_lost_answer_makes_no_second_job(place):
    place.workspace.faults([{"match": {"path": "jobs/create", "nth": 1}, "action": {"drop": "after"}}])
    daily(place)
    run = deploy(place)
    assert f"/jobs/{job(place)['job_id']}" in run.out
    assert lines(deploy(place)) == ["unchanged"]


def test_a_lost_answer_makes_no_second_run(place):
    daily(place)
    place.workspace.faults([{"match": {"path": "jobs/run-now", "nth": 1}, "action": {"drop": "after"}}])
    before = len(place.workspace.state()["runs"])
    run = deploy(place, "--run-now")
    assert len(place.workspace.state()["runs"]) == before + 1
    place.workspace.ended(int(lines(run)[-1].rpartition("/")[2]))


@pytest.mark.parametrize("path,message", [
    ("jobs/create", "cannot create the job: "),
    ("jobs/list", "cannot look for the job: "),
    ("workspace/import", "cannot import '"),
])
def test_what_the_workspace_refuses(place, path, message):
    place.workspace.faults([{"match": {"path": path}, "action": {
        "status": 403, "body": {"error_code": "PERMISSION_DENIED", "message": "not you"}}}])
    daily(place)
    run = deploy(place, status=1)
    assert message in run.err and "not you" in run.err
    assert run.out == "" and jobs(place) == []


def test_a_start_that_is_refused_hides_nothing(place):
    daily(place)
    place.workspace.faults([{"match": {"path": "jobs/run-now"}, "action": {
        "status": 403, "body": {"error_code": "PERMISSION_DENIED", "message": "not you"}}}])
    run = deploy(place, "--run-now", status=1)
    assert "+ job test" in run.out and "cannot start the job: " in run.err
    assert len(jobs(place)) == 1


def test_an_update_that_is_refused_is_done_the_next_time(place):
    daily(place)
    deploy(place)
    place.source("load.py", "dbutils.notebook.exit('new')")
    place.workspace.faults([{"match": {"path": "jobs/reset"}, "action": {
        "status": 403, "body": {"error_code": "PERMISSION_DENIED", "message": "not you"}}}])
    assert "cannot update the job: " in deploy(place, status=1).err
    place.workspace.faults([])
    assert lines(deploy(place)) == [f"notebook {HOME}/load: changed"]
    assert lines(deploy(place)) == ["unchanged"]


def test_what_a_job_cannot_express(place):
    place.workflow({"path": "load.py", "parameters": {"table": {"secret": "HOME"}}, "allow_failure": True},
                   {"path": "report.py", "depends_on": "load",
                    "parameters": {"run": "{{ notebooks.load.result }}"}}, on_error="fail-fast")
    err = place.refused("--deploy", "workflow.yaml")
    assert err.splitlines()[0] == (
        "workflow.yaml: a saved job cannot be stopped by a failure, as 'on_error: fail-fast' would have it; "
        "deploy it with --on-error=let-finish")
    assert "notebook 'load': a saved job fails with it, so it cannot have 'allow_failure'" in err
    assert "notebook 'load': parameter 'table' is a secret" in err
    assert "notebook 'report': parameter 'run': {{ notebooks.load.result }}: a saved job does not hand the" in err
    assert sum(line.startswith("workflow.yaml:") and line.split(":")[1].isdigit() for line in err.splitlines()) == 3
    assert jobs(place) == []

    daily(place, on_error="drain")
    assert "on_error: drain" in place.refused("--deploy", "workflow.yaml")
    assert "+ job test" in deploy(place, "--on-error=let-finish").out
    place.work.notebook("here", "print 1")
    place.workflow("here.ipynb")
    err = place.refused("--deploy", "-t", "local", "workflow.yaml")
    assert "the target 'local' is none; choose another by --target" in err


def test_what_a_job_passes_over_is_said(place):
    daily(place, load={"pool": "db", "priority": 1, "retries": 2, "retry_backoff": 3}, pools={"db": 1}, processes=2,
          order="smallest-first", limits={"max_load": 8})
    run = deploy(place)
    assert "it passes over 'pools', 'order', 'priority', 'limits', 'processes'" in run.err
    assert "it passes over 'retry_backoff'" in run.err


@pytest.mark.parametrize("args,message", [
    (["--run-now"], "--run-now goes with --deploy"),
    (["--deploy", "--resume"], "--resume continues a run"),
    (["--deploy", "--run-dir=x"], "--run-dir is for a run"),
    (["--deploy", "--events=x"], "--events is for a run"),
    (["--deploy", "--select=load*"], "--select is for a run"),
    (["--deploy", "--dry-run", "--graph"], "--graph is a form of a run's plan"),
])
def test_options_that_do_not_go_with_it(place, args, message):
    daily(place)
    assert message in place.refused(*args, "workflow.yaml")


def test_checking_changes_nothing(place):
    daily(place)
    run = deploy(place, "--check")
    assert run.out == "workflow.yaml: ok\n" and jobs(place) == []
    assert f"{HOME}/load" not in place.workspace.state()["files"]


def test_a_schedule_is_passed_over_here(place):
    place.work.notebook("a", "print 1")
    place.work.workflow("a.ipynb", schedule=DAILY, file="here.yaml")
    quiet = place.work.run("here.yaml")
    assert quiet.status == 0 and "schedule" not in quiet.err
    run = place.work.run("-v", "here.yaml")
    assert run.status == 0 and "'schedule' is passed over: it counts for --deploy" in run.err
    place.work.workflow("a.ipynb", schedule={"cron": "0 6 * * *"}, file="here.yaml")
    assert "'cron' has 5 fields" in place.work.refused("here.yaml")
