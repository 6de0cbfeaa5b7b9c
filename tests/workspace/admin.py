"""
What tests may ask of the stand-in itself, under /_test/, without authentication but from this machine alone:

  POST faults   a list of rules (faults.py), or {"rules", "seed", "append"}; GET: how often each was so; DELETE: none
  POST clock    {"scale": how fast, "advance": seconds}; GET
  POST limits   {ENDPOINT: a second, or null}
  POST expire   no access token that was given out is valid any more
  GET log       every request so far (?since=N: from number N on); DELETE
  GET state     runs with how often each was really executed, jobs, files, places, limits

and what notebooks ask by dbutils, under /_test/dbutils/, by the secret of their run.
"""

import json

import notebooks
from errors import ApiError, bad


class Admin:
    def __init__(self, workspace, secrets):
        self.workspace = workspace
        self.secrets = secrets

    def handle(self, request):
        what = request.path.removeprefix("/_test/")
        if what.startswith("dbutils/"):
            return self._dbutils(what.removeprefix("dbutils/"), request.json())
        handler = {
            ("POST", "faults"): self._load_faults,
            ("GET", "faults"): lambda _: self.workspace.faults.to_json(),
            ("DELETE", "faults"): self._clear_faults,
            ("POST", "clock"): self._change_clock,
            ("GET", "clock"): lambda _: self.workspace.clock.to_json(),
            ("POST", "limits"): self._change_limits,
            ("POST", "expire"): self._expire,
            ("GET", "log"): self._log,
            ("DELETE", "log"): self._clear_log,
            ("GET", "state"): lambda _: self.workspace.to_json(),
        }.get((request.method, what))
        if handler is None:
            raise ApiError(404, "ENDPOINT_NOT_FOUND", f"nothing to be asked of the stand-in by {request.method} {what}")
        return handler(request)

    def _load_faults(self, request):
        try:
            self.workspace.faults.load(json.loads(request.content))
        except (ValueError, TypeError, AttributeError) as error:
            raise bad(f"no rules: {error}") from error
        return self.workspace.faults.to_json()

    def _clear_faults(self, _):
        self.workspace.faults.load([])
        return {}

    def _change_clock(self, request):
        given = request.json()
        try:
            self.workspace.clock.change(given.get("scale"), given.get("advance", 0))
        except (ValueError, TypeError) as error:
            raise bad(f"no change of the clock: {error}") from error
        return self.workspace.clock.to_json()

    def _change_limits(self, request):
        self.workspace.limits.change(request.json())
        return self.workspace.limits.to_json()

    def _expire(self, _):
        self.workspace.auth.expire_all()
        return {}

    def _log(self, request):
        entries = self.workspace.log.entries
        return {"requests": entries[int(request.query.get("since", 0)):]}

    def _clear_log(self, _):
        self.workspace.log.clear()
        return {}

    # -- for notebooks

    def _dbutils(self, what, given):
        task = self.workspace.scheduler.by_secret.get(given.get("secret"))
        if task is None:
            raise bad("the run is over")
        if what == "set":
            task.values[given["key"]] = given["value"]
            return {}
        if what == "get":
            other = task.parent.latest().get(given["task_key"])
            values = other.values if other is not None else {}
            found = {"task": other is not None}
            return {**found, "value": values[given["key"]]} if given["key"] in values else found
        if what == "secret":
            value = self.secrets.get((given["scope"], given["key"]))
            if value is None:
                raise bad(f"Secret does not exist with scope: {given['scope']} and key: {given['key']}")
            return {"value": value}
        if what == "run":
            return self._run(task, given)
        raise bad(f"dbutils asks for '{what}'")

    def _run(self, task, given):
        path = notebooks.resolve(task.execution.path, given["path"])
        run = self.workspace.scheduler.run_nested(task, path, int(given["timeout_seconds"]), given["arguments"])
        inner = run.tasks[0]
        if inner.ending.result == "SUCCESS":
            return {"result": inner.execution.result or ""}
        cause = inner.execution.error if inner.execution is not None and inner.execution.error else inner.ending.message
        raise bad("An error occurred while calling o421._run.\n: com.databricks.WorkflowException: "
                  f"com.databricks.NotebookExecutionException: {inner.ending.result}: {cause}")
