"""
Other tools' files on a workspace: what a bundle's target names, and what its tasks run on; and notebooks with a compute
of their own.
"""

import json

import pytest
from remote import CLUSTER, HOME, USER, source

BUNDLE = """\
bundle: {name: demo}
variables:
  catalog: {default: dev}
  big: {default: {spark_version: 15.4.x-scala2.12, num_workers: 8, spark_conf: {a: "{{secrets/scope/key}}"}}}
resources:
  jobs:
    nightly:
      parameters: [{name: day, default: monday}]
      tags: {team: x}
      queue: {enabled: true}
      run_as: {user_name: someone@example.com}
      email_notifications: {on_failure: [a@example.com]}
      job_clusters:
      - job_cluster_key: small
        new_cluster: {spark_version: 15.4.x-scala2.12, num_workers: 1}
      environments: [{environment_key: e, spec: {environment_version: "2"}}]
      tasks:
      - task_key: ingest
        job_cluster_key: small
        libraries: [{pypi: {package: simplejson}}]
        notebook_task:
          notebook_path: src/ingest
          warehouse_id: stand-in-warehouse
          base_parameters: {table: "${var.catalog}.t", start: "{{job.start_time.iso_date}}", day: ""}
      - task_key: fan
        depends_on: [{task_key: ingest}]
        new_cluster: ${var.big}
        for_each_task:
          inputs: [1, 2]
          task: {task_key: i, new_cluster: "${var.big}", notebook_task: {notebook_path: /Shared/flow/there,
                 base_parameters: {t: "{{input}}"}}}
      - {task_key: env, environment_key: e, notebook_task: {notebook_path: src/plain.py}}
      - {task_key: on, existing_cluster_id: CLUSTER, notebook_task: {notebook_path: src/plain.py}}
      - {task_key: plain, notebook_task: {notebook_path: src/plain.py}}
targets:
  dev: {default: true, workspace: {host: HOST}}
  prod:
    workspace: {profile: there}
    variables: {catalog: main}
    resources: {jobs: {nightly: {tags: {stage: prod}, tasks: [{task_key: ingest, timeout_seconds: 77}]}}}
  local: {}
"""


@pytest.fixture
def bundle(site):
    site.source("src/ingest.py", "import json", "dbutils.notebook.exit(json.dumps([dbutils.widgets.get(n) for n in "
                "('table', 'start', 'day')]))")
    site.source("src/plain.py", "1")
    site.workspace.put("/Shared/flow/there", source("dbutils.notebook.exit(dbutils.widgets.get('t'))"))

    def write(text=BUNDLE, file="databricks.yml"):
        return site.work.write(file, text.replace("CLUSTER", CLUSTER).replace("HOST", site.workspace.url))
    return write


def tasks(site):
    """What each run was submitted with, by name."""
    return {r["name"].rpartition(": ")[2]: site.workspace.get(r["run_id"])["tasks"][0] for r in site.runs()}


def test_a_bundle_runs_on_its_target(site, bundle):
    bundle()
    run = site.run("-t", "dev", "databricks.yml", env={"DATABRICKS_HOST": None, "DATABRICKS_CLUSTER_ID": "of-mine"})
    assert run.status == 0, run.story()
    table, start, day = run.record("ingest")["result"]
    assert (table, day) == ("dev.t", "monday") and len(start) == len("2026-01-01") and "{" not in start
    assert [run.record(f"fan-{i}")["result"] for i in (1, 2)] == ["1", "2"]
    assert {n["target"] for n in run.results["notebooks"]} == {"dev"}
    there = tasks(site)
    assert there["ingest"]["new_cluster"] == {"spark_version": "15.4.x-scala2.12", "num_workers": 1}
    assert there["ingest"]["libraries"] == [{"pypi": {"package": "simplejson"}}]
    assert there["fan-1"]["new_cluster"]["spark_conf"] == {"a": "{{secrets/scope/key}}"}
    assert there["on"]["existing_cluster_id"] == CLUSTER and there["env"]["environment_key"] == "e"
    assert not {"new_cluster", "existing_cluster_id", "environment_key"} & set(there["plain"])
    assert there["ingest"]["notebook_task"]["notebook_path"] == "/Users/someone@example.com/nbfork/nightly/src/ingest"
    assert "job cluster 'small'" not in run.err  # one notebook is on it


def test_what_the_target_changes_counts(site, bundle):
    bundle()
    (site.work.home / ".databrickscfg").write_text(f"[there]\nhost = {site.workspace.url}\ntoken = {site.workspace.token}\n")
    out = site.run("-n", "--json", "-t", "prod", "databricks.yml",
                   env={"DATABRICKS_HOST": None, "DATABRICKS_TOKEN": None}, folder=None).out
    ingest = next(n for n in json.loads(out)["notebooks"] if n["name"] == "ingest")
    assert ingest["parameters"]["table"] == "main.t" and ingest["timeout_seconds"] == 77
    assert ingest["parameters"]["start"] == "{{job.start_time.iso_date}}"


def test_here_it_needs_what_is_here(site, bundle):
    bundle()
    err = site.refused("databricks.yml")
    assert "'/Shared/flow/there' is a notebook of the workspace; choose a target with -t" in err
    err = site.refused("-t", "local", "databricks.yml")
    assert "'/Shared/flow/there' is a notebook of the workspace; choose a target with -t" in err
    err = site.refused("-t", "prof", "databricks.yml")
    assert "option '--target': the target is 'prof', which is none of local, dev, prod; did you mean 'prod'?\n" in err


def test_a_cluster_for_all_tasks(site, bundle):
    bundle("bundle: {name: b}\nresources: {jobs: {j: {tasks: [\n  {task_key: a, new_cluster: {spark_version: x}, "
           "notebook_task: {notebook_path: src/plain}}]}}}\ntargets: {dev: {mode: development, cluster_id: CLUSTER}}\n")
    run = site.run("-t", "dev", "databricks.yml")
    assert run.status == 0, run.story()
    assert tasks(site)["a"]["existing_cluster_id"] == CLUSTER


def test_a_file_that_a_bundle_includes_has_its_targets(site, bundle):
    bundle("bundle: {name: b}\ninclude: [jobs/*.yml]\ntargets:\n  dev: {workspace: {host: HOST}, resources: {jobs: "
           "{one: {tasks: [{task_key: a, notebook_task: {base_parameters: {p: of the target}}}]}}}}\n")
    bundle("resources: {jobs: {one: {tasks: [{task_key: a, notebook_task: {notebook_path: ../src/shows}}]}, two: {}}}\n",
           "jobs/one.yml")
    site.source("src/shows.py", "dbutils.notebook.exit(dbutils.widgets.get('p'))")
    assert "2 jobs, and a workflow is one of them: 'one', 'two'; choose one with --job=NAME" in site.refused("jobs/one.yml")
    assert site.refused("--job=ones", "jobs/one.yml") == \
        "nbfork: error: option '--job': the file has no job 'ones'; did you mean 'one'?\n"
    run = site.run("-t", "dev", "--job=one", "jobs/one.yml", env={"DATABRICKS_HOST": None})
    assert run.status == 0, run.story()
    assert run.record("a")["result"] == "of the target" and run.results["workflow"]["name"] == "one"


def test_a_job_of_the_api_on_a_workspace(site, bundle):
    bundle(json.dumps({"settings": {"name": "j", "job_clusters": [{"job_cluster_key": "c", "new_cluster": {
        "spark_version": "15.4.x-scala2.12", "num_workers": 1}}], "tasks": [
            {"task_key": k, "job_cluster_key": "c", "notebook_task": {"notebook_path": "/Shared/flow/there",
             "base_parameters": {"t": k}}} for k in ("a", "b")]}}), "job.json")
    run = site.run("-t", "databricks", "job.json")
    assert run.status == 0, run.story()
    assert [run.record(n)["result"] for n in ("a", "b")] == ["a", "b"]
    assert run.err.count("job cluster 'c' is for several notebooks, and each of them starts one of its own") == 1


@pytest.mark.parametrize("text, message", [
    ('{"tasks": [{"task_key": "a", "job_cluster_key": "c", "notebook_task": {"notebook_path": "/x"}}]}',
     "job.json:1:49: the job has no job cluster 'c'; write it under 'job_clusters'\n"),
    ('{"tasks": [{"task_key": "a", "existing_cluster_id": "c", "new_cluster": {}, "notebook_task": '
     '{"notebook_path": "/x"}}]}',
     "job.json:1:12: 'compute' has more than one of the keys existing_cluster_id, new_cluster and serverless\n"),
    ('{"tasks": [{"task_key": "a", "environment_key": "e", "notebook_task": {"notebook_path": "/x"}}]}',
     "job.json:1:12: notebook 'a': the environments of target 'databricks' have no 'e'\n"),
])
def test_a_compute_that_is_none(site, text, message):
    site.work.write("job.json", text)
    assert site.refused("-t", "databricks", "job.json") == message


def test_only_bundles_have_jobs_to_choose_from(site):
    site.source("a.py", "1")
    site.workflow("a.py")
    assert site.refused("--job=a", "workflow.yaml") == \
        "nbfork: error: option '--job': 'workflow.yaml' is no bundle; only those have several jobs to choose from\n"
    site.work.notebook("b")
    assert "--job chooses one of the jobs of a bundle, and 'b.ipynb' is a notebook\n" in site.refused("--job=a", "b.ipynb")


# ---- A compute of their own ----

def test_notebooks_with_a_compute_of_their_own(site):
    site.source("a.py", "1")
    big = {"new_cluster": {"spark_version": "15.4.x-scala2.12", "num_workers": 8}}
    site.workflow({"path": "a.py", "name": "small"}, {"path": "a.py", "name": "big", "compute": big},
                  {"path": "a.py", "name": "none", "compute": {"serverless": True}},
                  {"path": "a.py", "name": "more", "compute": {"libraries": [{"pypi": {"package": "x"}}]}},
                  {"path": "a.py", "name": "{{ item }}", "for_each": [CLUSTER],
                   "compute": {"existing_cluster_id": "{{ item }}"}},
                  target={"existing_cluster_id": CLUSTER})
    run = site.run()
    assert run.status == 0, run.story()
    there = tasks(site)
    assert there["small"]["existing_cluster_id"] == there["more"]["existing_cluster_id"] == CLUSTER
    assert there[CLUSTER]["existing_cluster_id"] == CLUSTER
    assert there["big"]["new_cluster"]["num_workers"] == 8 and "existing_cluster_id" not in there["big"]
    assert not {"new_cluster", "existing_cluster_id"} & set(there["none"])
    assert there["more"]["libraries"] == [{"pypi": {"package": "x"}}]
    # The file was imported once, and the cluster looked at once.
    asked = [r["path"] for r in site.workspace.log()]
    assert len([p for p in asked if p.endswith("clusters/get")]) == 1
    assert len([p for p in asked if p.endswith("workspace/import")]) == 2  # the first one found no folder
    assert f"{HOME}/a" in site.workspace.state()["files"] and USER in HOME


def test_a_compute_means_nothing_here(site):
    site.work.notebook("n", "print n")
    site.workflow({"path": "n.ipynb", "compute": {"existing_cluster_id": "c"}}, target={})
    run = site.run("-t", "local", "workflow.yaml")
    assert run.status == 0, run.story()


def test_faults_of_a_compute_are_its_notebooks(site):
    site.source("a.py", "1")
    site.workflow("a.py", {"path": "a.py", "name": "b", "compute": {"existing_cluster_id": "0000-missing"}})
    err = site.refused("--check", "workflow.yaml")
    assert "cannot use cluster '0000-missing'" in err and err.startswith("workflow.yaml:")
    site.workflow({"path": "a.py", "compute": {"host": "h", "new_clusters": {}}})
    err = site.refused()
    assert "unknown key 'host'" in err and "did you mean 'new_cluster'?" in err
    site.workflow({"path": "a.py", "compute": "c"})
    assert "'compute' must be a map" in site.refused()
