"""
Expressions: what they look up, that types are kept, that secrets are no part of them, and what is said of mistakes.
"""

import json
import re

import pytest

SECRET = "hunter2-Qx77-hunter2"
ENV = {"NBFORK_TEST_SECRET": SECRET}


@pytest.fixture
def here(work):
    for name in ("a", "b"):
        work.notebook(name, "touch ran")
    return work


def refused(work, text, args=(), **env):
    """What is said about a workflow, as {line:column: messages}; all of it is about the workflow."""
    work.write("w.yaml", text)
    said = {}
    for line in work.refused(*args, "w.yaml", env=env).splitlines():
        match = re.fullmatch(r"w\.yaml:(\d+:\d+): (.+)", line)
        assert match, line
        said.setdefault(match[1], []).append(match[2])
    assert not work.path("ran").exists()
    return said


def marked(text):
    """A text without its marks "@", and the places that they stand before."""
    places = []
    for number, line in enumerate(text.split("\n"), 1):
        parts = line.split("@")
        places += [f"{number}:{len(''.join(parts[:i])) + 1}" for i in range(1, len(parts))]
    return text.replace("@", ""), places


def plan(work, text, *args, **env):
    work.write("w.yaml", text)
    run = work.run("-n", "--json", *args, "w.yaml", folder=None, env=env)
    assert run.status == 0, run.story()
    return {n["name"]: n["parameters"] for n in json.loads(run.out)["notebooks"]}


# ---- Values ----

def test_a_value_that_is_one_expression_keeps_its_type(work):
    work.notebook("n", "print([(type(v).__name__, v) for v in (i, b, f, l, d, t, z, s, c)])", kernel="python3")
    work.write("w.yaml", """
parameters:
  base: {int: 12345678901234567890123, bool: false, float: 1e3, list: [1, [null]], map: {"é k": {"": 漢}}, text: "7", none: null}
notebooks:
- path: n.ipynb
  parameters:
    i: "{{ parameters.base.int }}"
    b: "{{parameters.base.bool}}"
    f: "  {{ parameters.base.float }}\\n"
    l: "{{ parameters.base.list }}"
    d: '{{ parameters.base.map["é k"] }}'
    t: "{{ parameters.base.text }}"
    z: "{{ parameters.base.none }}"
    s: "{{ parameters.base.list[1] }}"
    c: "{{ parameters.base.int }}{{ parameters.base.bool }}/{{ parameters.base.none }}/{{ parameters.base.list }}"
""")
    run = work.run("w.yaml")
    assert run.status == 0, run.story()
    assert eval(run.text("n")) == [
        ("int", 12345678901234567890123), ("bool", False), ("float", 1000.0), ("list", [1, [None]]),
        ("dict", {"": "漢"}),
        ("str", "7"), ("NoneType", None), ("list", [None]), ("str", "12345678901234567890123false//[1, [null]]")]


def test_everything_that_can_be_looked_up(here):
    got = plan(here, """
name: flow
parameters: {top: {deep: [10, {x: 20}]}, "names": {"with space": 1, "0": zero}}
notebooks:
- path: a.ipynb
  name: '{{ env.WHO }} {{ item["a b"] }}'
  for_each: [{"a b": one, list: [1, 2]}]
  parameters:
    deep: "{{ parameters.top.deep[1].x }}"
    dotted: "{{ parameters.top.deep.1.x }}"
    quoted: '{{ parameters["names"]["with space"] }}'
    number: "{{ parameters.names.0 }}"
    variable: "{{ env.WHO }}"
    name: "{{ notebook.name }}"
    whole: "{{ item }}"
    last: "{{ item.list[1] }}"
    braces: 'a {{ "{{" }} b }} { { }'
    literal: "{{ 'it' }}"
    nested: {list: ["{{ item.list }}", {"{{ key }}": "x{{ item.list[0] }}y"}]}
""", WHO="wörld")
    assert got == {"wörld one": {
        "top": {"deep": [10, {"x": 20}]}, "names": {"with space": 1, "0": "zero"},
        "deep": 20, "dotted": 20, "quoted": 1, "number": "zero", "variable": "wörld", "name": "wörld one",
        "whole": {"a b": "one", "list": [1, 2]}, "last": 2, "braces": "a {{ b }} { { }", "literal": "it",
        "nested": {"list": [[1, 2], {"{{ key }}": "x1y"}]}}}


def test_what_was_put_in_is_never_evaluated_again(here):
    for value in ("{{ parameters.other }}", "{{ run.id }}", "{{", "}}", "${{ x }}", '"{{ "'):
        here.write("rows.json", json.dumps([value]))
        got = plan(here, """
parameters: {other: no!}
notebooks:
- {path: a.ipynb, for_each: {file: rows.json}, parameters: {x: "{{ item }}", y: "<{{ item }}>", z: "{{ parameters.x }}"}}
""")
        assert got["a-1"] == {"other": "no!", "x": value, "y": f"<{value}>", "z": value}


def test_what_was_put_in_is_never_evaluated_later_either(work):
    """Texts that are completed only when the notebook starts."""
    work.notebook("a", "show x\nshow y\nshow id")
    work.write("rows.json", json.dumps(["{{ notebooks.a.result }}"]))
    work.workflow({"path": "a.ipynb", "for_each": {"file": "rows.json"},
                   "parameters": {"x": ["{{ item }}", "{{ run.id }}"], "y": "{{ item }} in {{ run.id }}",
                                  "id": "{{ run.id }}"}})
    run = work.run("workflow.yaml")
    x, y, number = map(json.loads, run.text("a-1").splitlines())
    assert number == run.results["run"]["id"]
    assert x == ["{{ notebooks.a.result }}", number] and y == f"{{{{ notebooks.a.result }}}} in {number}"
    assert run.record("a-1")["parameters"] == {"x": x, "y": y, "id": number}


def test_the_workflows_own_keys(here):
    here.write("w.yaml", """
name: "nightly-{{ parameters.day }}"
processes: "{{ parameters.n }}"
timeout_seconds: "{{ parameters.n }}00"
on_error: "{{ env.POLICY }}"
parameters: {day: 2026-11-22, n: 3}
defaults: {allow_errors: "{{ parameters.yes }}", parameters: {yes: true}}
notebooks: [a.ipynb]
""")
    said = here.refused("w.yaml", env={"POLICY": "drain"})
    assert said.startswith("w.yaml:4:18: 'timeout_seconds' must be ") and "300" in said
    here.write("w.yaml", here.path("w.yaml").read_text().replace("}}00", "}}"))
    run = here.run("w.yaml", folder=None, env={"POLICY": "drain"})
    assert run.status == 0, run.story()
    assert run.dir.name.startswith("nightly-2026-11-22-")
    assert (run.results["processes"], run.results["on_error"]) == (3, "drain")


# ---- Mistakes ----

MISTAKES = {
    "unknown root": ("{{ parametrs.x }}", "there is no 'parametrs'; did you mean 'parameters'?"),
    "far root": ("{{ secrets.x }}", "there is no 'secrets'; expressions know parameters, item,"),
    "unknown parameter": ("{{ parameters.daz }}", "there is no parameter 'daz'; did you mean 'day'?"),
    "no parameter": ("{{ parameters }}", "parameters.NAME"),
    "unknown member": ("{{ parameters.map.tabel }}", "'map' has no member 'tabel'"),
    "member of a number": ("{{ parameters.n.x }}", "'n' is the number 5, which has no member 'x'"),
    "member of text": ("{{ parameters.day.x }}", "'day' is the text '2026-11-22', which has no member 'x'"),
    "element too far": ("{{ parameters.list[3] }}", "'list' is a list of 2, it has no element 3"),
    "element by name": ("{{ parameters.list.first }}", "from 0 to 1"),
    "item without for_each": ("{{ item.x }}", "the notebook has no 'for_each'"),
    "matrix without matrix": ("{{ matrix.x }}", "the notebook has no 'matrix'"),
    "unset variable": ("{{ env.NBFORK_NOT_SET }}", "environment variable 'NBFORK_NOT_SET' is not set"),
    "no variable": ("{{ env }}", "env.NAME"),
    "unknown of the run": ("{{ run.dir }}", "there is only run.id"),
    "unknown of the notebook": ("{{ notebook.path }}", "there is only notebook.name"),
    "notebook without result": ("{{ notebooks.a }}", "notebooks.NAME.result"),
    "unknown notebook": ("{{ notebooks.aa.result }}", "there is no notebook 'aa'; did you mean 'a'?"),
    "no dependency": ("{{ notebooks.a.result.x }}", "'a' is no dependency of 'b'; add it to 'depends_on'"),
    "itself": ("{{ notebooks.b.result }}", "'b' is no dependency of 'b'"),
    "itself, by parameter": ("{{ parameters.x }}", "parameter 'x' is made of itself"),
    "sum": ("{{ parameters.n + 1 }}", "there are no operators ('+')"),
    "comparison": ("{{ parameters.n == 1 }}", "there are no operators"),
    "filter": ("{{ parameters.n | upper }}", "there are no filters"),
    "call": ("{{ now() }}", "there are no calls"),
    "empty": ("{{ }}", "the expression is empty"),
    "open": ("{{ parameters.n", "no '}}' that ends the expression"),
    "half closed": ("{{ parameters.n }", "single '}'"),
    "three braces": ("{{{ parameters.n }}}", "brace too many"),
    "a dollar": ("${{ parameters.n }}", "leave out the '$'"),
    "white space inside": ("{{ parameters .n }}", "white space before '.'"),
    "unquoted in brackets": ("{{ parameters[n] }}", "expected a number or a text in quotes"),
    "open quote": ("{{ parameters['n }}", "does not end"),
    "two words": ("{{ parameters.n parameters.n }}", "expected '}}'"),
    "second of two": ("{{ parameters.n }} and {{ parameters.nn }}", "there is no parameter 'nn'"),
}


@pytest.mark.parametrize("label", MISTAKES)
def test_a_mistake_has_its_place_and_says_what_is_wrong(here, label):
    text, words = MISTAKES[label]
    said = refused(here, f"""
parameters: {{day: 2026-11-22, n: 5, map: {{table: 1}}, list: [1, 2]}}
notebooks:
- a.ipynb
- path: b.ipynb
  parameters:
    x: {json.dumps(text)}
    y: 1
""")
    column = 9 + (text.rfind("{{") if label in ("second of two", "a dollar") else 0)
    (place, (message,)), = said.items()
    assert place == f"7:{column}"
    assert words in message
    assert message.startswith("{{") or label == "a dollar"


def test_the_place_within_a_block_and_behind_other_characters(here):
    text, places = marked("""
notebooks:
- path: b.ipynb
  parameters:
    a: "é漢 @{{ parameters.no }}"
    'b': @'it''s {{ parameters.no }}'
    c: plain @{{ parameters.no }}
    d: @|
      first
      then {{ parameters.no }}
    e: [1, {f: "@{{ parameters.no }}"}]
    "g": {k: v, "l": ["@{{ ok", 2]}
""")
    assert list(refused(here, text)) == places


def test_the_place_of_a_result_that_cannot_be_had(here):
    text, places = marked("""
notebooks:
- a.ipynb
- path: b.ipynb
  env: {E: "x @{{ notebooks.c.result }}"}
  parameters:
    a: "é {{ notebook.name }} {{ run.id }} @{{ notebooks.a.result }}"
    d: [1, {f: ["@{{ notebooks.a.result }}"]}]
""")
    assert sorted(refused(here, text)) == sorted(places)


def test_a_mistake_in_an_option_is_said_to_be_there(here):
    here.workflow("a.ipynb", {"path": "b.ipynb", "parameters": {"y": "{{ parameters.x }}"}})
    for text, words in (("parameters.nope", "there is no parameter 'nope'"),
                        ("notebooks.nope.result", "there is no notebook 'nope'")):
        for line in here.refused("-p", f"x='{{{{ {text} }}}}'", "workflow.yaml").splitlines():
            assert line.startswith(("nbfork: error: option '-p x=...': {{ ", "workflow.yaml:")) and words in line


def test_an_expression_in_an_option_needs_no_quotes_of_its_own(here):
    here.notebook("p", "show p")
    here.workflow({"path": "p.ipynb", "parameters": {"p": 1}})
    run = here.run("-p", "p={{ run.id }}", "workflow.yaml")
    assert run.status == 0 and run.record("p")["parameters"] == {"p": run.results["run"]["id"]}


def test_all_mistakes_of_all_kinds_come_in_one_go(here):
    text, places = marked("""
@nam: x
parameters: {day: 1, bad: "@{{ parameters.dya }}"}
defaults: {retries: "@{{ parameters.day.x }}", @name: x}
notebooks:
- path: a.ipynb
  name: "n-@{{ item.x }}"
  for_each: [{x: 1}, {y: 2}, 5]
- path: b.ipynb
  depends_on: [n-1, @nope, @"z*"]
  run_if: @all_sucess
  parameters: {p: "{{ notebooks.n-1.result }}", q: "@{{ notebooks.n-9.result }}", r: "@{{ 1 + 1 }}"}
- path: "@{{ parameters.none }}.ipynb"
- {path: @none.ipynb, matrix: {a: [1]}}
- {path: a.ipynb, name: m, matrix: @{a: 1}}
- {path: b.ipynb, name: c, for_each: @{@globb: "*"}}
- {path: b.ipynb, name: d, for_each: @[]}
- {path: b.ipynb, name: e, pool: @p, kernel: @nope}
- {path: b.ipynb, name: f, timeout_seconds: @"{{ run.id }}", depends_on: @{a: 1}}
- {path: b.ipynb, name: g, @depends_on: h}
- {path: b.ipynb, name: h, depends_on: g}
""")
    said = refused(here, text)
    assert list(said) == places
    assert len(said[places[4]]) == 2  # of two rows


def test_a_mistake_in_what_many_notebooks_share_is_said_once(here):
    text, places = marked("""
defaults: {parameters: {x: "@{{ parameters.nope }}"}, env: {E: "@{{ item.no }}"}}
notebooks:
- {path: a.ipynb, for_each: [{a: 1}, {a: 2}, {a: 3}]}
- {path: b.ipynb, for_each: [{a: 1}]}
""")
    assert {place: len(messages) for place, messages in refused(here, text).items()} == dict.fromkeys(places, 1)


def test_a_result_that_is_needed_too_early_is_refused(here):
    text, places = marked("""
notebooks:
- a.ipynb
- path: b.ipynb
  depends_on: a
  name: @"{{ notebooks.a.result }}"
- path: b.ipynb
  name: x
  depends_on: a
  for_each: "@{{ notebooks.a.result.list }}"
- {path: b.ipynb, name: y, depends_on: a, timeout_seconds: @"{{ notebooks.a.result }}"}
- {path: b.ipynb, name: z, working_directory: @"{{ run.id }}"}
""")
    said = refused(here, text)
    assert list(said) == places
    assert all("parameters and variables of notebooks alone" in said[p][0] for p in places)


def test_mistakes_in_files_of_rows_are_said_with_their_lines(here):
    here.write("ragged.csv", "a,b\n1,2\n1\n1,2,3\n")
    here.write("twice.csv", "a,a\n1,2\n")
    here.write("quote.csv", 'a,b\n"x,2\n')
    here.write("bad.json", '[1,\n 2,,]\n')
    here.write("map.json", '{"a": 1}')
    here.write("lines.jsonl", '{"a": 1}\n{"a": }\n')
    here.write("latin.csv", b"a\n\xe9\n")
    here.workflow(*({"path": "a.ipynb", "name": f"n{i}", "for_each": {"file": f}} for i, f in enumerate(
        ["ragged.csv", "twice.csv", "quote.csv", "bad.json", "map.json", "lines.jsonl", "latin.csv", "none.csv",
         "a.ipynb"])))
    said = here.refused("workflow.yaml").splitlines()
    places = [re.match(r"\S+?(?=: )", line)[0] for line in said]
    assert sorted(places)[:-2] == ["bad.json:2:4", "latin.csv:2:1", "lines.jsonl:2:7", "map.json:1:1", "quote.csv:2:1",
                                   "ragged.csv:3:1", "ragged.csv:4:1", "twice.csv:1:3"]
    assert sorted(p.split(":")[0] for p in places)[-2:] == ["workflow.yaml"] * 2
    assert any("cannot read 'none.csv': No such file or directory" in line for line in said)


# ---- Secrets ----

def nowhere(run):
    texts = [run.out, run.err]
    if run.dir and run.dir.exists():
        texts += [p.read_text("utf-8", "replace") for p in run.dir.rglob("*") if p.is_file()]
    assert all(SECRET not in t for t in texts)
    return texts


@pytest.mark.parametrize("where", [
    'parameters: {x: "{{ parameters.key }}"}', 'parameters: {x: "a{{ parameters.key }}b"}',
    'parameters: {x: ["{{ parameters.key }}"]}',
    'parameters: {x: "{{ parameters.key.y }}"}', 'parameters: {x: "{{ parameters.key }} {{ run.id }}"}',
    'name: "{{ parameters.key }}"',
    'env: {E: "{{ parameters.key }}"}', 'working_directory: "{{ parameters.key }}"',
    'for_each: ["{{ parameters.key }}"]',
    'for_each: "{{ parameters.key }}"', 'matrix: {a: ["{{ parameters.key }}"]}', 'kernel: "{{ parameters.key }}"',
    'depends_on: "{{ parameters.key }}"', 'run_if: "{{ parameters.key }}"', 'retry_on: ["{{ parameters.key }}"]',
])
@pytest.mark.parametrize("form", ["file", "option"])
def test_a_secret_is_part_of_nothing_else(here, where, form):
    top = "parameters: {key: {secret: NBFORK_TEST_SECRET}}\n" if form == "file" else ""
    args = [] if form == "file" else ["-p", "key={secret: NBFORK_TEST_SECRET}"]
    here.write("w.yaml", top + f"notebooks:\n- path: a.ipynb\n  {where}\n")
    for more in ([], ["-c"], ["-n"], ["-n", "--json"], ["-vv"]):
        said = here.refused(*args, *more, "w.yaml", env=ENV)
        assert "'key' is a secret" in said and "{secret: NBFORK_TEST_SECRET}" in said
        assert SECRET not in said


@pytest.mark.parametrize("where", [
    'parameters: {list: [{secret: NBFORK_TEST_SECRET}]}', 'parameters: {map: {key: {secret: NBFORK_TEST_SECRET}}}',
    'for_each: [{secret: NBFORK_TEST_SECRET}]', 'for_each: [{key: {secret: NBFORK_TEST_SECRET}}]',
    'for_each: {list: [{key: {secret: NBFORK_TEST_SECRET}}]}', 'matrix: {key: [{secret: NBFORK_TEST_SECRET}]}',
])
def test_a_secret_inside_something_else_is_refused_and_not_taken_for_a_map(here, where):
    """It would arrive as a map that holds its name."""
    here.write("w.yaml", f"notebooks:\n- path: a.ipynb\n  {where}\n")
    said = here.refused("w.yaml", env=ENV)
    assert "secret" in said and SECRET not in said


def test_the_name_of_a_secret_is_no_expression(here):
    said = refused(here, """
notebooks:
- path: a.ipynb
  for_each: [NBFORK_TEST_SECRET]
  parameters: {key: {secret: "{{ item }}"}}
""", **ENV)
    assert list(said) == ["5:30"] and "cannot be an expression" in said["5:30"][0]


def test_a_secret_is_in_no_plan_no_journal_and_no_digest(work):
    """Also not where it would be told from: two runs with two secrets have the same digests."""
    work.notebook("n", "show key\nenv TOKEN")
    work.workflow({"path": "n.ipynb", "name": "n-{{ item }}", "for_each": [1, 2],
                   "env": {"TOKEN": {"secret": "NBFORK_TEST_SECRET"}},
                   "parameters": {"i": "{{ item }}", "id": "{{ run.id }}"}},
                   parameters={"key": {"secret": "NBFORK_TEST_SECRET"}})
    for more in ([], ["--json"], ["--graph"]):
        run = work.run("-n", *more, "workflow.yaml", folder=None, env=ENV)
        assert run.status == 0
        nowhere(run)
        assert "***" in run.out or more == ["--graph"]
    digests = []
    for secret in (SECRET, SECRET[::-1]):
        run = work.run("-vv", "workflow.yaml", env={"NBFORK_TEST_SECRET": secret})
        assert run.status == 0
        assert all(secret not in t for t in nowhere(run))
        assert run.text("n-1") == "***\n***\n" or run.text("n-1") == '"***"\n***\n'
        digests.append({e["name"]: e["inputs"] for e in run.events if e["event"] == "notebook_finished"})
    assert digests[0] == digests[1]
    again = work.run("--resume=" + run.dir.name, "workflow.yaml", folder=run.dir, env=ENV)
    nowhere(again)
    assert [n["resumed_from"] for n in again.results["notebooks"]] == [again.results["run"]["resumed_from"]] * 2


def test_a_secret_that_is_handed_back_is_handed_on_as_stars(work):
    mime = "application/vnd.nbfork.result+json"
    work.notebook("giver", "import json\nfrom IPython.display import display\n"
                  f"display({{{mime!r}: {{'token': key, 'n': 1}}}}, raw=True)", kernel="python3")
    work.notebook("taker", "show x\nshow n")
    work.workflow({"path": "giver.ipynb", "parameters": {"key": {"secret": "NBFORK_TEST_SECRET"}}},
                  {"path": "taker.ipynb", "depends_on": "giver", "parameters": {
                      "x": "{{ notebooks.giver.result.token }}", "n": "{{ notebooks.giver.result.n }}"}})
    run = work.run("workflow.yaml", env=ENV)
    nowhere(run)
    assert run.text("taker") == '"***"\n1\n'
