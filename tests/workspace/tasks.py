"""What a job's tasks may say, the references in them ({{...}}), and when one that depends on others is run."""

import json
import re

from errors import bad, malformed
from message import integer

KEY = re.compile(r"[A-Za-z0-9_-]{1,100}\Z")
KINDS = ("notebook_task", "for_each_task", "condition_task")
RUN_IFS = ("ALL_SUCCESS", "AT_LEAST_ONE_SUCCESS", "NONE_FAILED", "ALL_DONE", "AT_LEAST_ONE_FAILED", "ALL_FAILED")
OPERATORS = {
    "EQUAL_TO": lambda left, right: left == right,
    "NOT_EQUAL": lambda left, right: left != right,
    "GREATER_THAN": lambda left, right: float(left) > float(right),
    "GREATER_THAN_OR_EQUAL": lambda left, right: float(left) >= float(right),
    "LESS_THAN": lambda left, right: float(left) < float(right),
    "LESS_THAN_OR_EQUAL": lambda left, right: float(left) <= float(right),
}

SUCCEEDED = {"SUCCESS", "SUCCESS_WITH_FAILURES"}
FAILED = {"FAILED", "TIMEDOUT", "UPSTREAM_FAILED"}
CANCELED = {"CANCELED", "UPSTREAM_CANCELED"}
EXCLUDED = {"EXCLUDED", "DISABLED"}

CLUSTER_WANTED = "One of job_cluster_key, new_cluster, or existing_cluster_id must be specified."


class Checks:
    """What is known of the workspace when tasks are looked at."""

    def __init__(self, clusters, serverless, job_clusters=(), environments=(), git=False, submitted=True):
        self.clusters = clusters
        self.serverless = serverless
        self.job_clusters = job_clusters
        self.environments = environments
        self.git = git
        self.submitted = submitted


def check(tasks, checks):
    """Raises ApiError when a job with these tasks is refused."""
    if not isinstance(tasks, list) or not tasks:
        raise bad("A job must have at least one task.")
    keys = set()
    for task in tasks:
        _check_task(task, checks)
        if task["task_key"] in keys:
            raise bad(f"Duplicate task key: {task['task_key']}")
        keys.add(task["task_key"])
    for task in tasks:
        for other in depends_on(task):
            if other not in keys:
                raise bad(f"Task '{task['task_key']}' depends on the unknown task '{other}'.")
    _check_order(tasks)


def _check_task(task, checks):
    if not isinstance(task, dict):
        raise malformed("Could not parse request object: Expected 'map' for field 'tasks'")
    key = task.get("task_key")
    if not isinstance(key, str) or not KEY.match(key):
        raise bad("The task key must have 1 to 100 letters, digits, '-' or '_'.")
    kinds = [name for name in task if name.endswith("_task") and name != "clean_rooms_notebook_task"]
    if len(kinds) != 1 or kinds[0] not in KINDS:
        raise bad(f"Task '{key}' must have exactly one of: {', '.join(KINDS)} (here), not {kinds or 'none'}.")
    for name in ("timeout_seconds", "max_retries", "min_retry_interval_millis"):
        integer(name, task.get(name), 0)
    if task.get("run_if", "ALL_SUCCESS") not in RUN_IFS:
        raise bad(f"Invalid run_if '{task['run_if']}' of task '{key}'.")
    if kinds[0] == "notebook_task":
        _check_notebook(key, task["notebook_task"], checks)
        _check_compute(task, checks)
    elif kinds[0] == "for_each_task":
        each = task["for_each_task"]
        if integer("max_retries", task.get("max_retries"), 0) != 0:
            raise bad(f"max_retries cannot be set for the for each task '{key}', set it for its nested task.")
        if not isinstance(each.get("inputs"), str):
            raise bad(f"The inputs of the for each task '{key}' must be a text.")
        inner = each.get("task")
        if not isinstance(inner, dict) or "for_each_task" in inner:
            raise bad(f"The for each task '{key}' must have one nested task, which is not a for each task itself.")
        _check_task(inner, checks)
    elif task["condition_task"].get("op") not in OPERATORS:
        raise bad(f"Invalid operator of the condition task '{key}'.")


def _check_notebook(key, notebook, checks):
    path = notebook.get("notebook_path")
    if not isinstance(path, str) or not path:
        raise bad(f"Task '{key}': notebook_path is required.")
    source = notebook.get("source", "GIT" if checks.git else "WORKSPACE")
    if source == "GIT":
        raise bad(f"Task '{key}': notebooks of a Git repository are not known here.")
    if not path.startswith("/"):
        raise bad(f"Only absolute paths are currently supported. Paths must begin with '/'. (Task '{key}': {path})")
    parameters = notebook.get("base_parameters", {})
    if not isinstance(parameters, dict):
        raise malformed("Could not parse request object: Expected 'map' for field 'base_parameters'")
    for name, value in parameters.items():
        if not isinstance(value, str):
            raise malformed(
                f"Could not parse request object: Expected 'string' for the value of '{name}' in base_parameters"
            )
    if len(json.dumps(parameters).encode()) > 1 << 20:
        raise bad(f"Task '{key}': the parameters are larger than 1 MB.")


def _check_compute(task, checks):
    named = [name for name in ("existing_cluster_id", "new_cluster", "job_cluster_key") if name in task]
    if len(named) > 1 or not named and not checks.serverless:
        raise bad(CLUSTER_WANTED)
    if named == ["job_cluster_key"] and task["job_cluster_key"] not in checks.job_clusters:
        raise bad(CLUSTER_WANTED if checks.submitted
                  else f"Job cluster '{task['job_cluster_key']}' is not defined in field 'job_clusters'.")
    if named == ["existing_cluster_id"] and task["existing_cluster_id"] not in checks.clusters:
        raise bad(f"Cluster {task['existing_cluster_id']} does not exist")
    if named == ["new_cluster"] and not isinstance(task["new_cluster"].get("spark_version"), str):
        raise bad("Missing required field: settings.cluster_spec.new_cluster.spark_version")
    environment = task.get("environment_key")
    if environment is not None and environment not in checks.environments:
        raise bad(f"Environment '{environment}' of task '{task['task_key']}' is not defined in field 'environments'.")


def _check_order(tasks):
    left = {task["task_key"]: set(depends_on(task)) for task in tasks}
    while left:
        ready = {key for key, others in left.items() if not others}
        if not ready:
            raise bad(f"The dependencies of the tasks {sorted(left)} go round in a circle.")
        left = {key: others - ready for key, others in left.items() if key not in ready}


def depends_on(task):
    return [entry["task_key"] for entry in task.get("depends_on", ())]


def verdict(task, results, outcomes):
    """
    What is to become of a task whose dependencies have ended with these results ({key: result state}) and, of
    conditions, outcomes ({key: "true"}): None when it is to be run, else its own result state.
    """
    if not results:
        return None
    states = set(results.values())
    if states <= EXCLUDED:
        return "EXCLUDED"
    for entry in task.get("depends_on", ()):
        if "outcome" in entry and entry["outcome"] != outcomes.get(entry["task_key"], entry["outcome"]):
            return "EXCLUDED"
    # What was left out on purpose stands in nobody's way.
    failed, canceled, succeeded = states & FAILED, states & CANCELED, states & SUCCEEDED
    rule = task.get("run_if", "ALL_SUCCESS")
    if rule == "ALL_DONE":
        return None
    if rule == "AT_LEAST_ONE_FAILED":
        return None if failed else "EXCLUDED"
    if rule == "ALL_FAILED":
        return None if states - EXCLUDED <= FAILED else "EXCLUDED"
    if rule == "AT_LEAST_ONE_SUCCESS":
        wanted = bool(succeeded)
    else:
        wanted = not failed and not canceled
    if wanted:
        return None
    return "UPSTREAM_FAILED" if failed else "UPSTREAM_CANCELED"


def resolve(value, lookup):
    """Replaces the references of a text; what lookup(NAME) does not know (None) stays as it is."""
    def found(match):
        made = lookup(match.group(1).strip())
        return match.group(0) if made is None else made if isinstance(made, str) else json.dumps(made)
    return re.sub(r"\{\{([^{}]*)\}\}", found, value) if isinstance(value, str) else value


def condition(task, lookup):
    """The outcome of a condition task: "true" or "false". Raises ValueError when it needs numbers and has none."""
    given = task["condition_task"]
    left, right = resolve(given.get("left", ""), lookup), resolve(given.get("right", ""), lookup)
    return "true" if OPERATORS[given["op"]](left, right) else "false"


def items(text, lookup):
    """The inputs of a for each task; None when they are no JSON array."""
    try:
        found = json.loads(resolve(text, lookup))
    except ValueError:
        return None
    return found if isinstance(found, list) else None
