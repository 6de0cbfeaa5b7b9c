"""
Workflows on the stand-in workspace (tests/workspace), whose notebooks are really run, on this machine.

A Site is a Work with a stand-in workspace at its side. The fixture `site` is one whose stand-in all tests share, wiped
clean for each; `build` makes one with a stand-in of its own, of the given options.
"""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parent.parent / "workspace"))

from standin import StandIn  # noqa: E402

HEADER = "# Databricks notebook source"
USER = "someone@example.com"
CLUSTER = "1125-084310-standin1"
HOME = f"/Users/{USER}/nbfork/test"  # where the notebooks of a workflow named "test" go

# Requests a second that a workspace takes.
LIMITS = {"jobs/runs/submit": 35, "jobs/runs/get": 100, "workspace/import": 30, "jobs/runs/export": 60}


def source(*cells):
    """A notebook as a source file."""
    return HEADER + "\n" + "\n\n# COMMAND ----------\n\n".join(cells) + "\n"


def too_fast(requests):
    """
    The endpoints that have had more requests within some second than a workspace takes: {name: how many}. Where the
    machine is busy some arrive late, and so together with others: those of a fifth of a second.
    """
    found = {}
    for name, limit in LIMITS.items():
        limit *= 1.2
        times = sorted(r["time"] for r in requests if r["path"].endswith("/" + name))
        first = 0
        for last, at in enumerate(times):
            while at - times[first] >= 1.0:
                first += 1
            if last - first + 1 > limit:
                found[name] = max(found.get(name, 0), last - first + 1)
    return found


class Site:
    def __init__(self, work, workspace):
        self.work = work
        self.workspace = workspace
        self.before = len(workspace.state()["runs"])
        self.env = {"DATABRICKS_HOST": workspace.url, "DATABRICKS_TOKEN": workspace.token}
        self.secrets = {workspace.token}

    # Things to run.

    def source(self, name, *cells):
        """Writes a notebook as a source file and returns its name."""
        return self.work.write(name, source(*cells))

    def workflow(self, *notebooks, target=None, **keys):
        """Writes a workflow whose target is the workspace; target: more keys of it."""
        keys.setdefault("target", "prod")
        targets = {"prod": {"type": "databricks", **(target or {})}}
        return self.work.workflow(*notebooks, targets=targets, **keys)

    # Running it.

    def start(self, *args, env=None, **more):
        return self.work.start(*(args or ["workflow.yaml"]), env={**self.env, **(env or {})}, **more)

    def run(self, *args, env=None, timeout=60, **more):
        run = self.start(*args, env=env, **more).finish(timeout)
        self.check(run)
        return run

    def refused(self, *args, env=None, **more):
        """nbfork must refuse, say why without a secret, and not have started anything. Returns its messages."""
        runs = len(self.workspace.state()["runs"])
        err = self.work.refused(*(args or ["workflow.yaml"]), env={**self.env, **(env or {})}, **more)
        assert len(self.workspace.state()["runs"]) == runs
        for secret in self.secrets:
            assert secret not in err
        return err

    def accepted(self, *args, env=None):
        """nbfork must find nothing wrong. Returns what it says."""
        run = self.work.run("--check", "-vv", *(args or ["workflow.yaml"]), env={**self.env, **(env or {})}, folder=None)
        assert run.status == 0, run.story()
        for secret in self.secrets:
            assert secret not in run.out + run.err
        return run.out + run.err

    # What came of it, there.

    def runs(self, name=None):
        """The runs that were submitted; those of a notebook."""
        runs = self.workspace.state()["runs"][self.before:]
        return runs if name is None else [r for r in runs if r["name"].rpartition(": ")[2] == name]

    def executions(self):
        """How often each notebook was really run, by name."""
        count = {}
        for run in self.runs():
            name = run["name"].rpartition(": ")[2]
            count[name] = count.get(name, 0) + run["executions"]
        return count

    def check(self, run):
        """What holds for every run: no secret in anything that is written, no bug there, no key that is not known."""
        state = self.workspace.state()
        assert state["bugs"] == [], state["bugs"]
        assert state["unknown_keys"] == []
        texts = {"standard output": run.out, "standard error": run.err}
        if run.dir and run.dir.exists():
            texts |= {str(p): p.read_text("utf-8", "replace") for p in run.dir.rglob("*") if p.is_file()}
        for place, text in texts.items():
            for secret in self.secrets:
                assert secret not in text, f"a secret is in {place}\n{run.story()}"
        return texts

    def check_remote(self, run):
        """The results say what the workspace says."""
        theirs = {str(r["run_id"]): r for r in self.runs()}
        for n in run.results["notebooks"]:
            if n["remote"]:
                there = theirs[n["remote"]["run_id"]]
                assert n["remote"]["task_run_id"] in [str(t["run_id"]) for t in there["tasks"]]
                assert (n["status"] == "succeeded") == (there["result"] == "SUCCESS"), n["name"]


@pytest.fixture(scope="session")
def shared_workspace():
    with StandIn("--engine", "inline", "--secret", "scope/key=from the workspace") as workspace:
        yield workspace


def wipe(workspace):
    workspace.faults([])
    workspace.clock(scale=1)
    workspace.test("DELETE", "log")
    for path in (f"/Users/{USER}/nbfork", "/Users/me", "/Shared/flow"):
        try:
            workspace.api("POST", "2.0/workspace/delete", {"path": path, "recursive": True})
        except OSError:
            pass
    workspace.test("DELETE", "log")


@pytest.fixture
def site(work, shared_workspace):
    wipe(shared_workspace)
    yield Site(work, shared_workspace)
    shared_workspace.faults([])
    for run in shared_workspace.state()["runs"]:
        if not run["over"]:
            shared_workspace.api("POST", "2.2/jobs/runs/cancel", {"run_id": run["run_id"]})


@pytest.fixture
def build(work):
    """Makes a Site with a stand-in of its own."""
    made = []

    def make(*options):
        made.append(StandIn("--engine", "inline", *options))
        return Site(work, made[-1])
    yield make
    for workspace in made:
        workspace.process.kill()  # what it has started goes with it, and it need not be asked
        workspace.close()


def program_that_prints(work, text, status=0):
    """Puts a `databricks` program on a PATH, which it returns; it notes its arguments in the file `asked`."""
    folder = work.path("bin")
    folder.mkdir(exist_ok=True)
    work.write("bin/answer", text)
    program = folder / "databricks"
    program.write_text(f"#!/bin/sh\necho \"$*\" >>{work.path('asked')}\ncat {folder / 'answer'}\nexit {status}\n")
    program.chmod(0o755)
    return f"{folder}:/usr/bin:/bin"


def profile(work, text):
    """Writes ~/.databrickscfg."""
    (work.home / ".databrickscfg").write_text(text)
