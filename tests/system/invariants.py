"""
What holds for every run of nbfork that has ended by itself, whatever was asked of it.
"""

import hashlib
import json
import re
import warnings

import jsonschema
import nbformat.validator

STATUSES = ["succeeded", "failed", "timed_out", "cancelled", "skipped"]
KINDS = ["notebook", "timeout", "kernel", "target", "worker", "dependency", "stopped"]
MEASURED = ["queued_seconds", "started_at", "finished_at", "duration_seconds", "cpu_seconds", "max_rss_bytes"]
TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"

# Members of the event lines besides "time" and "event".
EVENTS = {
    "run_started": {"run", "workflow", "target", "processes", "on_error", "on_error_after", "notebooks", "pid", "plan"},
    "notebook_kept": {"name", "run"},
    "notebook_called": {"name", "parent", "parent_attempt", "path"},
    "notebook_started": {"name", "attempt", "pid", "reason", "submission", "inputs", "slot", "queued_seconds"},
    "notebook_submitted": {"name", "attempt", "submission", "run_id", "url"},
    "kernel_ready": {"name", "attempt", "pid", "start", "seconds"},
    "cell_started": {"name", "attempt", "cell", "number", "total"},
    "cell_finished": {"name", "attempt", "cell", "number", "total", "seconds", "failed"},
    "notebook_attempt_failed": {"name", "attempt", "retry_in_seconds", "ended"},
    "notebook_requeued": {"name", "attempt", "reason", "ended"},
    "notebook_departs": {"name", "attempt"},
    "notebook_finished": {"name", "attempt", "inputs", "cause", "fails_run", "notebook"},
    "memory_sampled": {"available_bytes", "kernels"},
    "processes_changed": {"processes"},
    "run_stopping": {"reason"},
    "hook_started": {"hook", "command", "pid"},
    "hook_finished": {"hook", "command", "status", "exit_status", "signal", "message", "started_at", "finished_at",
                      "duration_seconds", "log"},
    "run_finished": {"status", "counts", "duration_seconds"},
}
OVER = {"notebook_finished", "notebook_kept", "notebook_attempt_failed", "notebook_requeued"}

# With these nbfork makes no run.
PLANS = {"-c", "--check", "-n", "--dry-run", "--show", "--list-runs"}


def closed(**members):
    """The schema of an object with exactly these members."""
    return {"type": "object", "properties": members, "required": list(members), "additionalProperties": False}


def maybe(**schema):
    return {"anyOf": [{"type": "null"}, schema]}


TEXT = {"type": "string", "minLength": 1}
COUNT = {"type": "integer", "minimum": 0}
NUMBER = {"type": "number", "minimum": 0}
MOMENT = {"type": "string", "pattern": TIME}
COUNTS = closed(**{s: COUNT for s in STATUSES})

ERROR = closed(kind={"enum": KINDS}, name=maybe(type="string"), message={"type": "string"}, cell=maybe(**COUNT),
               execution_count=maybe(**COUNT), traceback={"type": "array", "items": {"type": "string"}})

SPENT = dict(started_at=maybe(**MOMENT), finished_at=maybe(**MOMENT), duration_seconds=maybe(**NUMBER),
             cpu_seconds=maybe(**NUMBER), max_rss_bytes=maybe(**COUNT))
EXIT = dict(exit_status=maybe(type="integer", minimum=0, maximum=255), signal=maybe(type="integer", minimum=1))
FILES = dict(output=maybe(**TEXT), log=maybe(**TEXT))

# What a place elsewhere says of a run there. Its ids are larger than what some readers of JSON take for numbers.
ID = {"type": "string", "pattern": r"^[1-9]\d*$"}
REMOTE = closed(run_id=maybe(**ID), task_run_id=maybe(**ID), over={"type": "boolean"}, code=maybe(**TEXT), message=maybe(type="string"),
                queue_seconds=maybe(**NUMBER), setup_seconds=maybe(**NUMBER), execution_seconds=maybe(**NUMBER),
                result_truncated={"type": "boolean"})

ATTEMPT = closed(attempt={"type": "integer", "minimum": 1}, status={"enum": ["failed", "timed_out", "cancelled"]},
                 error=ERROR, url=maybe(**TEXT), remote=maybe(**REMOTE), **EXIT, **SPENT, **FILES)

NOTEBOOK = closed(
    name=TEXT, path=TEXT, target=TEXT, status={"enum": STATUSES}, attempts=COUNT, parameters={"type": "object"},
    result={}, values={"type": "object"}, children={"type": "array"}, error=maybe(**ERROR), cells=closed(total=COUNT, executed=COUNT),
    start={"enum": ["warm", "cold", None]}, ready_seconds=maybe(**NUMBER), queued_seconds=maybe(**NUMBER),
    url=maybe(**TEXT), remote=maybe(**REMOTE), earlier_attempts={"type": "array", "items": ATTEMPT}, resumed_from=maybe(**TEXT),
    **EXIT, **SPENT, **FILES)

# One that another notebook has run.
CHILD = {**NOTEBOOK, "properties": {**NOTEBOOK["properties"], "parent_attempt": {"type": "integer", "minimum": 1}},
         "required": [*NOTEBOOK["required"], "parent_attempt"]}

HOOKS = ["on_start", "on_success", "on_failure", "on_finish"]
HOOK = closed(hook={"enum": HOOKS}, command=TEXT, status={"enum": STATUSES}, message=maybe(**TEXT), **EXIT,
              started_at=maybe(**MOMENT), finished_at=maybe(**MOMENT), duration_seconds=maybe(**NUMBER), log=maybe(**TEXT))

RESULTS = closed(
    schema={"const": "nbfork.results/1"}, nbfork={"type": "string", "pattern": r"^\d+\.\d+\.\d+$"},
    run=closed(id=TEXT, dir=TEXT, resumed_from=maybe(**TEXT)),
    workflow=closed(name=TEXT, file=maybe(**TEXT)), target=TEXT, processes={"type": "integer", "minimum": 1},
    on_error={"enum": ["let-finish", "fail-fast", "drain"]},
    on_error_after=maybe(type=["integer", "string"], minimum=1, pattern=r"^[\d.e+-]+%$"),
    status={"enum": ["succeeded", "failed", "timed_out", "cancelled"]}, started_at=MOMENT, finished_at=MOMENT,
    duration_seconds=NUMBER, counts=COUNTS, hooks={"type": "array", "items": HOOK},
    notebooks={"type": "array", "items": NOTEBOOK})

DIGEST = {"type": "string", "pattern": "^([0-9a-f]{64})?$"}
INPUTS = maybe(**closed(notebook=DIGEST, parameters=DIGEST, kernel=DIGEST, place=DIGEST, upstream=DIGEST))

# Made once: jsonschema.validate() looks at the schema itself each time, which takes longer than all else here.
VALID_RESULTS, VALID_CHILD, VALID_INPUTS, VALID_ID = (jsonschema.Draft202012Validator(s) for s in (RESULTS, CHILD, INPUTS, ID))


def strict(text):
    """Reads JSON as RFC 8259 has it: no NaN, no key twice, no lone surrogate."""
    def refuse(token):
        raise ValueError(f"{token} is not JSON")

    def once(pairs):
        keys = [k for k, _ in pairs]
        assert len(keys) == len(set(keys)), f"a key twice in {keys}"
        return dict(pairs)
    value = json.loads(text, parse_constant=refuse, object_pairs_hook=once)
    json.dumps(value, ensure_ascii=False).encode("utf-8")
    return value


def check(run):
    """Checks a Run; the message of what fails tells the whole story."""
    try:
        check_quiet(run)
        check_inputs(run)
        if run.status not in (2, 3) and not PLANS & {a.partition("=")[0] for a in run.args} and run.dir and run.dir.exists():
            results = run.results
            check_folder(run, results)
            check_results(run, results)
            check_events(run, results)
            for record in tree(results["notebooks"]):
                check_files(run, record)
    except (AssertionError, jsonschema.ValidationError, ValueError, OSError) as e:
        raise AssertionError(f"{e}\n{run.story()}") from e


def tree(notebooks, kept=True):
    """These notebooks, and all that they have run; kept: also in an earlier run."""
    for n in notebooks:
        yield n
        if kept or not n["resumed_from"]:
            yield from tree(n["children"], kept)


def check_quiet(run):
    """No sanitizer and no checker has complained."""
    for word in ("Sanitizer", "runtime error:", "DEADLYSIGNAL", "core dumped", "Assertion"):
        assert word not in run.err, word


def check_inputs(run):
    for path, digest in run.inputs.items():
        assert hashlib.sha256(path.read_bytes()).digest() == digest, f"{path} has changed"


def check_folder(run, results):
    """Only what belongs there, under its final name."""
    good = {"workflow.yaml", "events.jsonl", "results.json", "report.html", "notebooks", "logs"}
    for n in tree(results["notebooks"]):
        for end in ["", *(f".attempt{i}" for i in range(1, n["attempts"]))]:
            good |= {f"notebooks/{n['name']}{end}.ipynb", f"notebooks/{n['name']}{end}.html", f"logs/{n['name']}{end}.log"}
    if results["hooks"]:
        good |= {"logs/hooks", *(f"logs/hooks/{h}.log" for h in HOOKS)}
    for path in run.dir.rglob("*"):
        name = str(path.relative_to(run.dir))
        # Of a run that was resumed there may be files of notebooks that are not in the workflow any more.
        assert name in good or (results["run"]["resumed_from"] and re.fullmatch(
            r"notebooks/[^/.][^/]*\.(ipynb|html)|logs/[^/.][^/]*\.log", name)), f"'{name}' in the run folder"


def check_results(run, results):
    VALID_RESULTS.validate(results)
    notebooks = results["notebooks"]
    everything = list(tree(notebooks))
    for n in everything:
        for child in n["children"]:
            VALID_CHILD.validate(child)
            assert child["name"].startswith(n["name"] + ".") or len(child["name"]) > 100
            assert child["parent_attempt"] <= n["attempts"]
    counted = {s: sum(n["status"] == s for n in notebooks) for s in STATUSES}
    assert results["counts"] == counted
    assert len({n["name"] for n in everything}) == len(everything)
    assert results["started_at"] <= results["finished_at"]
    good = results["status"] == "succeeded"
    if run.status >= 0:
        assert run.status == (0 if good else 1), "the exit status does not fit the results"
    else:
        # It may have come when only the last report was left to write, or hooks to run.
        assert results["status"] == "cancelled" or "report of the run was not written: nbfork was told to stop" in run.err or \
            [h["status"] for h in results["hooks"][-1:]] in (["cancelled"], ["skipped"]), "ended by a signal that nothing tells of"
    check_hooks(run, results)
    if good:
        assert not counted["cancelled"]
        assert all(n["error"]["message"].startswith("not needed: ") for n in notebooks if n["status"] == "skipped")
    for n in tree(notebooks, False):
        check_record(results, n, has_exited(run, n))


def check_hooks(run, results):
    """Those of the end come last, in order, and only those that are due."""
    hooks = [h["hook"] for h in results["hooks"]]
    assert hooks == sorted(hooks, key=HOOKS.index)
    assert ("on_success" if results["status"] != "succeeded" else "on_failure") not in hooks
    for h in results["hooks"]:
        assert (h["message"] is None) == (h["status"] == "succeeded") == (h["exit_status"] == 0)
        assert (h["started_at"] is None) == (h["status"] == "skipped")
        assert h["log"] is None or (run.dir / h["log"]).stat().st_size > 0


def has_exited(run, n):
    """Whether the notebook has ended itself by dbutils.notebook.exit."""
    path = run.dir / f"notebooks/{n['name']}.ipynb"
    return path.exists() and '"application/vnd.nbfork.exit+json"' in path.read_text("utf-8")


def check_record(results, n, exited):
    label = f"notebook {n['name']}"
    resumed, error = results["run"]["resumed_from"], n["error"]
    before = [a["attempt"] for a in n["earlier_attempts"]]
    assert (n["status"] == "succeeded") == (error is None), label
    assert n["cells"]["executed"] <= n["cells"]["total"], label
    assert before == sorted(set(before)), label
    assert not before or before[-1] <= n["attempts"], label
    if n["status"] == "skipped" or (error and error["kind"] == "dependency"):
        assert resumed or n["attempts"] == 0, label
        assert n["status"] != "skipped" or error["kind"] in ("stopped", "dependency"), label
        for key in MEASURED + ["exit_status", "signal", "output", "log", "result"]:
            assert n[key] is None, f"{label}, {key}"
    else:
        assert n["attempts"] > len(before), label
        assert all(n[key] is not None for key in MEASURED), label
        assert n["started_at"] <= n["finished_at"] <= results["finished_at"], label
        assert (n["exit_status"] is None) != (n["signal"] is None), label
        if n["resumed_from"]:
            assert resumed and n["status"] == "succeeded", label
        else:
            assert results["started_at"] <= n["started_at"], label
    if n["status"] == "succeeded":
        assert n["exit_status"] == 0, label
        # There a notebook may end itself before its last cell.
        assert n["remote"] or exited or n["cells"]["executed"] == n["cells"]["total"], label
    assert n["remote"] is None or n["attempts"] > 0, label
    if error and error["kind"] == "timeout":
        assert n["status"] == "timed_out", label


def runs_of(events):
    """The events of each of the runs that a journal is of."""
    runs = []
    for e in events:
        if e["event"] == "run_started":
            runs.append([])
        runs[-1].append(e)
    return runs


def check_events(run, results):
    events = run.events
    for e in events:
        assert re.match(TIME, e["time"])
        assert set(e) | {"parent"} == EVENTS[e["event"]] | {"time", "event", "parent"}, e
        assert e["event"] != "notebook_finished" or VALID_INPUTS.validate(e["inputs"]) is None
    assert events == sorted(events, key=lambda e: e["time"])
    runs = runs_of(events)
    ids = [r[0]["run"]["id"] for r in runs]
    assert len(set(ids)) == len(ids)
    assert [r[0]["run"]["resumed_from"] for r in runs] == [None, *ids[:-1]]
    attempts = {}  # by name, how many there have been
    for events in runs:
        check_attempts(events, attempts)
    check_last_run(runs[-1], results)
    for record in tree(results["notebooks"], False):
        assert record["attempts"] == attempts.get(record["name"], 0), record["name"]
        assert record["resumed_from"] in [None, *ids[:-1]]
        check_events_of(record, runs[-1])
        check_submitted(record, [e for e in run.events if e.get("name") == record["name"]])


def check_attempts(events, attempts):
    """What starts ends, before it starts again, as what it started; never more at a time than may."""
    running, most = set(), events[0]["processes"]
    departing = set()
    calls = {}  # by name of a notebook, those that it has run and that are not over
    for e in events:
        name = e.get("name")
        if e["event"] == "processes_changed":
            most = e["processes"]
        elif e["event"] == "notebook_started":
            assert name not in running
            running.add(name)
            # Whoever waits for others has given its place to them.
            work = [n for n in running - departing if not calls.get(n)]
            assert len(work) <= most, "more at a time than processes"
            attempts[name] = attempts.get(name, 0) + 1
            assert e["attempt"] == attempts[name], e
        elif e["event"] == "notebook_called":
            assert e["parent"] in running and e["parent_attempt"] == attempts[e["parent"]], e
            assert name not in attempts
            calls.setdefault(e["parent"], set()).add(name)
        elif e["event"] in OVER:
            running.discard(name)  # one that was skipped, or kept, was never started
            departing.discard(name)
            if e["event"] != "notebook_requeued":
                calls.get(e.get("parent"), set()).discard(name)
            assert not calls.get(name), f"what '{name}' has run is not over"
        elif name:
            assert name in running, e
            if e["event"] == "notebook_departs":
                departing.add(name)
                assert 1 < most >= len(departing)
        if "attempt" in e:
            assert e["attempt"] == attempts.get(name, 0), e
    assert not running or all(e["event"] != "run_finished" for e in events)


def check_last_run(events, results):
    hooks = [e for e in events if e["event"].startswith("hook_")]
    assert [{key: e[key] for key in h} for e, h in zip((e for e in hooks if e["event"] == "hook_finished"), results["hooks"],
                                                       strict=True)] == results["hooks"]
    end = next(e for e in events if e["event"] == "run_finished")
    assert all(e["event"] != "hook_started" or (e["hook"] == "on_start") or e in events[events.index(end):] for e in hooks)
    events = [e for e in events if e not in hooks]
    kinds = [e["event"] for e in events]
    assert kinds[0] == "run_started" and kinds[-1] == "run_finished"
    assert kinds.count("run_finished") == 1
    assert events[0]["notebooks"] == len(results["notebooks"])
    assert events[0]["run"] == results["run"]
    assert events[0]["workflow"] == results["workflow"]
    for key in ("target", "on_error"):
        assert events[0][key] == results[key]
    assert [e["processes"] for e in events if "processes" in e][-1] == results["processes"]
    for key in ("status", "counts", "duration_seconds"):
        assert events[-1][key] == results[key]


def check_events_of(record, events):
    """The events of a notebook in the last run of a journal."""
    mine = [e for e in events if e.get("name") == record["name"]]
    kinds = [e["event"] for e in mine]
    if record["resumed_from"]:
        assert kinds == ["notebook_kept"] and mine[0]["run"] == record["resumed_from"]
        return
    assert kinds.count("notebook_finished") == 1 and kinds[-1] == "notebook_finished"
    same = record if "parent" not in mine[-1] else {key: record[key] for key in record if key != "children"}
    assert mine[-1]["notebook"] == same
    ended = {a["attempt"]: a for a in record["earlier_attempts"]}
    for e in mine:
        if e["event"] == "notebook_attempt_failed" and e["attempt"] in ended:
            assert e["ended"] == ended[e["attempt"]], e
        elif e["event"] == "notebook_attempt_failed":
            # The run was stopped before there was another one: so it ended.
            assert e["attempt"] == e["ended"]["attempt"] == record["attempts"], e
            assert all(e["ended"][key] == record[key] for key in e["ended"]
                       if key not in ("attempt", "output", "log", "error"))
            # What it had left running on a workspace may have been cancelled since.
            end = e["ended"]["error"]["message"].partition("; whether run ")[0] + "; run "
            assert e["ended"]["error"] == record["error"] or record["error"]["message"].startswith(end)
    if record["started_at"] is None:
        assert len(mine) == (2 if "parent" in mine[-1] else 1)
        return
    assert mine[-1]["inputs"] is not None
    if any(e["submission"] for e in mine if e["event"] == "notebook_started"):
        assert not {"kernel_ready", "cell_started", "cell_finished"} & set(kinds)
        return
    assert record["remote"] is None and record["url"] is None
    cells = [e for e in mine if e["event"] == "cell_started" and e["attempt"] == record["attempts"]]
    assert [e["number"] for e in cells] == list(range(1, len(cells) + 1))
    if not record["error"] or record["error"]["kind"] != "worker":
        assert len(cells) == record["cells"]["executed"]
    assert all(e["total"] == record["cells"]["total"] for e in cells if record["cells"]["total"])


def check_submitted(record, events):
    """What was asked for elsewhere is known by one number, in all runs, which only what asks for something else changes."""
    runs = {}  # by the number of the submission
    submission = None
    for e in events:
        if e["event"] == "notebook_started":
            submission = e["submission"]
            assert submission is None or submission <= e["attempt"], e
        elif e["event"] == "notebook_submitted":
            assert e["submission"] == submission, e
            VALID_ID.validate(e["run_id"])
            assert runs.setdefault(submission, e["run_id"]) == e["run_id"], e
    assert len(set(runs.values())) == len(runs)
    if record["remote"]:
        assert record["remote"]["run_id"] == runs[submission]
        last = [e for e in events if e["event"] == "notebook_submitted"][-1]
        # A run that a later nbfork cannot see any more has no page that it knows of.
        assert last["url"] == record["url"] or None in (last["url"], record["url"])


def check_files(run, record):
    """The executed copy and the log that a record names are there; the copy is a valid notebook."""
    name = record["name"]
    for key, place, end in (("output", "notebooks", "ipynb"), ("log", "logs", "log")):
        path = run.dir / place / f"{name}.{end}"
        if record[key] is not None:
            assert record[key] == f"{place}/{name}.{end}"
            assert path.is_file(), f"{path} is missing"
        elif record["attempts"] == 0 or record["started_at"]:
            assert not path.exists(), f"{path} is there, but not in the results"
        for a in record["earlier_attempts"]:
            if a[key] is not None and a["attempt"] < record["attempts"]:
                assert a[key] == f"{place}/{name}.attempt{a['attempt']}.{end}"
                assert (run.dir / a[key]).is_file(), f"{a[key]} is missing"
    if record["status"] in ("succeeded", "failed") and (record["error"] or {}).get("kind") in (None, "notebook"):
        assert record["output"] and record["log"]
    if record["output"] and (run.dir / record["output"]).stat().st_size < 4 << 20:
        check_notebook(run.executed(name), record)


def check_notebook(nb, record):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert nbformat.validator.isvalid(nb), f"{record['name']}: the executed copy is not valid"
    error = record["error"]
    if error and error["cell"] is not None:
        cell = nb["cells"][error["cell"]]
        assert cell["cell_type"] == "code"
        if error["kind"] == "notebook":
            assert cell["execution_count"] == error["execution_count"]
            shown = [o for o in cell["outputs"] if o["output_type"] == "error"]
            assert shown and shown[-1]["ename"] == error["name"]
