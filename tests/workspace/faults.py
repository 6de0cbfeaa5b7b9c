"""
Faults on demand: rules that say which requests, or which runs, do not go as they should.

A rule is {"name": TEXT, "match": {...}, "action": {...}} for requests, {"name", "match", "run": {...}} for the runs
of tasks. The first rule that matches and is due is followed.

match: method, path (a regular expression, searched in the path without the query; of a run: task, searched in its
task key), and when, of the requests that match so far:
    nth          the number of one, or a list of numbers, from 1
    after        not the first N
    count        at most so many times
    probability  each with this chance
    during       [FROM, TO] seconds of the workspace's clock since the rules came (an outage)

action, one or more of:
    delay            seconds before anything else
    drop             "before": the connection ends unanswered, nothing was done; "after": it was done, and the answer
                     is lost. With reset: true the connection is reset, not closed
    status           the answer, with body (JSON or a text), headers, content_type; retry_after: seconds, or a text as
                     it is, or {"date": SECONDS from now}. With handle: true the request is done, and this is answered
    html             200 and a login page
    token_expired    401, and the token that came is worth nothing from now on
    truncate         the first N bytes of the real answer, then the connection ends
    slow             {"seconds": S, "pieces": N}: the real answer, in pieces
    garbage          200 with a body that is no JSON

run: what happens to the run of a task in place of, or before, its notebook:
    when             "start" (default; the notebook is never run), or "end" (it was run)
    life_cycle_state, result_state (INTERNAL_ERROR and FAILED), code (CLUSTER_ERROR), type (CLOUD_FAILURE), message
    pending          seconds more in PENDING; then nothing else happens, unless there is a code
"""

import random
import re
import threading
from email.utils import formatdate

LOGIN_PAGE = (b"<!DOCTYPE html><html><head><title>Databricks - Sign In</title></head>"
              b"<body><form action=\"/login.html\"></form></body></html>")

KEYS_OF_MATCH = {"method", "path", "task", "nth", "after", "count", "probability", "during"}
KEYS_OF_ACTION = {
    "delay",
    "drop",
    "reset",
    "status",
    "body",
    "headers",
    "content_type",
    "retry_after",
    "handle",
    "html",
    "token_expired",
    "truncate",
    "slow",
    "garbage",
}
KEYS_OF_RUN = {"when", "life_cycle_state", "result_state", "code", "type", "message", "pending"}


class Rule:
    def __init__(self, given, number):
        if not isinstance(given, dict):
            raise ValueError("a rule must be an object")
        self.name = given.get("name", f"rule {number}")
        match = given.get("match", {})
        self.action = given.get("action")
        self.run = given.get("run")
        unknown = set(given) - {"name", "match", "action", "run"} | set(match) - KEYS_OF_MATCH \
            | set(self.action or {}) - KEYS_OF_ACTION | set(self.run or {}) - KEYS_OF_RUN
        if unknown:
            raise ValueError(f"{self.name}: unknown keys {sorted(unknown)}")
        if (self.action is None) == (self.run is None):
            raise ValueError(f"{self.name}: either 'action' or 'run'")
        self.method = match.get("method")
        self.pattern = re.compile(match.get("path" if self.run is None else "task", ""))
        nth = match.get("nth")
        self.nth = None if nth is None else set(nth if isinstance(nth, list) else [nth])
        self.after = match.get("after", 0)
        self.count = match.get("count")
        self.probability = match.get("probability")
        self.during = match.get("during")
        self.seen = self.hits = 0

    def due(self, method, text, chance, age):
        if self.method is not None and self.method != method or not self.pattern.search(text):
            return False
        self.seen += 1
        if self.during is not None and not self.during[0] <= age < self.during[1]:
            return False
        if self.nth is not None and self.seen not in self.nth or self.seen <= self.after:
            return False
        if self.count is not None and self.hits >= self.count:
            return False
        if self.probability is not None and chance() >= self.probability:
            return False
        self.hits += 1
        return True


class Faults:
    def __init__(self, clock):
        self.clock = clock
        self.lock = threading.Lock()
        self.rules = []
        self.random = random.Random()
        self.since = clock.now()

    def load(self, given):
        """
        Takes a list of rules, or {"rules": [...], "seed": N, "append": bool}. Raises ValueError for one that makes no
        sense, and nothing is changed.
        """
        options = {"rules": given} if isinstance(given, list) else given
        rules = [Rule(rule, number) for number, rule in enumerate(options.get("rules", []), 1)]
        with self.lock:
            self.rules = self.rules + rules if options.get("append") else rules
            if "seed" in options:
                self.random.seed(options["seed"])
            self.since = self.clock.now()

    def for_request(self, method, path):
        """Returns the rule for this request, or None."""
        return self._pick(method, path, False)

    def for_run(self, task_key):
        """Returns the rule for this run of a task, or None."""
        return self._pick(None, task_key, True)

    def _pick(self, method, text, of_run):
        if not self.rules:
            return None
        age = self.clock.now() - self.since
        with self.lock:
            for rule in self.rules:
                if (rule.run is not None) == of_run and rule.due(method, text, self.random.random, age):
                    return rule
        return None

    def to_json(self):
        with self.lock:
            return {"rules": [{"name": rule.name, "seen": rule.seen, "hits": rule.hits} for rule in self.rules]}


def retry_after(value, clock):
    """The header's text for a rule's retry_after."""
    if isinstance(value, dict):
        return formatdate(clock.now() + value["date"], usegmt=True)
    return str(value)
