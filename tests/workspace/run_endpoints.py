"""The endpoints under /api/2.1/jobs/runs and /api/2.2/jobs/runs."""

import threading

import export
import tasks
from errors import ApiError, bad, invalid_state, no_run
from message import integer
from runs import ONE_TOO_MANY, JobRun

PAGE = 100
SUBMIT_KEYS = {
    "run_name",
    "tasks",
    "timeout_seconds",
    "idempotency_token",
    "queue",
    "access_control_list",
    "run_as",
    "environments",
    "git_source",
    "email_notifications",
    "webhook_notifications",
    "notification_settings",
    "health",
    "performance_target",
    "budget_policy_id",
    "usage_policy_id",
    "tags",
    "environment_variables",
}


class RunEndpoints:

    def __init__(
        self, clock, scheduler, limits, clusters, page, serverless=True, forms=("state", "status"), keep_days=60
    ):
        self.clock = clock
        self.scheduler = scheduler
        scheduler.start_nested = self.nested
        self.limits = limits
        self.clusters = clusters
        self.page = page
        self.serverless = serverless
        self.forms = forms
        self.keep = keep_days * 86400000
        self.lock = threading.Lock()
        self.registry = {}
        self.order = []
        self.tokens = {}
        self.unknown_keys = set()

    def routes(self):
        found = {}
        for version in ("2.1", "2.2"):
            base = f"/api/{version}/jobs/runs/"
            found.update({
                ("POST", base + "submit"): self.submit, ("GET", base + "get"): self.get,
                ("GET", base + "get-output"): self.get_output, ("POST", base + "cancel"): self.cancel,
                ("POST", base + "cancel-all"): self.cancel_all, ("GET", base + "list"): self.list,
                ("GET", base + "export"): self.export, ("POST", base + "delete"): self.delete,
            })
        return found

    # -- starting

    def submit(self, request):
        given = request.json()
        request.idempotency_token = given.get("idempotency_token")
        return {"run_id": self.once(request, self._submitted, given).run_id}

    def once(self, request, make, given):
        """Makes a run, or finds the one that its idempotency token has made already."""
        token = given.get("idempotency_token") or None
        if token is None:
            run = make(request, given)
        else:
            if not isinstance(token, str) or len(token) > 64:
                raise bad("The idempotency token must have at most 64 characters.")
            # The lock is held until the run is there: two requests with one token at the same time are one run.
            with self.lock:
                run = self.tokens.get(token)
                if run is not None:
                    run.submits += 1
                    if run.deleted:
                        raise bad(f"The run {run.run_id} of the idempotency token has been deleted.")
                else:
                    run = self.tokens[token] = make(request, given)
                    run.token = token
        request.run_id = run.run_id
        request.task_key = run.tasks[0].key if len(run.tasks) == 1 else None
        return run

    def _submitted(self, request, given):
        self.unknown_keys |= set(given) - SUBMIT_KEYS
        name = given.get("run_name", "")
        if not isinstance(name, str) or len(name.encode()) > 4096:
            raise bad("The run name must have at most 4096 bytes.")
        self.check_size(request, given.get("tasks", []))
        environments = [entry.get("environment_key") for entry in given.get("environments", ())]
        tasks.check(
            given.get("tasks"), tasks.Checks(self.clusters, self.serverless, (), environments, "git_source" in given)
        )
        integer("timeout_seconds", given.get("timeout_seconds"), 0)
        self.limits.job_created(self.clock)
        return self.launch(given, "SUBMIT_RUN", request.user, queued=given.get("queue", {}).get("enabled") is True)

    @staticmethod
    def check_size(request, given):
        if isinstance(given, list):
            if len(given) > 1000:
                raise bad("A job may have at most 1000 tasks.")
            if len(given) > PAGE and request.version < (2, 2):
                raise bad("Resources with more than 100 tasks can only be handled by API 2.2 and above")

    def launch(
        self, settings, kind, user, queued, job_id=None, parameters=None, notebook_params=None, gate=None, skip=False
    ):
        """Starts a run; once gate() says so, where there is one. skip: it is over at once."""
        if not queued and self.scheduler.pool.full():
            raise ApiError(
                429,
                "REQUEST_LIMIT_EXCEEDED",
                "The maximum number of concurrent runs of the workspace has been "
                f"reached: {self.scheduler.pool.places}.",
            )
        run = JobRun(self.clock, self.registry, self.page, kind, settings, user, job_id, parameters)
        run.notebook_params = dict(notebook_params or {})
        run.gate = gate
        self.order.append(run)
        if skip:
            for one in (*run.tasks, run):
                one.end(ONE_TOO_MANY)
            run.done.set()
        else:
            self.scheduler.start(run)
        return run

    def nested(self, caller, settings):
        """A run that a notebook has started; it needs no place."""
        run = JobRun(self.clock, self.registry, self.page, "WORKFLOW_RUN", settings, caller.parent.user)
        self.order.append(run)
        self.scheduler.start(run)
        return run

    # -- finding

    def _find(self, request):
        """Returns (the run of a job, the run of a task): the second is None when the id is the first's."""
        run_id = request.integer("run_id")
        request.run_id = run_id
        found = self.registry.get(run_id)
        if found is None:
            raise no_run(run_id)
        run, task = (found, None) if isinstance(found, JobRun) else (found.parent, found)
        if run.deleted or self._forgotten(run):
            raise no_run(run_id)
        request.task_key = task.key if task is not None else run.tasks[0].key if len(run.tasks) == 1 else None
        return run, task

    def _forgotten(self, run):
        return run.over and self.clock.milliseconds() - run.ended > self.keep

    def get(self, request):
        run, task = self._find(request)
        resolved = request.flag("include_resolved_values")
        if task is not None:
            told = task.run_json(self.forms)
            if "iterations" in told:
                self._paginate(request, told, "iterations")
            return told
        told = run.to_json(self.forms)
        told["tasks"] = [one.to_json(self.forms, resolved) for one in list(run.tasks)]
        self._paginate(request, told, "tasks")
        return told

    @staticmethod
    def _paginate(request, told, name):
        """At most a hundred at once; the token says where to go on."""
        if request.version < (2, 2):
            if len(told[name]) > PAGE:
                raise bad("Resources with more than 100 tasks can only be handled by API 2.2 and above")
            return
        start = integer("page_token", request.query.get("page_token"), 0)
        rest = len(told[name]) - start - PAGE
        told[name] = told[name][start:start + PAGE]
        if rest > 0:
            told["next_page_token"] = str(start + PAGE)

    def get_output(self, request):
        run, task = self._find(request)
        if task is None:
            raise bad(
                "Retrieving the output of runs with multiple tasks is not supported. Please retrieve the output of "
                "each individual task run instead."
            )
        told = {"metadata": task.run_json(self.forms), "notebook_output": {}}
        execution = task.execution
        if task.over and execution is not None:
            if execution.result is not None:
                told["notebook_output"] = {"result": execution.result, "truncated": execution.truncated}
            if execution.error is not None:
                told["error"] = execution.error
                if execution.trace is not None:
                    told["error_trace"] = execution.trace
        if task.over and "error" not in told and task.ending.result == "FAILED":
            told["error"] = task.ending.message
        return told

    def export(self, request):
        run, task = self._find(request)
        views = request.query.get("views_to_export", "CODE")
        if views not in ("CODE", "DASHBOARDS", "ALL"):
            raise bad(f"Unknown views_to_export '{views}'")
        if task is None:
            if len(run.tasks) > 1:
                raise bad(
                    "Exporting runs with multiple tasks is not supported. Please export each individual task run "
                    "instead."
                )
            task = run.tasks[0]
        if task.execution is None:
            raise bad(f"Run {task.run_id} has no notebook to export.")
        if views == "DASHBOARDS":
            return {"views": []}
        return {
            "views": [
                {"content": export.page(task), "name": task.execution.path.rsplit("/", 1)[-1], "type": "NOTEBOOK"}
            ]
        }

    def list(self, request):
        limit = integer("limit", request.query.get("limit"), 20)
        if not 0 <= limit <= 26:
            raise bad(f"Invalid limit {limit} - it has to be no more than 26")
        limit = limit or 25
        start = integer(
            "page_token", request.query.get("page_token"), integer("offset", request.query.get("offset"), 0)
        )
        active, completed = request.flag("active_only"), request.flag("completed_only")
        if active and completed:
            raise bad("active_only and completed_only cannot both be true")
        found = [run for run in reversed(self.order) if not run.deleted and not self._forgotten(run)
                 and not run.nested and not (active and run.over) and not (completed and not run.over)]
        job = request.query.get("job_id")
        if job:
            found = [run for run in found if run.job_id == integer("job_id", job)]
        kind = request.query.get("run_type")
        if kind:
            found = [run for run in found if run.kind == kind]
        first = integer("start_time_from", request.query.get("start_time_from"), 0)
        last = integer("start_time_to", request.query.get("start_time_to"), 1 << 62)
        found = [run for run in found if first <= run.started <= last]
        told = []
        for run in found[start:start + limit]:
            one = run.to_json(self.forms)
            if request.flag("expand_tasks"):
                one["tasks"] = [task.to_json(self.forms) for task in list(run.tasks)][:PAGE]
                one["has_more"] = len(run.tasks) > PAGE
            told.append(one)
        more = len(found) > start + limit
        answer = {"runs": told} if told else {}
        if request.version < (2, 2):
            answer["has_more"] = more
        if more:
            answer["next_page_token"] = str(start + limit)
        if start > 0:
            answer["prev_page_token"] = str(max(0, start - limit))
        return answer

    # -- ending

    def cancel(self, request):
        run, task = self._find(request)
        target = run if task is None else task
        if not target.over:
            # The answer does not wait for the end.
            threading.Thread(target=target.stop, args=("cancelled",), daemon=True).start()
        return {}

    def cancel_all(self, request):
        given = request.json()
        job = given.get("job_id")
        for run in list(self.order):
            if not run.over and (run.job_id == job if job is not None else given.get("all_queued_runs") is True
                                 and run.phase() == "QUEUED"):
                run.stop("cancelled")
        return {}

    def delete(self, request):
        run, _ = self._find(request)
        if not run.over:
            raise invalid_state(f"Run {run.run_id} is still active and cannot be deleted.")
        run.deleted = True
        return {}

    # -- for tests

    def to_json(self):
        """Everything that is known of runs, with how often each was really executed."""
        told = []
        for run in list(self.order):
            told.append({
                "run_id": run.run_id, "job_id": run.job_id, "name": run.name, "kind": run.kind, "user": run.user,
                "token": run.token, "submits": run.submits, "deleted": run.deleted, "over": run.over,
                "state": run.phase(), "result": run.ending.result if run.over else None,
                "executions": sum(one.executions for task in list(run.tasks) for one in (task, *task.iterations)),
                "tasks": [self._task_json(task) for task in list(run.tasks)],
            })
        return told

    def _task_json(self, task):
        return {
            "run_id": task.run_id,
            "task_key": task.key,
            "attempt": task.attempt,
            "notebook": task.notebook_path,
            "parameters": task.parameters,
            "executions": task.executions,
            "state": task.life,
            "result": task.ending.result if task.over else None,
            "fault": task.rule.name if task.rule is not None else None,
            "iterations": [self._task_json(one) for one in list(task.iterations)],
        }
