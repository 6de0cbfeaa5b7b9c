"""
How many requests a second a workspace takes, for each of its endpoints, and how many jobs an hour.

The limits are those that are published for a whole workspace: an endpoint that has had as many requests within a
second answers 429, with or without saying when to come again.
"""

import threading
from bisect import bisect_left, insort
from collections import deque

from errors import ApiError, invalid_state

# Requests a second. What is not here has no published limit.
PUBLISHED = {
    "jobs/runs/submit": 35,
    "jobs/run-now": 20,
    "jobs/create": 20,
    "jobs/runs/get": 100,
    "workspace/import": 30,
    "jobs/runs/export": 60,
    "workspace/export": 60,
}

RETRY_AFTER = ("always", "never", "alternate")


def endpoint(path):
    """The name of what a path stands for, without the version: "jobs/runs/get"; None when it is no part of the API."""
    parts = path.split("/", 3)
    if len(parts) < 4 or parts[1] != "api":
        return None
    return parts[3]


def most_in_a_second(times, one):
    """How many of these sorted times and this one, at most, are within a second that has this one in it."""
    first, last = bisect_left(times, one - 1 + 1e-6), bisect_left(times, one + 1)
    near = sorted([*times[first:last], one])
    starts = [at for at in near if at <= one]
    return max(bisect_left(near, start + 1) - number for number, start in enumerate(starts))


class Limits:
    def __init__(self, overrides=None, enabled=True, retry_after="alternate", jobs_per_hour=10000):
        self.lock = threading.Lock()
        self.per_second = dict(PUBLISHED) if enabled else {}
        self.per_second.update(overrides or {})
        self.retry_after = retry_after
        self.jobs_per_hour = jobs_per_hour
        self.recent = {}
        self.jobs = deque()
        self.refused = {}
        self.peak = {}

    def check(self, path, arrived):
        """Counts a request that came at this time. Raises ApiError when it is one too many."""
        name = endpoint(path)
        limit = self.per_second.get(name)
        if limit is None:
            return
        with self.lock:
            recent = self.recent.setdefault(name, [])
            # They are not looked at in the order in which they came, but within a minute.
            del recent[:bisect_left(recent, arrived - 60)]
            count = most_in_a_second(recent, arrived)
            # A refused request costs nothing, as with a bucket of tokens.
            if count <= limit:
                insort(recent, arrived)
                self.peak[name] = max(self.peak.get(name, 0), count)
                return
            count = self.refused[name] = self.refused.get(name, 0) + 1
        headers = {}
        if self.retry_after == "always" or self.retry_after == "alternate" and count % 2:
            headers["Retry-After"] = "1"
        raise ApiError(
            429,
            "REQUEST_LIMIT_EXCEEDED",
            f"Your request was rate-limited: the limit of {limit} requests per second was exceeded.",
            headers,
        )

    def job_created(self, clock):
        """Counts a job, saved or submitted. Raises ApiError when there have been too many in an hour."""
        now = clock.now()
        with self.lock:
            while self.jobs and now - self.jobs[0] >= 3600:
                self.jobs.popleft()
            if self.jobs_per_hour is not None and len(self.jobs) >= self.jobs_per_hour:
                raise invalid_state(f"There were already {len(self.jobs)} jobs created in past 3600 seconds, "
                                    "exceeding rate limit")
            self.jobs.append(now)

    def change(self, per_second):
        """Sets limits by endpoint; None removes one."""
        with self.lock:
            for name, limit in per_second.items():
                if limit is None:
                    self.per_second.pop(name, None)
                else:
                    self.per_second[name] = int(limit)

    def to_json(self):
        with self.lock:
            return {"per_second": dict(self.per_second), "refused": dict(self.refused), "peak": dict(self.peak)}
