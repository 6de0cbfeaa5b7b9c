"""
A workspace that is throttled, out of order, or answers nonsense: nothing is lost, nothing runs twice.

With NBFORK_TEST_SOAK set it is a thousand notebooks, and outages of minutes. What is left to chance is drawn with a
seed, which NBFORK_TEST_SEED gives.
"""

import os
import time
from datetime import datetime
from pathlib import Path

import pytest

from harness import PATIENCE, wait_for
from remote import source, too_fast

SEED = int(os.environ.get("NBFORK_TEST_SEED", "20261125"))
SOAK = bool(os.environ.get("NBFORK_TEST_SOAK"))

FAULTS = {
    "429": {"status": 429},
    "429 that says when": {"status": 429, "retry_after": 1},
    "500": {"status": 500},
    "503 that says when": {"status": 503, "retry_after": {"date": 1}},
    "502 though it was done": {"status": 502, "handle": True, "body": "<html>Bad Gateway</html>"},
    "dropped before": {"drop": "before"},
    "dropped after": {"drop": "after"},
    "reset before": {"drop": "before", "reset": True},
    "reset after": {"drop": "after", "reset": True},
    "a page": {"html": True},
    "a truncated answer": {"truncate": 7},
    "no JSON": {"garbage": True},
    "slow": {"slow": {"seconds": 0.4, "pieces": 3}},
    "late": {"delay": 0.3},
}
# After these the workspace has done what it was asked for, and nobody knows.
DONE = ("502 though it was done", "dropped after", "reset after", "a truncated answer")


def many(site, count, **keys):
    """A workflow of that many notebooks, each of which hands its number back."""
    site.source("a.py", "import time; print('number', dbutils.widgets.get('i'))",
                "dbutils.notebook.exit(dbutils.widgets.get('i'))")
    site.workflow({"path": "a.py", "for_each": list(range(count)), "name": "n{{ item }}", "parameters": {"i": "{{ item }}"}}, **keys)


def all_is_right(site, run, count):
    assert run.status == 0, run.story()
    for i in range(count):
        record = run.record(f"n{i}")
        assert record["result"] == str(i) and record["attempts"] == 1
    site.check_remote(run)
    runs = site.runs()
    assert len(runs) == count and {r["executions"] for r in runs} == {1}
    assert len({r["token"] for r in runs}) == count
    for i in range(min(count, 100)):
        assert run.text(f"n{i}") == run.log(f"n{i}") == f"number {i}\n"


def test_each_fault_of_each_call(site):
    """As many notebooks as faults, at the same time: each call of each of them is met by another one."""
    many(site, len(FAULTS))
    calls = ("runs/submit", "runs/get", "runs/get-output", "runs/export")
    site.workspace.faults([{"name": f"{call}, {name}", "match": {"path": call + "$", "count": 1}, "action": action}
                           for call in calls for name, action in FAULTS.items()])
    run = site.run("-vv", "workflow.yaml")
    assert {r["hits"] for r in site.workspace.test("GET", "faults")["rules"]} == {1}
    all_is_right(site, run, len(FAULTS))
    # Those whose answer was lost have asked again, by the same token, for the same run.
    assert sum(r["submits"] - 1 for r in site.runs()) == len(DONE)


def test_before_anything_is_started(site):
    site.workspace.put("/Shared/flow/c", source("1"))
    site.source("a.py", "1")
    site.source("b.py", "2")
    site.workflow("a.py", "b.py", "/Shared/flow/c")
    site.workspace.faults([{"match": {"path": "scim/v2/Me$", "count": 1}, "action": {"html": True}},
                           {"match": {"path": "import$", "count": 1}, "action": {"drop": "after"}},
                           {"match": {"path": "mkdirs$", "count": 1}, "action": {"status": 500}}])
    run = site.run()
    assert run.status == 0, run.story()
    assert all(r["hits"] == 1 for r in site.workspace.test("GET", "faults")["rules"])


@pytest.mark.parametrize("said", ["2", {"date": 3}] if SOAK else ["2"])  # a date has whole seconds
def test_it_is_not_asked_again_before_it_says(site, said):
    many(site, 1)
    site.workspace.faults([{"match": {"path": "submit$", "count": 1}, "action": {"status": 429, "retry_after": said}}])
    run = site.run("--progress=plain", "-v", "workflow.yaml")
    all_is_right(site, run, 1)
    assert "n0: | waits: the workspace is asked too often\n" in run.err
    first, second = [r["time"] for r in site.workspace.log("/runs/submit")]
    assert second - first >= 1.9


def test_what_is_refused_is_not_asked_again(site):
    many(site, 1)
    site.workspace.faults([{"match": {"path": "submit$"}, "action": {"status": 400, "body": {
        "error_code": "INVALID_PARAMETER_VALUE", "message": "No, never."}}}])
    run = site.run()
    error = run.record("n0")["error"]
    assert run.status == 1 and error["kind"] == "target"
    assert "cannot submit" in error["message"] and "400 INVALID_PARAMETER_VALUE: No, never." in error["message"]
    assert "may run there" not in error["message"]
    assert len(site.workspace.log("/runs/submit")) == 1 and site.runs() == []
    assert run.record("n0")["remote"] is None and run.record("n0")["url"] is None


def test_a_result_that_cannot_be_had_is_the_targets_failure(site):
    many(site, 1)
    site.workspace.faults([{"match": {"path": "get-output$"}, "action": {"status": 403, "body": {
        "error_code": "PERMISSION_DENIED", "message": "Not yours."}}}])
    run = site.run()
    error = run.record("n0")["error"]
    assert error["kind"] == "target" and "the run succeeded, but its result cannot be fetched" in error["message"]
    assert "Not yours." in error["message"] and run.record("n0")["remote"]["code"] == "SUCCESS"


def test_a_copy_that_cannot_be_had_is_a_warning(site):
    many(site, 1)
    site.workspace.faults([{"match": {"path": "export$"}, "action": {"status": 400, "body": {
        "error_code": "INVALID_PARAMETER_VALUE", "message": "Too large."}}}])
    run = site.start()
    assert run.wait() == 0
    site.check(run)
    assert run.record("n0")["result"] == "0" and run.record("n0")["output"] is None
    assert "cannot fetch the executed copy" in run.err and "Too large." in run.err


def test_an_outage(site):
    """What runs goes on there, and what has not been submitted is submitted when it can be."""
    seconds = 45 if SOAK else 2
    site.source("a.py", "import time; time.sleep(1.5)", "dbutils.notebook.exit(dbutils.widgets.get('i'))")
    site.workflow({"path": "a.py", "for_each": list(range(6)), "name": "n{{ item }}", "parameters": {"i": "{{ item }}"}}, processes=3)
    run = site.start()
    for i in range(3):
        run.event("notebook_submitted", name=f"n{i}")
    site.workspace.faults([{"match": {"during": [0, seconds / 2]}, "action": {"status": 503}},
                           {"match": {"during": [seconds / 2, seconds]}, "action": {"drop": "before", "reset": True}}])
    run.finish(120)
    site.check(run)
    assert run.status == 0, run.story()
    assert [n["result"] for n in run.results["notebooks"]] == [str(i) for i in range(6)]
    assert site.executions() == {f"n{i}": 1 for i in range(6)}
    if SOAK:
        assert "(it goes on there)" in run.err


@pytest.mark.skipif(not SOAK, reason="takes a quarter of an hour: set NBFORK_TEST_SOAK")
@pytest.mark.patience(1200)
def test_a_long_outage_in_which_the_token_expires(build):
    site = build("--client", "robot:hush-hush-secret", "--token-lifetime", "300")
    site.env = {"DATABRICKS_HOST": site.workspace.url, "DATABRICKS_CLIENT_ID": "robot",
                "DATABRICKS_CLIENT_SECRET": "hush-hush-secret"}
    site.source("a.py", "import time; time.sleep(30)", "dbutils.notebook.exit(dbutils.widgets.get('i'))")
    site.workflow({"path": "a.py", "for_each": list(range(20)), "name": "n{{ item }}", "parameters": {"i": "{{ item }}"}}, processes=10)
    run = site.start()
    for i in range(10):
        run.event("notebook_submitted", name=f"n{i}")
    site.workspace.faults([{"match": {"during": [0, 600]}, "action": {"drop": "before"}}])
    run.finish(900)
    assert run.status == 0, run.story()
    assert site.executions() == {f"n{i}": 1 for i in range(20)}


FAKETIME = next(iter(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)
FASTER = 60  # nbfork's clocks, and the workspace's


@pytest.mark.skipif(not SOAK or FAKETIME is None, reason="takes some minutes: set NBFORK_TEST_SOAK and install faketime")
@pytest.mark.patience(600)
def test_three_hours_with_an_outage_of_ten_minutes_and_tokens_of_one_hour(build):
    site = build("--client", "robot:hush-hush-secret", "--clock-scale", str(FASTER), "--same-clock", "--limit", "jobs/runs/get=10000")
    site.env = {"DATABRICKS_HOST": site.workspace.url, "DATABRICKS_CLIENT_ID": "robot",
                "DATABRICKS_CLIENT_SECRET": "hush-hush-secret", "LD_PRELOAD": str(FAKETIME), "FAKETIME": f"+0 x{FASTER}"}
    site.source("a.py", f"import time; time.sleep(1.5 * 3600 / {FASTER})", "dbutils.notebook.exit(dbutils.widgets.get('i'))")
    site.workflow({"path": "a.py", "for_each": list(range(6)), "name": "n{{ item }}", "parameters": {"i": "{{ item }}"}},
                  processes=3)
    run = site.start("-vv", "workflow.yaml")
    for i in range(3):
        run.event("notebook_submitted", name=f"n{i}")
    # The first ones end in it, and the others are to be submitted.
    site.workspace.faults([{"match": {"during": [5000, 5600]}, "action": {"drop": "before"}}])
    run.finish(500)
    site.check(run)
    assert run.status == 0, run.story()
    began, ended = (datetime.fromisoformat(run.results[key]) for key in ("started_at", "finished_at"))
    assert 3 * 3600 <= (ended - began).total_seconds() < 4 * 3600
    assert [n["result"] for n in run.results["notebooks"]] == [str(i) for i in range(6)]
    assert site.executions() == {f"n{i}": 1 for i in range(6)}
    assert all(r["submits"] >= 1 for r in site.runs()) and len(site.runs()) == 6
    # Whoever waits for one in the outage asks again; otherwise one an hour is enough.
    grants = [r for r in site.workspace.log("/oidc/v1/token") if not r["fault"]]
    assert 3 <= len(grants) <= 12, [(round(r["clock"] - grants[0]["clock"]), r["status"]) for r in grants]
    assert "(it goes on there)" in run.err


@pytest.mark.skipif(not SOAK, reason="set NBFORK_TEST_SOAK")
def test_a_workspace_with_narrow_limits(build):
    site = build("--limit", "jobs/runs/submit=4", "--limit", "jobs/runs/get=8", "--limit", "jobs/runs/export=2",
                 "--limit", "workspace/import=1")
    many(site, 20)
    run = site.run()
    all_is_right(site, run, 20)
    state = site.workspace.state()["limits"]
    assert state["refused"].get("jobs/runs/submit", 0) > 0
    # Those who are refused slow down all: they do not come again and again.
    assert sum(state["refused"].values()) <= 60, state


@pytest.mark.patience(120 if not SOAK else 900)
def test_faults_of_all_kinds_by_chance(build):
    """Of a thousand requests fifty, and more than two hundred runs at a time where it is a thousand notebooks."""
    count, processes, share = (1000, 200, 0.05) if SOAK else (60, 32, 0.05)
    site = build("--client", "robot:hush-hush-secret", "--token-lifetime", "60", "--pending", "0:0.5")
    site.secrets.add("hush-hush-secret")
    site.env = {"DATABRICKS_HOST": site.workspace.url, "DATABRICKS_CLIENT_ID": "robot",
                "DATABRICKS_CLIENT_SECRET": "hush-hush-secret"}
    many(site, count, processes=processes)
    rules = [{"name": name, "match": {"probability": share / len(FAULTS)}, "action": action} for name, action in FAULTS.items()]
    # The token of all, a while apart: who is refused twice in a row has no login.
    rules.append({"name": "an expired token", "match": {"nth": [50, 1500, 3500]}, "action": {"token_expired": True}})
    site.workspace.faults(rules, SEED)
    run = site.run("-v", "workflow.yaml", timeout=900 if SOAK else 100)
    all_is_right(site, run, count)
    log = site.workspace.log()
    assert too_fast(log) == {}
    faults = [r for r in log if r["fault"]]
    assert len(faults) >= count / 10, len(faults)
    print(f"seed {SEED}: {len(log)} requests, {len(faults)} faults, {run.seconds:.1f} s")


def test_many_at_once_stay_within_the_limits(site):
    """No faults: all the limits of a workspace, and the polls of those that run long are few."""
    count, processes = (1000, 200) if SOAK else (50, 50)
    site.source("a.py", "import time; time.sleep(1.2)", "dbutils.notebook.exit(dbutils.widgets.get('i'))")
    site.workflow({"path": "a.py", "for_each": list(range(count)), "name": "n{{ item }}", "parameters": {"i": "{{ item }}"}},
                  processes=processes)
    run = site.run(timeout=300)
    assert run.status == 0, run.story()
    log = site.workspace.log()
    assert too_fast(log) == {} and not [r for r in log if r["status"] == 429]
    assert len([r for r in log if r["path"].endswith("/runs/get")]) <= 8 * count
    assert site.executions() == {f"n{i}": 1 for i in range(count)}
    # An end is noticed within ten seconds, and some more on a machine that is busy.
    ends = {str(r["run_id"]): site.workspace.get(r["run_id"])["end_time"] / 1000 for r in site.runs()[:20]}
    for n in run.results["notebooks"]:
        if n["remote"]["run_id"] in ends:
            finished = time.mktime(time.strptime(n["finished_at"][:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone
            assert finished - ends[n["remote"]["run_id"]] < 20 * PATIENCE


def test_a_stop_while_it_is_submitted_leaves_nothing_behind(site):
    """The answer to the submission is late; what was begun there must be cancelled all the same."""
    site.source("a.py", "import time; time.sleep(600)")
    site.workflow("a.py")
    site.workspace.faults([{"match": {"path": "submit$", "count": 1}, "action": {"slow": {"seconds": 3, "pieces": 3}}}])
    run = site.start()
    wait_for(lambda: site.runs(), "the run")
    run.signal(15)
    run.finish()
    site.check(run)
    assert run.record("a")["status"] == "cancelled"
    assert [r["result"] for r in site.runs()] == ["CANCELED"]
