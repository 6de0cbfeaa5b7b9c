"""
Parameters: where the cell goes, what stands in it, and that the values arrive in the language.
"""

import json

import pytest

from harness import code, lines, markdown

VALUES = {
    "text": "plain", "empty": "", "odd": "a \"b\" 'c' \\ $x `y` {z} \n\t\r\x01\x7f é 漢 😀 \u2028 %d",
    "yes": True, "no": False, "none": None,
    "whole": 42, "negative": -7, "big": 2**70, "real": 1.5, "small": 5e-324, "huge": 1e16, "minus_zero": -0.0,
    "list": [1, "two", None, [True, []]], "map": {"k": "v", "o'dd \"k\"": {"n": [1.5]}, "": {}},
}


def injected(run, name):
    cells = run.executed(name)["cells"]
    found = [i for i, c in enumerate(cells) if "injected-parameters" in c["metadata"].get("tags", [])]
    return found, ["".join(cells[i]["source"]) for i in found]


def flow(work, values):
    """A workflow that gives these values to `a`, and the numbers that JSON has not."""
    text = json.dumps({"path": "a.ipynb", "parameters": values}, ensure_ascii=False)
    text = text.replace("\x7f", "\\x7f").replace("\u2028", "\\u2028")  # what YAML 1.1 does not take as it is
    return work.write("w.yaml", "parameters: {nan: .nan, inf: .inf, minus_inf: -.inf}\nnotebooks: [%s]\n" % text)


def test_every_type_arrives_in_python(work):
    names = list(VALUES)
    work.notebook("a", code("whole = 1", "parameters"), "import json, math\nprint(json.dumps([%s]))" % ", ".join(names),
                  "print([type(v).__name__ for v in (%s)])" % ", ".join(names),
                  "print(nan != nan, inf, minus_inf, math.copysign(1, minus_zero))", kernel="python3")
    run = work.run(flow(work, VALUES))
    assert run.status == 0
    values, types, special = run.text("a").splitlines()
    assert json.loads(values) == list(VALUES.values())
    assert eval(types) == [type(v).__name__ for v in VALUES.values()]
    assert special == "True inf -inf -1.0"
    assert run.executed("a")["metadata"]["papermill"]["parameters"]["map"] == VALUES["map"]


def test_every_type_arrives_in_r(work):
    values = {k: v for k, v in VALUES.items() if k not in ("big", "small")}
    values["map"] = {"k": "v", "o'dd \"k\"": {"n": [1.5]}}
    show = lines(
        "options(digits = 17)", "u <- function(s) paste(utf8ToInt(enc2utf8(s)), collapse = ' ')",
        "cat(u(text), '|', nchar(empty), '|', u(odd), '\\n')",
        "cat(yes, no, is.null(none), whole, negative, real, huge, '\\n')",
        "cat(is.nan(nan), inf, -inf == minus_inf, 1 / minus_zero, '\\n')", "str(list)",
        "cat(names(map), map[[2]]$n[[1]], '\\n')")
    work.notebook("a", show, kernel="ir", language="R")
    run = work.run(flow(work, values))
    assert run.status == 0, run.story()
    first, second, third, *rest = run.text("a").splitlines()
    text, empty, odd = first.split(" | ")
    assert [chr(int(n)) for n in text.split()] == list("plain") and empty == "0"
    assert "".join(chr(int(n)) for n in odd.split()) == values["odd"]
    assert second.split() == ["TRUE", "FALSE", "TRUE", "42", "-7", "1.5", "1e+16"]
    assert third.split() == ["TRUE", "Inf", "TRUE", "-Inf"]
    assert rest[0] == "List of 4"
    assert rest[-1] == "k o'dd \"k\" 1.5 "


def test_the_cell_is_papermills(work):
    work.notebook("a", "print x", language="python")
    values = {"a": 1, "b": "é \"q\"\n", "c": [1, {"k": None}], "d": True, "e": 1e16, "f": {}}
    work.workflow({"path": "a.ipynb", "parameters": values})
    run = work.run("workflow.yaml")
    assert injected(run, "a")[1] == [
        '# Parameters\na = 1\nb = "\\xe9 \\"q\\"\\n"\nc = [1, {"k": None}]\nd = True\ne = 1e+16\nf = {}\n']


def test_it_goes_behind_the_first_cell_tagged_parameters(work):
    work.notebook("a", markdown("m"), code("x = 1", "parameters"), code("x = 2", "parameters"), "show x")
    run = work.run("-p", "x=5", "a.ipynb")
    assert injected(run, "a")[0] == [2]
    assert run.text("a") == "2\n"  # the second such cell comes later


def test_it_replaces_the_first_injected_one_where_that_stands(work):
    work.notebook("a", "x = 0", code("x = 1", "injected-parameters"), "show x", code("y = 1", "parameters"))
    run = work.run("-p", "x=5", "a.ipynb")
    at, text = injected(run, "a")
    assert at == [1] and text == ["# Parameters\nx = 5\n"]
    assert run.text("a") == "5\n"


def test_without_such_a_cell_it_is_the_first(work):
    work.notebook("a", markdown("m"), "show x")
    run = work.run("-p", "x=5", "a.ipynb")
    assert injected(run, "a")[0] == [0]
    assert run.text("a") == "5\n"


def test_without_parameters_nothing_is_put_in_or_taken_out(work):
    work.notebook("a", code("x = 1", "parameters"), code("x = 2", "injected-parameters"), "show x")
    run = work.run("a.ipynb")
    assert len(run.executed("a")["cells"]) == 3
    assert run.text("a") == "2\n"


def test_the_nearest_setting_wins_and_the_order_is_that_of_the_first(work):
    work.notebook("a", "show a\nshow b\nshow c\nshow d")
    work.workflow({"path": "a.ipynb", "parameters": {"c": 3, "d": 3}}, parameters={"a": 1, "b": 1, "c": 1, "d": 1},
                  defaults={"parameters": {"b": 2, "c": 2, "d": 2}})
    run = work.run("-p", "d=4", "workflow.yaml")
    assert run.text("a").split() == ["1", "2", "3", "4"]
    assert list(run.record("a")["parameters"]) == ["a", "b", "c", "d"]


def test_many_large_parameters_arrive(work):
    work.notebook("a", "show x500\nshow long")
    values = {f"x{i}": i for i in range(1000)} | {"long": "é" * 300_000}
    work.workflow({"path": "a.ipynb", "parameters": values})
    run = work.run("workflow.yaml")
    first, second = run.text("a").splitlines()
    assert first == "500" and json.loads(second) == values["long"]


@pytest.mark.parametrize("language", ["Python", "python", None])
def test_the_language_is_the_notebooks_or_else_the_kernels(work, language):
    metadata = {"language_info": {"name": language}} if language else {}
    work.notebook("a", "show x", language=language or "", metadata=metadata)
    if not language:
        nb = json.loads(work.path("a.ipynb").read_text())
        del nb["metadata"]["kernelspec"]["language"]
        work.write("a.ipynb", json.dumps(nb))
    run = work.run("-p", "x=1", "a.ipynb")
    assert run.status == 0 and run.text("a") == "1\n"
