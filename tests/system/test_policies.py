"""
What a failure means for the other notebooks: let-finish, fail-fast, drain, allow_failure.
"""

import pytest

import journal


@pytest.fixture
def flow(work):
    """
    Three places. `first` fails as soon as `fail` is there; `running` runs until `go` is there; `waiting` waits for a
    place; so does `last`, which is quick. Where `fail` appears only once all of the pool runs, order is certain.
    """
    work.notebook("first", "wait fail", "error E no", "touch after")
    work.notebook("running", "print before", "wait go", "print after")
    work.notebook("waiting", "touch waiting-ran")
    work.notebook("last", "print last")

    def start(*args, policy=None, **first):
        keys = {"on_error": policy} if policy else {}
        work.workflow({"path": "first.ipynb", **first}, "running.ipynb", "waiting.ipynb", "last.ipynb", processes=2, **keys)
        run = work.start(*args, "workflow.yaml")
        run.event("cell_started", name="first", number=1)
        run.event("cell_started", name="running", number=2)
        work.write("fail", "")
        return run
    return start


@pytest.mark.parametrize("policy", [None, "let-finish"])
def test_let_finish_is_the_default_and_runs_all(work, flow, policy):
    run = flow(policy=policy)
    run.event("notebook_finished", name="last")
    work.write("go", "")
    run.finish()
    assert run.status == 1
    assert run.statuses() == {"first": "failed", "running": "succeeded", "waiting": "succeeded", "last": "succeeded"}
    assert "run_stopping" not in [e["event"] for e in run.events]
    assert not work.path("after").exists()


def test_fail_fast_stops_what_runs_and_skips_what_waits(work, flow):
    run = flow(policy="fail-fast").finish()
    assert run.status == 1
    assert run.statuses() == {"first": "failed", "running": "cancelled", "waiting": "skipped", "last": "skipped"}
    assert not work.path("waiting-ran").exists()
    stopped = run.record("running")
    assert stopped["error"]["kind"] == "stopped"
    assert run.source("running", stopped["error"]["cell"]) == "wait go"
    assert run.text("running") == "before\n"
    assert [o["ename"] for o in run.cells("running")[1]["outputs"]] == ["KeyboardInterrupt"]  # it is not killed
    assert "first" in next(e["reason"] for e in run.events if e["event"] == "run_stopping")
    for name in ("waiting", "last"):
        assert run.record(name)["error"]["kind"] in ("dependency", "stopped")


def test_drain_lets_what_runs_finish_and_starts_nothing(work, flow):
    run = flow("-e", "drain")
    run.event("run_stopping")
    work.write("go", "")
    run.finish()
    assert run.status == 1
    assert run.statuses() == {"first": "failed", "running": "succeeded", "waiting": "skipped", "last": "skipped"}
    assert run.text("running") == "before\nafter\n"


@pytest.mark.parametrize("policy", ["fail-fast", "drain"])
def test_a_failure_that_is_allowed_trips_nothing(work, flow, policy):
    run = flow(policy=policy, allow_failure=True)
    run.event("notebook_finished", name="last")
    work.write("go", "")
    run.finish()
    assert run.status == 0
    assert run.statuses() == {"first": "failed", "running": "succeeded", "waiting": "succeeded", "last": "succeeded"}


def test_fail_fast_kills_what_does_not_listen_after_five_seconds(work):
    work.notebook("first", "wait fail", "error E no")
    work.notebook("deaf", "print before", "hang ignore-int")
    work.workflow("first.ipynb", "deaf.ipynb", processes=2, on_error="fail-fast")
    run = work.start("workflow.yaml")
    run.event("cell_started", name="deaf", number=2)
    work.write("fail", "")
    run.event("run_stopping")
    run.finish()
    assert run.statuses() == {"first": "failed", "deaf": "cancelled"}
    assert run.text("deaf") == "before\n"
    stopping, = journal.of(run, "run_stopping")
    seconds = journal.seconds_of(run.record("deaf")["finished_at"]) - journal.moment(stopping)
    assert 4.5 < seconds < 11  # after twelve its worker would be killed


@pytest.mark.parametrize("cells, more", [
    (["die 9"], {}),
    (["sleep 9"], {"timeout_seconds": 0.3}),
    (["sleep 9"], {"cell_timeout_seconds": 0.3}),
], ids=["kernel death", "timeout", "cell timeout"])
def test_every_kind_of_failure_trips_the_policy(work, cells, more):
    work.notebook("first", *cells)
    work.notebook("later", "touch ran")
    work.workflow({"path": "first.ipynb", **more}, "later.ipynb", processes=1, on_error="drain")
    run = work.run("workflow.yaml")
    assert run.status == 1
    assert run.statuses()["later"] == "skipped"
    assert not work.path("ran").exists()


def test_no_more_run_at_a_time_than_there_are_processes(work):
    work.notebook("a", "print x", "sleep 0.05")
    work.workflow(*({"path": "a.ipynb", "name": f"n{i}"} for i in range(12)), processes=3)
    run = work.run("workflow.yaml")  # the limit itself is checked with every run
    assert run.status == 0
    running, most = set(), 0
    for e in run.events:
        if e["event"] == "notebook_started":
            running.add(e["name"])
        elif e["event"] in ("notebook_departs", "notebook_finished"):
            running.discard(e["name"])
        most = max(most, len(running))
    assert most == 3


def test_a_kernel_that_takes_its_time_to_end_holds_up_nobody(work):
    """Its place is free once its cells have run, but not where one is to run at a time, nor for what waits for it."""
    work.notebook("slow", "import atexit, time\natexit.register(time.sleep, 3)", kernel="python3")
    work.notebook("other", "1", kernel="python3")
    workflow = [{"path": "slow.ipynb", "name": "s1"}, {"path": "slow.ipynb", "name": "s2"}, "other.ipynb",
                {"path": "other.ipynb", "name": "last", "depends_on": ["s1"]}]
    for processes in (2, 1):
        work.workflow(*workflow, processes=processes, targets={"local": {"shutdown_seconds": 60}})
        run = work.run("workflow.yaml")
        assert run.status == 0
        at = {(e["event"], e["name"]): i for i, e in enumerate(run.events) if "name" in e}
        early = [n for n in ("s1", "s2") if at["notebook_started", "other"] < at["notebook_finished", n]]
        assert early if processes == 2 else not early and ("notebook_departs", "s1") not in at
        assert at["notebook_finished", "s1"] < at["notebook_started", "last"]


def test_notebooks_start_in_the_order_of_the_workflow(work):
    work.notebook("a")
    names = [f"n{i}" for i in (3, 1, 2, 5, 4)]
    work.workflow(*({"path": "a.ipynb", "name": n} for n in names), processes=2)
    run = work.run("workflow.yaml")
    assert [e["name"] for e in run.events if e["event"] == "notebook_started"] == names


def test_allow_errors_goes_on_after_a_cell_that_raises(work):
    work.notebook("a", "print one", "error E no", "print two")
    work.workflow({"path": "a.ipynb", "allow_errors": True})
    run = work.run("workflow.yaml")
    assert run.status == 0
    assert run.text("a") == "one\ntwo\n"
    assert run.cells("a")[1]["outputs"][0]["ename"] == "E"
