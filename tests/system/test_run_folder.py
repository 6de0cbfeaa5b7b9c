"""
The run folder: what is in it, where it is, and that nobody ever sees half of a file.
"""

import json
import os
import re
import stat
import threading

import pytest

from harness import lines, wait_for


def test_by_default_it_is_named_after_the_workflow_and_the_time(work):
    work.notebook("a", "print a")
    work.workflow("a.ipynb", name="nightly load")
    run = work.run("workflow.yaml", folder=None)
    assert run.status == 0
    link = work.path("nbfork-runs/nightly load-latest")
    assert link.is_symlink() and "/" not in os.readlink(link)
    assert re.fullmatch(r"nightly load-\d{8}T\d{6}(\.\d+)?Z(-\d+)?", os.readlink(link))
    assert run.results["run"]["id"].startswith(os.readlink(link))
    assert work.path(run.results["run"]["dir"]).resolve() == link.resolve()


def test_a_workflow_without_name_is_called_like_its_file(work):
    work.notebook("a")
    work.write("my.work.yaml", "notebooks: [a.ipynb]")
    run = work.run("my.work.yaml", folder=None)
    assert run.results["workflow"]["name"] == "my.work"
    assert work.path("nbfork-runs/my.work-latest").is_symlink()


def test_runs_at_the_same_moment_get_folders_of_their_own_and_the_link_is_one_of_them(work):
    work.notebook("a", "wait go")
    runs = [work.start("a.ipynb", folder=None) for _ in range(4)]
    found = wait_for(lambda: (lambda f: f if len(f) == 4 else None)(
        [p for p in work.dir.glob("nbfork-runs/*/events.jsonl") if not p.parent.is_symlink()]), "four folders")
    work.write("go", "")
    assert [r.wait() for r in runs] == [0] * 4
    ids = {json.loads((p.parent / "results.json").read_text())["run"]["id"] for p in found}
    assert len(ids) == 4
    links = [p for p in work.path("nbfork-runs").iterdir() if p.is_symlink()]
    assert len(links) == 1 and os.readlink(links[0]) in {p.parent.name for p in found}


def test_it_holds_the_workflow_as_it_was_the_journal_the_results_the_copies_and_the_logs(work):
    work.notebook("a", "print a")
    text = "# a comment\nname: x\nnotebooks: [a.ipynb, {path: a.ipynb, name: other}]\n"
    work.write("w.yml", text)
    run = work.run("w.yml")
    assert (run.dir / "workflow.yaml").read_text() == text
    assert sorted(str(p.relative_to(run.dir)) for p in run.dir.rglob("*")) == [
        "events.jsonl", "logs", "logs/a.log", "logs/other.log", "notebooks", "notebooks/a.html", "notebooks/a.ipynb",
        "notebooks/other.html", "notebooks/other.ipynb", "report.html", "results.json", "workflow.yaml"]


def test_the_copy_of_named_notebooks_is_a_workflow_that_does_the_same(work):
    work.notebook("a", "show x")
    first = work.run("-p", "x=é", "-j", "2", "a.ipynb")
    copy = (first.dir / "workflow.yaml").read_text()
    work.write("again.yaml", copy)
    second = work.run("again.yaml")
    assert second.statuses() == first.statuses() == {"a": "succeeded"}
    assert second.text("a") == first.text("a") == '"\\u00e9"\n'


def test_an_earlier_run_in_the_same_folder_is_not_overwritten_by_accident(work):
    work.notebook("a", "print a")
    work.run("-o", "here", "a.ipynb", folder=None)
    before = {p: p.read_bytes() for p in work.path("here").rglob("*") if p.is_file()}
    again = work.run("-o", "here", "a.ipynb", folder=None)
    assert again.status == 2
    assert "here" in again.err
    assert {p: p.read_bytes() for p in work.path("here").rglob("*") if p.is_file()} == before


def test_an_empty_folder_may_be_there_already(work):
    work.notebook("a", "print a")
    work.path("here").mkdir()
    run = work.run("-o", "here", "a.ipynb", folder=None)
    assert run.status == 0
    assert work.path("here/results.json").exists()


def test_a_run_folder_that_cannot_be_made_starts_nothing(work):
    work.notebook("a", "touch ran")
    work.write("file", "")
    run = work.run("-o", "file/run", "a.ipynb", folder=None)
    assert run.status in (2, 3)
    assert "file/run" in run.err and "Not a directory" in run.err
    assert not work.path("ran").exists()


def test_the_umask_is_respected(work):
    work.notebook("a", "print a")
    run = work.run("a.ipynb", preexec_fn=lambda: os.umask(0o027))
    modes = {p.name: oct(stat.S_IMODE(p.stat().st_mode)) for p in [run.dir, *run.dir.rglob("*")]}
    for name, mode in modes.items():
        private = name.endswith(".html")  # what is meant to be looked at is for its user alone
        assert mode == ("0o750" if name in (run.dir.name, "notebooks", "logs") else "0o600" if private else "0o640"), modes


def test_names_that_are_hard_for_files_work(work):
    names = ["sp ace", "é😀", "da-sh-", "quote'\"", "semi;$(touch bad)", "per%cent", "n" * 200, "a.b.ipynb"]
    work.notebook("a", "print a")
    work.workflow(*({"path": "a.ipynb", "name": n} for n in names))
    run = work.run("workflow.yaml")
    assert run.statuses() == {n: "succeeded" for n in names}
    assert not list(work.dir.rglob("bad"))


def test_copies_and_results_are_never_seen_half_written(work):
    work.notebook("a", *["fill 300000\nsleep 0.02"] * 15, "wait go")
    run = work.start("a.ipynb")
    sizes, broken = set(), []
    over = threading.Event()

    def watch():
        while not over.is_set():
            for path in (run.folder / "notebooks/a.ipynb", run.folder / "results.json"):
                try:
                    text = path.read_text("utf-8")
                except FileNotFoundError:
                    continue
                sizes.add(len(text))
                try:
                    json.loads(text)
                except ValueError as e:
                    broken.append(f"{path.name}: {e}")
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        run.event("cell_started", number=16, seconds=60)
        wait_for(lambda: sizes, "the first look at the copy")
        work.write("go", "")
        run.finish()
        wait_for(lambda: len(sizes) > 1, "a look at the last copy")  # it is another one
    finally:
        over.set()
        watcher.join()
    assert not broken


def test_the_copy_grows_while_the_notebook_runs(work):
    work.notebook("a", "print first", "wait go")
    run = work.start("a.ipynb")
    run.event("cell_started", number=2)
    path = run.folder / "notebooks/a.ipynb"

    def running():
        """The first output and the second cell's start may be in two copies, one after the other."""
        status = run.cells("a")[1]["metadata"].get("papermill", {}).get("status")
        return '"first\\n"' in path.read_text() and status == "running"
    wait_for(lambda: path.exists() and running(), "the copy with the first output, and the second cell at work")
    work.write("go", "")
    assert run.finish().cells("a")[1]["metadata"]["papermill"]["status"] == "completed"


def test_the_log_holds_what_was_printed_as_it_was_printed(work):
    work.notebook("a", lines("print one", "stderr two", "native three", 'write "no end"', "sleep 0.2"), "wait go")
    run = work.start("a.ipynb")
    run.event("cell_started", number=2)
    path = run.folder / "logs/a.log"
    wait_for(lambda: path.exists() and "no end" in path.read_text(), "the text in the log")
    work.write("go", "")
    log = run.finish().log("a")
    for text in ("one\n", "two\n", "three\n", "no end"):
        assert text in log


@pytest.mark.parametrize("start", ["absolute", "elsewhere"])
def test_paths_are_relative_to_the_workflow_file_and_the_folder_of_the_run_to_ones_own(work, start):
    work.notebook("flow/sub/a", "cwd")
    work.workflow("sub/a.ipynb", file="flow/w.yaml")
    work.path("other").mkdir()
    flow = str(work.path("flow/w.yaml")) if start == "absolute" else "../flow/w.yaml"
    run = work.run(flow, folder=None, cwd=work.path("other"))
    assert run.status == 0
    made = list(work.path("other/nbfork-runs").glob("test-2*"))
    assert len(made) == 1
    nb = json.loads((made[0] / "notebooks/a.ipynb").read_text())
    assert "".join(nb["cells"][0]["outputs"][0]["text"]) == f"{work.path('flow/sub')}\n"
    assert json.loads((made[0] / "results.json").read_text())["notebooks"][0]["path"] == "sub/a.ipynb"
