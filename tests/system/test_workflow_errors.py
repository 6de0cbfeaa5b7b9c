"""
Workflows that are refused: where the message points to and what it says. Nothing is started or made.
"""

import json
import re
import time

import pytest

NB = "notebooks: [a.ipynb]\n"

# text, then what is said about it: (line:column, words...)
ERRORS = {
    # Keys.
    "unknown key": ("proceses: 4\n" + NB, ("1:1", "'proceses'", "'processes'")),
    "unknown notebook key": ("notebooks:\n  - path: a.ipynb\n    timeout: 5\n", ("3:5", "'timeout'", "'timeout_seconds'")),
    "unknown default": ("defaults:\n  cell_timeout: 5\n" + NB, ("2:3", "'cell_timeout'", "'cell_timeout_seconds'")),
    "unknown target key": ("targets:\n  local: {kernels: python3}\n" + NB, ("2:11", "'kernels'", "'kernel'")),
    "case matters": ("Name: x\n" + NB, ("1:1", "'Name'", "'name'")),
    "number as key": ("1: x\n" + NB, ("1:1", "'1'")),
    "x- only in front": ("name-x-: y\n" + NB, ("1:1", "'name-x-'")),
    "key twice": ("name: x\n" + NB + "name: y\n", ("3:1", "'name'", "line 1")),
    "parameter twice": ("parameters: {a: 1, b: 2, a: 3}\n" + NB, ("1:26", "'a'", "line 1")),
    "key twice, once quoted": ("name: x\n'name': y\n" + NB, ("2:1", "'name'", "line 1")),
    "key is a list": ("? [a]\n: b\n" + NB, ("1:3", "key")),
    "no notebooks": ("name: x\n", ("1:1", "'notebooks'")),
    "no path": ("notebooks:\n  - name: x\n", ("2:5", "'path'")),
    # Types and ranges.
    "notebooks are text": ("notebooks: a.ipynb\n", ("1:12", "'notebooks'", "list")),
    "notebooks are empty": ("notebooks: []\n", ("1:12", "'notebooks'")),
    "notebook is a number": ("notebooks:\n  - 5\n", ("2:5", ".ipynb")),
    "notebook is a list": ("notebooks:\n- [a.ipynb]\n", ("2:3", "list")),
    "path is null": ("notebooks:\n  - path:\n", ("2:10", "'path'")),
    "path is empty": ('notebooks:\n  - path: ""\n', ("2:11", "'path'")),
    "processes is text": ("processes: four\n" + NB, ("1:12", "'processes'", "number")),
    "processes is quoted": ("processes: '4'\n" + NB, ("1:12", "'processes'", "number")),
    "processes is 0": ("processes: 0\n" + NB, ("1:12", "'processes'", "0")),
    "processes is negative": ("processes: -2\n" + NB, ("1:12", "'processes'", "-2")),
    "processes is a fraction": ("processes: 1.5\n" + NB, ("1:12", "'processes'", "number")),
    "processes is huge": ("processes: 123456789012345678901234567890\n" + NB, ("1:12", "'processes'")),
    "unknown policy": ("on_error: fail_fast\n" + NB, ("1:11", "fail-fast", "let-finish", "drain")),
    "timeout is text": ("timeout_seconds: soon\n" + NB, ("1:18", "'timeout_seconds'", "number")),
    "timeout is negative": ("timeout_seconds: -1\n" + NB, ("1:18", "'timeout_seconds'")),
    "timeout is no number": ("timeout_seconds: .nan\n" + NB, ("1:18", "'timeout_seconds'")),
    "timeout is infinite": ("timeout_seconds: .inf\n" + NB, ("1:18", "'timeout_seconds'")),
    "no is text": ("notebooks:\n  - path: a.ipynb\n    allow_failure: no\n", ("3:20", "'allow_failure'", "true", "false")),
    "parameters are a list": ("parameters: [1]\n" + NB, ("1:13", "'parameters'")),
    "env is a list": ("notebooks:\n- path: a.ipynb\n  env: [A]\n", ("3:8", "'env'")),
    "env holds a list": ("notebooks:\n- path: a.ipynb\n  env: {A: [1]}\n", ("3:12", "A")),
    "env name with =": ("notebooks:\n- path: a.ipynb\n  env: {'A=B': x}\n", ("3:9", "A=B")),
    "root is a list": ("- [a.ipynb]\n", ("1:1", "list")),
    "root is text": ("a.ipynb\n", ("1:1", "text")),
    "transport": ("targets: {local: {transport: pigeon}}\n" + NB, ("1:30", "pigeon", "ipc", "tcp")),
    # Names.
    "name leaves the folder": ("notebooks:\n- {path: a.ipynb, name: ../a}\n", ("2:25", "'../a'")),
    "name is a folder up": ("notebooks:\n- {path: a.ipynb, name: '..'}\n", ("2:25", "'..'")),
    "name like an option": ("notebooks:\n- {path: a.ipynb, name: -x}\n", ("2:25", "'-x'")),
    "name is empty": ("notebooks:\n- {path: a.ipynb, name: ''}\n", ("2:25", "'name'")),
    "name with a control character": ('notebooks:\n- {path: a.ipynb, name: "a\\nb"}\n', ("2:25", "control character")),
    "name is too long": ("notebooks:\n- {path: a.ipynb, name: %s}\n" % ("n" * 300), ("2:25", "long")),
    "workflow name leaves the folder": ("name: a/b\n" + NB, ("1:7", "'a/b'")),
    "same notebook twice": ("notebooks:\n- a.ipynb\n- a.ipynb\n", ("3:3", "'a'", "name")),
    "names clash": ("notebooks:\n- a.ipynb\n- {path: b.ipynb, name: a}\n", ("3:25", "'a'")),
    # What must be there.
    "no such notebook": ("notebooks:\n- a.ipynb\n- sub/none.ipynb\n", ("3:3", "sub/none.ipynb", "No such file")),
    "no such notebook, by path": ("notebooks:\n- path: none.ipynb\n", ("2:9", "none.ipynb", "No such file")),
    "notebook is a folder": ("notebooks: [dir.ipynb]\n", ("1:13", "dir.ipynb", "directory")),
    "no such kernel": ("notebooks:\n- path: a.ipynb\n  kernel: nope\n", ("3:11", "nope", "fault")),
    "no such kernel, by the notebook": ("notebooks:\n- lost.ipynb\n", ("2:3", "nowhere", "fault")),
    "no such kernel, by the target": ("targets: {local: {kernel: nope}}\nnotebooks: [plain.ipynb]\n", ("2:13", "nope")),
    "no such target": ("target: moon\n" + NB, ("1:9", "moon")),
    "no such working directory": ("notebooks:\n- path: a.ipynb\n  working_directory: none\n", ("3:22", "none")),
    "secret is not set": ("parameters:\n  key: {secret: UNSET_KEY}\n" + NB, ("2:17", "UNSET_KEY")),
    "secret is a number": ("parameters: {key: {secret: 5}}\n" + NB, ("1:28", "secret")),
    "language without parameters": ("notebooks:\n- {path: cobol.ipynb, parameters: {x: 1}}\n", ("2:3", "cobol")),
    # YAML itself.
    "empty": ("", ("1:1", "nothing")),
    "nothing but comments": ("# nothing\n\n", ("1:1", "nothing")),
    "unclosed list": ("name: x\nnotebooks: [a.ipynb\n", ("3:1", "")),
    "tab": ("name: x\nnotebooks:\n\t- a.ipynb\n", ("3:1", "")),
    "unclosed quote": ("name: 'x\n" + NB, ("3:1", "")),
    "two documents": (NB + "---\n" + NB, ("2:1", "document")),
    "unknown alias": ("name: *x\n" + NB, ("1:7", "x")),
    "alias within itself": ("parameters: {a: &x [*x]}\n" + NB, ("1:21", "x")),
    "merge of a number": ("parameters: {<<: 5}\n" + NB, ("1:18", "<<")),
    "tag": ("name: !!python/name:os.system x\n" + NB, ("1:7", "tag")),
    "own tag": ("name: !include x.yaml\n" + NB, ("1:7", "tag")),
    "bad UTF-8": (b"name: x\nnotebooks: [a\xff.ipynb]\n", ("2:14", "UTF-8")),
    "control character": ("name: x\nnotebooks: [a\x07.ipynb]\n", ("2:14", "")),
    "column counts characters": ("{'é': 1, nótebooks: 2, notebooks: [a.ipynb]}\n", ("1:2", "'é'"), ("1:10", "'nótebooks'")),
}

@pytest.fixture
def here(work):
    for name in "ab":
        work.notebook(name, "touch ran")
    work.notebook("lost", "touch ran", kernel="nowhere")
    work.notebook("plain", "touch ran", kernel=None)
    work.notebook("cobol", "touch ran", kernel=work.kernel("cobol", language="cobol"), language="cobol")
    work.path("dir.ipynb").mkdir()
    return work


@pytest.mark.parametrize("label", ERRORS)
def test_an_error_has_its_place_and_says_what_is_wrong(here, label):
    text, *wanted = ERRORS[label]
    here.write("w.yaml", text)
    said = here.refused("w.yaml").splitlines()
    assert len(said) == len(wanted), said
    for line, (place, *words) in zip(said, wanted):
        match = re.match(r"w\.yaml:(\d+:\d+): (.+)", line)
        assert match, line
        assert match[1] == place, line
        assert all(w in match[2] for w in words), line
        assert not match[2].endswith("."), line
    assert here.refused("--check", "w.yaml").splitlines() == said


def test_other_types_of_target_are_refused(here):
    here.write("w.yaml", "targets:\n  prod: {type: spark, profile: X}\n" + NB)
    assert "type is 'spark', which is none of local, databricks" in here.refused("w.yaml")


def test_all_errors_come_in_one_go_in_the_order_of_the_text(here):
    here.write("w.yaml", "nam: x\nprocesses: none\n"
               "notebooks:\n- a.ipynb\n- {path: none.ipynb}\n- {path: b.ipynb, name: c, kernel: nope}\n"
               "- {path: b.ipynb, name: a, thread: 1}\n- {path: b.ipynb, allow_errors: 3}\non_error: never\n")
    places = [line.split(": ")[0] for line in here.refused("w.yaml").splitlines()]
    assert places == ["w.yaml:1:1", "w.yaml:2:12", "w.yaml:5:10", "w.yaml:6:36", "w.yaml:7:25", "w.yaml:7:28",
                      "w.yaml:8:33", "w.yaml:9:11"]


def test_errors_of_standard_input_say_so(here):
    assert here.refused("-", input="nam: x\n" + NB).startswith("<stdin>:1:1: ")


def test_the_place_is_under_the_name_that_was_given(here):
    here.write("sub/w.yaml", "nam: x\nnotebooks: [../a.ipynb]\n")
    assert here.refused("./sub/w.yaml").startswith("./sub/w.yaml:1:1: ")


@pytest.mark.parametrize("text, words", [
    ("x-a: &a [1,1,1,1,1,1,1,1,1]\n" + "".join(
        f"x-{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(20)) + NB, "alias"),
    ("parameters: " + "[" * 100000 + "\n" + NB, "deep"),
    ("parameters: {x: " + "[" * 65 + "]" * 65 + "}\n" + NB, "deep"),
    ("# " + "x" * (17 << 20) + "\n" + NB, "large"),
], ids=["aliases of aliases", "nesting", "nesting just over the limit", "size"])
def test_small_files_cannot_become_large_work(here, text, words):
    here.write("w.yaml", text)
    start = time.monotonic()
    said = here.refused("w.yaml")
    assert time.monotonic() - start < 5
    assert len(said) < 2000
    assert re.match(r"w\.yaml:", said)
    assert words in said


GOOD = {
    "x- keys and merges": "x-base: &base {cell_timeout_seconds: 5, allow_errors: true}\nx-other: [1, {y: 2}]\n"
    "defaults: {<<: *base, allow_errors: false}\nnotebooks: [a.ipynb]\n",
    "JSON": json.dumps({"name": "j\u00f6son", "notebooks": [{"path": "a.ipynb", "parameters": {"a": [None, True, 1.5, {"b": "c"}]}}]}),
    "BOM and CRLF": "\ufeffname: bom\r\nnotebooks:\r\n  - a.ipynb\r\n",
    "directive": "%YAML 1.2\n---\nnotebooks: [a.ipynb]\n...\n",
    "merged notebooks": "notebooks:\n- &n {path: a.ipynb}\n- {<<: *n, name: a2}\n- {<<: [{name: a3}, *n]}\n",
    "deep enough": "parameters: {x: " + "[" * 50 + "]" * 50 + "}\n" + NB,
    "numbers": "timeout_seconds: 0.5\ndefaults: {timeout_seconds: 0, cell_timeout_seconds: 1e3}\n" + NB,
    "target": "on_error: fail-fast\nprocesses: 0x10\ntarget: local\ntargets: {local: {kernel: fault, transport: tcp}}\n" + NB,
}


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_good_workflows_are_ok(here, text):
    here.write("w.yaml", text)
    run = here.run("-c", "w.yaml", folder=None)
    assert (run.status, run.out, run.err) == (0, "w.yaml: ok\n", "")


@pytest.mark.parametrize("text, place, words", [
    ('{"cells": [\n  {"cell_type" "code"}\n]}', "bad.ipynb:2:16: ", []),
    ("", "bad.ipynb", []),
    ("[]", "bad.ipynb", ["notebook"]),
    ("{}", "bad.ipynb", ["nbformat"]),
    ('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5} x', "bad.ipynb:1:67: ", []),
    ('{"metadata": {}, "nbformat": 3, "nbformat_minor": 0, "worksheets": []}', "bad.ipynb",
     ["jupyter nbconvert --to notebook --nbformat 4 --inplace bad.ipynb"]),
    ('{"cells": [], "metadata": {}, "nbformat": 5, "nbformat_minor": 0}', "bad.ipynb", ["5"]),
    ('{"cells": {}, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}', "bad.ipynb", ["cells"]),
    ('{"cells": [7], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}', "bad.ipynb", ["cell"]),
    (b'{"cells": [], "metadata": {"x": "\xff"}, "nbformat": 4, "nbformat_minor": 5}', "bad.ipynb:1:34: ", ["UTF-8"]),
    ('{"cells": [' + "[" * 100000, "bad.ipynb", []),
], ids=["syntax", "empty", "a list", "an object", "more behind it", "nbformat 3", "nbformat 5", "cells", "a cell",
        "bad UTF-8", "nesting"])
def test_what_is_no_notebook_is_refused(work, text, place, words):
    work.write("bad.ipynb", text)
    work.notebook("good", "touch ran")
    said = work.refused("good.ipynb", "bad.ipynb")
    assert said.startswith(place) or f"'{place}'" in said
    assert all(w in said for w in words)
    assert len(said.splitlines()) == 1


