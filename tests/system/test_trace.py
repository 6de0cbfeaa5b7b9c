"""
--trace: Chrome's trace events, by the rules of their format.
"""

import json
import signal

from harness import lines

# What an event of a phase must have, beside ph, name, pid, tid and ts.
PHASES = {"M": {"args"}, "X": {"dur", "cat", "args"}, "i": {"s", "cat"}, "C": {"args"}, "s": {"id", "cat"}, "f": {"id", "cat", "bp"}}


def trace(path):
    """The events of a trace that keeps the rules."""
    document = json.loads(path.read_text())
    assert set(document) == {"displayTimeUnit", "otherData", "traceEvents"} and document["displayTimeUnit"] == "ms"
    events = document["traceEvents"]
    assert len({e["pid"] for e in events}) == 1
    for e in events:
        assert PHASES[e["ph"]] | {"ph", "name", "pid", "tid", "ts"} == set(e) - {"cname"}, e
        assert all(type(e[key]) is int and e[key] >= 0 for key in ("pid", "tid", "ts", "dur") if key in e), e
        assert e["ph"] != "C" or all(type(v) is int and v >= 0 for v in e["args"].values()), e
        assert e["ph"] != "i" or e["s"] in ("t", "p", "g")
    names = {e["tid"]: e["args"]["name"] for e in events if e["name"] == "thread_name"}
    assert set(names) >= {e["tid"] for e in events} and names[0] == "run"
    assert [e["args"]["name"].startswith("nbfork ") for e in events if e["name"] == "process_name"] == [True]
    for tid in names:
        check_nesting([e for e in events if e["ph"] == "X" and e["tid"] == tid])
    check_arrows(events)
    return events


def check_nesting(slices):
    """On a thread a slice lies within another one or outside of it."""
    open_until = []
    for e in sorted(slices, key=lambda e: (e["ts"], -e["dur"])):
        while open_until and open_until[-1] <= e["ts"]:
            open_until.pop()
        assert not open_until or e["ts"] + e["dur"] <= open_until[-1], e
        open_until.append(e["ts"] + e["dur"])


def check_arrows(events):
    """An arrow begins and ends once, not backwards, and within slices."""
    starts, ends = ({e["id"]: e for e in events if e["ph"] == phase} for phase in "sf")
    assert set(starts) == set(ends)
    for i, e in starts.items():
        assert e["ts"] <= ends[i]["ts"]
    for e in [*starts.values(), *ends.values()]:
        assert any(s["ph"] == "X" and s["tid"] == e["tid"] and s["ts"] <= e["ts"] <= s["ts"] + s["dur"] for s in events), e


def slices(events, category):
    return [e for e in events if e["ph"] == "X" and e["cat"] == category]


def marks(events, category):
    return [e["name"] for e in events if e["ph"] == "i" and e["cat"] == category]


def test_attempts_cells_and_marks(work):
    work.notebook("good", "print a", "sleep 0.05")
    work.notebook("bad", "print a", "error E no")
    work.notebook("mother", 'calls 2 "good.ipynb"')
    work.workflow("good.ipynb", {"path": "bad.ipynb", "retries": 1, "retry_delay_seconds": 0}, "mother.ipynb",
                  {"path": "good.ipynb", "name": "after", "depends_on": ["bad"]}, processes=2)
    run = work.run("--trace=trace.json", "workflow.yaml")
    assert run.status == 1
    events = trace(work.path("trace.json"))
    attempts = slices(events, "notebook")
    started = [e for e in run.events if e["event"] == "notebook_started"]
    assert sorted(e["name"] for e in attempts) == ["bad", "bad", "good", "mother", "mother.good", "mother.good-2"]
    assert sorted((e["name"], e["tid"] - 1) for e in attempts) == sorted((e["name"], e["slot"]) for e in started)
    for name in ("good", "mother.good"):
        mine = next(e for e in attempts if e["name"] == name)
        inside = [e for e in slices(events, "cell") if e["tid"] == mine["tid"] and mine["ts"] <= e["ts"] < mine["ts"] + mine["dur"]]
        assert [e["name"] for e in inside] == ["cell 0", "cell 1"]
        assert inside[1]["dur"] >= 40000, "microseconds"
        assert mine["args"]["status"] == "succeeded" and mine["args"]["max_rss_bytes"] > 0
    assert [e["args"]["failed"] for e in slices(events, "cell")].count(True) == 2
    assert marks(events, "retry") == ["bad: failed, attempt 2 in 0.0 s"]
    assert marks(events, "failure") == ["bad: failed"]
    assert marks(events, "skipped") == ["after: skipped"]
    assert len([e for e in events if e["ph"] == "s"]) == 2
    whole = slices(events, "run")[0]
    assert whole["dur"] >= max(e["ts"] + e["dur"] for e in attempts)
    counts = [e["args"] for e in events if e["name"] == "notebooks"]
    assert max(c["running"] for c in counts) >= 2 and counts[-1] == {"running": 0, "waiting": 0}


def test_memory_is_sampled(work):
    work.notebook("a", lines("touch up", "wait go"))
    run = work.start("--trace=trace.json", "a.ipynb")
    sample = run.event("memory_sampled")
    work.write("go", "")
    run.finish()
    kernel, = sample["kernels"]
    assert kernel["name"] == "a" and 1 << 20 < kernel["rss_bytes"] and sample["available_bytes"] > 0
    events = trace(work.path("trace.json"))
    of = [e["args"]["bytes"] for e in events if e["name"] == "memory of the kernel, slot 0"]
    assert of[0] == kernel["rss_bytes"] and of[-1] == 0
    assert [e["args"]["bytes"] for e in events if e["name"] == "memory available"][0] == sample["available_bytes"]


def test_a_run_that_is_stopped(work):
    work.notebook("a", lines("touch up", "hang"))
    run = work.start("--trace=trace.json", "a.ipynb")
    run.event("cell_started")
    run.signal(signal.SIGINT)
    run.finish()
    events = trace(work.path("trace.json"))
    assert marks(events, "stop") == ["stopping: nbfork was stopped by SIGINT"]
    assert [e["args"]["status"] for e in slices(events, "notebook")] == ["cancelled"]


def test_a_clock_that_was_set_back_and_a_journal_that_tells_no_slots(work):
    """Slices nest nevertheless."""
    def moment(second):
        return f"2026-11-22T08:15:{second:02d}.000Z"
    events = [{"event": "run_started", "time": moment(10), "run": {"id": "r"}, "workflow": {"name": "w"}, "notebooks": 6}]
    for i, (slot, start, end) in enumerate([(0, 11, 30), (0, 20, 25), (0, 20, 21), (None, 12, 15), (None, 13, 40), (None, 16, 17)]):
        name = f"n{i}"
        events.append({"event": "notebook_started", "time": moment(start), "name": name, "attempt": 1, "slot": slot})
        events.append({"event": "cell_started", "time": moment(start - 5), "name": name, "attempt": 1, "cell": 0, "total": 2})
        events.append({"event": "cell_finished", "time": moment(end + 5), "name": name, "attempt": 1, "cell": 0, "seconds": 1})
        events.append({"event": "cell_started", "time": moment(start), "name": name, "attempt": 1, "cell": 1, "total": 2})
        events.append({"event": "notebook_finished", "time": moment(end), "name": name, "attempt": 1,
                       "notebook": {"status": "succeeded", "started_at": moment(start)}})
    work.write("run/events.jsonl", "".join(json.dumps(e) + "\n" for e in events))
    work.write("trace.json", work.run("--show=run", "--trace=-", folder=None).out)
    lanes = {e["name"]: e["tid"] for e in slices(trace(work.path("trace.json")), "notebook")}
    assert lanes == {"n0": 1, "n1": 1, "n2": 1, "n3": 2, "n4": 3, "n5": 2}
