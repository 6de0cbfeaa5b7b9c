"""
kill -9 of nbfork, again and again, and a resume after each: in the end every notebook has succeeded once, nothing that
had succeeded has run again, and nothing is torn or left over.

The moments of the kills are drawn with a seed, which is printed; NBFORK_TEST_SEED gives another one.
"""

import json
import os
import random
import re
import shutil
import time

import pytest

from counting import Count
from harness import GONE, PATIENCE, kill_all, marked, wait_for

SEED = int(os.environ.get("NBFORK_TEST_SEED", "20261125"))
KILLS = 50
NOTEBOOKS = 40
PROCESSES = 6
RESULT = "application/vnd.nbfork.result+json"


def forty(work, rng):
    """
    A workflow of forty notebooks in layers: each depends on up to three of the layer above and takes a value from the
    first of them, and every third one fails once or twice before it succeeds. The last one waits for a file.
    """
    count = Count(work)
    work.notebook("step", "tally", "show above", "sleep 0.03", "shaky",
                  f'display {{"data": {{"{RESULT}": {{"ok": true}}}}}}', kernel="count")
    work.notebook("last", "tally", "wait gate", "print last", kernel="count")
    listed, layer, above = [], [], []
    for i in range(NOTEBOOKS - 1):
        if len(layer) == 8:
            above, layer = layer, []
        depends_on = rng.sample(above, min(len(above), rng.randint(0, 3)))
        listed.append({
            "path": "step.ipynb", "name": f"n{i:02}", "depends_on": depends_on,
            "parameters": {"fails": rng.choice([1, 2]) if i % 3 == 0 else 0,
                           "above": f"{{{{ notebooks.{depends_on[0]}.result.ok }}}}" if depends_on else None},
            # An attempt that is killed is none of those that fail, so that there may be fewer of these, but not more.
            "retries": 2, "retry_delay_seconds": rng.choice([0, 0.05, 0.3]),
        })
        layer.append(f"n{i:02}")
    listed.append({"path": "last.ipynb", "name": "last", "depends_on": layer})
    work.workflow(*listed, name="forty", processes=PROCESSES, defaults={"env": count.env})
    return count


class Chain:
    """Runs of one workflow in one folder, one after the other."""

    def __init__(self, work, count, with_workers=False):
        self.work, self.count, self.with_workers = work, count, with_workers
        self.folder = work.path("run")
        self.journal = self.folder / "events.jsonl"
        self.succeeded = {}  # the executions of those that are known to have succeeded, at that time
        self.slowest = 0.0

    def start(self):
        if self.journal.exists() and b"\n" in self.journal.read_bytes():
            args = [f"-r{self.folder}"]
        else:  # it was killed before there was anything to resume
            shutil.rmtree(self.folder, ignore_errors=True)
            args = ["-o", self.folder]
        return self.work.start(*args, "workflow.yaml", "--progress=none", folder=self.folder)

    def events(self):
        """The whole lines of the journal. What a kill may leave behind them is half a line and no more."""
        try:
            data = self.journal.read_bytes()
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in data[:data.rfind(b"\n") + 1].splitlines()]

    def finished(self):
        """How often the journal says of each that it has succeeded."""
        times = {}
        for e in self.events():
            if e["event"] == "notebook_finished" and e["notebook"]["status"] == "succeeded":
                times[e["name"]] = times.get(e["name"], 0) + 1
        return times

    def until(self, run, done, more):
        """Until so many notebooks have succeeded, and so many events have come; or nothing comes any more."""
        before, end = len(self.events()), time.monotonic() + 20 * PATIENCE
        while time.monotonic() < end and run.proc.poll() is None:
            succeeded = len(self.finished())
            if succeeded >= done and (len(self.events()) >= before + more or succeeded >= NOTEBOOKS - 1):
                break
            time.sleep(0.01)

    def kill(self, run):
        workers = [pid for pid, command in marked(self.work.mark, {run.pid}).items()
                   if self.with_workers and "counting-kernel" not in command]
        kill_all([run.pid, *workers])
        run.proc.wait()
        began = time.monotonic()
        wait_for(lambda: not marked(self.work.mark, {r.pid for r in self.work.runs}), "all processes to go", GONE)
        self.slowest = max(self.slowest, time.monotonic() - began)

    def look(self):
        """Nothing is running. Is all as it must be, and as it was said to be before?"""
        count = self.count()
        for name, times in self.succeeded.items():
            assert count[name] == times, f"{name} has succeeded, and ran again"
        for name, times in self.finished().items():
            assert times == 1, f"{name} has succeeded {times} times"
            self.succeeded.setdefault(name, count[name])
        for path in (*self.folder.glob("notebooks/[!.]*.ipynb"), *self.folder.glob("results.json")):
            json.loads(path.read_text("utf-8"))  # whole, or not there
        for folder in self.work.leftovers()[1]:  # where there was nobody left to remove it
            assert self.with_workers or not [p for p in folder.rglob("*") if p.is_file()]
            shutil.rmtree(folder)


def check_end(chain, run):
    """After the last run, which came to its end."""
    assert run.status == 0, run.story()
    results, count, events = run.results, chain.count(), chain.events()
    assert results["counts"]["succeeded"] == len(results["notebooks"])
    assert chain.finished() == {n["name"]: 1 for n in results["notebooks"]}
    chain.look()
    last_start = max(i for i, e in enumerate(events) if e["event"] == "run_started")
    finished_now = {e["name"] for e in events[last_start:] if e["event"] == "notebook_finished"}
    runs = {e["run"]["id"] for e in events if e["event"] == "run_started"}
    for n in results["notebooks"]:
        numbers = [e["attempt"] for e in events if e["event"] == "notebook_started" and e["name"] == n["name"]]
        assert numbers == list(range(1, len(numbers) + 1)), (n["name"], numbers)
        assert n["attempts"] == len(numbers)
        # Executions that the journal does not know of are those that were killed at their very start.
        assert n["attempts"] >= 1 and count[n["name"]] >= 1
        assert (n["resumed_from"] is None) == (n["name"] in finished_now)
        assert n["resumed_from"] is None or n["resumed_from"] in runs
    for path in chain.folder.rglob("*"):
        name = str(path.relative_to(chain.folder))
        assert re.fullmatch(r"events\.jsonl|results\.json|report\.html|workflow\.yaml|notebooks|logs|"
                            r"notebooks/[a-z0-9]+(\.attempt\d+)?\.(ipynb|html)|logs/[a-z0-9]+(\.attempt\d+)?\.log", name), name
    for n in results["notebooks"]:
        assert json.loads((chain.folder / n["output"]).read_text())["cells"]


@pytest.mark.patience(600)
@pytest.mark.parametrize("whom", ["nbfork", "nbfork and all workers"])
def test_fifty_kills_and_each_notebook_succeeds_once(work, whom):
    print(f"seed {SEED}")
    rng = random.Random(SEED)
    count = forty(work, rng)
    chain = Chain(work, count, whom != "nbfork")
    kills = KILLS if whom == "nbfork" else KILLS // 5
    for i in range(kills):
        run = chain.start()
        # As many as have to be done by now; and then any moment: by the clock, or by what is going on.
        done, events = (NOTEBOOKS - 1) * i // kills, rng.choice([0, 0, rng.randrange(1, 40)])
        chain.until(run, done, events)
        time.sleep(rng.choice([0.02, 0.2, 0.4]) * rng.random() * (0.1 if events else PATIENCE))
        assert run.proc.poll() is None, run.story()
        chain.kill(run)
        chain.look()
    work.write("gate", "")
    run = chain.start()
    run.finish(60)
    events = [e["event"] for e in chain.events()]
    attempts = events.count("notebook_started")
    ended = events.count("notebook_finished") + events.count("notebook_attempt_failed")
    print(f"{attempts} attempts were started, {attempts - ended} of them killed; {sum(count().values())} got to their "
          f"first cell; {chain.slowest:.2f} s until the last process had gone")
    check_end(chain, run)


@pytest.mark.parametrize("moment", [0.0, 0.003, 0.006, 0.01, 0.015, 0.02, 0.03, 0.05])
def test_killed_while_it_is_about_to_resume(work, moment):
    """What is known must survive the first milliseconds of a resume, whatever it does with the folder in them."""
    count = Count(work)
    work.notebook("good", "tally", kernel="count")
    work.notebook("bad", "tally", "shaky", kernel="count")
    work.workflow(*({"path": "good.ipynb", "name": f"n{i}"} for i in range(3)),
                  {"path": "bad.ipynb", "parameters": {"fails": 1}}, defaults={"env": count.env}, processes=4)
    chain = Chain(work, count)
    first = chain.start()
    assert first.wait() == 1
    chain.look()
    for _ in range(3):
        run = chain.start()
        time.sleep(moment * PATIENCE)
        chain.kill(run)
        chain.look()
    run = chain.start()
    run.finish()
    assert run.status == 0
    assert all(times == 1 for name, times in count().items() if name != "bad")
    chain.look()


def test_the_latest_run_is_always_one_that_can_be_resumed(work):
    """Killed as soon as the link leads to a new run: there is something in its journal already."""
    work.notebook("a", "print a")
    work.workflow({"path": "a.ipynb", "for_each": list(range(3000))}, "a.ipynb")
    link = work.path("nbfork-runs/test-latest")
    last = None
    for _ in range(3):
        run = work.start("workflow.yaml", "--progress=none", "-j", "1", folder=None)
        last = wait_for(lambda: link.is_symlink() and os.readlink(link) != last and os.readlink(link), "the link")
        kill_all([run.pid])
        run.proc.wait()
        assert b'"run_started"' in (link / "events.jsonl").read_bytes()
        wait_for(lambda: not marked(work.mark, {r.pid for r in work.runs}), "all processes to go", GONE)
        for folder in work.leftovers()[1]:
            shutil.rmtree(folder)
        plan = work.start("-n", "-r", "workflow.yaml", folder=None)
        assert plan.wait() == 0, plan.story()
