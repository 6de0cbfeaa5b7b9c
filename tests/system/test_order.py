"""
Which of those that could run goes first: as written, by what is known of how long they take, by priority.
"""

import json
import re

import pytest

import journal
from terminal import Terminal

SIZES = {"middle": 500, "small": 20, "large": 90_000}


def with_files(work, sizes=SIZES, **more):
    """Notebooks named after files of these sizes; as written they are in no order."""
    work.notebook("load", "print x")
    for name, size in sizes.items():
        work.write(f"data/{name}.csv", "x" * size)
    return [{"path": "load.ipynb", "name": name, "parameters": {"file": f"data/{name}.csv"}, **more.get(name, {})}
            for name in sizes]


def in_order(work, *notebooks, options=(), **keys):
    """The order in which a workflow's notebooks start, one at a time; first, the plan must say the same."""
    work.workflow(*notebooks, processes=1, **keys)
    plan = json.loads(work.run("--dry-run", "--json", *options, "workflow.yaml", folder=None).out)
    planned = [n["name"] for n in sorted(plan["notebooks"], key=lambda n: n["position"])]
    run = work.run(*options, "workflow.yaml")
    assert run.status == 0
    assert journal.started(run) == planned
    return planned


def test_as_written_is_the_default(work):
    assert in_order(work, *with_files(work)) == ["middle", "small", "large"]
    assert in_order(work, *with_files(work), order="as-written") == ["middle", "small", "large"]


@pytest.mark.parametrize("order, names", [
    ("smallest-first", ["small", "middle", "large", "unknown", "void"]),
    ("longest-first", ["large", "middle", "small", "unknown", "void"]),
])
def test_by_the_size_of_the_files_that_parameters_name_unknown_ones_last(work, order, names):
    work.notebook("unknown", "print x")
    void = {"path": "load.ipynb", "name": "void", "parameters": {"file": "data/nowhere.csv", "n": 7, "of": ["data"]}}
    assert in_order(work, "unknown.ipynb", void, *with_files(work), order=order) == names


def test_the_sizes_of_all_its_files_count_each_once(work):
    work.notebook("load", "print x")
    for name, size in {"a": 300, "b": 200, "c": 400}.items():
        work.write(f"{name}.bin", "x" * size)
    both = {"path": "load.ipynb", "name": "both", "parameters": {"files": ["a.bin", "b.bin"]}}
    twice = {"path": "load.ipynb", "name": "twice", "parameters": {"one": "a.bin", "again": "./a.bin"}}
    one = {"path": "load.ipynb", "name": "one", "parameters": {"file": str(work.path("c.bin"))}}
    assert in_order(work, both, one, twice, order="smallest-first") == ["twice", "one", "both"]


@pytest.mark.parametrize("order", ["as-written", "smallest-first", "longest-first"])
def test_priority_is_above_all(work, order):
    notebooks = with_files(work, middle={"priority": 1}, small={"priority": -1}, large={"priority": -2})
    work.notebook("first", "print x")
    assert in_order(work, *notebooks, {"path": "first.ipynb", "priority": 2}, order=order) == [
        "first", "middle", "small", "large"]


def test_longest_first_starts_with_what_long_ones_wait_for(work):
    """`small` alone would be last; but `large` waits for it, by way of `between`."""
    work.notebook("between", "print x")
    notebooks = with_files(work, large={"depends_on": ["between"]})
    assert in_order(work, *notebooks, {"path": "between.ipynb", "depends_on": ["small"]}, order="longest-first") == [
        "small", "between", "large", "middle"]
    assert in_order(work, *notebooks, {"path": "between.ipynb", "depends_on": ["small"]}, order="smallest-first") == [
        "small", "middle", "between", "large"]


def sleepers(work):
    for name, seconds in {"medium": 1.1, "short": 0.05, "long": 2.2}.items():
        work.notebook(name, f"sleep {seconds}")
    return ["medium.ipynb", "short.ipynb", "long.ipynb"]


def first_run(work, *notebooks, **keys):
    """A run whose folder nbfork chooses, where it looks the next time."""
    work.workflow(*notebooks, processes=3, **keys)
    run = work.run("workflow.yaml", folder=None)
    assert run.status == 0
    return run


def plan(work, *options):
    """The table of --dry-run as {name: rest of its line}, in its order."""
    out = work.run("--dry-run", *options, "workflow.yaml", folder=None).out
    return {m[1]: m[2] for m in re.finditer(r"(?m)^ *\d+  (\S+) +(.*)$", out)}, out


def estimates(work):
    """What the document of --dry-run says, by name."""
    document = json.loads(work.run("--dry-run", "--json", "workflow.yaml", folder=None).out)
    return {n["name"]: n["estimate"] for n in document["notebooks"]}


def test_by_the_durations_of_an_earlier_run(work):
    notebooks = sleepers(work)
    first = first_run(work, *notebooks)
    # short, medium, long; unless starting a kernel took one of them a second more than another.
    by_time = sorted(("medium", "short", "long"), key=lambda name: first.record(name)["duration_seconds"])
    assert in_order(work, *notebooks, order="longest-first") == by_time[::-1]
    work.workflow(*notebooks, order="smallest-first", processes=1)
    rows, out = plan(work)
    assert list(rows) == by_time
    for name, row in rows.items():
        assert re.search(r" {:.1f}s \(earlier run\)".format(first.record(name)["duration_seconds"]), row), out
    total = sum(first.record(name)["duration_seconds"] for name in rows)
    assert float(re.search(r"; about ([\d.]+)s", out)[1]) == pytest.approx(total, abs=0.06 if total < 9.5 else 1)


def test_the_plan_says_the_estimate_and_where_it_is_from(work):
    work.notebook("unknown", "print x")
    work.workflow(*with_files(work), "unknown.ipynb", order="smallest-first")
    rows, out = plan(work)
    assert list(rows) == ["small", "middle", "large", "unknown"]
    for name, estimate in {"small": "20 B", "middle": "500 B", "large": "90.0 kB", "unknown": "unknown"}.items():
        assert re.search(rf"\s{estimate}(\s|$)", rows[name]), out
    assert "smallest-first" in out.splitlines()[-1] and "about" not in out.splitlines()[-1]
    found = estimates(work)
    assert found["small"] == {"source": "size", "seconds": None, "bytes": 20}
    assert found["unknown"] == {"source": None, "seconds": None, "bytes": None}


def test_an_earlier_run_counts_only_for_the_same_parameters(work):
    notebooks = with_files(work, {"one": 100, "two": 300})
    first_run(work, *notebooks)
    notebooks[0]["parameters"]["more"] = 1
    work.workflow(*notebooks)
    found = estimates(work)
    assert found["two"]["source"] == "history" and found["two"]["seconds"] > 0
    assert found["one"]["source"] == "size" and found["one"]["bytes"] == 100
    # what is known of the other one tells how long so many bytes take
    assert found["one"]["seconds"] == pytest.approx(found["two"]["seconds"] / 3, abs=0.002)


def test_a_new_name_for_the_same_thing_is_no_reason_to_forget(work):
    notebooks = with_files(work, {"one": 100})
    first_run(work, *notebooks)
    notebooks[0]["name"] = "other"
    work.workflow(*notebooks)
    rows, out = plan(work)
    assert "(earlier run)" in rows["other"], out


def test_only_success_tells_how_long_it_takes(work):
    work.notebook("a", "sleep 0.5", "error E no")
    work.workflow("a.ipynb")
    assert work.run("workflow.yaml", folder=None).status == 1
    rows, out = plan(work)
    assert "unknown" in rows["a"], out


def test_a_terminal_shows_how_long_it_will_take(work):
    work.notebook("a", "sleep 2.5")
    work.workflow({"path": "a.ipynb", "name": "a"}, {"path": "a.ipynb", "name": "b"}, processes=2)
    first = work.run("workflow.yaml", folder=None)
    assert first.status == 0
    shorter, longer = sorted(first.record(name)["duration_seconds"] for name in "ab")
    work.workflow({"path": "a.ipynb", "name": "a"}, {"path": "a.ipynb", "name": "b"}, processes=1)
    terminal = Terminal(work, columns=120)

    def left(done):
        return int(re.findall(r"about (\d+)s left", terminal.read_until(rf" {done}/2 [^\r\n]*about \d+s left"))[-1])
    try:
        terminal.type("$nbfork -o run workflow.yaml; echo st''atus=$?\n")
        assert shorter - 1 <= left(0) <= 2 * longer + 1  # of the first one there may be nothing left
        assert left(1) <= 2 * longer - 1  # the first one took 2.5 s or more, but the number may be a second old
        terminal.read_until("status=0")
    finally:
        terminal.close()


def test_without_a_way_to_know_nothing_is_said_of_the_time_left(work):
    work.notebook("a", "wait go")
    terminal = Terminal(work, columns=120)
    try:
        terminal.type("$nbfork -o run a.ipynb; echo st''atus=$?\n")
        seen = terminal.read_until(r" 0/1  ([2-9]|\d\d)s")
        work.write("go", "")
        assert "left" not in seen + terminal.read_until("status=0")
    finally:
        terminal.close()
