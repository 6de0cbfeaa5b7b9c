"""
Other tools' files as workflows: Databricks' bundles and documents of its Jobs API, and what Microsoft Fabric's
runMultiple takes.
"""

import json

import pytest

RESULT = 'display {"data": {"application/vnd.nbfork.result+json": %s}, "metadata": {}}'

BUNDLE = """\
bundle: {name: demo}
variables:
  catalog: {default: dev}
  wait: {default: 60}
resources:
  jobs:
    nightly:
      name: "[${bundle.target}] nightly"
      parameters:
        - {name: day, default: "{{job.start_time.iso_date}}"}
      schedule: {quartz_cron_expression: "0 0 6 * * ?", timezone_id: UTC}
      job_clusters: [{job_cluster_key: main, new_cluster: {num_workers: 1}}]
      tasks:
        - task_key: ingest
          job_cluster_key: main
          notebook_task:
            notebook_path: src/ingest
            base_parameters: {table: "${var.catalog}.orders", day: "{{job.parameters.day}}", n: 5}
          max_retries: 1
          min_retry_interval_millis: 0
          timeout_seconds: ${var.wait}
        - task_key: fan
          depends_on: [{task_key: ingest}]
          for_each_task:
            inputs: '["a", "b", {"k": 1}]'
            concurrency: 2
            task:
              task_key: fan_it
              notebook_task: {notebook_path: src/fan.ipynb, base_parameters: {t: "{{input}}"}}
        - task_key: broken
          depends_on: [{task_key: fan}]
          notebook_task: {notebook_path: src/broken.ipynb}
        - task_key: never
          depends_on: [{task_key: broken}]
          notebook_task: {notebook_path: src/fan.ipynb, base_parameters: {t: never}}
        - task_key: cleanup
          depends_on: [{task_key: fan}, {task_key: broken}]
          run_if: ALL_DONE
          notebook_task:
            notebook_path: src/cleanup.ipynb
            base_parameters: {run: "run {{job.run_id}}", me: "{{task.name}}"}
targets: {dev: {default: true}}
"""


@pytest.fixture
def bundle(work):
    """A bundle, with its notebooks; one of them fails."""
    work.notebook("src/ingest", "show table\nshow day\nshow n")
    work.notebook("src/fan", "show t")
    work.notebook("src/broken", "error ValueError no luck")
    work.notebook("src/cleanup", "show run\nshow me")
    return work.write("databricks.yml", BUNDLE)


def test_a_bundle_runs(work, bundle):
    run = work.run("-p", "day=monday", bundle)
    assert run.status == 1, run.story()
    assert run.results["workflow"] == {"name": "nightly", "file": "databricks.yml"}
    assert run.statuses() == {"ingest": "succeeded", "fan-1": "succeeded", "fan-2": "succeeded", "fan-3": "succeeded",
                              "broken": "failed", "never": "skipped", "cleanup": "succeeded"}
    assert run.text("ingest").split("\n")[:3] == ['"dev.orders"', '"monday"', '"5"']
    assert [json.loads(run.text(f"fan-{i}")) for i in (1, 2, 3)] == ["a", "b", '{"k": 1}']
    assert run.text("cleanup").split("\n")[:2] == [json.dumps(f"run {run.results['run']['id']}"), '"cleanup"']
    assert "databricks.yml" not in run.err


def test_a_bundle_is_shown(work, bundle):
    plan = json.loads(work.run("-n", "--json", "-p", "day=monday", bundle, folder=None).out)
    notebooks = {n["name"]: n for n in plan["notebooks"]}
    assert list(notebooks) == ["ingest", "fan-1", "fan-2", "fan-3", "broken", "never", "cleanup"]
    assert (notebooks["ingest"]["retries"], notebooks["ingest"]["timeout_seconds"]) == (1, 60)
    assert notebooks["fan-2"]["pool"] == "fan" and notebooks["fan-2"]["depends_on"] == ["ingest"]
    assert notebooks["cleanup"]["depends_on"] == ["fan-1", "fan-2", "fan-3", "broken"]
    assert notebooks["cleanup"]["run_if"] == "all_done"
    assert notebooks["ingest"]["path"] == "src/ingest.ipynb"
    assert notebooks["ingest"]["parameters"] == {"day": "monday", "table": "dev.orders", "n": "5"}


def test_what_a_parameter_needs_is_said(work, bundle):
    assert work.refused(bundle) == (
        "databricks.yml:10:33: {{job.start_time.iso_date}} is known on Databricks alone; give the parameter a value "
        "with -p day=VALUE\n")


def test_what_is_passed_over_is_said(work, bundle):
    run = work.run("-v", "-n", "-p", "day=monday", bundle, folder=None)
    passed = (("12:7", "job_clusters", "on this machine"), ("11:7", "schedule", "here"),
              ("15:11", "job_cluster_key", "on this machine"))
    for place, key, where in passed:
        assert f"databricks.yml:{place}: key '{key}' has no meaning {where} and is passed over\n" in run.err
    assert "key 'day' is a parameter of the job too, whose value is taken\n" in run.err


def test_a_file_that_a_bundle_includes(work):
    work.write("databricks.yml", "bundle: {name: b}\nvariables: {x: {default: [1, 2]}}\ninclude: [resources/*.yml]\n")
    work.notebook("src/n", "show t")
    work.write("resources/one.yml", "resources: {jobs: {one: {tasks: [{task_key: e, for_each_task: {inputs: "
               "'${var.x}', task: {task_key: i, notebook_task: {notebook_path: ../src/n, base_parameters: "
               "{t: 'n{{input}}'}}}}}]}}}\n")
    assert work.refused("databricks.yml") == (
        "databricks.yml:3:1: the jobs of this bundle are in the files that it includes; run the one with the job: "
        "'resources/one.yml'\n")
    run = work.run("resources/one.yml")
    assert run.status == 0, run.story()
    assert [json.loads(run.text(n)) for n in ("e-1", "e-2")] == ["n1", "n2"]


def test_a_job_of_the_api_runs(work):
    work.notebook("a", "touch ran-a", RESULT % "1")
    work.notebook("flaky", "error ValueError always")
    work.notebook("handler", "show why")
    work.write("job.json", json.dumps({
        "job_id": 7, "creator_user_name": "me", "settings": {
            "name": "api", "max_concurrent_runs": 1, "parameters": [{"name": "why", "default": "because"}],
            "tasks": [
                {"task_key": "a", "notebook_task": {"notebook_path": "a", "source": "WORKSPACE"}, "libraries": []},
                {"task_key": "flaky", "depends_on": [{"task_key": "a"}], "max_retries": 2, "email_notifications": {},
                 "notebook_task": {"notebook_path": "flaky.ipynb"}},
                {"task_key": "handler", "depends_on": [{"task_key": "flaky"}], "run_if": "AT_LEAST_ONE_FAILED",
                 "notebook_task": {"notebook_path": "handler", "base_parameters": {"why": "no"}}}]}}, indent=1))
    run = work.run("job.json")
    assert run.status == 1, run.story()
    assert run.statuses() == {"a": "succeeded", "flaky": "failed", "handler": "succeeded"}
    assert run.record("flaky")["attempts"] == 3
    assert json.loads(run.text("handler")) == "because"
    assert run.results["workflow"]["name"] == "api"


def test_run_multiple_runs(work):
    work.notebook("Load Data", "show n", RESULT % '"rows: 5"')
    work.notebook("report", "show rows\nshow plain")
    work.notebook("slow", "sleep 60")
    work.write("dag.json", json.dumps({
        "activities": [
            {"name": "load", "path": "Load Data", "args": {"n": 5, "useRootDefaultLakehouse": True}},
            {"name": "report", "path": "report.ipynb",
             "args": {"rows": "@activity('load').exitValue()", "plain": {"k": [1.5, "x"]}}},
            {"name": "slow", "path": "slow", "timeoutPerCellInSeconds": 0.2, "retry": 1, "retryIntervalInSeconds": 0},
            {"name": "after", "path": "report", "dependencies": ["slow"], "args": {"rows": 1, "plain": 2}}],
        "timeoutInSeconds": 600, "concurrency": 0}))
    run = work.run("dag.json")
    assert run.status == 1, run.story()
    assert run.statuses() == {"load": "succeeded", "report": "succeeded", "slow": "timed_out", "after": "skipped"}
    assert run.results["processes"] == 4
    assert json.loads(run.text("load")) == 5
    assert [json.loads(line) for line in run.text("report").splitlines()] == ["rows: 5", {"k": [1.5, "x"]}]
    assert run.record("slow")["attempts"] == 2
    assert "cell" in run.record("slow")["error"]["message"]


def test_a_list_of_names_runs(work):
    work.notebook("a", "print a")
    work.notebook("b c", "print b")
    work.write("list.json", '["a", "b c"]')
    run = work.run("list.json")
    assert run.status == 0, run.story()
    assert run.statuses() == {"a": "succeeded", "b c": "succeeded"}
    plan = json.loads(work.run("-n", "--json", "list.json", folder=None).out)
    assert [n["cell_timeout_seconds"] for n in plan["notebooks"]] == [90, 90]


def test_standard_input_may_be_foreign(work):
    work.notebook("a", "print a")
    run = work.run("-", input='{"activities": [{"name": "x", "path": "a"}]}')
    assert run.statuses() == {"x": "succeeded"}


@pytest.mark.parametrize("file, text, messages", [
    ("job.json", '{"tasks": [\n {"task_key": "a", "spark_jar_task": {}},\n'
     ' {"task_key": "b", "notebook_task": {"notebook_path": "n.ipynb"},\n'
     '  "depends_on": [{"task_key": "a"}, {"task_key": "c"}], "timeout_seconds": "x"}]}',
     "job.json:2:20: task 'a': spark_jar_task is not a notebook; nbfork runs notebooks\n"
     "job.json:4:76: 'timeout_seconds' must be a whole number of at least 0, not the text 'x'\n"),
    ("job.yml", "tasks:\n- {task_key: a, notebook_task: {notebook_path: n}}\n"
     "- {task_key: a, notebook_task: {notebook_path: m}}\n",
     "job.yml:3:14: name 'a' is that of the notebook at line 2 already; give one of them another by the key 'name'\n"),
    ("job.yml", "tasks:\n- {task_key: a, notebook_task: {notebook_path: n, base_parameters: {x-y: 1}},\n"
     "   retry_on_timeout: 5, depends_on: [{task_key: b}]}\n"
     "- {task_key: b, notebook_task: {notebook_path: n}, depends_on: [{task_key: a}]}\n",
     "job.yml:2:69: parameter 'x-y' cannot be a variable's name: use letters, digits and '_', with no digit first\n"
     "job.yml:3:22: 'retry_on_timeout' must be true or false, not a whole number\n"
     "job.yml:3:25: notebooks that wait for each other would wait for ever: a -> b -> a\n"),
    ("job.yml", "tasks:\n"
     "- {task_key: a, notebook_task: {notebook_path: n}, timeout_seconds: x, depends_on: [{task_key: c}]}\n",
     "job.yml:2:69: 'timeout_seconds' must be a whole number of at least 0, not the text 'x'\n"
     "job.yml:2:96: there is no notebook 'c'\n"),
    ("w.yml", "resources:\n  jobs:\n    a: {tasks: []}\n    b: {tasks: []}\n",
     "w.yml:2:3: there are 2 jobs, and a workflow is one of them: 'a', 'b'; choose one "
     "with --job=NAME\n"),
    ("dag.json", '{"activities": [{"name": "a", "path": "n", "args": {"v": "@activity(\'b\').exitValue()"}},\n'
     ' {"name": "c", "path": "n", "retry": -1, "args": {"v": "x {{ run.id }}"}}]}',
     "dag.json:1:58: there is no notebook 'b'\n"
     "dag.json:1:58: {{ notebooks.b.result }}: there is no notebook 'b'\n"
     "dag.json:2:38: 'retry' must be a whole number of at least 0, not -1\n"
     "dag.json:2:59: '{{' in a file of Fabric's form: there are no such expressions in it, and as text it would be "
     "taken for one\n"),
    ("list.yml", "- n\n- m\n", "list.yml:2:3: cannot open notebook 'm.ipynb': No such file or directory\n"),
])
def test_problems_point_into_the_file(work, file, text, messages):
    work.notebook("n", "print n")
    work.write(file, text)
    assert work.refused(file) == messages


def parameters(run):
    """The parameters of each notebook of a plan."""
    return {n["name"]: n["parameters"] for n in json.loads(run.out)["notebooks"]}


@pytest.fixture
def plan(work):
    work.notebook("n", "print n")

    def make(text, *args, file="databricks.yml", env=None):
        work.write(file, text)
        run = work.run("-n", "--json", *args, file, folder=None, env=env)
        assert run.status == 0, run.err
        return run
    return make


TARGETS = """
bundle: {name: 12}
variables:
  c: {default: dev}
  d: {default: {deep: [one, two]}}
  e: {}
resources:
  jobs:
    j:
      tasks:
      - task_key: a
        notebook_task:
          notebook_path: n
          base_parameters: {c: "${var.c}", d: "${var.d.deep[1]}", e: "${var.e}",
                            t: "${bundle.target}", b: "${bundle.name}"}
targets:
  test: {variables: {e: of test}}
  prod:
    default: true
    variables: {c: prod, e: {default: 5}}
    resources:
      jobs:
        j: {tasks: [{task_key: a, max_retries: 5}, {task_key: z, depends_on: [{task_key: a}], notebook_task:
                     {notebook_path: n}}], name: not the key}
"""


def test_variables_are_those_of_the_target(plan):
    run = plan(TARGETS)
    assert parameters(run) == {"a": {"c": "prod", "d": "two", "e": "5", "t": "prod", "b": "12"}, "z": {}}
    # And what it changes in the job is joined with it.
    assert [n["retries"] for n in json.loads(run.out)["notebooks"]] == [5, 0]
    run = plan(TARGETS, env={"DATABRICKS_BUNDLE_TARGET": "test"})
    assert parameters(run)["a"] == {"c": "dev", "d": "two", "e": "of test", "t": "test", "b": "12"}
    assert "passed over" not in run.err


@pytest.mark.parametrize("text", ["null", "~", "True", "5", "1e3", "true"])
def test_a_variable_of_the_environment_is_the_text_it_is(plan, text):
    assert parameters(plan(TARGETS, env={"BUNDLE_VAR_c": text}))["a"]["c"] == text


PARAMETERS = """
tasks:
- task_key: a
  notebook_task: {notebook_path: n, base_parameters: {v: "{{job.parameters.day}}", n: 5}}
- task_key: f
  depends_on: [{task_key: a}]
  for_each_task:
    inputs: "{{job.parameters.l}}"
    task: {task_key: i, run_if: ALL_SUCCESS, notebook_task: {notebook_path: n, base_parameters: {i: "{{input}}"}}}
- {task_key: g, depends_on: [{task_key: f}], notebook_task: {notebook_path: n}}
- {task_key: h, depends_on: [{task_key: f}], run_if: AT_LEAST_ONE_FAILED, notebook_task: {notebook_path: n}}
parameters: [{name: day, default: 1}, {name: l, default: '["p", "q"]'}]
"""


def test_parameters_of_the_command_line_are_text_too(plan):
    common = {"l": '["p", "q"]'}
    assert parameters(plan(PARAMETERS))["a"] == {"day": "1", "v": "1", "n": "5", **common}
    given = parameters(plan(PARAMETERS, "-p", "day=20261124", "-p", "n=null"))["a"]
    assert given == {"day": "20261124", "v": "20261124", "n": "null", **common}
    assert parameters(plan(PARAMETERS, "-p", "day=[1, true]", "-p", "n='x'"))["a"] == {
        "day": "[1, true]", "v": "[1, true]", "n": "x", **common}


def test_what_is_repeated_may_come_from_a_parameter(plan):
    for args, items in ((), ["p", "q"]), (("-p", 'l=["z"]'), ["z"]):
        made = parameters(plan(PARAMETERS, *args))
        assert [made[name]["i"] for name in made if name.startswith("f-")] == items


def test_a_parameter_that_is_no_list_is_not_shown(work, plan):
    plan(PARAMETERS)
    assert work.refused("-p", "l=secret-text", "databricks.yml") == (
        "databricks.yml:8:13: 'inputs' must be a list, or text that is one in JSON, not the text that "
        "stands for it\n")


def test_what_is_repeated_for_nothing_is_waited_for_all_the_same(work, plan):
    plan(PARAMETERS)
    work.notebook("n", "error E no")
    run = work.run("-p", "l=[]", "databricks.yml")
    assert run.statuses() == {"a": "failed", "g": "skipped", "h": "failed"}
    work.notebook("n", "print x")
    run = work.run("-p", "l=[]", "databricks.yml")
    assert run.statuses() == {"a": "succeeded", "g": "succeeded", "h": "skipped"}


def test_many_that_are_repeated_for_nothing_wait_for_each_other(work):
    """Each of three waits for all three before, so there are 3 ** 300 ways from the end to the beginning."""
    def each(name, on):
        return {"task_key": name, "depends_on": [{"task_key": key} for key in on], "for_each_task": {
            "inputs": "[]", "task": {"task_key": "x", "notebook_task": {"notebook_path": "n"}}}}
    work.notebook("n", "print n")
    levels = [["a"]] + [[f"f{i}_{k}" for k in range(3)] for i in range(300)]
    tasks = [each(name, before) for before, level in zip(levels, levels[1:]) for name in level]
    tasks += [{"task_key": name, "notebook_task": {"notebook_path": "n"},
               "depends_on": [{"task_key": key} for key in on]}
              for name, on in (("a", []), ("z", levels[-1]))]
    work.write("job.json", json.dumps({"tasks": tasks}))
    plan = json.loads(work.run("-n", "--json", "job.json", folder=None).out)
    assert [(n["name"], n["depends_on"]) for n in plan["notebooks"]] == [("a", []), ("z", ["a"])]


def test_names_are_no_patterns(plan):
    run = plan('{"activities": [{"name": "load*", "path": "n"}, {"name": "loadX", "path": "n"}, '
               '{"name": "c", "path": "n", "workspace": null, "dependencies": ["load*"]}]}', file="dag.json")
    assert json.loads(run.out)["notebooks"][2]["depends_on"] == ["load*"]


@pytest.mark.parametrize("text, messages", [
    ("tasks:\n- {task_key: a, notebook_task: {notebook_path: /Users/me/x}}\n",
     "j.yml:2:48: '/Users/me/x' is a notebook of the workspace; choose a target with -t, or export it and name the file\n"),
    ("tasks:\n- {task_key: a, for_each_task: [], notebook_task: {notebook_path: n}}\n",
     "j.yml:2:32: task 'a': for_each_task must be a map with 'inputs' and 'task', not a list\n"
     "j.yml:2:36: task 'a' has a notebook_task and a for_each_task; leave one of them out\n"),
    ("tasks:\n- task_key: a\n  for_each_task:\n    inputs: [1]\n"
     "    task: {task_key: i, disabled: true, notebook_task: {notebook_path: n}}\n",
     "j.yml:5:25: task 'a' is disabled; leave it out, or enable it\n"),
])
def test_what_a_task_cannot_be(work, text, messages):
    work.notebook("n", "print n")
    work.write("j.yml", text)
    assert work.refused("j.yml") == messages
