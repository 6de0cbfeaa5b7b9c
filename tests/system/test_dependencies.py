"""
Notebooks that wait for others: globs, what makes one run or not, what is handed on, and what is said of all that.
"""

import json

import pytest

MIME = "application/vnd.nbfork.result+json"


def gives(value):
    """A cell of the fault kernel that hands a value back."""
    return "display " + json.dumps({"data": {MIME: value}})


def started(run):
    return [e["name"] for e in run.events if e["event"] == "notebook_started"]


def message(run, name):
    return run.record(name)["error"]["message"]


@pytest.fixture
def kinds(work):
    """Notebooks that end in all ways."""
    work.notebook("good", "print good")
    work.notebook("bad", "error E no")
    work.notebook("late", "hang")
    work.notebook("then", "print then")
    return work


# ---- Order ----

def test_nothing_starts_before_all_that_it_depends_on_is_over(work):
    """A diamond written upside down."""
    work.notebook("n", "print x", "sleep 0.05")
    flow = {"end": ["left", "right"], "right": ["start"], "left": "start", "start": [], "alone": None}
    entries = [{"path": "n.ipynb", "name": n, "depends_on": d} for n, d in flow.items() if d is not None]
    work.workflow(*entries, {"path": "n.ipynb", "name": "alone"}, processes=4)
    run = work.run("workflow.yaml")
    assert run.status == 0
    over = []
    for e in run.events:
        if e["event"] == "notebook_finished":
            over.append(e["name"])
        elif e["event"] == "notebook_started":
            above = flow[e["name"]] or []
            assert set([above] if isinstance(above, str) else above) <= set(over), e
    assert list(run.statuses()) == list(flow)
    assert started(run)[:2] == ["start", "alone"]


def test_a_long_chain_and_a_wide_join(work):
    work.notebook("n")
    work.workflow(*({"path": "n.ipynb", "name": f"c{i}", "depends_on": [f"c{i - 1}"] if i else []} for i in range(8)),
                  *({"path": "n.ipynb", "name": f"w{i}"} for i in range(8)),
                  {"path": "n.ipynb", "name": "join", "depends_on": ["w*", "c7"]}, processes=4)
    run = work.run("workflow.yaml")
    assert run.status == 0
    names = started(run)
    assert [n for n in names if n[0] == "c"] == [f"c{i}" for i in range(8)] and names[-1] == "join"


def test_globs_name_many_and_never_the_notebook_itself(work):
    work.notebook("n", "show x")
    work.workflow({"path": "n.ipynb", "name": "load-{{ item }}", "for_each": ["a", "b", "c[1]"],
                   "parameters": {"x": 1}},
                  {"path": "n.ipynb", "name": "last", "depends_on": "*", "parameters": {"x": 2}},
                  {"path": "n.ipynb", "name": "ab", "depends_on": "load-[ab]", "parameters": {"x": 3}},
                  {"path": "n.ipynb", "name": "exact", "depends_on": ["load-c[1]", "load-?", "load-a"],
                   "parameters": {"x": 3}})
    run = work.run("-n", "--json", "workflow.yaml", folder=None)
    plan = {n["name"]: n["depends_on"] for n in json.loads(run.out)["notebooks"]}
    assert plan == {"load-a": [], "load-b": [], "load-c[1]": [],
                    "last": ["load-a", "load-b", "load-c[1]", "ab", "exact"],
                    "ab": ["load-a", "load-b"], "exact": ["load-a", "load-b", "load-c[1]"]}
    assert started(work.run("workflow.yaml"))[-1] == "last"


def test_a_dependency_may_be_made_of_the_item(work):
    work.notebook("n", "print x")
    work.workflow({"path": "n.ipynb", "name": "load-{{ item }}", "for_each": ["a", "b"]},
                  {"path": "n.ipynb", "name": "check-{{ item }}", "for_each": ["a", "b"],
                   "depends_on": "load-{{ item }}"},
                  defaults={"env": {"X": "1"}})
    run = work.run("-n", "--json", "workflow.yaml", folder=None)
    assert [n["depends_on"] for n in json.loads(run.out)["notebooks"]] == [[], [], ["load-a"], ["load-b"]]


@pytest.mark.parametrize("flow, said", [
    ({"a": "b", "b": "c", "c": "a", "d": "a"}, ["a -> b -> c -> a"]),
    ({"a": "a"}, ["a -> a"]),
    ({"a": "b", "b": "a", "c": "d", "d": "c"}, ["a -> b -> a", "c -> d -> c"]),
    ({"a": "*", "b": "*"}, ["a -> b -> a"]),
    ({"a": [], "b": ["a", "d"], "c": "b", "d": "c"}, ["b -> d -> c -> b"]),
])
def test_a_circle_is_shown(work, flow, said):
    work.notebook("n", "touch ran")
    work.workflow(*({"path": "n.ipynb", "name": n, "depends_on": d} for n, d in flow.items()))
    lines = work.refused("workflow.yaml").splitlines()
    assert [line.rpartition(": ")[2] for line in lines] == said
    assert all(line.startswith("workflow.yaml:") and "wait for each other" in line for line in lines)


@pytest.mark.parametrize("wanted, words", [
    ("laod-a", ["there is no notebook 'laod-a'", "did you mean 'load-a'?"]),
    ("zzz", ["there is no notebook 'zzz'"]),
    ("load", ["there is no notebook 'load'", "'load-*'"]),
    ("sub/m.ipynb", ["there is no notebook 'sub/m.ipynb'", "did you mean 'by path'?"]),
    ("zz*", ["'zz*' matches the name of no notebook"]),
])
def test_what_is_not_there_is_said(work, wanted, words):
    work.notebook("n", "touch ran")
    work.notebook("sub/m")
    work.workflow({"path": "n.ipynb", "name": "load-{{ item }}", "for_each": ["a", "b"]},
                  {"path": "sub/m.ipynb", "name": "by path"}, {"path": "n.ipynb", "depends_on": [wanted]})
    said = work.refused("workflow.yaml")
    assert all(w in said for w in words) and len(said.splitlines()) == 1


# ---- run_if ----

# By what it depends on (g: good, b: bad, x: skipped because of a failure above, e: not needed), which of the six run.
WORDS = ["all_success", "all_done", "at_least_one_success", "none_failed", "at_least_one_failed", "all_failed"]
RUNS = {
    "gg": "all_success all_done at_least_one_success none_failed",
    "gb": "all_done at_least_one_success at_least_one_failed",
    "bb": "all_done at_least_one_failed all_failed",
    "gx": "all_done at_least_one_success at_least_one_failed",
    "x": "all_done at_least_one_failed all_failed",
    "ge": "all_success all_done at_least_one_success none_failed",
    "be": "all_done at_least_one_failed all_failed",
    "e": "",
}


@pytest.mark.parametrize("above", RUNS)
def test_the_six_conditions(kinds, above):
    names = [f"{c}{i}" for i, c in enumerate(above)]
    flow = [{"path": "bad.ipynb", "name": "root-bad"}, {"path": "good.ipynb", "name": "root-good"}]
    for c, name in zip(above, names):
        flow.append({"g": {"path": "good.ipynb"}, "b": {"path": "bad.ipynb"},
                     "x": {"path": "then.ipynb", "depends_on": "root-bad"},
                     "e": {"path": "then.ipynb", "depends_on": "root-good",
                           "run_if": "all_failed"}}[c] | {"name": name})
    flow += [{"path": "then.ipynb", "name": w, "depends_on": names, "run_if": w} for w in WORDS]
    kinds.workflow(*flow, processes=4)
    run = kinds.run("workflow.yaml")
    assert run.status == 1  # of root-bad
    statuses = run.statuses()
    assert {w for w in WORDS if statuses[w] == "succeeded"} == set(RUNS[above].split())
    for word in WORDS:
        if statuses[word] != "succeeded":
            assert statuses[word] == "skipped" and run.record(word)["error"]["kind"] == "dependency"
            handler = word.endswith("failed") and word != "none_failed" or above == "e"
            assert message(run, word).startswith("not needed: " if handler else "not started because notebook '")


@pytest.mark.parametrize("how", ["failed", "timed_out", "died"])
def test_every_failure_is_one(kinds, how):
    kinds.notebook("died", "die 9")
    path, more = {"failed": ("bad", {}), "timed_out": ("late", {"timeout_seconds": 0.4}), "died": ("died", {})}[how]
    kinds.workflow({"path": f"{path}.ipynb", "name": "x", **more},
                   {"path": "then.ipynb", "name": "after", "depends_on": "x"},
                   {"path": "then.ipynb", "name": "cleanup", "depends_on": "x", "run_if": "at_least_one_failed"})
    run = kinds.run("workflow.yaml")
    assert run.statuses() == {"x": how if how != "died" else "failed", "after": "skipped", "cleanup": "succeeded"}


def test_a_handler_of_failures_that_is_not_needed_is_no_failure(kinds):
    kinds.workflow("good.ipynb", {"path": "then.ipynb", "name": "handler", "depends_on": "*",
                                  "run_if": "at_least_one_failed"},
                   {"path": "then.ipynb", "name": "all", "depends_on": "good", "run_if": "all_failed"},
                   {"path": "then.ipynb", "name": "below", "depends_on": "all"})
    run = kinds.run("workflow.yaml")
    assert run.status == 0 and run.results["status"] == "succeeded"
    assert run.statuses() == {"good": "succeeded", "handler": "skipped", "all": "skipped", "below": "skipped"}
    assert all(message(run, n).startswith("not needed: ") for n in ("handler", "all", "below"))
    assert "run_if: at_least_one_failed" in message(run, "handler")
    assert "not needed" in run.out


# ---- Skipped because of whom ----

def test_a_chain_of_skipped_ones_says_because_of_whom(kinds):
    kinds.workflow("bad.ipynb", *({"path": "then.ipynb", "name": n, "depends_on": d}
                                  for n, d in (("one", "bad"), ("two", "one"), ("three", "two"),
                                               ("four", ["good", "three"]))),
                   "good.ipynb", {"path": "then.ipynb", "name": "apart", "depends_on": "good"})
    run = kinds.run("workflow.yaml")
    assert run.status == 1
    assert run.statuses() == {"bad": "failed", "one": "skipped", "two": "skipped", "three": "skipped",
                              "four": "skipped",
                              "good": "succeeded", "apart": "succeeded"}
    assert message(run, "one") == "not started because notebook 'bad' failed"
    assert message(run, "two") == "not started because notebook 'one' was skipped, as 'bad' failed"
    assert message(run, "three") == "not started because notebook 'two' was skipped, as 'bad' failed"
    assert message(run, "four") == "not started because notebook 'three' was skipped, as 'bad' failed"
    for name in ("one", "two", "three", "four"):
        assert message(run, name) in run.out
        assert name in run.err and "skipped" in run.err
    assert not kinds.path(f"{run.dir}/notebooks/one.ipynb").exists()


def test_quiet_says_the_failure_and_not_what_follows(kinds):
    kinds.workflow("bad.ipynb", {"path": "then.ipynb", "depends_on": "bad"})
    run = kinds.run("-q", "workflow.yaml")
    assert run.status == 1 and run.out == ""
    assert "'bad'" in run.err and "then" not in run.err


def test_one_that_timed_out_is_said_to_have(kinds):
    kinds.workflow({"path": "late.ipynb", "timeout_seconds": 0.4}, {"path": "then.ipynb", "depends_on": "late"})
    assert message(kinds.run("workflow.yaml"), "then") == "not started because notebook 'late' timed out"


def test_a_failure_that_is_allowed_fails_no_run_but_is_one_to_those_below(kinds):
    kinds.workflow({"path": "bad.ipynb", "allow_failure": True},
                   {"path": "then.ipynb", "depends_on": "bad", "run_if": "all_done"},
                   on_error="fail-fast")
    run = kinds.run("workflow.yaml")
    assert run.status == 0 and run.statuses() == {"bad": "failed", "then": "succeeded"}
    kinds.workflow({"path": "bad.ipynb", "allow_failure": True}, {"path": "then.ipynb", "depends_on": "bad"},
                   "good.ipynb")
    run = kinds.run("workflow.yaml")
    assert run.statuses() == {"bad": "failed", "then": "skipped", "good": "succeeded"}
    assert run.status == 1
    assert message(run, "then") == "not started because notebook 'bad' failed"


# ---- Policies ----

def test_fail_fast_skips_what_waits_for_others(kinds):
    kinds.notebook("first", "wait fail", "error E no")
    kinds.workflow("first.ipynb", "late.ipynb", {"path": "then.ipynb", "depends_on": "late"},
                   {"path": "then.ipynb", "name": "handler", "depends_on": ["first", "late"], "run_if": "all_failed"},
                   {"path": "then.ipynb", "name": "below", "depends_on": "then"}, processes=2, on_error="fail-fast")
    run = kinds.start("workflow.yaml")
    run.event("cell_started", name="late")
    kinds.write("fail", "")
    run.finish()
    assert run.status == 1
    assert run.statuses() == {"first": "failed", "late": "cancelled", "then": "skipped", "handler": "skipped",
                              "below": "skipped"}
    assert all("first" in message(run, n) or "late" in message(run, n) for n in ("then", "handler", "below"))
    assert started(run) == ["first", "late"]


@pytest.mark.parametrize("policy", ["fail-fast", "drain"])
@pytest.mark.parametrize("run_if", ["all_done", "at_least_one_failed", "all_failed"])
def test_handlers_of_failures_are_not_started_either_once_a_policy_has_stopped_the_run(kinds, policy, run_if):
    kinds.workflow("bad.ipynb", {"path": "then.ipynb", "depends_on": "bad", "run_if": run_if}, on_error=policy)
    run = kinds.run("workflow.yaml")
    assert run.status == 1 and run.statuses() == {"bad": "failed", "then": "skipped"}
    assert message(run, "then") == f"not started because notebook 'bad' failed (on_error: {policy})"


def test_drain_lets_finish_and_starts_nothing_below(kinds):
    kinds.notebook("first", "wait fail", "error E no")
    kinds.notebook("slow", "wait go")
    kinds.workflow("first.ipynb", "slow.ipynb", {"path": "then.ipynb", "depends_on": "slow"}, processes=2,
                   on_error="drain")
    run = kinds.start("workflow.yaml")
    run.event("cell_started", name="slow")
    kinds.write("fail", "")
    run.event("run_stopping")
    kinds.write("go", "")
    run.finish()
    assert run.statuses() == {"first": "failed", "slow": "succeeded", "then": "skipped"}
    assert "'first' failed (on_error: drain)" in message(run, "then")


# ---- Values ----

VALUES = {
    "big": 2**70, "negative": -12345678901234567890123456789, "real": 1.5, "text": "é 漢 😀 \"q\" '\\ {{ x }} \u2028",
    "yes": True, "none": None,
    "list": [1, [2, {"k": []}], "x"], "map": {"": {"a b": {"c": 1}}}, "empty": {}, "small": 5e-324, "whole float": 2.0,
}


def test_types_are_kept_from_notebook_to_notebook(work):
    work.notebook("giver", f"from IPython.display import display\ndisplay({{{MIME!r}: {VALUES!r}}}, raw=True)",
                  kernel="python3")
    work.notebook("taker", "import json\nprint(ascii(whole))\nprint(ascii(parts))\nprint(ascii(text))",
                  kernel="python3")
    work.workflow("giver.ipynb", {"path": "taker.ipynb", "depends_on": "giver", "parameters": {
        "whole": "{{ notebooks.giver.result }}",
        "text": "<{{ notebooks.giver.result.big }}|{{ notebooks.giver.result.list }}>",
        "parts": ["{{ notebooks.giver.result.big }}", "{{ notebooks.giver.result.list[1][1].k }}",
                  "{{ notebooks.giver.result.yes }}",
                  "{{ notebooks.giver.result.none }}", '{{ notebooks.giver.result["whole float"] }}',
                  '{{ notebooks.giver.result.map[""]["a b"].c }}', "{{ notebooks.giver.result.text }}"]}})
    run = work.run("workflow.yaml")
    assert run.status == 0, run.story()
    whole, parts, text = map(eval, run.text("taker").splitlines())
    assert whole == VALUES and {k: type(v) for k, v in whole.items()} == {k: type(v) for k, v in VALUES.items()}
    assert parts == [2**70, [], True, None, 2.0, 1, VALUES["text"]] and type(parts[4]) is float
    assert text == f'<{2**70}|[1, [2, {{"k": []}}], "x"]>'
    assert run.record("taker")["parameters"]["whole"] == VALUES


def test_what_json_has_no_numbers_for_is_handed_on_as_the_text_it_is_in_the_results(work):
    """As Python's kernel sends them anyway."""
    work.notebook("giver", gives({"x": [float("nan"), float("inf"), -float("inf")]}))
    work.notebook("taker", "print(x)", kernel="python3")
    work.workflow("giver.ipynb", {"path": "taker.ipynb", "depends_on": "giver",
                                  "parameters": {"x": "{{ notebooks.giver.result.x }}"}})
    run = work.run("workflow.yaml")
    assert run.status == 0, run.story()
    assert run.text("taker") == "['NaN', 'Infinity', '-Infinity']\n"
    assert run.record("giver")["result"] == {"x": ["NaN", "Infinity", "-Infinity"]}
    assert run.record("taker")["parameters"]["x"] == ["NaN", "Infinity", "-Infinity"]


@pytest.mark.parametrize("value", [0, False, "", [], {}, "text", 5, [None], "{{ run.id }}"])
def test_a_result_may_be_anything(work, value):
    work.notebook("a b", gives(value))
    work.notebook("taker", "show x")
    work.workflow("a b.ipynb", {"path": "taker.ipynb", "depends_on": "a b",
                                "parameters": {"x": '{{ notebooks["a b"].result }}'}})
    run = work.run("workflow.yaml")
    assert run.status == 0, run.story()
    assert json.loads(run.text("taker")) == value


def test_results_come_from_far_above_and_into_the_environment(work):
    work.notebook("top", gives({"rows": 7, "name": "é x"}))
    work.notebook("middle", "print x")
    work.notebook("n", "env ROWS", "env NAME", "show both")
    work.workflow("top.ipynb", {"path": "middle.ipynb", "depends_on": "top"},
                  {"path": "n.ipynb", "depends_on": "middle", "env": {"ROWS": "{{ notebooks.top.result.rows }}",
                                                                    "NAME": "{{ notebooks.top.result.name }}!"},
                   "parameters": {"rows": "{{ notebooks.top.result.rows }}",
                                  "both": "{{ parameters.rows }}/{{ parameters.rows }}"}})
    run = work.run("workflow.yaml")
    assert run.text("n").splitlines() == ["7", "é x!", '"7/7"']
    assert run.record("n")["parameters"] == {"rows": 7, "both": "7/7"}


def test_a_failed_notebooks_result_can_be_used(work):
    work.notebook("top", gives({"rows": 7}), "error E no")
    work.notebook("n", "show x")
    work.workflow("top.ipynb", {"path": "n.ipynb", "depends_on": "top", "run_if": "all_done",
                                "parameters": {"x": "{{ notebooks.top.result.rows }}"}})
    assert work.run("workflow.yaml").text("n") == "7\n"


MISSING = {
    "nothing": (None, "result.rows", "'top' returned nothing"),
    "no member": ({"a": 1, "b": 2}, "result.rows",
                  "'top' returned {\"a\": 1, \"b\": 2}: 'result' has no member 'rows'; it has 'a', 'b'"),
    "a slip": ({"row": 1}, "result.rows", "did you mean 'row'?"),
    "a number": (5, "result.rows", "'top' returned 5: 'result' is the number 5, which has no member 'rows'"),
    "no element": ([1, 2], "result[2]", "'top' returned [1, 2]: 'result' is a list of 2, it has no element 2"),
    "deep": ({"a": {"b": [{"c": None}]}}, "result.a.b[0].c.d", "'result.a.b[0].c' is null"),
    "long": ({"x": "y" * 5000}, "result.rows", "..."),
}


@pytest.mark.parametrize("label", MISSING)
def test_a_missing_value_fails_the_one_that_asked_and_says_what_came(work, label):
    value, path, words = MISSING[label]
    work.notebook("top", "print x" if value is None else gives(value))
    work.notebook("n", "touch ran")
    work.workflow("top.ipynb", {"path": "n.ipynb", "depends_on": "top",
                                "parameters": {"x": "{{ notebooks.top.%s }}" % path}},
                  {"path": "n.ipynb", "name": "below", "depends_on": "n"})
    run = work.run("workflow.yaml")
    assert run.status == 1
    assert run.statuses() == {"top": "succeeded", "n": "failed", "below": "skipped"}
    record = run.record("n")
    assert record["error"]["kind"] == "dependency" and record["attempts"] == 0
    assert words in record["error"]["message"]
    assert record["error"]["message"].startswith("parameter 'x': {{ notebooks.top.%s }}: 'top' returned " % path)
    assert len(record["error"]["message"]) < 800
    assert message(run, "below") == "not started because notebook 'n' failed"
    assert not work.path("ran").exists()
    assert "'top' returned" in run.out


def test_a_missing_value_of_a_skipped_or_failed_one(work):
    work.notebook("bad", "error E no")
    work.notebook("n", "touch ran")
    work.workflow("bad.ipynb", {"path": "n.ipynb", "name": "below", "depends_on": "bad"}, *(
        {"path": "n.ipynb", "name": f"of-{x}", "depends_on": x, "run_if": "all_done",
         "env": {"X": "{{ notebooks.%s.result }}" % x}}
        for x in ("bad", "below")))
    run = work.run("workflow.yaml")
    assert run.statuses() == {"bad": "failed", "below": "skipped", "of-bad": "failed", "of-below": "failed"}
    assert message(run, "of-bad").startswith("environment variable 'X': ") and "'bad' failed" in message(run, "of-bad")
    assert "'below' was skipped" in message(run, "of-below")


@pytest.mark.parametrize("more, status", [({}, 1), ({"allow_failure": True}, 0)])
def test_a_missing_value_trips_the_policy_as_any_failure(work, more, status):
    work.notebook("top", "print x")
    work.notebook("slow", "hang")
    work.notebook("n", "touch ran")
    flow = ["top.ipynb", {"path": "n.ipynb", "depends_on": "top",
                          "parameters": {"x": "{{ notebooks.top.result.rows }}"}, **more}]
    work.workflow(*flow, *([] if more else ["slow.ipynb", {"path": "n.ipynb", "name": "waits", "depends_on": "slow"}]),
                  processes=2, on_error="fail-fast")
    run = work.run("workflow.yaml")
    assert run.status == status
    assert run.statuses() == {"top": "succeeded", "n": "failed",
                              **({} if more else {"slow": "cancelled", "waits": "skipped"})}
    if not more:
        assert "notebook 'n' failed (on_error: fail-fast)" in message(run, "slow")
    assert not work.path("ran").exists()


def test_a_missing_value_is_not_tried_again(work):
    work.notebook("top", "print x")
    work.notebook("n", "touch ran")
    work.workflow("top.ipynb", {"path": "n.ipynb", "depends_on": "top", "retries": 3, "retry_delay_seconds": 600,
                                "parameters": {"x": "{{ notebooks.top.result.rows }}"}})
    run = work.run("workflow.yaml")
    assert run.statuses() == {"top": "succeeded", "n": "failed"} and run.record("n")["earlier_attempts"] == []


def test_what_comes_may_be_too_much_for_a_variable(work):
    work.notebook("top", gives({"l": [1]}))
    work.notebook("n", "touch ran")
    work.workflow("top.ipynb", {"path": "n.ipynb", "depends_on": "top", "env": {"X": "{{ notebooks.top.result.l }}"}})
    run = work.run("workflow.yaml")
    assert run.record("n")["error"]["kind"] == "dependency"
    assert message(run, "n") == "environment variable 'X' would be a list, which is no text"
