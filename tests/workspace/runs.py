"""Runs: of jobs, and of their tasks, each with an id of its own; and how the platform tells of them."""

import secrets
import threading
from datetime import datetime, timezone

import tasks

OVER = ("TERMINATED", "SKIPPED", "INTERNAL_ERROR")
STATES = {
    "QUEUED": "QUEUED",
    "PENDING": "PENDING",
    "RUNNING": "RUNNING",
    "TERMINATING": "TERMINATING",
    "BLOCKED": "BLOCKED",
    "WAITING_FOR_RETRY": "WAITING",
    "TERMINATED": "TERMINATED",
    "SKIPPED": "TERMINATED",
    "INTERNAL_ERROR": "TERMINATED",
}
WORKLOAD_FAILED = "Workload failed, see run output for details."
NOT_TOLD = (
    "task_key",
    "for_each_task",
    "timeout_seconds",
    "max_retries",
    "min_retry_interval_millis",
    "retry_on_timeout",
)


def new_id():
    """Too large for a floating point number, and odd, so that one cannot hold it."""
    return (1 << 53) + secrets.randbits(62) | 1


class Ending:
    """How a run ended."""

    def __init__(self, life, result, message="", code="SUCCESS", kind="SUCCESS", stopped=False):
        self.life = life
        self.result = result
        self.message = message
        self.code = code
        self.kind = kind
        self.stopped = stopped


SUCCESS = Ending("TERMINATED", "SUCCESS")
WORKLOAD = Ending("TERMINATED", "FAILED", WORKLOAD_FAILED, "RUN_EXECUTION_ERROR", "CLIENT_ERROR")
CANCELLED = Ending("TERMINATED", "CANCELED", "Run cancelled.", "USER_CANCELED", "SUCCESS", True)
ONE_TOO_MANY = Ending(
    "SKIPPED",
    "MAXIMUM_CONCURRENT_RUNS_REACHED",
    "The job had its maximum number of concurrent runs.",
    "MAX_CONCURRENT_RUNS_EXCEEDED",
    "CLIENT_ERROR",
)
TIMED_OUT = Ending("TERMINATED", "TIMEDOUT", "Run timed out.", "CANCELED", "CLIENT_ERROR", True)


class Run:
    """What runs of jobs and of tasks have in common."""

    def __init__(self, clock, life):
        self.clock = clock
        self.run_id = new_id()
        self.life = life
        self.ending = None
        self.message = ""
        self.created = clock.milliseconds()
        self.started = self.created
        self.ended = 0
        self.since = clock.now()
        self.spent = {}
        self.stop_reason = None
        self.deadline = None
        self.wake = threading.Event()
        # So that whoever asks sees it before a change, or after it.
        self.lock = threading.RLock()

    @property
    def over(self):
        return self.ending is not None

    def enter(self, life, message=""):
        """Goes on to the next phase; how long the last one was is kept."""
        now = self.clock.now()
        with self.lock:
            self.spent[self.life] = self.spent.get(self.life, 0) + now - self.since
            self.life, self.message, self.since = life, message, now

    def end(self, ending):
        with self.lock:
            self.enter(ending.life, ending.message)
            self.ended = self.clock.milliseconds()
            self.ending = ending

    def phase(self):
        return self.life

    def stopped(self):
        """Why it is to end, or None."""
        if self.stop_reason is None and self.deadline is not None and self.clock.now() >= self.deadline:
            self.stop_reason = "timedout"
        return self.stop_reason

    def milliseconds(self, *phases):
        return int(sum(self.spent.get(phase, 0) for phase in phases) * 1000)

    def state_json(self, forms):
        """state and status, or one of them."""
        life = self.phase()
        state = {"life_cycle_state": life, "state_message": self.message, "user_cancelled_or_timedout": False}
        status = {"state": STATES[life]}
        if life == "QUEUED":
            state["queue_reason"] = "The maximum number of concurrent runs of the workspace has been reached."
            status["queue_details"] = {"code": "ACTIVE_RUNS_LIMIT_REACHED", "message": state["queue_reason"]}
        if self.ending is not None:
            if self.ending.result is not None:
                state["result_state"] = self.ending.result
            state["user_cancelled_or_timedout"] = self.ending.stopped
            status["termination_details"] = {"code": self.ending.code, "type": self.ending.kind,
                                             "message": self.ending.message}
        return {name: value for name, value in (("state", state), ("status", status)) if name in forms}

    def durations_json(self):
        return {
            "start_time": self.started, "end_time": self.ended,
            "setup_duration": self.milliseconds("PENDING"), "execution_duration": self.milliseconds("RUNNING"),
            "cleanup_duration": self.milliseconds("TERMINATING"), "queue_duration": self.milliseconds("QUEUED"),
        }


class TaskRun(Run):
    """An attempt at a task, or at one iteration of a for each task."""

    def __init__(self, parent, settings, attempt=0, item=None, index=None, life="PENDING"):
        super().__init__(parent.clock, life)
        self.parent = parent
        self.settings = settings
        self.key = settings["task_key"]
        self.attempt = attempt
        self.first_id = self.run_id
        self.item = item
        self.index = index
        self.iterations = []
        self.parameters = {}
        self.values = {}
        self.outcome = None
        self.execution = None
        self.executions = 0
        self.rule = None
        parent.registry[self.run_id] = self

    def stop(self, reason):
        """Asks it to end; it does so in its own time."""
        if self.over:
            return
        if self.stop_reason is None:
            self.stop_reason = reason
        self.wake.set()
        execution = self.execution
        if execution is not None:
            execution.stop(self.stop_reason)
        for iteration in list(self.iterations):
            iteration.stop(reason)

    @property
    def notebook_path(self):
        return self.settings.get("notebook_task", {}).get("notebook_path")

    def url(self):
        return self.parent.url(self.run_id)

    def to_json(self, forms, resolved=False):
        """As it stands in tasks[] of its job's run."""
        with self.lock:
            return self._to_json(forms, resolved)

    def _to_json(self, forms, resolved):
        told = {
            "run_id": self.run_id,
            "task_key": self.key,
            **{name: value for name, value in self.settings.items() if name not in NOT_TOLD},
            "run_if": self.settings.get("run_if", "ALL_SUCCESS"),
            "run_page_url": self.url(),
            **self.durations_json(),
            "attempt_number": self.attempt,
            **self.state_json(forms),
        }
        if self.attempt > 0:
            told["original_attempt_run_id"] = self.first_id
        cluster = self.settings.get("existing_cluster_id")
        if cluster is not None and self.executions:
            told["cluster_instance"] = {"cluster_id": cluster, "spark_context_id": str(self.run_id % 10 ** 18)}
        if "for_each_task" in self.settings:
            each = self.settings["for_each_task"]
            counts = [iteration.ending.result if iteration.over else None for iteration in self.latest_iterations()]
            told["for_each_task"] = {**each, "stats": {"task_run_stats": {
                "total_iterations": len(counts), "completed_iterations": len(counts) - counts.count(None),
                "succeeded_iterations": counts.count("SUCCESS"), "failed_iterations": counts.count("FAILED"),
                "active_iterations": counts.count(None), "scheduled_iterations": len(counts)}}}
        if "condition_task" in self.settings and self.outcome is not None:
            told["condition_task"] = {**self.settings["condition_task"], "outcome": self.outcome}
        if resolved and self.notebook_path:
            told["resolved_values"] = {"notebook_task": {"base_parameters": dict(self.parameters)}}
        return told

    def latest_iterations(self):
        """The last attempt of each."""
        latest = {}
        for iteration in list(self.iterations):
            latest[iteration.index] = iteration
        return list(latest.values())

    def run_json(self, forms):
        """As an answer to runs/get with its own id."""
        told = self.to_json(forms, True)
        told.update(
            job_id=self.parent.job_id,
            job_run_id=self.parent.run_id,
            number_in_job=self.parent.run_id,
            run_name=self.parent.name,
            run_type=self.parent.kind,
            creator_user_name=self.parent.user,
            format="MULTI_TASK",
            task={name: value for name, value in self.settings.items() if name.endswith("_task")},
        )
        if "for_each_task" in self.settings:
            told["iterations"] = [iteration.to_json(forms) for iteration in list(self.iterations)]
        return told


class JobRun(Run):
    def __init__(self, clock, registry, page, kind, settings, user, job_id=None, parameters=None):
        """registry: where every run is to be found by its id; it puts itself and its tasks there."""
        super().__init__(clock, "PENDING")
        self.registry = registry
        registry[self.run_id] = self
        self.page = page
        self.kind = kind
        self.settings = settings
        self.user = user
        self.job_id = job_id if job_id is not None else new_id()
        self.name = settings.get("run_name") or settings.get("name") or "Untitled"
        self.parameters = dict(parameters or {})
        self.notebook_params = {}
        self.token = None
        self.submits = 1
        self.deleted = False
        self.nested = kind == "WORKFLOW_RUN"
        self.gate = None
        self.done = threading.Event()
        self.tasks = []
        for task in settings["tasks"]:
            self.tasks.append(TaskRun(self, task, life="BLOCKED" if task.get("depends_on") else "PENDING"))

    def url(self, run_id=None):
        return f"{self.page}#job/{self.job_id}/run/{run_id or self.run_id}"

    def latest(self):
        """The last attempt at each task, by key, in the order of the tasks."""
        found = {}
        for task in list(self.tasks):
            found[task.key] = task
        return found

    def stop(self, reason):
        if self.stop_reason is None:
            self.stop_reason = reason
        for task in list(self.tasks):
            task.stop(reason)
        self.wake.set()

    def phase(self):
        """Where it is as a whole: where its tasks are, until it is over."""
        if self.over:
            return self.life
        if self.stop_reason is not None:
            return "TERMINATING"
        if self.gate is not None:
            return "QUEUED"
        lives = {task.life for task in self.latest().values()}
        if lives & {"RUNNING", "TERMINATING", "WAITING_FOR_RETRY"} or lives & set(OVER):
            return "RUNNING"
        return "PENDING" if "PENDING" in lives else "QUEUED" if "QUEUED" in lives else "PENDING"

    def conclude(self):
        """Says how it ended, when all of its tasks have."""
        latest = self.latest()
        above = {key for task in latest.values() for key in tasks.depends_on(task.settings)}
        results = {key: task.ending.result for key, task in latest.items()}
        leaves = {results[key] for key in latest if key not in above}
        # The one that failed itself, not one that could not be run because of it.
        culprit = next((task for task in latest.values() if task.ending.result == "FAILED"), None) \
            or next((task for task in latest.values() if task.ending.result in tasks.FAILED | tasks.CANCELED), None)
        if self.stop_reason == "cancelled":
            return CANCELLED
        if self.stop_reason == "timedout":
            return TIMED_OUT
        if not leaves & (tasks.FAILED | tasks.CANCELED):
            if culprit is None:
                return SUCCESS
            return Ending("TERMINATED", "SUCCESS_WITH_FAILURES", "", "SUCCESS_WITH_FAILURES", "SUCCESS")
        ending = culprit.ending
        if ending.result == "TIMEDOUT":
            return TIMED_OUT
        if ending.result in tasks.CANCELED:
            return CANCELLED
        message = f"Task {culprit.key} failed with message: {ending.message}"
        return Ending("INTERNAL_ERROR", "FAILED", message, ending.code, ending.kind)

    def to_json(self, forms):
        with self.lock:
            return self._to_json(forms)

    def _to_json(self, forms):
        told = {
            "job_id": self.job_id, "run_id": self.run_id, "creator_user_name": self.user, "number_in_job": self.run_id,
            "original_attempt_run_id": self.run_id, **self.state_json(forms), "start_time": self.started,
            "end_time": self.ended, "setup_duration": 0, "execution_duration": 0, "cleanup_duration": 0,
            "run_duration": (self.ended or self.clock.milliseconds()) - self.started, "trigger": "ONE_TIME",
            "run_name": self.name, "run_page_url": self.url(), "run_type": self.kind, "format": "MULTI_TASK",
            "effective_performance_target": self.settings.get("performance_target", "PERFORMANCE_OPTIMIZED"),
        }
        if "job_clusters" in self.settings:
            told["job_clusters"] = self.settings["job_clusters"]
        if self.parameters:
            told["job_parameters"] = [{"name": name, "value": value} for name, value in self.parameters.items()]
        if self.notebook_params:
            told["overriding_parameters"] = {"notebook_params": self.notebook_params}
        return told

    def lookup(self, task):
        """For tasks.resolve: what the references in one of its tasks stand for."""
        started = datetime.fromtimestamp(self.started / 1000, timezone.utc)
        plain = {
            "job.id": str(self.job_id), "job.run_id": str(self.run_id), "job.name": self.name,
            "task.run_id": str(task.run_id), "task.name": task.key, "task.execution_count": str(task.attempt + 1),
            "task.notebook_path": task.notebook_path or "", "job.start_time.iso_date": started.strftime("%Y-%m-%d"),
            "job.start_time.iso_datetime": started.strftime("%Y-%m-%dT%H:%M:%S"),
            "job.start_time.timestamp_ms": str(self.started),
        }

        def find(name):
            parts = name.split(".")
            if name in plain:
                return plain[name]
            if parts[:2] == ["job", "parameters"] and len(parts) == 3:
                return self.parameters.get(parts[2])
            if parts[0] == "input":
                value = task.item
                for part in parts[1:]:
                    value = value.get(part) if isinstance(value, dict) else None
                return value
            if parts[0] == "tasks" and len(parts) >= 3:
                other = self.latest().get(parts[1])
                if other is not None and parts[2] == "values" and len(parts) == 4:
                    return other.values.get(parts[3])
                if other is not None and parts[2] == "result_state" and other.over:
                    return other.ending.result.lower()
                if other is not None and parts[2] == "run_id":
                    return str(other.run_id)
            return None
        return find
