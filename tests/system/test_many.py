"""
Many notebooks: ten thousand are checked in a moment and in little memory, and thousands run through without the parent
growing. With NBFORK_TEST_SOAK=1 (make check-soak) two thousand are run, otherwise fewer.
"""

import json
import os
import resource
import sys
import time

import pytest

from harness import PATIENCE, marked, stat, wait_for

MANY = 10000
SOAK = os.environ.get("NBFORK_TEST_SOAK") == "1"
RUN = 2000 if SOAK else 200
CPU = 5.0  # seconds; it takes some tenths of one
MEMORY = 100 << 20


# Runs a command and writes what it took to a file. It is small itself: its memory would count as the command's.
MEASURE = """
import os, sys
pid = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, used = os.wait4(pid, 0)
with open(sys.argv[1], "w") as f:
    f.write(f"{used.ru_utime + used.ru_stime} {used.ru_maxrss}")
sys.exit(os.waitstatus_to_exitcode(status) & 255)
"""


def measured(work, *args, **more):
    """Runs nbfork. Returns the run, the seconds of CPU it took and the bytes that it had at the most."""
    file = work.short / "measured"
    run = work.start(*args, prefix=[sys.executable, "-I", "-S", "-c", MEASURE, str(file)], **more)
    run.inputs = {}
    run.wait()
    seconds, memory = file.read_text().split()
    return run, float(seconds), int(memory) << 10


def each(work):
    work.notebook("a", "print a")
    work.workflow({"path": "a.ipynb", "name": "load-{{ item.id }}",
                   "for_each": [{"id": i, "v": f"value {i}"} for i in range(MANY)],
                   "parameters": {"id": "{{ item.id }}", "text": "number {{ item.id }} is {{ item.v }}"}})


def matrix(work):
    work.notebook("a", "print a")
    work.workflow({"path": "a.ipynb", "matrix": {"x": list(range(100)), "y": [f"y{i}" for i in range(100)]},
                   "parameters": {"x": "{{ matrix.x }}", "y": "{{ matrix.y }}"}})


def rows(work):
    work.notebook("a", "print a")
    work.write("rows.csv", "id,text\n" + "".join(f"{i},text {i}\n" for i in range(MANY)))
    work.workflow({"path": "a.ipynb", "name": "row-{{ item.id }}", "for_each": {"file": "rows.csv"},
                   "parameters": {"row": "{{ item }}"}})


def separate(work):
    """Each depends on two before it, and takes a value from one; one at the end on all of them."""
    for i in range(10):
        work.notebook(f"a{i}", "print a")
    listed = []
    for i in range(MANY - 1):
        listed.append({"path": f"a{i % 10}.ipynb", "name": f"n{i}", "retries": 1, "pool": "p",
                       "parameters": {"i": i, "day": "2026-11-22"}})
        if i > 0:
            listed[i]["depends_on"] = [f"n{i - 1}", f"n{i // 2}"]
            listed[i]["parameters"]["x"] = f"{{{{ notebooks.n{i - 1}.result }}}}"
    work.workflow(*listed, {"path": "a0.ipynb", "name": "all", "depends_on": ["n*"]}, pools={"p": 5})


def files(work):
    """A notebook file of its own for each, and stars in what they depend on."""
    work.path("nb").mkdir()
    work.notebook("nb/0", "print a")
    text = work.path("nb/0.ipynb").read_bytes()
    for i in range(1, MANY // 10):
        work.path(f"nb/{i}.ipynb").write_bytes(text)
    work.workflow({"path": "nb/{{ item }}.ipynb", "name": "load-{{ item }}", "for_each": list(range(MANY // 10))},
                  {"path": "nb/0.ipynb", "name": "sum-{{ item }}", "for_each": list(range(10)),
                   "depends_on": ["load-*{{ item }}"]},
                  {"path": "nb/0.ipynb", "name": "report", "depends_on": ["*"]})


@pytest.mark.parametrize("make", [each, matrix, rows, separate, files])
def test_ten_thousand_are_checked_in_a_moment(work, make):
    make(work)
    run, seconds, memory = measured(work, "--check", "workflow.yaml", folder=None)
    print(f"{make.__name__}: {seconds:.2f} s of CPU, {memory / (1 << 20):.0f} MiB")
    assert run.status == 0 and run.out == "workflow.yaml: ok\n", run.story()
    assert memory < MEMORY * max(1, PATIENCE)
    assert seconds < CPU * PATIENCE


@pytest.mark.parametrize("make", [each, separate])
@pytest.mark.parametrize("form", ["table", "--json", "--graph"])
def test_the_plan_of_ten_thousand(work, make, form):
    make(work)
    more = [form] if form != "table" else []
    run, seconds, memory = measured(work, "--dry-run", *more, "workflow.yaml", folder=None)
    print(f"{make.__name__}, {form}: {seconds:.2f} s of CPU, {memory / (1 << 20):.0f} MiB")
    assert run.status == 0, run.story()
    if form == "--json":
        assert len(json.loads(run.out)["notebooks"]) == MANY
    assert seconds < 4 * CPU * PATIENCE
    assert memory < 4 * MEMORY * max(1, PATIENCE)


def test_all_the_errors_of_ten_thousand(work):
    """They are told in one go, or in part, but in a moment."""
    work.workflow(*({"path": f"missing-{i}.ipynb"} for i in range(MANY)))
    run, seconds, memory = measured(work, "--check", "workflow.yaml", folder=None)
    assert run.status == 2
    assert "missing-0.ipynb" in run.err
    assert seconds < CPU * PATIENCE and memory < MEMORY * max(1, PATIENCE)


def parent(pid):
    """What the parent has: descriptors, bytes of memory, threads, children; and the seconds of CPU that it took."""
    status = dict(line.split(":", 1) for line in open(f"/proc/{pid}/status").read().splitlines() if ":" in line)
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        children = len(f.read().split())
    return {"descriptors": len(os.listdir(f"/proc/{pid}/fd")), "memory": int(status["VmRSS"].split()[0]) << 10,
            "threads": int(status["Threads"]), "children": children,
            "CPU": (int(stat(pid, 11)) + int(stat(pid, 12))) / os.sysconf("SC_CLK_TCK")}


def opened(path):
    return path.open() if path.exists() else None


@pytest.mark.patience(1200 if SOAK else 240)
def test_the_parent_does_not_grow(work):
    """It is looked at after a tenth of the notebooks and shortly before the last of them, with as many running."""
    processes, first, last = 16, RUN // 10, RUN - RUN // 20
    work.notebook("a", "show i", "print b", 'display {"data": {"application/vnd.nbfork.result+json": {"rows": 1}}}')
    gates = {f"n{first}": "one", f"n{last}": "two"}
    for number in ("one", "two"):
        work.notebook(f"stop-{number}", f"wait gate-{number}")
    # Where it is looked at all slots wait at a gate: so there is nothing that starts or ends just then.
    listed = []
    for i in range(RUN):
        if f"n{i}" in gates:
            gate = gates[f"n{i}"]
            listed += [{"path": f"stop-{gate}.ipynb", "name": f"stop-{gate}-{k}"} for k in range(processes)]
        listed.append({"path": "a.ipynb", "name": f"n{i}", "parameters": {"i": i, "text": "x" * 100}})
    work.workflow(*listed, processes=processes)
    run = work.start("workflow.yaml", "--progress=none", "-q")
    run.inputs = {}

    journal = wait_for(lambda: opened(run.folder / "events.jsonl"), "the journal")
    waiting, seen, rest = dict.fromkeys(gates.values(), 0), [], ""

    def at_the_gate(number):
        """All of this gate's notebooks wait, in as many slots as there are."""
        nonlocal rest
        assert run.proc.poll() is None, run.story()
        time.sleep(0.1)
        text, _, rest = (rest + journal.read()).rpartition("\n")  # the last line may be on its way
        for gate in waiting:
            waiting[gate] += text.count(f'"event": "cell_started", "name": "stop-{gate}-')
        return waiting[number] == processes
    for number in waiting:
        wait_for(lambda: at_the_gate(number), f"gate {number}", 900)
        # There may be one that writes the report just now.
        seen.append(wait_for(lambda: (p := parent(run.pid))["children"] == processes and p, "the report to be written"))
        work.write(f"gate-{number}", "")
    journal.close()
    assert run.wait(600) == 0, run.story()
    print(f"{RUN} notebooks in {run.seconds:.1f} s; the parent after {first}: {seen[0]}, after {last}: {seen[1]}")
    before, after = seen
    assert after["threads"] == before["threads"], seen
    assert abs(after["descriptors"] - before["descriptors"]) <= 1, seen  # the report's pipe may still be looked at
    # What it knows of those that are over stays; a notebook, or what came up its pipe, would be more.
    assert after["memory"] - before["memory"] < 2048 * (last - first) + (1 << 20), seen
    results = run.results
    assert results["counts"]["succeeded"] == len(results["notebooks"]) == RUN + 2 * processes
    assert [n["name"] for n in results["notebooks"]] == [n.get("name") for n in listed]
    assert not marked(work.mark, {run.pid})
    private = [p for d in ("tmp", "run") for p in (work.short / d).iterdir()]
    assert private == []


@pytest.mark.patience(500)
def test_many_slots_and_few_descriptors_are_given_back(work):
    """Hundreds at once."""
    work.notebook("a", "print a")
    work.workflow({"path": "a.ipynb", "for_each": list(range(100))}, processes=100,
                  targets={"local": {"startup_timeout_seconds": 300}})
    run = work.start("workflow.yaml", "--progress=none",
                     preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256)))
    assert run.wait(400) == 0, run.story()
    assert run.results["counts"]["succeeded"] == 100


@pytest.mark.patience(240)
def test_many_that_are_resumed(work):
    """A run of thousands of which all but a few are kept: what is known is read and taken over quickly."""
    work.notebook("a", "print a")
    work.notebook("slow", "wait go")
    each_of = {"path": "a.ipynb", "name": "n{{ item }}"}
    work.workflow("slow.ipynb", {**each_of, "for_each": list(range(20))})
    first = work.start("workflow.yaml", "-j", "8")
    first.event("cell_started", name="slow")
    for i in range(20):
        first.event("notebook_finished", name=f"n{i}", seconds=60)
    first.proc.kill()
    first.proc.wait()
    wait_for(lambda: not work.leftovers()[0], "all processes to go")
    # As if there had been many more of them.
    journal = first.folder / "events.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    copy = (first.folder / "notebooks/n0.ipynb").read_bytes()
    mine = [line for line in lines if '"name": "n0"' in line]
    with open(journal, "a") as f:
        for i in range(20, MANY // 2):
            f.writelines(line.replace('"n0"', f'"n{i}"').replace("/n0.", f"/n{i}.") for line in mine)
            (first.folder / f"notebooks/n{i}.ipynb").write_bytes(copy)
            (first.folder / f"logs/n{i}.log").write_bytes(b"")
    work.workflow("slow.ipynb", {**each_of, "for_each": list(range(MANY // 2))})
    work.write("go", "")
    again, seconds, memory = measured(work, f"-r{first.folder}", "--progress=none", "workflow.yaml",
                                      folder=first.folder)
    print(f"{MANY // 2} kept: {seconds:.2f} s of CPU, {memory / (1 << 20):.0f} MiB")
    assert again.status == 0, again.story()
    results = again.results
    assert results["counts"]["succeeded"] == MANY // 2 + 1
    assert sum(n["resumed_from"] is not None for n in results["notebooks"]) == MANY // 2
    assert seconds < 2 * CPU * PATIENCE and memory < 2 * MEMORY * max(1, PATIENCE)
