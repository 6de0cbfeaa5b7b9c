"""
What the journal of a run tells: when things happened, and how much at the same time.
"""

from datetime import datetime, timezone

ENDS = ("notebook_finished", "notebook_attempt_failed", "notebook_requeued")


def seconds_of(time):
    """A time of a document, in seconds."""
    return datetime.strptime(time, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc).timestamp()


def moment(event):
    """The time of an event, in seconds."""
    return seconds_of(event["time"])


def of(run, kind, **members):
    """The events of a kind that have these members."""
    return [e for e in run.events if e["event"] == kind and all(e.get(k) == v for k, v in members.items())]


def place(run, kind, **members):
    """Which line of the journal the first of these events is."""
    return run.events.index(of(run, kind, **members)[0])


def started(run):
    """The names, in the order in which notebooks were started."""
    return [e["name"] for e in of(run, "notebook_started")]


def most(run, *prefixes, departing=True):
    """How many notebooks whose names start so ran at the same time, at most; those whose kernels were ending among them."""
    running, peak = set(), 0
    for e in run.events:
        if e["event"] == "notebook_started" and e["name"].startswith(prefixes or ("",)):
            running.add(e["name"])
        elif e["event"] in ENDS or (e["event"] == "notebook_departs" and not departing):
            running.discard(e["name"])
        peak = max(peak, len(running))
    return peak
