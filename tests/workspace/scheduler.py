"""Carries runs out: each run of a job in a thread of its own, its tasks in the order of their dependencies."""

import threading
import time

import notebooks
import tasks
from execution import Execution
from pool import Pool
from runs import CANCELLED, SUCCESS, TIMED_OUT, WORKLOAD, Ending, TaskRun

ENDINGS = {"cancelled": CANCELLED, "timedout": TIMED_OUT}


class Phases:
    """How long the phases last that there is nothing to be done in, in seconds; pending may be a range."""

    def __init__(self, pending=(0.0, 0.0), terminating=0.0, contexts=145):
        self.pending = pending
        self.terminating = terminating
        self.contexts = contexts


class Scheduler:
    def __init__(self, clock, files, faults, engine, url, folder, places, phases):
        self.clock = clock
        self.files = files
        self.faults = faults
        self.engine = engine
        self.url = url
        self.folder = folder
        self.pool = Pool(places)
        self.phases = phases
        self.lock = threading.Lock()
        self.contexts = {}
        self.by_secret = {}
        self.count = 0
        # Given by whoever keeps the runs.
        self.start_nested = None

    def start(self, run):
        threading.Thread(target=self._conduct, args=(run,), daemon=True, name=f"run {run.run_id}").start()

    def run_nested(self, caller, path, timeout, arguments):
        """dbutils.notebook.run: returns the JobRun when it is over."""
        settings = {"run_name": path, "timeout_seconds": timeout, "tasks": [
            {"task_key": "notebook", "notebook_task": {"notebook_path": path, "base_parameters": arguments}}]}
        run = self.start_nested(caller, settings)
        # It ends with the one that has called it.
        while not run.done.wait(0.1):
            if caller.stop_reason is not None:
                run.stop("cancelled")
        return run

    # -- a run of a job

    def _conduct(self, run):
        while run.gate is not None and run.stop_reason is None and not run.gate():
            run.wake.wait(0.1)
        run.gate = None
        if len(run.tasks) == 1 and run.tasks[0].life != "BLOCKED":
            self._attempt(run, run.tasks[0])
        else:
            self._in_order(run)
        run.end(run.conclude())
        run.done.set()

    def _in_order(self, run):
        waiting = {task.key: task for task in run.tasks}
        threads = []
        while True:
            for key, task in list(waiting.items()):
                above = {other: run.latest()[other] for other in tasks.depends_on(task.settings)}
                if not run.stop_reason and not all(other.over for other in above.values()):
                    continue
                del waiting[key]
                result = tasks.verdict(
                    task.settings,
                    {other: one.ending.result for other, one in above.items() if one.over},
                    {other: one.outcome for other, one in above.items() if one.outcome is not None},
                )
                if run.stop_reason:
                    task.end(ENDINGS[run.stop_reason])
                elif task.settings.get("disabled"):
                    task.end(left_out("DISABLED", key))
                elif result is not None:
                    task.end(left_out(result, key))
                else:
                    thread = threading.Thread(target=self._attempt, args=(run, task), daemon=True)
                    threads.append(thread)
                    thread.start()
                run.wake.set()
            if not waiting and all(task.over for task in run.latest().values()):
                break
            run.wake.wait()
            run.wake.clear()
        for thread in threads:
            thread.join()

    def _attempt(self, run, task, into=None):
        """Carries a task out, as often as it may be tried. into: the list its attempts are kept in."""
        into = run.tasks if into is None else into
        while True:
            ending = self._carry_out(run, task)
            again = ending.result != "SUCCESS" and may_retry(task, ending) and run.stop_reason is None \
                and task.stop_reason != "cancelled"
            if not again:
                task.end(ending)
                break
            following = TaskRun(run, task.settings, task.attempt + 1, task.item, task.index, "WAITING_FOR_RETRY")
            following.first_id = task.first_id
            # In this order: at no time does it look as if there were no attempt to come.
            into.append(following)
            task.end(ending)
            task = following
            delay = task.settings.get("min_retry_interval_millis", 0) / 1000
            if self.clock.wait(task.wake, self.clock.now() + delay, task.stopped):
                continue
        run.wake.set()
        return task

    # -- a run of a task

    def _carry_out(self, run, task):
        """Returns how it ended; the caller says so to the world."""
        if task.stopped():
            return ENDINGS[task.stopped()]
        nested = run.nested or "for_each_task" in task.settings or "condition_task" in task.settings
        if not nested and not self._place(task):
            return ENDINGS[task.stopped()]
        self._set_deadlines(run, task)
        cluster = task.settings.get("existing_cluster_id")
        try:
            ending = self._with_place(run, task, cluster)
            if task.life == "RUNNING":
                task.enter("TERMINATING")
                self.clock.wait(task.wake, self.clock.now() + self.phases.terminating, lambda: None)
        finally:
            if not nested:
                self.pool.leave()
        return ending

    def _place(self, task):
        """Waits for a place. Returns whether there is one, and not a reason to end."""
        if self.pool.ask(task.wake):
            return True
        task.enter("QUEUED")
        reason = self.clock.wait(task.wake, None, lambda: task.stopped() or self.pool.granted(task.wake) and "granted")
        if reason == "granted" and not task.stopped():
            return True
        self.pool.give_up(task.wake)
        return False

    def _set_deadlines(self, run, task):
        """Time limits count from where there is a place."""
        now = self.clock.now()
        if run.deadline is None and run.settings.get("timeout_seconds"):
            run.deadline = now + int(run.settings["timeout_seconds"])
        limits = [run.deadline] if run.deadline is not None else []
        if task.settings.get("timeout_seconds"):
            limits.append(now + int(task.settings["timeout_seconds"]))
        task.deadline = min(limits) if limits else None

    def _with_place(self, run, task, cluster):
        rule = task.rule = self.faults.for_run(task.key)
        fault = rule.run if rule is not None else {}
        if "for_each_task" in task.settings:
            task.enter("RUNNING")
            return self._each(run, task)
        if "condition_task" in task.settings:
            task.enter("RUNNING")
            return self._condition(run, task)
        task.enter("PENDING")
        low, high = self.phases.pending
        with self.lock:
            self.count += 1
            part = self.count % 16 / 15
        pending = low + (high - low) * part + fault.get("pending", 0)
        if self.clock.wait(task.wake, self.clock.now() + pending, task.stopped):
            return self._stopped(run, task)
        if set(fault) - {"pending"} and fault.get("when", "start") == "start":
            return made_up(fault)
        with self.lock:
            if cluster is not None and self.contexts.get(cluster, 0) >= self.phases.contexts:
                return Ending("INTERNAL_ERROR", "FAILED",
                              f"Too many execution contexts are open right now. (Limit set to {self.phases.contexts})",
                              "MAX_SPARK_CONTEXTS_EXCEEDED", "CLIENT_ERROR")
            self.contexts[cluster] = self.contexts.get(cluster, 0) + 1
        try:
            ending = self._notebook(run, task)
        finally:
            with self.lock:
                self.contexts[cluster] -= 1
        return made_up(fault) if fault.get("when") == "end" else ending

    def _stopped(self, run, task):
        """Stopped while it was on its way: it takes a moment to end."""
        task.enter("TERMINATING")
        self.clock.wait(task.wake, self.clock.now() + self.phases.terminating, lambda: None)
        if task.stop_reason == "timedout" and run.deadline is not None and task.deadline == run.deadline:
            run.stop_reason = run.stop_reason or "timedout"
        return ENDINGS[task.stop_reason]

    def _notebook(self, run, task):
        lookup = run.lookup(task)
        path = tasks.resolve(task.notebook_path, lookup)
        given = task.settings["notebook_task"].get("base_parameters", {})
        parameters = {name: tasks.resolve(value, lookup) for name, value in given.items()}
        # Parameters of the job are stronger than those of a task.
        task.parameters = {**parameters, **run.parameters, **run.notebook_params}
        steps = notebooks.steps(self.files.find_notebook, path)
        if steps is None:
            return Ending("INTERNAL_ERROR", "FAILED", not_a_notebook(path, self.files.kind(path)), "RESOURCE_NOT_FOUND",
                          "CLIENT_ERROR")
        execution = Execution(self.clock, path, steps, task.parameters, self.url, task.deadline, self.folder)
        with self.lock:
            self.by_secret[execution.secret] = task
        task.enter("RUNNING")
        task.execution = execution
        task.executions += 1
        # Somebody may have asked it to end before there was anything to be stopped.
        if task.stopped():
            execution.stop(task.stop_reason)
        self.engine.run(execution)
        with self.lock:
            del self.by_secret[execution.secret]
        if execution.status in ENDINGS:
            task.stop_reason = task.stop_reason or execution.status
            return self._stopped(run, task)
        return SUCCESS if execution.status in ("ok", "exit") else WORKLOAD

    # -- tasks that run no notebook themselves

    def _condition(self, run, task):
        try:
            task.outcome = tasks.condition(task.settings, run.lookup(task))
        except ValueError as error:
            return Ending(
                "TERMINATED",
                "FAILED",
                f"The condition cannot be evaluated: {error}",
                "INVALID_RUN_CONFIGURATION",
                "CLIENT_ERROR",
            )
        return SUCCESS

    def _each(self, run, task):
        each = task.settings["for_each_task"]
        items = tasks.items(each["inputs"], run.lookup(task))
        if items is None:
            return Ending("TERMINATED", "FAILED", "The inputs of the for each task are no JSON array.",
                          "INVALID_RUN_CONFIGURATION", "CLIENT_ERROR")
        places = threading.Semaphore(max(1, int(each.get("concurrency", 1))))
        task.iterations = [TaskRun(run, each["task"], item=item, index=index, life="PENDING")
                           for index, item in enumerate(items)]

        def one(iteration):
            self._attempt(run, iteration, task.iterations)
            places.release()
        threads = []
        for iteration in list(task.iterations):
            while not places.acquire(timeout=0.1):
                if task.stopped():
                    break
            if task.stopped():
                iteration.stop(task.stop_reason)
            threads.append(threading.Thread(target=one, args=(iteration,), daemon=True))
            threads[-1].start()
        for thread in threads:
            while thread.is_alive():
                thread.join(0.1)
                if task.stopped():
                    for iteration in list(task.iterations):
                        iteration.stop(task.stop_reason)
        if task.stopped():
            return self._stopped(run, task)
        failed = sum(iteration.ending.result != "SUCCESS" for iteration in task.latest_iterations())
        if failed == 0:
            return SUCCESS
        return Ending(
            "TERMINATED",
            "FAILED",
            f"{failed} of {len(items)} iterations failed.",
            "RUN_EXECUTION_ERROR",
            "CLIENT_ERROR",
        )

    def to_json(self):
        with self.lock:
            running = [{"pid": task.execution.pid, "run_id": task.run_id, "notebook": task.notebook_path}
                       for task in self.by_secret.values() if task.execution is not None]
        return {"pool": self.pool.to_json(), "running": running}

    def stop_all(self, all_runs, within=5.0):
        """Ends everything."""
        for run in all_runs:
            run.stop("cancelled")
        until = time.monotonic() + within
        for run in all_runs:
            run.done.wait(max(0.0, until - time.monotonic()))


def may_retry(task, ending=None):
    """Whether a task that has not succeeded may be tried again."""
    ending = ending or task.ending
    if ending.result not in ("FAILED", "TIMEDOUT"):
        return False
    if ending.result == "TIMEDOUT" and not task.settings.get("retry_on_timeout"):
        return False
    retries = int(task.settings.get("max_retries", 0))
    return retries < 0 or task.attempt < retries


def made_up(fault):
    """The end that a rule wants."""
    return Ending(fault.get("life_cycle_state", "INTERNAL_ERROR"), fault.get("result_state", "FAILED"),
                  fault.get("message", "Cluster terminated unexpectedly. Reason: CLOUD_PROVIDER_SHUTDOWN"),
                  fault.get("code", "CLUSTER_ERROR"), fault.get("type", "CLOUD_FAILURE"))


def left_out(result, key):
    message = {
        "EXCLUDED": f"Task {key} was excluded because its run if condition was not met.",
        "DISABLED": f"Task {key} is disabled.",
    }.get(result, f"Task {key} was skipped because of an upstream failure.")
    life = "SKIPPED" if result in tasks.EXCLUDED else "TERMINATED"
    code = {"UPSTREAM_CANCELED": "CANCELED", "DISABLED": "DISABLED"}.get(result, "SKIPPED")
    return Ending(life, result, message, code, "SUCCESS" if result in tasks.EXCLUDED else "CLIENT_ERROR")


def not_a_notebook(path, kind):
    if kind is not None:
        return f"'{path}' is not a notebook."
    return (f"Unable to access the notebook \"{path}\". Either it does not exist, or the identity used to run this job "
            "lacks the required permissions.")
