"""
--list-runs and --show: what is told of earlier runs, of those that go on, and of those that were killed.
"""

import json
import os
import re
import signal

import pytest

import invariants
from harness import lines, wait_for


def show(work, *args, status=0):
    """What nbfork tells, having written nothing."""
    before = work.snapshot()
    run = work.run(*args, folder=None, timeout=30)
    assert run.status == status, run.story()
    assert work.snapshot() == before
    return run.out


def kill(run):
    """Kills nbfork, and waits until nothing of it is left."""
    run.signal(signal.SIGKILL)
    run.wait()
    wait_for(lambda: not run.work.leftovers()[0], "its processes to go")


@pytest.fixture
def rich(work):
    """A run in which there is something of everything."""
    work.notebook("good", "print fine", 'display {"data": {"application/vnd.nbfork.result+json": {"rows": 3}}}')
    work.notebook("bad", "error ValueError no such thing")
    work.notebook("mother", 'call "good.ipynb"', 'call "bad.ipynb"')
    work.workflow(
        "good.ipynb", {"path": "bad.ipynb", "retries": 1, "retry_delay_seconds": 0}, "mother.ipynb",
        {"path": "bad.ipynb", "name": "may-fail", "allow_failure": True},
        {"path": "good.ipynb", "name": "after", "depends_on": ["bad"]}, processes=3)
    return work


def test_an_earlier_run_is_shown_as_it_showed_itself(rich):
    first = rich.run("workflow.yaml", "--junit=then.xml", "--trace=then.json", folder=None)
    assert first.status == 1
    latest = first.dir.name
    for named in ([], ["--show=" + latest], ["--show=nbfork-runs/test-latest/"], ["--show", "test"],
                  ["--show=" + first.results["run"]["id"]]):
        assert show(rich, *(named or ["--show"])) == first.out
    assert show(rich, "--show", "--json") == (first.dir / "results.json").read_text()
    assert show(rich, "--show", "-q") == ""
    again = rich.run("--show", "--junit=now.xml", "--trace=now.json", folder=None)
    assert again.out == first.out
    for name in ("xml", "json"):
        assert rich.path(f"now.{name}").read_bytes() == rich.path(f"then.{name}").read_bytes()
    assert show(rich, "--show", "--junit=-") == rich.path("then.xml").read_text()


def test_of_a_folder_with_several_runs_there_is_the_last_one_and_others_by_their_id(rich):
    first = rich.run("workflow.yaml", folder=None)
    before, old = first.out, first.results
    rich.notebook("bad", "print mended")
    again = rich.run("--resume", "workflow.yaml", folder=None)
    assert again.status == 0 and "in an earlier run" in again.out
    assert show(rich, "--show") == again.out
    assert show(rich, f"--show={old['run']['id']}") == before
    # Its results document is no more, and is made of the journal.
    found = json.loads(show(rich, f"--show={old['run']['id']}", "--json"))
    assert found["notebooks"] == old["notebooks"] and found["counts"] == old["counts"]
    kept = json.loads(show(rich, "--show", "--json"))
    (again.dir / "results.json").unlink()
    made = json.loads(show(rich, "--show", "--json"))
    assert made["notebooks"] == kept["notebooks"]
    times = ("started_at", "finished_at")
    assert {k: v for k, v in made.items() if k not in times} == {k: v for k, v in kept.items() if k not in times}
    assert len(json.loads(show(rich, "--list-runs", "--json"))["runs"]) == 1


def test_a_run_that_goes_on_and_then_is_killed(work):
    work.notebook("a", "print a")
    work.notebook("b", lines("touch up", "wait go"), "print b")
    work.workflow("a.ipynb", "b.ipynb", {"path": "a.ipynb", "name": "c"}, processes=1)
    run = work.start("workflow.yaml", folder=None)
    wait_for(lambda: run.dir, "the run")
    wait_for(work.path("up").exists, "the second notebook")
    run.event("cell_started", name="b")
    text = show(work, "--show")
    assert re.search(r"^b +running +\d+\.\ds +1/2$", text, re.M) and re.search(r"^c +waiting +- +-$", text, re.M)
    assert "\nthe run goes on\n3 notebooks: 1 succeeded, 1 running, 1 waiting after " in text
    document = invariants.strict(show(work, "--show", "--json"))
    assert (document["status"], document["finished_at"]) == ("running", None)
    assert [n["status"] for n in document["notebooks"]] == ["succeeded", "running", "waiting"]
    members = [set(n) for n in document["notebooks"]]
    assert members[0] == members[1] == members[2]
    listed = json.loads(show(work, "--list-runs", "--json"))["runs"]
    assert [(r["status"], r["pid"], r["counts"]["succeeded"]) for r in listed] == [("running", run.pid, 1)]
    kill(run)
    text = show(work, "--show")
    assert re.search(r"^b +killed +\d+\.\ds +1/2$", text, re.M)
    assert "\nkilled: nbfork has not come to its end; --resume goes on with the run\n3 notebooks: 1 succeeded, 1 killed, 1 waiting" in text
    document = invariants.strict(show(work, "--show", "--json"))
    assert [n["status"] for n in document["notebooks"]] == ["succeeded", "killed", "waiting"]
    assert document["status"] == "killed"
    assert re.search(r"^test-\S+  \S+Z  killed +\d+\.\ds  1 succeeded, 2 not over$", show(work, "--list-runs"), re.M)
    report = show(work, "--show", "--junit=-")
    assert 'type="killed" message="nbfork was killed while it ran"' in report


def test_the_list(work):
    assert show(work, "--list-runs") == "" and json.loads(show(work, "--list-runs", "--json"))["runs"] == []
    work.notebook("a", "print a")
    work.notebook("b", "error E no")
    work.workflow("a.ipynb", name="first")
    work.workflow("a.ipynb", "b.ipynb", name="second", file="second.yaml")
    first, second = work.run("workflow.yaml", folder=None), work.run("second.yaml", folder=None)
    work.path("nbfork-runs/other").mkdir()
    work.write("nbfork-runs/note", "x")
    work.write("nbfork-runs/torn/events.jsonl", '{"event": "run_sta')
    names = [p.name for p in work.path("nbfork-runs").iterdir() if not p.is_symlink()]
    first_name, second_name = (next(n for n in names if n.startswith(w)) for w in ("first", "second"))
    table = show(work, "--list-runs").splitlines()
    assert re.split(r"  +", table[0]) == ["RUN", "STARTED", "STATUS", "TIME", "NOTEBOOKS"]
    assert [re.split(r"  +", row)[0] for row in table[1:]] == [second_name, first_name]
    assert [re.split(r"  +", row)[4] for row in table[1:]] == ["1 succeeded, 1 failed", "1 succeeded"]
    found = json.loads(show(work, "--list-runs=nbfork-runs", "--json"))
    assert found["schema"] == "nbfork.runs/1"
    assert [r["workflow"] for r in found["runs"]] == ["second", "first"]
    assert [r["status"] for r in found["runs"]] == ["failed", "succeeded"]
    assert found["runs"][0]["counts"] == json.loads((work.path("nbfork-runs") / second_name / "results.json").read_text())["counts"]
    assert show(work, "--list-runs", "nbfork-runs") == show(work, "--list-runs")
    assert (first.status, second.status) == (0, 1)


def test_the_latest_is_the_one_that_was_started_last(work):
    """Whichever was written last: folders may have been copied, and long runs end after short ones."""
    started = {"long": "2026-11-20T08:00:00.000Z", "late": "2026-11-22T08:00:00.000Z", "old": "2025-01-01T08:00:00.000Z",
               "copied": "2024-01-01T08:00:00.000Z"}
    written = {"long": 1796000000, "late": 1795334400, "old": 1735718400, "copied": 1797000000}
    for name, time in started.items():
        work.write(f"nbfork-runs/{name}/events.jsonl", json.dumps({
            "time": time, "event": "run_started", "run": {"id": f"id-{name}"}, "workflow": {"name": "w"}, "notebooks": 1,
            "plan": [{"name": name}]}) + "\n" + json.dumps({"time": time, "event": "notebook_finished", "name": name,
            "notebook": {"status": "failed"}}) + "\n")
        os.utime(work.path(f"nbfork-runs/{name}/events.jsonl"), (written[name], written[name]))
    work.path("nbfork-runs/none").mkdir()
    assert show(work, "--show").splitlines()[1].split()[:2] == ["late", "failed"]
    for name in started:
        assert show(work, f"--show=id-{name}").splitlines()[1].split()[:2] == [name, "failed"]
    runs = json.loads(show(work, "--list-runs", "--json"))["runs"]
    assert [r["id"] for r in runs] == ["id-late", "id-long", "id-old", "id-copied"]
    assert [r["counts"]["failed"] for r in runs] == [1] * 4 and {r["status"] for r in runs} == {"killed"}


def test_what_has_changed(work):
    work.notebook("a", "print a")
    work.notebook("b", "error E no")
    first = work.run("a.ipynb", "b.ipynb")
    work.notebook("b", "print mended")
    work.notebook("c", "print c")
    second = work.run("b.ipynb", "c.ipynb", "a.ipynb")
    third = work.run("c.ipynb")
    text = show(work, "--show=run-2", "--diff=run-1", status=1)
    rows = [re.split(r"  +", line) for line in text.splitlines()]
    assert rows[0] == ["NOTEBOOK", "BEFORE", "TIME", "NOW", "TIME", "CHANGE"]
    assert rows[1][:2] == ["b", "failed"] and rows[1][3] == "succeeded"
    assert rows[2][:4] == ["c", "-", "-", "succeeded"] and rows[2][5] == "new"
    assert rows[3][0] == "a"
    assert text.splitlines()[-1] == "3 notebooks: 1 as before, 1 with another status, 1 new"
    found = json.loads(show(work, "--show", "run-3", "--diff", "run-2", "--json", status=1))
    assert found["before"]["id"] == second.results["run"]["id"] and found["after"]["id"] == third.results["run"]["id"]
    assert [(n["name"], n["change"]) for n in found["notebooks"]] == [("c", "same"), ("b", "gone"), ("a", "gone")]
    first_of = found["notebooks"][0]
    assert first_of["change_seconds"] == pytest.approx(
        first_of["after"]["duration_seconds"] - first_of["before"]["duration_seconds"], abs=0.0006)
    assert found["notebooks"][1]["after"] is None and found["notebooks"][1]["change_seconds"] is None
    assert found["counts"] == {"same": 1, "status": 0, "new": 0, "gone": 2}
    assert show(work, "--show=run-1", "--diff=run-1").splitlines()[-1] == "2 notebooks: 2 as before"
    assert show(work, "--show=run-1", "--diff=run-2", "-q", status=1) == ""
    assert first.status == 1


def test_what_has_changed_since_the_run_before(work):
    """By the name of the workflow: of the runs in nbfork-runs the one before the one that is shown."""
    for i, status in enumerate(("failed", "succeeded", "failed")):
        started = {"time": f"2026-11-22T08:15:{i:02}.000Z", "event": "run_started", "run": {"id": f"w-{i}", "dir": f"nbfork-runs/w-{i}"},
                   "workflow": {"name": "w", "file": None}, "processes": 1, "pid": 1, "notebooks": 1,
                   "plan": [{"name": "a", "path": "a.ipynb", "target": "local", "allow_failure": False, "depends_on": []}]}
        end = {"time": f"2026-11-22T08:15:{i:02}.500Z", "event": "notebook_finished", "name": "a", "attempt": 1,
               "notebook": {"name": "a", "status": status, "started_at": started["time"], "duration_seconds": 0.5}}
        work.write(f"nbfork-runs/w-{i}/events.jsonl", json.dumps(started) + "\n" + json.dumps(end) + "\n")
    work.path("nbfork-runs/w-latest").symlink_to("w-2")
    for args in (["--show"], ["--show=w"], ["--show=w-2"]):
        found = json.loads(show(work, *args, "--diff=w", "--json", status=1))
        assert (found["before"]["id"], found["after"]["id"]) == ("w-1", "w-2")
    assert json.loads(show(work, "--show=w-1", "--diff=w", "--json", status=1))["before"]["id"] == "w-0"
    assert show(work, "--show=w-2", "--diff=w-latest", "-q") == ""
    assert "there is no run of 'w' before the one in 'nbfork-runs/w-0'" in work.refused("--show=w-0", "--diff=w")


def test_of_many_those_that_differ_are_listed(work):
    work.notebook("a", "print a")
    for name, count in (("one", 1), ("two", 2)):
        started = {"time": "2026-11-22T08:15:00.000Z", "event": "run_started", "run": {"id": name, "dir": name},
                   "workflow": {"name": "w", "file": None}, "processes": 1, "pid": 1, "notebooks": 300,
                   "plan": [{"name": f"n{i}", "path": "a.ipynb", "target": "local", "allow_failure": False, "depends_on": []}
                            for i in range(300)]}
        ends = [{"time": "2026-11-22T08:15:01.000Z", "event": "notebook_finished", "name": f"n{i}", "attempt": 1,
                 "notebook": {"name": f"n{i}", "status": "failed" if i < count else "succeeded",
                              "started_at": started["time"], "duration_seconds": 1}} for i in range(300)]
        work.write(f"{name}/events.jsonl", "".join(json.dumps(e) + "\n" for e in [started, *ends]))
    text = show(work, "--show=two", "--diff=one", status=1)
    assert "\nn1        succeeded  1.0s  failed  1.0s\nnot listed: 299 whose status is the same\n" in text


@pytest.mark.parametrize("args, message", [
    (["--show"], "there is no earlier run in 'nbfork-runs'"),
    (["--show=missing"], "there is no run 'missing'; --list-runs shows those in 'nbfork-runs'"),
    (["--show="], "there is no run ''"),
    (["--show=folder"], "there is no run 'folder'"),
    (["--show=run-1", "--diff=missing"], "there is no run 'missing'"),
    (["--list-runs=missing"], "cannot read folder 'missing'"),
    (["--show=run-1", "--junit=missing/x"], "cannot write 'missing/x'"),
    (["--show=run-1", "run-1"], "--show takes one run, and 'run-1' is another"),
    (["--show=run-1", "-j2"], "start nothing"),
    (["--show=run-1", "--resume"], "start nothing"),
    (["--show", "--list-runs"], "choose one"),
    (["--diff=run-1", "a.ipynb"], "--diff goes with --show"),
    (["--list-runs", "--diff=run-1"], "--diff goes with --show"),
    (["--list-runs", "--junit=x"], "go with --show"),
    (["--show=run-1", "--diff=run-1", "--junit=-"], "give reports files"),
])
def test_what_cannot_be_told(work, args, message):
    work.notebook("a", "print a")
    work.path("folder").mkdir()
    work.run("a.ipynb")
    assert message in work.refused(*args)
