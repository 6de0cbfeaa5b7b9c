"""
How many failures it takes: on_error with `after`.
"""

import pytest

import journal


def flow(work, ends, policy, *options, **keys):
    """Runs n0, n1, ... one after the other: those of ends that are "x" fail, "a" fail and may."""
    work.notebook("good", "print x")
    work.notebook("bad", "error E no")
    work.workflow(*({"path": "good.ipynb" if end == "." else "bad.ipynb", "name": f"n{i}", "allow_failure": end == "a"}
                    for i, end in enumerate(ends)), processes=1, on_error=policy, **keys)
    return work.run(*options, "workflow.yaml")


def ran(run):
    """How many were started."""
    return len(journal.started(run))


@pytest.mark.parametrize("policy, ends, after, many", [
    ("fail-fast", "x.x...", 1, 1), ("fail-fast", "x.x...", 2, 3), ("drain", ".xxx..", 3, 4), ("drain", "x.x...", 3, 6),
    ("fail-fast", "xxxxxx", 200, 6),
    ("drain", "x.x...", "30%", 3), ("fail-fast", "x.x...", "33.4%", 6),  # 2 of 6 are a third
    ("drain", "xxxxxx", "0.1%", 1), ("fail-fast", ".xxxx.", "50%", 4),
    ("fail-fast", "xxxxx.", "100%", 6), ("drain", "xxxxxx", "100%", 6),
], ids=str)
def test_the_run_goes_on_until_so_many_have_failed(work, policy, ends, after, many):
    run = flow(work, ends, {"policy": policy, "after": after})
    assert run.status == 1
    assert ran(run) == many
    assert run.results["counts"]["failed"] == ends[:many].count("x")
    assert run.results["counts"]["skipped"] == len(ends) - many
    assert run.results["on_error"] == policy


@pytest.mark.parametrize("after, reason", [
    (1, "notebook 'n0' failed (on_error: fail-fast)"),
    (2, "2 notebooks failed, 'n2' the last of them (on_error: fail-fast after 2)"),
    ("50%", "2 of 4 notebooks failed, 'n2' the last of them (on_error: fail-fast after 50%)"),
], ids=str)
def test_journal_progress_summary_and_records_say_why(work, after, reason):
    run = flow(work, "x.x.", {"policy": "fail-fast", "after": after})
    assert journal.of(run, "run_stopping")[0]["reason"] == reason
    assert f"stopping: {reason}\n" in run.err
    assert f"stopped: {reason}\n" in run.out
    assert reason in run.record("n3")["error"]["message"]


def test_fail_fast_stops_what_runs_only_then(work):
    work.notebook("bad", "error E no")
    work.notebook("worse", "wait go", "error E no")
    work.notebook("long", "wait never")
    work.workflow("bad.ipynb", "worse.ipynb", "long.ipynb", processes=3, on_error={"policy": "fail-fast", "after": 2})
    run = work.start("workflow.yaml")
    run.event("notebook_finished", name="bad")
    run.event("cell_started", name="long")
    assert not journal.of(run, "run_stopping")
    work.write("go", "")
    run.finish()
    assert run.statuses() == {"bad": "failed", "worse": "failed", "long": "cancelled"}


def test_drain_lets_what_runs_finish_then(work):
    work.notebook("bad", "error E no")
    work.notebook("long", "wait go", "print x")
    work.workflow({"path": "bad.ipynb", "name": "b0"}, {"path": "bad.ipynb", "name": "b1"}, "long.ipynb",
                  {"path": "bad.ipynb", "name": "b2", "depends_on": ["b0", "b1"], "run_if": "all_done"}, processes=3,
                  on_error={"policy": "drain", "after": 2})
    run = work.start("workflow.yaml")
    run.event("run_stopping")
    run.event("cell_started", name="long")
    work.write("go", "")
    run.finish()
    assert run.statuses() == {"b0": "failed", "b1": "failed", "long": "succeeded", "b2": "skipped"}


def test_failures_that_are_allowed_do_not_count(work):
    run = flow(work, "axaa.x", {"policy": "fail-fast", "after": 2})
    assert ran(run) == 6
    assert run.results["counts"]["failed"] == 5


def test_neither_attempts_nor_what_is_skipped_for_a_failure_count(work):
    work.notebook("bad", "error E no")
    work.notebook("good", "print x")
    below = [{"path": "good.ipynb", "name": f"below{i}", "depends_on": "bad"} for i in range(3)]
    work.workflow({"path": "bad.ipynb", "retries": 2, "retry_delay_seconds": 0}, *below, "good.ipynb", processes=1,
                  on_error={"policy": "fail-fast", "after": 2})
    run = work.run("workflow.yaml")
    assert run.statuses() == {"bad": "failed", "below0": "skipped", "below1": "skipped", "below2": "skipped",
                              "good": "succeeded"}
    assert not journal.of(run, "run_stopping")


def test_a_timeout_is_a_failure_too(work):
    work.notebook("slow", "sleep 9")
    work.workflow(*({"path": "slow.ipynb", "name": f"n{i}", "cell_timeout_seconds": 0.2} for i in range(3)),
                  processes=1, on_error={"policy": "drain", "after": 2})
    run = work.run("workflow.yaml")
    assert run.results["counts"] == {"succeeded": 0, "failed": 0, "timed_out": 2, "cancelled": 0, "skipped": 1}


@pytest.mark.parametrize("policy, many", [("fail-fast", 1), ("drain", 1), ("let-finish", 4)])
def test_the_option_replaces_all_of_it(work, policy, many):
    run = flow(work, "xxx.", {"policy": "drain", "after": 3}, "-e", policy)
    assert ran(run) == many
    assert run.results["on_error"] == policy


def test_a_policy_without_a_number_is_tripped_by_the_first(work):
    assert ran(flow(work, ".x..", {"policy": "fail-fast"})) == 2


def test_a_share_is_written_as_people_write_it(work):
    work.notebook("bad", "error E no")
    work.write("workflow.yaml", "name: test\nprocesses: 1\non_error: {policy: fail-fast, after: 20%}\nnotebooks:\n"
               + "".join(f"  - {{path: bad.ipynb, name: n{i}}}\n" for i in range(10)))
    assert ran(work.run("workflow.yaml")) == 2


@pytest.mark.parametrize("on_error, word", [
    ({"policy": "fail-fast", "after": 0}, "'after'"), ({"policy": "fail-fast", "after": -1}, "'after'"),
    ({"policy": "fail-fast", "after": 1.5}, "'after'"), ({"policy": "drain", "after": "0%"}, "'after'"),
    ({"policy": "drain", "after": "101%"}, "'after'"), ({"policy": "drain", "after": "many"}, "'after'"),
    ({"policy": "let-finish", "after": 3}, "let-finish"), ({"after": 3}, "'policy'"),
    ({"policy": "fail-fast", "afer": 3}, "'after'"), ({"policy": "failfast"}, "fail-fast"), ([], "on_error"),
], ids=str)
def test_what_makes_no_sense_is_refused(work, on_error, word):
    work.notebook("a", "print x")
    work.workflow("a.ipynb", on_error=on_error)
    said = work.refused("workflow.yaml")
    assert word in said and said.startswith("workflow.yaml:")
