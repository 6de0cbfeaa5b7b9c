"""Saved jobs: the endpoints under /api/2.1/jobs and /api/2.2/jobs that are not about runs."""

import threading

import tasks
from errors import bad, malformed, no_job
from message import integer
from runs import new_id

PAGE = 100
LISTS = ("tasks", "job_clusters", "parameters", "environments")
# What a job says when nothing was said.
DEFAULTS = {"email_notifications": {}, "webhook_notifications": {}, "timeout_seconds": 0, "max_concurrent_runs": 1,
            "format": "MULTI_TASK"}
# What a list's members are known by, when a job is updated in parts.
NAMES = {
    "tasks": "task_key",
    "job_clusters": "job_cluster_key",
    "parameters": "name",
    "environments": "environment_key",
}


class Job:
    def __init__(self, clock, settings, user):
        self.job_id = new_id()
        self.settings = settings
        self.user = user
        self.created = clock.milliseconds()
        self.writes = 1


class Jobs:
    def __init__(self, clock, runs, limits, most=12000):
        self.clock = clock
        self.runs = runs
        self.limits = limits
        self.most = most
        self.lock = threading.Lock()
        self.jobs = {}

    def routes(self):
        found = {}
        for version in ("2.1", "2.2"):
            base = f"/api/{version}/jobs/"
            found.update(
                {
                    ("POST", base + "create"): self.create,
                    ("POST", base + "reset"): self.reset,
                    ("POST", base + "update"): self.update,
                    ("GET", base + "get"): self.get,
                    ("GET", base + "list"): self.list,
                    ("POST", base + "delete"): self.delete,
                    ("POST", base + "run-now"): self.run_now,
                }
            )
        return found

    # -- saving

    def create(self, request):
        given = request.json()
        token = given.pop("idempotency_token", None)
        request.idempotency_token = token
        settings = self._checked(request, given)
        if request.version >= (2, 2):
            settings.setdefault("queue", {"enabled": True})
        if len(self.jobs) >= self.most:
            raise bad(f"The quota for the number of jobs has been reached. The current quota is {self.most}.")
        self.limits.job_created(self.clock)
        job = Job(self.clock, settings, request.user)
        self.jobs[job.job_id] = job
        return {"job_id": job.job_id}

    def _checked(self, request, given):
        settings = {**DEFAULTS, **given, "format": "MULTI_TASK"}
        name = settings.setdefault("name", "Untitled")
        if not isinstance(name, str) or len(name.encode()) > 4096:
            raise bad("The job name must have at most 4096 bytes.")
        if not 0 <= integer("max_concurrent_runs", settings["max_concurrent_runs"], 1) <= 1000:
            raise bad("max_concurrent_runs must be from 0 to 1000.")
        for parameter in settings.get("parameters", ()):
            if not isinstance(parameter.get("name"), str) or not isinstance(parameter.get("default"), str):
                raise malformed("Could not parse request object: a parameter has a name and a default, both texts")
        schedule = settings.get("schedule")
        if schedule is not None:
            _check_schedule(schedule)
            schedule.setdefault("pause_status", "UNPAUSED")
        if settings.get("tasks"):
            self.runs.check_size(request, settings["tasks"])
            tasks.check(
                settings["tasks"],
                tasks.Checks(
                    self.runs.clusters,
                    self.runs.serverless,
                    [entry.get("job_cluster_key") for entry in settings.get("job_clusters", ())],
                    [entry.get("environment_key") for entry in settings.get("environments", ())],
                    "git_source" in settings,
                    False,
                ),
            )
        return settings

    def reset(self, request):
        job = self._find(request)
        settings = request.json().get("new_settings")
        if not isinstance(settings, dict):
            raise bad("Missing required field: new_settings")
        job.settings = self._checked(request, settings)
        job.writes += 1
        return {}

    def update(self, request):
        job = self._find(request)
        given = request.json()
        settings = dict(job.settings)
        for name, value in given.get("new_settings", {}).items():
            key = NAMES.get(name)
            if key is None:
                settings[name] = value
                continue
            # The members of a list are put in place by what they are known by.
            merged = {entry[key]: entry for entry in settings.get(name, ())}
            merged.update({entry[key]: entry for entry in value})
            settings[name] = list(merged.values())
        for name in given.get("fields_to_remove", ()):
            top, _, member = name.partition("/")
            if not member:
                settings.pop(top, None)
            elif top in NAMES:
                settings[top] = [entry for entry in settings.get(top, ()) if entry[NAMES[top]] != member]
        job.settings = self._checked(request, settings)
        job.writes += 1
        return {}

    def delete(self, request):
        job = self._find(request)
        del self.jobs[job.job_id]
        return {}

    # -- reading

    def _find(self, request):
        job_id = request.integer("job_id")
        job = self.jobs.get(job_id)
        if job is None:
            raise no_job(job_id)
        return job

    @staticmethod
    def _told(job, settings):
        return {
            "job_id": job.job_id,
            "creator_user_name": job.user,
            "run_as_user_name": job.user,
            "created_time": job.created,
            "settings": settings,
        }

    def get(self, request):
        job = self._find(request)
        settings = dict(job.settings)
        told = self._told(job, settings)
        longest = max(len(settings.get(name, ())) for name in LISTS)
        if request.version < (2, 2):
            if longest > PAGE:
                raise bad("Resources with more than 100 tasks can only be handled by API 2.2 and above")
            return told
        start = integer("page_token", request.query.get("page_token"), 0)
        for name in LISTS:
            if name in settings:
                settings[name] = settings[name][start:start + PAGE]
        if longest > start + PAGE:
            told["next_page_token"] = str(start + PAGE)
        return told

    def list(self, request):
        limit = integer("limit", request.query.get("limit"), 20)
        if not 1 <= limit <= 100:
            raise bad(f"Invalid limit {limit} - it has to be from 1 to 100")
        start = integer(
            "page_token", request.query.get("page_token"), integer("offset", request.query.get("offset"), 0)
        )
        name = request.query.get("name")
        found = [
            job for job in reversed(self.jobs.values()) if name is None or job.settings["name"].lower() == name.lower()
        ]
        told = []
        for job in found[start:start + limit]:
            settings = dict(job.settings)
            if not request.flag("expand_tasks"):
                settings = {key: value for key, value in settings.items() if key not in LISTS}
            elif "tasks" in settings:
                settings["tasks"] = settings["tasks"][:PAGE]
            told.append(self._told(job, settings))
        answer = {"jobs": told} if told else {}
        more = len(found) > start + limit
        if request.version < (2, 2):
            answer["has_more"] = more
        if more:
            answer["next_page_token"] = str(start + limit)
        return answer

    # -- running

    def run_now(self, request):
        given = request.json()
        request.idempotency_token = given.get("idempotency_token")
        job = self._find(request)
        run = self.runs.once(request, lambda request, given: self._started(request, given, job), given)
        return {"run_id": run.run_id, "number_in_job": run.run_id}

    def _started(self, request, given, job):
        settings = dict(job.settings)
        if not settings.get("tasks"):
            raise bad("The job has no tasks.")
        queued = (given.get("queue") or settings.get("queue") or {}).get("enabled") is True
        free = self._place_of(job)
        skip = not queued and not free()
        parameters = {entry["name"]: entry["default"] for entry in settings.get("parameters", ())}
        notebook_params = given.get("notebook_params") or {}
        if parameters and notebook_params:
            raise bad("notebook_params cannot be used with a job that has parameters; use job_parameters.")
        for name, value in {**(given.get("job_parameters") or {}), **notebook_params}.items():
            if not isinstance(value, str):
                raise malformed(f"Could not parse request object: Expected 'string' for the parameter '{name}'")
        parameters.update(given.get("job_parameters") or {})
        if given.get("only"):
            settings["tasks"] = _only(settings["tasks"], given["only"])
        return self.runs.launch(
            settings,
            "JOB_RUN",
            request.user,
            queued or skip,
            job.job_id,
            parameters,
            notebook_params,
            None if skip else free,
            skip,
        )

    def _place_of(self, job):
        """Returns what says whether one more run of the job may go on."""
        def free():
            active = sum(
                run.job_id == job.job_id and not run.over and run.gate is None for run in list(self.runs.order)
            )
            return active < job.settings["max_concurrent_runs"]
        return free

    def to_json(self):
        return [{"job_id": job.job_id, "name": job.settings["name"], "writes": job.writes, "settings": job.settings}
                for job in list(self.jobs.values())]


def _check_schedule(schedule):
    fields = str(schedule.get("quartz_cron_expression", "")).split()
    # Quartz has seconds first, and a '?' for the day that does not matter.
    if len(fields) not in (6, 7) or (fields[3] == "?") == (fields[5] == "?"):
        raise bad(f"Invalid quartz_cron_expression: {schedule.get('quartz_cron_expression')!r}")
    if not schedule.get("timezone_id"):
        raise bad("Missing required field: timezone_id")


def _only(all_tasks, wanted):
    """The tasks that are named, with those above of "+t" and those below of "t+"; others are not depended on."""
    by_key = {task["task_key"]: task for task in all_tasks}
    chosen = set()
    for name in wanted:
        key = name.strip("+")
        if key not in by_key:
            raise bad(f"Unknown task '{key}' in only.")
        chosen.add(key)
        if name.startswith("+"):
            chosen |= _closure(key, lambda one: tasks.depends_on(by_key[one]))
        if name.endswith("+"):
            chosen |= _closure(key, lambda one: [other for other in by_key if one in tasks.depends_on(by_key[other])])
    return [{**task, "depends_on": [entry for entry in task.get("depends_on", ()) if entry["task_key"] in chosen]}
            for task in all_tasks if task["task_key"] in chosen]


def _closure(start, following):
    found, left = set(), [start]
    while left:
        for other in following(left.pop()):
            if other not in found:
                found.add(other)
                left.append(other)
    return found
