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
    "run_started": {"run", "workflow", "target", "processes", "on_error", "notebooks"},
    "notebook_started": {"name", "attempt", "pid"},
    "kernel_ready": {"name", "attempt", "pid", "seconds"},
    "cell_started": {"name", "attempt", "cell", "number", "total"},
    "cell_finished": {"name", "attempt", "cell", "number", "total", "seconds", "failed"},
    "notebook_finished": {"name", "attempt", "notebook"},
    "run_stopping": {"reason"},
    "run_finished": {"status", "counts", "duration_seconds"},
}


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

NOTEBOOK = closed(
    name=TEXT, path=TEXT, target=TEXT, status={"enum": STATUSES}, attempts=COUNT, parameters={"type": "object"},
    result={}, exit_status=maybe(type="integer", minimum=0, maximum=255), signal=maybe(type="integer", minimum=1),
    error=maybe(**ERROR), cells=closed(total=COUNT, executed=COUNT),
    queued_seconds=maybe(**NUMBER), started_at=maybe(**MOMENT), finished_at=maybe(**MOMENT),
    duration_seconds=maybe(**NUMBER), cpu_seconds=maybe(**NUMBER), max_rss_bytes=maybe(**COUNT),
    output=maybe(**TEXT), log=maybe(**TEXT), url={"type": "null"})

RESULTS = closed(
    schema={"const": "nbfork.results/1"}, nbfork={"type": "string", "pattern": r"^\d+\.\d+\.\d+$"},
    run=closed(id=TEXT, dir=TEXT, resumed_from={"type": "null"}),
    workflow=closed(name=TEXT, file=maybe(**TEXT)), target=TEXT, processes={"type": "integer", "minimum": 1},
    on_error={"enum": ["let-finish", "fail-fast", "drain"]},
    status={"enum": ["succeeded", "failed", "timed_out", "cancelled"]}, started_at=MOMENT, finished_at=MOMENT,
    duration_seconds=NUMBER, counts=COUNTS, notebooks={"type": "array", "items": NOTEBOOK, "minItems": 1})


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
        if run.dir and run.dir.exists() and run.status != 3:
            check_folder(run)
            results = run.results
            check_results(run, results)
            check_events(run, results)
            for record in results["notebooks"]:
                check_files(run, record)
    except (AssertionError, jsonschema.ValidationError, ValueError, OSError) as e:
        raise AssertionError(f"{e}\n{run.story()}") from e


def check_quiet(run):
    """No sanitizer and no checker has complained."""
    for word in ("Sanitizer", "runtime error:", "DEADLYSIGNAL", "core dumped", "Assertion"):
        assert word not in run.err, word


def check_inputs(run):
    for path, digest in run.inputs.items():
        assert hashlib.sha256(path.read_bytes()).digest() == digest, f"{path} has changed"


def check_folder(run):
    """Only what belongs there, under its final name."""
    for path in run.dir.rglob("*"):
        name = str(path.relative_to(run.dir))
        good = r"workflow\.yaml|events\.jsonl|results\.json|notebooks|logs|notebooks/[^/]+\.ipynb|logs/[^/]+\.log"
        assert re.fullmatch(good, name), f"'{name}' in the run folder"


def check_results(run, results):
    jsonschema.validate(results, RESULTS)
    notebooks = results["notebooks"]
    counted = {s: sum(n["status"] == s for n in notebooks) for s in STATUSES}
    assert results["counts"] == counted
    assert len({n["name"] for n in notebooks}) == len(notebooks)
    assert results["started_at"] <= results["finished_at"]
    good = results["status"] == "succeeded"
    if run.status >= 0:
        assert run.status == (0 if good else 1), "the exit status does not fit the results"
    else:
        assert results["status"] == "cancelled"
    if good:
        assert not counted["skipped"] and not counted["cancelled"]
    for n in notebooks:
        label = f"notebook {n['name']}"
        assert (n["status"] == "succeeded") == (n["error"] is None), label
        assert n["cells"]["executed"] <= n["cells"]["total"], label
        if n["status"] == "skipped":
            assert n["attempts"] == 0, label
            for key in MEASURED + ["exit_status", "signal", "output", "log", "result"]:
                assert n[key] is None, f"{label}, {key}"
        else:
            assert n["attempts"] == 1, label
            assert all(n[key] is not None for key in MEASURED), label
            assert results["started_at"] <= n["started_at"] <= n["finished_at"] <= results["finished_at"], label
            assert (n["exit_status"] is None) != (n["signal"] is None), label
        if n["status"] == "succeeded":
            assert n["exit_status"] == 0, label
            assert n["cells"]["executed"] == n["cells"]["total"], label
        if n["error"] and n["error"]["kind"] == "timeout":
            assert n["status"] == "timed_out", label


def check_events(run, results):
    events = run.events
    for e in events:
        assert re.match(TIME, e["time"])
        assert set(e) == EVENTS[e["event"]] | {"time", "event"}, e
    assert events == sorted(events, key=lambda e: e["time"])
    kinds = [e["event"] for e in events]
    assert kinds[0] == "run_started" and kinds[-1] == "run_finished"
    assert kinds.count("run_started") == kinds.count("run_finished") == 1
    assert events[0]["notebooks"] == len(results["notebooks"])
    assert events[0]["run"] == {k: results["run"][k] for k in ("id", "dir")}
    assert events[0]["workflow"] == results["workflow"]
    for key in ("target", "processes", "on_error"):
        assert events[0][key] == results[key]
    for key in ("status", "counts", "duration_seconds"):
        assert events[-1][key] == results[key]
    running = set()
    for e in events:
        if e["event"] == "notebook_started":
            assert e["name"] not in running
            running.add(e["name"])
            assert len(running) <= results["processes"], "more at a time than processes"
        elif e["event"] == "notebook_finished":
            running.discard(e["name"])  # one that was skipped was never started
        elif "name" in e:
            assert e["name"] in running, e
    assert not running
    for record in results["notebooks"]:
        mine = [e for e in events if e.get("name") == record["name"]]
        assert [e["notebook"] for e in mine if e["event"] == "notebook_finished"] == [record]
        assert mine[-1]["event"] == "notebook_finished"
        if record["status"] == "skipped":
            assert len(mine) == 1
        cells = [e for e in mine if e["event"] == "cell_started"]
        assert [e["number"] for e in cells] == list(range(1, len(cells) + 1))
        if not record["error"] or record["error"]["kind"] != "worker":
            assert len(cells) == record["cells"]["executed"]
        assert all(e["total"] == record["cells"]["total"] for e in cells if record["cells"]["total"])


def check_files(run, record):
    """The executed copy and the log that a record names are there; the copy is a valid notebook."""
    name = record["name"]
    for key, place, end in (("output", "notebooks", "ipynb"), ("log", "logs", "log")):
        path = run.dir / place / f"{name}.{end}"
        if record[key] is None:
            assert not path.exists(), f"{path} is there, but not in the results"
        else:
            assert record[key] == f"{place}/{name}.{end}"
            assert path.is_file(), f"{path} is missing"
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
