"""
--resume: what succeeded is kept, all else runs again and says why; whatever ended the run before, and whatever has
happened to its folder since.
"""

import contextlib
import fcntl
import json
import os
import random
import re
import shutil
import signal
import subprocess

import pytest

from counting import Count
from harness import full, kill_all, marked, wait_for

RESULT = "application/vnd.nbfork.result+json"


def result(text):
    """A line of a cell that hands this JSON text back."""
    return f'display {{"data": {{"{RESULT}": {text}}}}}'


def put(work, name, *cells):
    return work.notebook(name, "tally", *cells, kernel="count")


@pytest.fixture
def count(work):
    return Count(work)


def flow(work, count, *notebooks, **keys):
    """A workflow of notebooks that count how often they run; a name is one that depends on nothing."""
    listed = [{"path": f"{n}.ipynb"} if isinstance(n, str) else n for n in notebooks]
    keys.setdefault("defaults", {})
    keys["defaults"] = {**keys["defaults"], "env": {**count.env, **keys["defaults"].get("env", {})}}
    return work.workflow(*listed, **keys)


def chain(work, count, **keys):
    """a hands something to b, on which c depends; d is alone. All of them succeed."""
    put(work, "a", result('{"rows": 3}'))
    put(work, "b", "show rows")
    put(work, "c")
    put(work, "d")
    return chained(work, count, **keys)


def chained(work, count, **keys):
    b = {"path": "b.ipynb", "depends_on": "a", "parameters": {"rows": "{{ notebooks.a.result.rows }}"}}
    return flow(work, count, "a", b, {"path": "c.ipynb", "depends_on": "b"}, "d", **keys)


def resuming(work, run, *args, workflow="workflow.yaml", **more):
    """Starts nbfork to continue a run."""
    return work.start(f"--resume={run.dir}", *args, *([workflow] if workflow else []), folder=run.dir, **more)


def resume(work, run, *args, **more):
    return resuming(work, run, *args, **more).finish()


def journal(run):
    """The events, but for what is no line of JSON."""
    for line in (run.dir / "events.jsonl").read_bytes().split(b"\n"):
        with contextlib.suppress(ValueError):
            event = json.loads(line)
            if isinstance(event, dict) and "time" in event:
                yield event


def last_run(run):
    """The events of the last run in the folder."""
    events = list(journal(run))
    start = max(i for i, e in enumerate(events) if e["event"] == "run_started")
    return events[start:]


def started(run):
    """Which notebooks the last run in the folder has started, and why again: None, or the reason."""
    return {e["name"]: e["reason"] for e in last_run(run) if e["event"] == "notebook_started"}


def kept(run):
    return sorted(e["name"] for e in last_run(run) if e["event"] == "notebook_kept")


def files(folder):
    """What is in them; how much memory a run that goes on takes is written down now and then, and left out."""
    return {str(p.relative_to(folder)): re.sub(rb'.*"event": "memory_sampled".*\n', b"", p.read_bytes())
            for p in sorted(folder.rglob("*")) if p.is_file()}


# What ended the run before.

def test_after_a_failure_what_succeeded_is_kept_and_all_else_runs(work, count):
    chain(work, count)
    put(work, "b", "error ValueError wrong")
    first = work.run("workflow.yaml")
    assert first.status == 1
    before = first.results
    put(work, "b", "show rows")
    again = resume(work, first)
    assert again.status == 0
    assert count() == {"a": 1, "b": 2, "c": 1, "d": 1}
    assert kept(again) == ["a", "d"]
    assert started(again) == {"b": None, "c": None}  # b has never succeeded: nothing to be explained

    after = again.results
    assert after["status"] == "succeeded" and after["counts"]["succeeded"] == 4
    assert after["run"]["id"] != before["run"]["id"]
    assert after["run"]["resumed_from"] == before["run"]["id"] and before["run"]["resumed_from"] is None
    for name in "ad":
        assert again.record(name) == {**next(n for n in before["notebooks"] if n["name"] == name),
                                      "resumed_from": before["run"]["id"]}
    assert again.record("b")["resumed_from"] is None
    assert again.text("b") == "3\n"  # with the result that was kept
    assert [n["name"] for n in after["notebooks"]] == list("abcd")


def test_attempts_count_on_and_the_files_of_earlier_ones_stay(work, count):
    chain(work, count)
    put(work, "b", "print one", "error ValueError wrong")
    first = work.run("workflow.yaml")
    put(work, "b", "print two", "error KeyError wrong")
    second = resume(work, first)
    assert second.status == 1 and second.record("b")["attempts"] == 2
    put(work, "b", "print three")
    third = resume(work, first)
    record = third.record("b")
    assert record["status"] == "succeeded" and record["attempts"] == 3
    assert [e["attempt"] for e in record["earlier_attempts"]] == [1, 2]
    assert [e["error"]["name"] for e in record["earlier_attempts"]] == ["ValueError", "KeyError"]
    for attempt, text in zip(record["earlier_attempts"], ("one", "two")):
        assert attempt["output"] == f"notebooks/b.attempt{attempt['attempt']}.ipynb"
        assert f"{text}\n" in (first.folder / attempt["log"]).read_text()
        assert text in (first.folder / attempt["output"]).read_text()
    assert "three" in third.text("b")
    ids = [e["run"]["id"] for e in journal(third) if e["event"] == "run_started"]
    assert len(set(ids)) == 3
    assert third.results["run"]["resumed_from"] == ids[1]
    assert third.record("a")["resumed_from"] == ids[0]  # where it succeeded, not where it was kept last


def test_attempts_count_on_over_retries(work, count):
    put(work, "a", "shaky")
    flow(work, count, {"path": "a.ipynb", "parameters": {"fails": 4}},
         defaults={"retries": 1, "retry_delay_seconds": 0})
    first = work.run("workflow.yaml")
    assert first.record("a")["attempts"] == 2 and first.status == 1
    second = resume(work, first)
    assert second.record("a")["attempts"] == 4 and second.status == 1
    third = resume(work, first)
    assert third.status == 0 and third.record("a")["attempts"] == 5
    assert [e["attempt"] for e in third.record("a")["earlier_attempts"]] == [1, 2, 3, 4]
    assert sorted(p.name for p in (first.folder / "notebooks").glob("*.ipynb")) == [
        "a.attempt1.ipynb", "a.attempt2.ipynb", "a.attempt3.ipynb", "a.attempt4.ipynb", "a.ipynb"]
    assert count() == {"a": 5}


def test_after_ctrl_c(work, count):
    chain(work, count)
    put(work, "b", "show rows", "wait go")
    first = work.start("workflow.yaml", "-j", "4")
    first.event("cell_started", name="b", number=3)
    first.event("notebook_finished", name="d")
    first.signal(signal.SIGINT)
    first.finish()
    assert first.status == -signal.SIGINT
    work.write("go", "")
    again = resume(work, first)
    assert again.status == 0
    assert count() == {"a": 1, "b": 2, "c": 1, "d": 1}
    assert kept(again) == ["a", "d"]
    assert again.record("b")["attempts"] == 2
    assert [e["status"] for e in again.record("b")["earlier_attempts"]] == ["cancelled"]


@pytest.mark.parametrize("whom", ["nbfork", "nbfork and all workers"])
def test_after_kill_9(work, count, whom):
    chain(work, count)
    put(work, "b", "show rows", "wait go", "print done")
    first = work.start("workflow.yaml", "-j", "4")
    first.event("cell_started", name="b", number=3)
    first.event("notebook_finished", name="d")
    if whom == "nbfork":
        first.proc.kill()
    else:
        kill_all([first.pid, first.event("notebook_started", name="b")["pid"]])  # the others have ended
    first.proc.wait()
    work.write("go", "")
    again = resume(work, first)  # at once
    assert again.status == 0
    assert count() == {"a": 1, "b": 2, "c": 1, "d": 1}
    assert kept(again) == ["a", "d"]
    assert again.record("b")["attempts"] == 2
    assert again.record("b")["earlier_attempts"] == []  # it has not come to an end
    assert (first.folder / "notebooks/b.ipynb").exists()
    for folder in work.leftovers()[1]:  # where there was nobody left to remove it
        shutil.rmtree(folder)


def test_a_kill_while_a_retry_waits(work, count):
    put(work, "a", "shaky", "print good")
    flow(work, count, {"path": "a.ipynb", "parameters": {"fails": 1}, "retries": 3, "retry_delay_seconds": 600})
    first = work.start("workflow.yaml")
    first.event("notebook_attempt_failed")
    first.proc.kill()
    first.proc.wait()
    for folder in work.leftovers()[1]:
        shutil.rmtree(folder)
    again = resume(work, first)
    assert again.status == 0
    record = again.record("a")
    assert record["attempts"] == 2
    assert [(e["attempt"], e["error"]["name"]) for e in record["earlier_attempts"]] == [(1, "Shaky")]
    assert (first.folder / record["earlier_attempts"][0]["output"]).exists()


def test_after_the_time_of_the_run_was_over(work, count):
    put(work, "a")
    put(work, "b", "wait go")
    put(work, "c")
    flow(work, count, "a", "b", "c", processes=1, timeout_seconds=2)
    first = work.run("workflow.yaml")
    assert first.status == 1 and first.results["status"] == "timed_out"
    work.write("go", "")
    flow(work, count, "a", "b", "c", processes=1, timeout_seconds=600)
    again = resume(work, first)
    assert again.status == 0
    assert set(kept(again)) == {n for n, s in first_statuses(first).items() if s == "succeeded"}
    assert set(started(again)) == {"b", "c"} | ({"a"} - set(kept(again)))


def first_statuses(run):
    """How the notebooks ended in the first run in the folder."""
    events = list(journal(run))
    end = [i for i, e in enumerate(events) if e["event"] == "run_started"][1]
    return {e["name"]: e["notebook"]["status"] for e in events[:end] if e["event"] == "notebook_finished"}


def test_the_files_of_an_attempt_stay_when_one_after_it_was_killed_before_it_was_known(work, count):
    """Between its first file and its line in the journal."""
    put(work, "a", "print one", "error ValueError wrong")
    flow(work, count, "a")
    first = work.run("workflow.yaml")
    for folder, end in (("notebooks", "ipynb"), ("logs", "log")):
        own, aside = (first.folder / folder / f"a{n}.{end}" for n in ("", ".attempt1"))
        own.rename(aside)
    (first.folder / "logs/a.log").write_text("")  # of the attempt that nobody knows of
    put(work, "a", "print two")
    again = resume(work, first)
    assert again.record("a")["attempts"] == 2
    assert "one\n" in (first.folder / "logs/a.attempt1.log").read_text()
    assert "one" in (first.folder / "notebooks/a.attempt1.ipynb").read_text()
    assert "two" in again.text("a")


def test_the_policy_and_the_limits_are_those_of_now(work, count):
    """A run that stopped at the first failure goes on with another policy."""
    put(work, "a", "error ValueError wrong")
    for name in "bcd":
        put(work, name)
    flow(work, count, *"abcd", processes=1, on_error="fail-fast")
    first = work.run("workflow.yaml")
    assert first.statuses() == {"a": "failed", "b": "skipped", "c": "skipped", "d": "skipped"}
    again = resume(work, first, "-e", "let-finish", "-j", "3")
    assert again.status == 1
    assert again.statuses() == {"a": "failed", "b": "succeeded", "c": "succeeded", "d": "succeeded"}
    assert count() == {"a": 2, "b": 1, "c": 1, "d": 1}


# What is finished.

def test_of_a_run_that_succeeded_nothing_is_started(work, count):
    chain(work, count)
    first = work.run("workflow.yaml")
    before = first.results
    for _ in range(2):
        again = resume(work, first)
        assert again.status == 0
        assert started(again) == {} and kept(again) == list("abcd")
        assert again.results["counts"]["succeeded"] == 4
        for record, old in zip(again.results["notebooks"], before["notebooks"]):
            assert record == {**old, "resumed_from": before["run"]["id"]}
    assert count() == {"a": 1, "b": 1, "c": 1, "d": 1}


def test_what_was_not_needed_and_what_may_fail(work, count):
    """A failure handler stays unneeded; a failure that is allowed is still one, and runs again."""
    put(work, "a")
    put(work, "b", "error ValueError allowed")
    put(work, "handler")
    flow(work, count, "a", {"path": "b.ipynb", "allow_failure": True},
         {"path": "handler.ipynb", "depends_on": "a", "run_if": "at_least_one_failed"})
    first = work.run("workflow.yaml")
    assert first.status == 0
    again = resume(work, first)
    assert again.status == 0
    assert again.statuses() == {"a": "succeeded", "b": "failed", "handler": "skipped"}
    assert count() == {"a": 1, "b": 2}


@pytest.mark.parametrize("what", ["gone", "garbage"])
def test_the_journal_is_the_truth_and_not_the_results(work, count, what):
    chain(work, count)
    first = work.run("workflow.yaml")
    if what == "gone":
        (first.folder / "results.json").unlink()
    else:
        (first.folder / "results.json").write_text('{"notebooks": [')
    again = resume(work, first)
    assert again.status == 0 and kept(again) == list("abcd")
    assert again.results["status"] == "succeeded"


@pytest.mark.parametrize("text", [
    '{"rows":   1.50,"b" : [1e5, -0.0, 12345678901234567890, "\\u00e9\\ud83d\\ude00"], "a": {"z": null, "y": ""}}',
    '"[1, 2,   3]"', '"text with \\" and \\n"', "null", "[]", "17"])
def test_a_result_is_the_same_after_it_was_read_back(work, count, text):
    put(work, "a", result(text))
    put(work, "b", "show x")
    flow(work, count, "a", {"path": "b.ipynb", "depends_on": "a", "parameters": {"x": "{{ notebooks.a.result }}"}})
    first = work.run("workflow.yaml")
    if text == "null":
        assert first.statuses() == {"a": "succeeded", "b": "failed"}
        assert first.record("b")["error"]["kind"] == "dependency"
        return
    assert first.status == 0
    again = resume(work, first)
    assert started(again) == {}
    assert again.record("a")["result"] == first.record("a")["result"]
    put(work, "b", "show x", "print changed")
    assert resume(work, first).status == 0
    assert again.text("b").startswith(json.dumps(first.record("a")["result"]))


# What has changed.

def change_notebook(work, count):
    put(work, "a", result('{"rows": 3}'), "print changed")
    return ["the notebook changed", ()]


def change_parameter(work, count):
    flow(work, count, {"path": "a.ipynb", "parameters": {"day": 2}})
    return ["its parameters changed", ()]


def give_parameter(work, count):
    return ["its parameters changed", ("-p", "day=2")]


def change_env(work, count):
    flow(work, count, {"path": "a.ipynb", "parameters": {"day": 1}, "env": {"MODE": "fast"}})
    return ["its parameters changed", ()]


def change_kernel(work, count):
    Count(work, "other")
    flow(work, count, {"path": "a.ipynb", "parameters": {"day": 1}, "kernel": "other"})
    return ["its kernel changed", ()]


def delete_copy(work, count):
    work.path("run-1/notebooks/a.ipynb").unlink()
    return ["its executed copy is gone", ()]


@pytest.mark.parametrize("change", [change_notebook, change_parameter, give_parameter, change_env, change_kernel,
                                    delete_copy])
def test_what_would_be_run_on_something_else_runs_again_and_says_why(work, count, change):
    put(work, "a", result('{"rows": 3}'))
    flow(work, count, {"path": "a.ipynb", "parameters": {"day": 1}})
    first = work.run("workflow.yaml")
    assert first.status == 0
    why, args = change(work, count)
    plan = work.run("-n", f"-r{first.folder}", *args, "workflow.yaml", folder=None)
    assert why in plan.out
    again = resume(work, first, *args)
    assert again.status == 0
    assert started(again) == {"a": why}
    assert f"a: started (attempt 2): runs again, because {why}\n" in again.err
    assert count() == {"a": 2}
    assert again.record("a")["attempts"] == 2
    assert resume(work, first, *args).status == 0
    assert count() == {"a": 2}  # from now on that is what counts


def test_what_is_only_written_in_another_way_is_kept(work, count):
    put(work, "a")
    put(work, "b")
    work.write("workflow.yaml", f"""
name: test
parameters: {{x: [1, 2], y: {{b: 1, a: text}}}}
notebooks:
  - {{path: a.ipynb, env: {{TALLY: {count.folder}/a}}}}
""")
    first = work.run("workflow.yaml")
    assert first.status == 0
    os.utime(work.path("a.ipynb"), (1, 1))
    work.write("workflow.yaml", f"""
# The same, with another notebook before it.
processes: 2
name: "test"
defaults: {{parameters: {{y: {{a: "text", b: 1}}}}, retries: 3, timeout_seconds: 50}}
notebooks:
  - path: b.ipynb
    env: {{TALLY: {count.folder}/b}}
  - path: ./a.ipynb
    name: a
    priority: 7
    parameters:
      x:
        - 1
        - 2
    env: {{TALLY: {count.folder}/a}}
""")
    again = resume(work, first)
    assert started(again) == {"b": None} and kept(again) == ["a"]


def test_when_one_ran_again_so_does_what_depends_on_it(work, count):
    """Also where its result is the same: what it has written may not be."""
    chain(work, count)
    first = work.run("workflow.yaml")
    put(work, "a", "print changed", result('{"rows": 3}'))
    again = resume(work, first)
    assert started(again) == {"a": "the notebook changed", "b": "'a', on which it depends, runs again",
                              "c": "'b', on which it depends, runs again"}
    assert kept(again) == ["d"]


def test_a_result_that_changed_is_seen_below(work, count):
    chain(work, count)
    first = work.run("workflow.yaml")
    put(work, "a", result('{"rows": 4}'))
    again = resume(work, first)
    assert set(started(again)) == set("abc")
    assert again.text("b") == "4\n"


def test_what_ran_again_in_a_run_that_was_killed_is_newer_than_what_depends_on_it(work, count):
    chain(work, count)
    first = work.run("workflow.yaml")
    put(work, "a", result('{"rows": 3}'), "print changed")
    work.kernel("slow", "--late", "600")
    put(work, "e")
    work.workflow({"path": "a.ipynb", "env": count.env}, {"path": "b.ipynb", "depends_on": "a", "pool": "one",
                  "parameters": {"rows": "{{ notebooks.a.result.rows }}"}, "env": count.env},
                  {"path": "c.ipynb", "depends_on": "b", "env": count.env}, {"path": "d.ipynb", "env": count.env},
                  {"path": "e.ipynb", "kernel": "slow", "pool": "one"}, pools={"one": 1})
    killed = resuming(work, first, "-j", "4")
    killed.event("notebook_started", name="e")
    wait_for(lambda: [e for e in last_run(killed) if e["event"] == "notebook_finished" and e["name"] == "a"], "a")
    killed.proc.kill()
    killed.proc.wait()
    for folder in work.leftovers()[1]:
        shutil.rmtree(folder, ignore_errors=True)
    assert "b" not in started(killed)
    chained(work, count)
    again = resume(work, first)
    assert kept(again) == ["a", "d"]
    assert started(again) == {"b": "'a', on which it depends, has run since", "c": "'b', on which it depends, runs again"}


def test_what_ran_again_alone_is_newer_than_what_depends_on_it(work, count):
    chain(work, count)
    first = work.run("workflow.yaml")
    put(work, "a", result('{"rows": 3}'), "print changed")
    alone = resume(work, first, "-s", "a")
    assert started(alone) == {"a": "the notebook changed"}
    plan = work.run("-n", "--json", f"-r{first.folder}", "workflow.yaml", folder=None)
    assert [n["kept"] for n in json.loads(plan.out)["notebooks"]] == [True, False, False, True]
    again = resume(work, first)
    assert kept(again) == ["a", "d"]
    assert started(again) == {"b": "'a', on which it depends, has run since", "c": "'b', on which it depends, runs again"}


@pytest.mark.parametrize("repaired", [False, True])
def test_what_runs_after_a_failure_too(work, count, repaired):
    """Also when that fails as before: it may have left something else behind."""
    put(work, "a", "error ValueError wrong")
    put(work, "b")
    flow(work, count, "a", {"path": "b.ipynb", "depends_on": "a", "run_if": "all_done"})
    first = work.run("workflow.yaml")
    assert first.statuses() == {"a": "failed", "b": "succeeded"}
    if repaired:
        put(work, "a")
    again = resume(work, first)
    assert count() == {"a": 2, "b": 2}
    assert started(again)["b"] == "'a', on which it depends, runs again"


def test_notebooks_that_are_new_gone_or_renamed(work, count):
    chain(work, count)
    first = work.run("workflow.yaml")
    put(work, "new")
    shutil.copy(work.path("d.ipynb"), work.path("e.ipynb"))
    flow(work, count, "new", "a", "e", {"path": "b.ipynb", "depends_on": ["a"],
         "parameters": {"rows": "{{ notebooks.a.result.rows }}"}})
    again = resume(work, first)
    assert again.status == 0
    assert started(again) == {"new": None, "e": None} and kept(again) == ["a", "b"]
    assert [n["name"] for n in again.results["notebooks"]] == ["new", "a", "e", "b"]
    assert again.record("e")["attempts"] == 1
    assert (first.folder / "notebooks/d.ipynb").exists()  # not this run's to remove
    chained(work, count)
    third = resume(work, first)
    assert started(third) == {} and kept(third) == list("abcd")  # the journal remembers them


def test_a_dependency_that_was_added_is_a_change(work, count):
    chain(work, count)
    first = work.run("workflow.yaml")
    flow(work, count, "a", {"path": "b.ipynb", "depends_on": "a", "parameters": {"rows": 3}},
         {"path": "c.ipynb", "depends_on": "b"}, {"path": "d.ipynb", "depends_on": "c"})
    again = resume(work, first)
    assert kept(again) == list("abc")  # b has the value it had
    assert list(started(again)) == ["d"] and "depends" in started(again)["d"]


def test_of_for_each_only_the_rows_that_changed_run_again(work, count):
    put(work, "load", "show item")
    each = {"path": "load.ipynb", "name": "load-{{ item.id }}", "parameters": {"item": "{{ item }}"}}
    flow(work, count, {**each, "for_each": [{"id": i, "v": 1} for i in range(4)]})
    first = work.run("workflow.yaml")
    flow(work, count, {**each, "for_each": [{"id": i, "v": 2 if i == 3 else 1} for i in (4, 3, 2, 1)]})
    again = resume(work, first)
    assert started(again) == {"load-3": "its parameters changed", "load-4": None}
    assert kept(again) == ["load-1", "load-2"]


def test_the_run_id_is_another_one_and_no_reason_to_run_again(work, count):
    put(work, "a", "show run")
    flow(work, count, {"path": "a.ipynb", "parameters": {"run": "{{ run.id }}"}})
    first = work.run("workflow.yaml")
    before = first.results["run"]["id"]
    assert first.text("a") == json.dumps(before) + "\n"
    again = resume(work, first)
    assert again.results["run"]["id"] != before
    assert kept(again) == ["a"]
    assert again.record("a")["parameters"] == {"run": before}


@pytest.mark.parametrize("place", ["parameters", "env"])
def test_a_secret_that_was_rotated_is_no_change_but_another_one_is(work, count, place):
    put(work, "a")

    def write(name):
        flow(work, count, {"path": "a.ipynb", place: {"TOKEN": {"secret": name}}})
    write("OLD_TOKEN")
    first = work.run("workflow.yaml", env={"OLD_TOKEN": "hunter2-before"})
    again = resume(work, first, env={"OLD_TOKEN": "hunter3-after"})
    assert kept(again) == ["a"]
    write("NEW_TOKEN")
    third = resume(work, first, env={"NEW_TOKEN": "hunter2-before"})
    assert started(third) == {"a": "its parameters changed"}
    for name, data in files(first.folder).items():
        assert b"hunter" not in data, name


# --select, --failed-first and --dry-run with it.

def test_selected_notebooks_and_what_they_depend_on(work, count):
    chain(work, count)
    put(work, "b", "error ValueError wrong")
    put(work, "d", "error ValueError wrong")
    first = work.run("workflow.yaml")
    assert first.statuses() == {"a": "succeeded", "b": "failed", "c": "skipped", "d": "failed"}
    put(work, "b")
    put(work, "d")
    selected = resume(work, first, "-s", "b")
    assert selected.status == 0
    assert kept(selected) == ["a"] and started(selected) == {"b": None}
    assert selected.statuses() == {"a": "succeeded", "b": "succeeded"}
    rest = resume(work, first)
    assert kept(rest) == ["a", "b"] and set(started(rest)) == {"c", "d"}
    assert count() == {"a": 1, "b": 2, "c": 1, "d": 2}


def test_what_failed_goes_first_when_asked_for(work, count):
    for name in "abcdef":
        put(work, name, *(["error ValueError wrong"] if name in "cf" else ["wait go"] if name == "d" else []))
    flow(work, count, *"abcdef", processes=1)
    first = work.start("workflow.yaml", "-j", "6")
    first.event("cell_started", name="d", number=2)
    for name in "abcef":
        first.event("notebook_finished", name=name)
    first.signal(signal.SIGTERM)
    first.finish()
    for name in "abcdef":
        put(work, name, "print changed")
    again = resume(work, first, "--failed-first")
    assert again.status == 0
    # d was stopped, which is no failure; all others run again, because they changed
    assert list(started(again)) == ["c", "f", "a", "b", "d", "e"]
    for name in "abcdef":
        put(work, name, "print again")
    assert list(started(resume(work, first, "--failed-first"))) == list("abcdef")  # nothing fails any more


def test_failed_first_with_select(work, count):
    for name in "abcd":
        put(work, name, *(["error ValueError wrong"] if name in "bd" else []))
    flow(work, count, *"abcd", processes=1)
    first = work.run("workflow.yaml")
    for name in "abcd":
        put(work, name, "print changed")
    again = resume(work, first, "--failed-first", "-s", "[ab]")
    assert list(started(again)) == ["b", "a"]


def test_failed_first_alone_means_nothing(work):
    work.notebook("a")
    assert "--resume" in work.refused("--failed-first", "a.ipynb")


def test_a_dry_run_tells_what_would_be_kept_and_touches_nothing(work, count):
    chain(work, count)
    put(work, "d", "error ValueError wrong")
    first = work.run("workflow.yaml")
    put(work, "b", "print changed")
    before = files(first.folder)
    table = work.run("-n", f"-r{first.folder}", "workflow.yaml", folder=None)
    assert table.status == 0
    assert f"kept: succeeded in run {first.results['run']['id']}" in table.out
    assert "runs again, because the notebook changed" in table.out
    plan = work.run("-n", "--json", f"-r{first.folder}", "workflow.yaml", folder=None)
    assert plan.status == 0
    notebooks = json.loads(plan.out)["notebooks"]
    assert {n["name"]: n["kept"] for n in notebooks} == {"a": True, "b": False, "c": False, "d": False}
    assert [n["name"] for n in sorted(notebooks, key=lambda n: n["position"] or 0)][0] == "a"
    graph = work.run("-n", "--graph", f"-r{first.folder}", "workflow.yaml", folder=None)
    assert graph.status == 0 and '"a" -> "b"' in graph.out
    assert files(first.folder) == before
    again = resume(work, first)
    assert set(started(again)) == {n["name"] for n in notebooks if not n["kept"]}


def test_what_is_there_for_all_above_runs_again_with_any_of_them(work, count):
    """Also by way of one that was only skipped."""
    for name, what in (("a", "error ValueError wrong"), ("b", "print b"), ("cleanup", "print c"), ("last", "print d")):
        put(work, name, what)
    flow(work, count, "a", {"path": "b.ipynb", "depends_on": "a"},
         {"path": "cleanup.ipynb", "depends_on": "b", "run_if": "all_done"},
         {"path": "last.ipynb", "depends_on": "cleanup"})
    first = work.run("workflow.yaml")
    assert first.statuses() == {"a": "failed", "b": "skipped", "cleanup": "succeeded", "last": "succeeded"}
    plan = work.run("-n", f"-r{first.folder}", "workflow.yaml", folder=None)
    assert "kept" not in plan.out
    again = resume(work, first)
    assert again.statuses() == first.statuses()
    assert count() == {"a": 2, "cleanup": 2, "last": 2}
    assert "cleanup" in started(again) and "last" in started(again)


# Two at a time.

def test_two_never_write_one_folder(work, count):
    chain(work, count)
    put(work, "b", "wait go")
    first = work.start("workflow.yaml", "-j", "4")
    first.event("notebook_finished", name="d")
    first.event("cell_started", name="b", number=3)  # the one that waits: nothing is written after it
    before = {n: t for n, t in files(first.folder).items() if not n.startswith(("notebooks/b", "logs/b")) and not n.endswith(".html")}
    second = resuming(work, first)
    second.wait()
    assert second.status == 2
    assert "another nbfork is at work there" in second.err and first.folder.name in second.err
    assert second.out == ""
    third = work.start("-o", first.folder, "workflow.yaml", folder=None)
    assert third.wait() == 2
    plan = work.start("-n", f"-r{first.folder}", "workflow.yaml", folder=None)  # reads only
    assert plan.wait() == 0 and "kept" in plan.out
    after = files(first.folder)
    assert {n: after.get(n) for n in before if n != "events.jsonl"} == {n: t for n, t in before.items() if n != "events.jsonl"}
    journal = after["events.jsonl"].removeprefix(before["events.jsonl"])  # the first one samples the memory
    assert all(json.loads(line)["event"] == "memory_sampled" for line in journal.splitlines())
    assert "results.json" not in after
    work.write("go", "")
    assert first.finish().status == 0
    assert count() == {"a": 1, "b": 1, "c": 1, "d": 1}


def test_of_many_that_resume_at_once_one_does(work, count):
    chain(work, count)
    put(work, "b", "error ValueError wrong")
    first = work.run("workflow.yaml")
    put(work, "b", "wait go")
    all_of_them = [resuming(work, first) for _ in range(5)]
    losers = wait_for(lambda: (lambda l: l if len(l) == 4 else None)(
        [r for r in all_of_them if r.proc.poll() is not None]), "four of five to give up")
    work.write("go", "")
    winner = next(r for r in all_of_them if r not in losers)
    assert winner.finish().status == 0
    for loser in losers:
        assert loser.wait() == 2 and "another nbfork is at work there" in loser.err
    assert count() == {"a": 1, "b": 2, "c": 1, "d": 1}
    assert len([e for e in journal(first) if e["event"] == "run_started"]) == 2


def test_the_workers_of_a_killed_nbfork_are_waited_for(work, count):
    """They hold a lock on the folder as long as they live; here the test is one of them."""
    put(work, "a", "wait go")
    flow(work, count, "a")
    first = work.start("workflow.yaml")
    first.event("cell_started", number=2)
    fd = os.open(first.folder, os.O_RDONLY)
    first.proc.kill()
    first.proc.wait()
    wait_for(lambda: not work.leftovers()[0], "the worker to go")
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        again = resuming(work, first)
        wait_for(lambda: f"waiting for the workers of the run in '{first.folder}'" in again.err, "a word")
        assert again.proc.poll() is None
        assert len([e for e in journal(first) if e["event"] == "run_started"]) == 1
    finally:
        os.close(fd)
    work.write("go", "")
    assert again.finish().status == 0
    assert count() == {"a": 2}


def test_a_resume_starts_nothing_as_long_as_workers_of_the_run_before_are_there(work, count):
    work.kernel("tough", "--ignore-term", "--no-sigint", "--ignore-shutdown")
    names = [f"n{i}" for i in range(4)]
    for name in names:
        work.notebook(name, f"spawn hydra {work.path('pid-' + name)}", "hang ignore-int", kernel="tough")
    work.workflow(*(f"{n}.ipynb" for n in names), processes=4)
    first = work.start("workflow.yaml")
    for name in names:
        first.event("cell_started", name=name, number=2)
    workers = [e["pid"] for e in first.events if e["event"] == "notebook_started"]
    first.proc.kill()
    first.proc.wait()
    for name in names:
        work.notebook(name, "print good")
    again = resuming(work, first)
    again.inputs = {}
    wait_for(lambda: any(e["event"] == "run_started" and e["pid"] == again.pid for e in journal(again)), "a start")
    there = set(marked(work.mark, {first.pid}))
    assert not there & set(workers)
    again.finish()
    assert again.status == 0


# A journal that has suffered.

@pytest.fixture
def suffered(work, count):
    """A run of which a, d succeeded, b failed; c was skipped. Returns it with a way to copy it."""
    chain(work, count)
    put(work, "b", "error ValueError wrong")
    first = work.run("workflow.yaml", "-j", "2")
    put(work, "b", "show rows")

    def copy(data):
        number = len(list(work.dir.glob("copy-*")))
        folder = work.path(f"copy-{number}")
        shutil.copytree(first.folder, folder)
        (folder / "events.jsonl").write_bytes(data)
        return folder
    first.copy = copy
    first.journal = (first.folder / "events.jsonl").read_bytes()
    return first


def succeeded_in(data):
    """Names that whole lines of the data say have succeeded, for whoever reads them as plainly as can be."""
    names = set()
    for line in data.split(b"\n")[:-1]:
        with contextlib.suppress(ValueError):
            event = json.loads(line)
            if event["event"] == "notebook_started":
                names.discard(event["name"])
            if event["event"] == "notebook_finished" and event["notebook"]["status"] == "succeeded":
                names.add(event["name"])
    return names


def planned(work, folder):
    """What a resume of the folder would keep, or None where it is refused."""
    run = work.start("-n", "--json", f"-r{folder}", "workflow.yaml", folder=None)
    run.wait()
    if run.status == 2:
        assert f"{folder.name}" in run.err and run.out == ""
        return None
    assert run.status == 0, run.story()
    return {n["name"] for n in json.loads(run.out)["notebooks"] if n["kept"]}


def test_cut_at_any_place(work, suffered):
    """At the ends of all lines, before and behind the line feed, and somewhere in their middle."""
    data = suffered.journal
    rng = random.Random(20261125)
    cuts, start = {0, 1}, 0
    for line in data.splitlines(keepends=True):
        end = start + len(line)
        cuts |= {start + 1, rng.randrange(start, end), end - 1, end}
        start = end
    folder = suffered.copy(data)
    first_line = data.index(b"\n") + 1
    for cut in sorted(cuts):
        (folder / "events.jsonl").write_bytes(data[:cut])
        expected = succeeded_in(data[:cut]) if cut >= first_line else None
        assert planned(work, folder) == expected, f"cut at {cut}"
        assert (folder / "events.jsonl").read_bytes() == data[:cut]
    assert {None} | {frozenset(succeeded_in(data[:c])) for c in cuts} >= {None, frozenset("ad")}


def torn(data):
    """What a crash leaves behind a journal's last whole line, and more."""
    return {
        "half a line": data + b'{"time": "2026-11-22T08:15:00.123Z", "event": "notebook_fin',
        "one brace": data + b"{",
        "NUL bytes": data + b"\0" * 4096,
        "half a line and NUL bytes": data + data[-60:-1] + b"\0" * 8192,
        "NUL bytes and a line feed": data + b"\0" * 100 + b"\n",
        "garbage": data + bytes(range(128, 256)),
        "garbage and a line feed": data + b"\xff\xfe garbage\n",
        "half a character": data + b'{"event": "x\xc3',
        "empty lines": data + b"\n\n\n",
        "other JSON": data + b'[1]\n"x"\n{}\n{"event": 1}\n{"event": "notebook_finished"}\n{"event": "unheard of"}\n',
        "a line without its line feed": data[:-1],
    }


@pytest.mark.parametrize("how", torn(b"x\n"))
def test_resumed_with_a_torn_end(work, count, suffered, how):
    data = torn(suffered.journal)[how]
    folder = suffered.copy(data)
    assert planned(work, folder) == {"a", "d"}
    again = work.start(f"-r{folder}", "workflow.yaml", folder=folder)
    again.wait()
    assert again.status == 0, again.story()
    assert kept(again) == ["a", "d"] and set(started(again)) == {"b", "c"}
    assert count() == {"a": 1, "b": 2, "c": 1, "d": 1}
    # What is written from now on is whole lines, and nothing is left of half a one.
    after = (folder / "events.jsonl").read_bytes()
    whole = data[:data.rindex(b"\n") + 1]
    assert after.startswith(whole)
    assert all(json.loads(line)["time"] for line in after[len(whole):].splitlines())
    assert again.results["status"] == "succeeded"
    assert planned(work, folder) == set("abcd")


@pytest.mark.parametrize("what", [b"\0", b"\xff", b"x"])
def test_garbage_in_the_middle_costs_what_it_covers(work, count, suffered, what):
    data = suffered.journal
    start = next(m.start() for m in re.finditer(rb"[^\n]+\n", data)
                 if b'"notebook_finished"' in m.group() and b'"name": "a"' in m.group())
    hurt = data[:start + 30] + what * 60 + data[start + 90:]
    folder = suffered.copy(hurt)
    assert planned(work, folder) == {"d"}
    again = work.start(f"-r{folder}", "workflow.yaml", folder=folder)
    again.wait()
    assert again.status == 0, again.story()
    assert kept(again) == ["d"]
    assert count() == {"a": 2, "b": 2, "c": 1, "d": 1}


def test_a_page_of_the_middle_is_gone(work, suffered):
    data = suffered.journal
    rng = random.Random(4096)
    folder = suffered.copy(data)
    first_line = data.index(b"\n") + 1
    for _ in range(20):
        at = rng.randrange(first_line, len(data) - 10)
        n = rng.randrange(1, 600)
        hurt = (data[:at] + b"\0" * n + data[at + n:])[:len(data)]
        (folder / "events.jsonl").write_bytes(hurt)
        assert planned(work, folder) == succeeded_in(hurt), (at, n)


# Which folder.

def test_by_default_it_is_the_latest_run_of_this_workflow(work, count):
    chain(work, count)
    put(work, "b", "error ValueError wrong")
    work.run("workflow.yaml", folder=None)
    first = os.readlink(work.path("nbfork-runs/test-latest"))
    put(work, "b", "show rows")
    work.workflow({"path": "d.ipynb", "env": count.env}, name="other", file="other.yaml")
    work.run("other.yaml", folder=None)
    again = work.run("-r", "workflow.yaml", folder=None)
    assert again.status == 0
    assert os.readlink(work.path("nbfork-runs/test-latest")) == first
    assert [p.name for p in work.path("nbfork-runs").glob("test-*") if not p.is_symlink()] == [first]
    again.folder = work.path("nbfork-runs") / first
    assert kept(again) == ["a", "d"]
    assert count() == {"a": 1, "b": 2, "c": 1, "d": 2}
    assert work.path(again.results["run"]["dir"]).resolve() == again.folder.resolve()


@pytest.mark.parametrize("spelling", ["{name}", "{name}/", "./{name}", "{path}", "link", "link/", "linklink",
                                      "absolute", "sub/../{name}"])
def test_ways_to_name_it(work, count, spelling):
    put(work, "a")
    flow(work, count, "a")
    first = work.run("workflow.yaml")
    work.path("link").symlink_to(first.folder.name)
    work.path("linklink").symlink_to("link")
    work.path("absolute").symlink_to(first.folder)
    work.path("sub").mkdir()
    name = spelling.format(name=first.folder.name, path=first.folder)
    again = work.run(f"-r{name}", "workflow.yaml", folder=first.folder)
    assert again.status == 0
    assert kept(again) == ["a"]
    assert work.path(again.results["run"]["dir"]).resolve() == first.folder
    assert work.path("link").is_symlink() and work.path("linklink").is_symlink()


def test_from_another_folder(work, count):
    chain(work, count)
    first = work.run("workflow.yaml")
    work.path("elsewhere").mkdir()
    again = work.run(f"-r../{first.folder.name}", "../workflow.yaml", folder=first.folder, cwd=work.path("elsewhere"))
    assert again.status == 0 and kept(again) == list("abcd")


def test_named_notebooks_and_standard_input(work):
    work.notebook("a", "print a")
    work.notebook("b", "wait go")
    first = work.start("a.ipynb", "b.ipynb")
    first.event("notebook_finished", name="a")
    first.event("cell_started", name="b")
    first.signal(signal.SIGTERM)
    first.finish()
    work.write("go", "")
    again = resume(work, first, "a.ipynb", "b.ipynb", workflow=None)
    assert again.status == 0 and kept(again) == ["a"]

    text = "name: piped\nnotebooks: [a.ipynb, b.ipynb]\n"
    piped = work.run("-", input=text)
    again = work.run(f"-r{piped.folder}", "-", input=text, folder=piped.folder)
    assert again.status == 0 and kept(again) == ["a", "b"]


def test_there_is_nothing_to_resume(work):
    work.notebook("a", "touch ran")
    work.workflow("a.ipynb")
    work.path("empty").mkdir()
    work.path("dangling").symlink_to("nowhere")
    work.write("file", "")
    work.write("no-journal/results.json", "{}")
    work.write("no-run/events.jsonl", "")
    work.write("no-lines/events.jsonl", "\0\0\0")
    message = work.refused("-r", "workflow.yaml")
    assert "no earlier run of 'test'" in message and "nbfork-runs/test-latest" in message
    for name in ("missing", "empty", "dangling", "file", "no-journal", "no-run", "no-lines"):
        for more in ((), ("-n",)):
            message = work.refused(f"-r{name}", *more, "workflow.yaml")
            assert name in message or name == "dangling", message
            assert message.count("\n") == 1, message
    assert "empty" in work.refused("-r", "--resume=", "workflow.yaml")
    work.refused("-rx", "-oy", "workflow.yaml")


def test_the_folder_of_another_workflow_is_left_alone(work, count):
    chain(work, count)
    first = work.run("workflow.yaml")
    before = files(first.folder)
    work.workflow("d.ipynb", name="other", file="other.yaml")
    for more in ((), ("-n",)):
        other = work.start(f"-r{first.folder}", *more, "other.yaml", folder=None)
        assert other.wait() == 2
        assert "'test'" in other.err and "'other'" in other.err
    assert files(first.folder) == before


def test_a_workflow_with_an_error_leaves_the_folder_alone(work, count):
    chain(work, count)
    first = work.run("workflow.yaml")
    before = files(first.folder)
    flow(work, count, "a", "missing")
    wrong = resuming(work, first)
    assert wrong.wait() == 2 and "missing.ipynb" in wrong.err
    assert files(first.folder) == before


# A folder that cannot be written to.

@pytest.fixture
def mount(work):
    mounted = []

    def mounts(path, *options):
        if subprocess.run(["mount", *options, path], capture_output=True).returncode:
            pytest.skip("cannot mount here")
        mounted.append(path)
    yield mounts
    for path in mounted:
        subprocess.run(["umount", "-l", path], check=True)


def test_a_folder_that_is_read_only(work, count, mount):
    chain(work, count)
    put(work, "b", "error ValueError wrong")
    first = work.run("workflow.yaml")
    before = files(first.folder)
    if os.geteuid() == 0:
        mount(first.folder, "--bind", first.folder)
        subprocess.run(["mount", "-o", "remount,ro,bind", first.folder], check=True)
    else:
        for path in [first.folder, *first.folder.rglob("*")]:
            path.chmod(0o555 if path.is_dir() else 0o444)
    again = resuming(work, first)
    assert again.wait() == 2, again.story()
    assert first.folder.name in again.err
    assert "Read-only file system" in again.err or "Permission denied" in again.err
    assert files(first.folder) == before
    assert work.start("-n", f"-r{first.folder}", "workflow.yaml", folder=None).wait() == 0
    assert count() == {"a": 1, "b": 1, "d": 1}


def test_a_disk_that_is_full_when_it_is_resumed(work, count, mount):
    chain(work, count)
    put(work, "b", "error ValueError wrong")
    disk = work.path("disk")
    disk.mkdir()
    mount(disk, "-t", "tmpfs", "-o", "size=1m", "none")
    first = work.start("-o", disk / "run", "workflow.yaml", folder=disk / "run")
    assert first.wait() == 1
    put(work, "b", "show rows")
    with full(disk):
        again = resuming(work, first)
        assert again.wait() == 3, again.story()
    assert "No space left on device" in again.err
    assert succeeded_in((first.folder / "events.jsonl").read_bytes()) >= {"a", "d"}
    (disk / "ballast").unlink()
    again = resume(work, first)
    assert again.status == 0
    assert count() == {"a": 1, "b": 2, "c": 1, "d": 1}


def test_a_disk_that_fills_up_while_it_is_resumed(work, count, mount):
    chain(work, count)
    put(work, "b", "wait never")
    disk = work.path("disk")
    disk.mkdir()
    mount(disk, "-t", "tmpfs", "-o", "size=1m", "none")
    first = work.start("-o", disk / "run", "workflow.yaml", folder=disk / "run")
    first.event("cell_started", name="b", number=2)
    first.event("notebook_finished", name="d")
    first.signal(signal.SIGTERM)
    first.wait()
    put(work, "b", "wait go", "show rows")
    again = resuming(work, first)
    again.event("cell_started", name="b", attempt=2, number=3)  # the one that waits, and of this run
    with full(disk):
        work.write("go", "")
        assert again.wait() == 3, again.story()
    assert "No space left on device" in again.err
    (disk / "ballast").unlink()
    again = resuming(work, first)
    assert again.wait() == 0, again.story()
    assert kept(again)[0] == "a" and "d" in kept(again)
    assert count()["a"] == count()["d"] == 1
    assert all(json.loads(line)["time"] for line in (first.folder / "events.jsonl").read_text().splitlines())


# Other streams.

def test_the_other_event_stream_has_the_events_of_this_run_only(work, count):
    chain(work, count)
    first = work.run("workflow.yaml")
    again = resume(work, first, "--events=stream.jsonl")
    assert again.status == 0
    events = [json.loads(line) for line in work.path("stream.jsonl").read_text().splitlines()]
    assert events == last_run(again)
    assert [e["event"] for e in events] == ["run_started"] + ["notebook_kept"] * 4 + ["run_finished"]
    assert events[0]["run"]["resumed_from"]


def test_the_document_on_standard_output_is_the_new_one(work, count):
    chain(work, count)
    first = work.run("workflow.yaml")
    before = first.results["run"]["id"]
    again = resume(work, first, "--json")
    assert json.loads(again.out) == again.results
    assert again.results["run"]["resumed_from"] == before


def test_files_that_writers_who_were_killed_have_left_are_removed(work, count):
    """But only those that nbfork makes itself."""
    chain(work, count)
    first = work.run("workflow.yaml")
    for name in ("notebooks/.a.ipynb.ab3def", "notebooks/.long name.ipynb.000000", ".results.json.xyzxyz",
                 ".workflow.yaml.a1b2c3", ".report.html.q1w2e3", "notebooks/.a.attempt1.html.a7b8c9"):
        (first.folder / name).write_text("half")
    for name in (".keep", "notebooks/.gitignore", "notes.txt"):
        (first.folder / name).write_text("the user's")
    again = resuming(work, first)
    assert again.wait() == 0
    names = set(files(first.folder))
    assert {".keep", "notebooks/.gitignore", "notes.txt"} <= names
    assert not [n for n in names if n.rpartition("/")[2].startswith(".") and n not in (".keep", "notebooks/.gitignore")]
