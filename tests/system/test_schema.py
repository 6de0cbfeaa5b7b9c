"""
The schema of workflow files: it says what the loader says, as far as a schema can.
"""

import json
import re
import subprocess
from pathlib import Path

import jsonschema
import pytest

import harness
from test_workflow_errors import ERRORS, GOOD

yaml = pytest.importorskip("yaml")

TOP = Path(__file__).resolve().parents[2]


class Core(yaml.SafeLoader):
    """YAML with the core schema of version 1.2, as nbfork and editors read it."""

    yaml_implicit_resolvers = {}


for tag, form, first in (
        ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
        ("null", r"~|null|Null|NULL|", "~nN\0"),
        ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
        ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", "-+.0123456789"),
        ("merge", "<<", "<")):
    Core.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"(?:{form})$"), [c.strip("\0") for c in first])


@pytest.fixture(scope="module")
def schema():
    shown = subprocess.run([*harness.program(), "--schema"], capture_output=True, text=True, check=True)
    schema = json.loads(shown.stdout)
    jsonschema.Draft7Validator.check_schema(schema)
    return schema


@pytest.fixture(scope="module")
def validator(schema):
    return jsonschema.Draft7Validator(schema)


def said(validator, text):
    """What the schema says against a workflow."""
    return [error.message[:200] for error in validator.iter_errors(yaml.load(text, Core))]


# ---- What is in it ----


def properties(schema):
    """All keys that maps of a schema may have, each with what is said of it."""
    for key, value in schema.items():
        if key == "properties":
            yield from value.items()
        for below in value if isinstance(value, list) else value.values() if key == "properties" else [value]:
            if isinstance(below, dict):
                yield from properties(below)


def test_every_key_is_in_the_schema_and_in_the_page(schema):
    tables = "".join(p.read_text("utf-8") for p in sorted((TOP / "src/workflow").glob("load*.c")))
    keys = set(re.findall(r'^\t\{"(\w+)", (?:KIND\(|\.kind|A_LIST|A_MAP)', tables, re.M))
    shown = dict(properties(schema))
    page = (TOP / "man/nbfork-workflow.5").read_text("utf-8")
    assert len(keys) >= 60
    assert keys <= set(shown)
    for key in keys - {"local"}:
        assert re.search(rf"^\.(It )?Ic .*\b{key}\b", page, re.M), key
        assert len(shown[key]["description"]) > 10 and shown[key]["description"].endswith("."), key


def test_the_schema_is_installed_as_it_is_printed(schema):
    made = Path(harness.program()[-1]).parent / "nbfork-workflow.schema.json"
    if not made.exists():
        pytest.skip("not the build folder")
    assert json.loads(made.read_text("utf-8")) == schema


# ---- What it says ----


@pytest.mark.parametrize("sample", sorted(TOP.glob("samples/*/*.yaml")), ids=lambda p: p.stem)
def test_it_takes_the_samples(validator, sample):
    assert said(validator, sample.read_text("utf-8")) == []


def test_it_takes_the_workflows_of_the_page(validator):
    page = (TOP / "man/nbfork-workflow.5").read_text("utf-8").replace("\\e", "\\").replace("\\&", "")
    blocks = [b for b in re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed", page, re.M | re.S) if re.search("^notebooks:", b, re.M)]
    assert len(blocks) >= 6
    for block in blocks:
        assert said(validator, block) == [], block


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_it_takes_what_is_good(validator, text):
    assert said(validator, text.lstrip("\ufeff").replace("%YAML 1.2\n", "")) == []


# Files that are refused for what no schema can know, or cannot be read at all.
LOADER_ALONE = {
    "key twice", "parameter twice", "key twice, once quoted", "key is a list", "number as key",
    "timeout is no number", "timeout is infinite", "name like an option",
    "same notebook twice", "names clash",
    "no such notebook", "no such notebook, by path", "notebook is a folder", "no such kernel", "no such kernel, by the notebook",
    "no such kernel, by the target", "no such target", "no such working directory", "secret is not set",
    "language without parameters", "notebook is a number",
    "unclosed list", "tab", "unclosed quote", "two documents", "unknown alias", "alias within itself", "merge of a number",
    "tag", "own tag", "bad UTF-8", "control character",
}


@pytest.mark.parametrize("label", sorted(set(ERRORS) - LOADER_ALONE))
def test_it_refuses_what_is_bad(validator, label):
    assert said(validator, ERRORS[label][0]) != []


# Values for each key; what only the schema refuses, numbers and bools that are taken as text; and what the loader alone
# can say.
VALUES = ["~", "true", "5", "0", "-1", "1.5", "text", '""', '"5"', "[]", "[text]", "[5]", "[[]]", "{}", "{a: 1}", "{a: {b: 1}}",
          "{a: [1]}", "2G", "10%", "TEXT", '"{{ env.HOME }}"', '"{{ parameters.five }}"', '"{{ parameters.list }}"']
SCHEMA_ALONE = {"retry_on: true", *(f"schedule.timezone: {v}" for v in ("true", "5", "0", "-1"))}
LOADER_SAYS = [
    r"has no value",  # where there is a default it takes that back
    r"is none of (local|p|t\d+)\b",  # names of targets and pools
    r"which is none of (local, )?t", r"there is no pool", r"there is no notebook", r"matches no", r"no file matches",
    r"the kernel .* is not|kernel", r"working_directory", r"'run_if: ", r"is not set", r"cannot read", r"the list is empty", r"No such file",
    r"has '.*', for which there are no retries", r"did you mean", r"is no notebook",
    r"Quartz", r"more than one of the keys", r"needs 'min_free_memory'", r"must be more than 0",
    r"no environments in which", r"means nothing with let-finish",
    r"begins with '-'", r"must have a list|the key '.*' of the matrix",
    r"there is no program '", r"key 'type' of target", r"'env' .*",
]


def verdicts(work, validator, cases, text):
    """
    Runs the loader on one file, which has each case on a line of its own; yields each with what the loader says of its
    line and whether the schema takes it. text(case) gives the lines of the file, the case's own last, and the workflow
    with that case alone.
    """
    head, lines, alone = text
    first = head.count("\n") + 1
    work.write("w.yaml", head + "".join(lines))
    run = work.run("--check", "w.yaml", folder=None)
    problems = {}
    for line in run.err.splitlines():
        match = re.match(r"w\.yaml:(\d+):\d+: (.*)", line)
        assert match, line
        problems.setdefault(int(match[1]), []).append(match[2])
    assert len(problems) > 10
    for i, case in enumerate(cases):
        yield case, problems.get(first + i, []), said(validator, alone(i))


def agree(found):
    """The schema refuses nothing that the loader takes; and takes of what that refuses only what it alone can know."""
    n = 0
    wrong = []
    for case, problems, against in found:
        n += 1
        if against and not problems and case not in SCHEMA_ALONE:
            wrong.append(f"{case}: only the schema refuses it: {against}")
        elif not against and "{{" not in case and not all(any(re.search(s, p) for s in LOADER_SAYS) for p in problems):
            wrong.append(f"{case}: only the loader refuses it: {problems}")
    assert not wrong, "\n".join(wrong)
    return n


HEAD = "parameters: {five: 5, list: [a]}\npools: {p: 1}\n"


def maps(schema):
    """The alternatives of a schema that are maps."""
    return [s for s in schema.get("anyOf", [schema]) if "properties" in s]


def test_it_agrees_with_the_loader_about_notebooks(work, schema, validator):
    work.notebook("a", "print x")
    [notebook] = maps(schema["properties"]["notebooks"]["items"])
    [each] = maps(notebook["properties"]["for_each"])
    cases = [f"{key}: {value}" for key in notebook["properties"] if key not in ("path", "name", "matrix") for value in VALUES]
    cases += [f"for_each: {{{key}: {value}}}" for key in each["properties"] for value in VALUES]
    cases += [f"compute: {{{key}: {value}}}" for key in notebook["properties"]["compute"]["properties"] for value in VALUES]
    cases += [f"matrix: {{m: [1], {key}: {value}}}" for key in ("n", "include", "exclude") for value in VALUES]
    lines = [f"- {{path: a.ipynb, name: n{i}, {case}}}\n" if case[:8] not in ("for_each", "matrix: ")
             else f'- {{path: a.ipynb, name: "n{i}-{{{{ {"item" if case[0] == "f" else "matrix.m"} }}}}", {case}}}\n'
             for i, case in enumerate(cases)]
    head = HEAD + "notebooks:\n"
    assert agree(verdicts(work, validator, cases, (head, lines, lambda i: head + lines[i]))) > 700


def test_it_agrees_with_the_loader_about_targets(work, schema, validator):
    work.notebook("a", "print x")
    target = schema["properties"]["targets"]["additionalProperties"]
    cases = [f"type: {kind}, {key}: {value}" for kind, side in (("local", "else"), ("databricks", "then"))
             for key in target[side]["properties"] if key != "type" for value in VALUES]
    lines = [f"  t{i}: {{{case}}}\n" for i, case in enumerate(cases)]
    head = HEAD + "notebooks: [a.ipynb]\ntargets:\n"
    assert agree(verdicts(work, validator, cases, (head, lines, lambda i: head + lines[i]))) > 400


def judged(work, validator, text):
    """What the loader says of each line of a workflow; and what the schema says of places below one."""
    work.write("w.yaml", text)
    # Not by work.run(), which keeps files for each.
    run = subprocess.run([*harness.program(), "--check", "w.yaml"], cwd=work.dir, env=work.env, capture_output=True, text=True)
    problems = {}
    for line in run.stderr.splitlines():
        match = re.match(r"w\.yaml:(\d+):\d+: (.*)", line)
        if match:
            problems.setdefault(int(match[1]), []).append(match[2])
    errors = [(tuple(e.absolute_path), e.message[:200]) for e in validator.iter_errors(yaml.load(text, Core))]
    return problems, lambda *place: [message for path, message in errors if path[:len(place)] == place]


def test_it_agrees_with_the_loader_about_the_rest(work, schema, validator):
    work.notebook("a", "print x")
    keys = schema["properties"]
    single = ["notebooks", "parameters", "on_error"]
    inner = {key: list(keys[key]["properties"]) for key in ("limits", "schedule", "hooks")}
    found = []
    for value in VALUES:
        lines = ["parameters: {five: 5, list: [a]}", "notebooks: [a.ipynb]"]
        places = {}
        for key in keys:
            if key not in single:
                lines.append(f"{key}: {value}")
                places[len(lines)] = (key,)
        problems, against = judged(work, validator, "\n".join(lines) + "\n")
        found += [(lines[n - 1], problems.get(n, []), against(*place)) for n, place in places.items()]
        places, lines = {}, lines[:2]
        for key, names in inner.items():
            lines.append(f"{key}:")
            for name in names:
                lines.append(f"  {name}: {value}")
                places[len(lines)] = (key, name)
        problems, against = judged(work, validator, "\n".join(lines) + "\n")
        found += [(f"{'.'.join(place)}: {value}", problems.get(n, []), against(*place)) for n, place in places.items()]
        for line in ("notebooks: V", "parameters: V", "on_error: V", "on_error: {policy: V}", "on_error: {policy: drain, after: V}"):
            rest = [r for r in ("parameters: {five: 5, list: [a]}", "notebooks: [a.ipynb]") if r.split(":")[0] != line.split(":")[0]]
            line = line.replace("V", value)
            problems, against = judged(work, validator, "\n".join([line, *rest]) + "\n")
            found.append((line, problems.get(1, []), against()))
    assert agree(found) > 500
