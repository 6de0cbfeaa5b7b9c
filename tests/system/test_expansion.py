"""
One entry of the workflow that becomes many notebooks: for_each and matrix, their names, and what is left when there is
nothing to run.
"""

import json

import pytest

ROWS = {
    "rows.csv": "table,file\norders,data/orders.csv\n\"a, \"\"b\"\"\",\"two\nlines\"\n",
    "rows.tsv": "table\tfile\norders\tdata/orders.csv\n\"a, \"\"b\"\"\"\ttwo lines\n",
    "rows.json": '[{"table": "orders", "n": 1}, "text", 2.5, null, [1, {"k": true}], 12345678901234567890123]',
    "rows.jsonl": '{"table": "orders"}\n\n[1]\n"x"\n',
    "rows.ndjson": '1\n1.0\n"1"\n',
}


def items(run):
    """The names of the notebooks and the parameter `item` of each, in their order."""
    return {n["name"]: n["parameters"].get("item") for n in run.results["notebooks"]}


@pytest.fixture
def each(work):
    """Runs a notebook that shows its parameter `item`, for each of what it is given."""
    work.notebook("n", "show item")

    def start(what, **keys):
        work.workflow({"path": "n.ipynb", "for_each": what, "parameters": {"item": "{{ item }}"}, **keys})
        run = work.run("workflow.yaml")
        assert run.status == 0, run.story()
        for name, item in items(run).items():
            assert json.loads(run.text(name)) == item
        return run
    return start


def test_a_list_of_anything_is_a_notebook_for_each_item(each):
    values = ["text", "", 5, -1.5, True, None, [1, [2]], {"k": {"d": []}}, 2**70, "é 漢 😀", "a\nb"]
    run = each(values)
    assert items(run) == {f"n-{i + 1}": v for i, v in enumerate(values)}
    assert [type(v) for v in items(run).values()] == [type(v) for v in values]


def test_a_list_as_one_of_the_sources_is_the_same(each):
    assert items(each({"list": ["a", "b"]})) == {"n-1": "a", "n-2": "b"}


@pytest.mark.parametrize("file, values", [
    ("rows.csv", [{"table": "orders", "file": "data/orders.csv"}, {"table": 'a, "b"', "file": "two\nlines"}]),
    ("rows.tsv", [{"table": "orders", "file": "data/orders.csv"}, {"table": 'a, "b"', "file": "two lines"}]),
    ("rows.json", json.loads(ROWS["rows.json"])),
    ("rows.jsonl", [{"table": "orders"}, [1], "x"]),
    ("rows.ndjson", [1, 1.0, "1"]),
])
def test_a_file_is_a_notebook_for_each_row(work, each, file, values):
    work.write(file, ROWS[file])
    got = list(items(each({"file": file})).values())
    assert got == values and [type(v) for v in got] == [type(v) for v in values]


def test_a_table_as_spreadsheets_save_it(work, each):
    work.write("rows.CSV", b"\xef\xbb\xbfa,b\r\n1,\r\n\r\n\"x\",\"y\"\r\n")
    assert list(items(each({"file": "rows.CSV"})).values()) == [{"a": "1", "b": ""}, {"a": "x", "b": "y"}]


def test_files_that_match_come_in_their_order(work, each):
    for name in ("b.csv", "a.csv", "B.csv", ".hidden.csv", "c.txt", "a10.csv", "a9.csv", "sub/d.csv", "sub/e/f.csv"):
        work.write(f"data/{name}", "")
    assert list(items(each({"glob": "data/*.csv"})).values()) == [
        "data/B.csv", "data/a.csv", "data/a10.csv", "data/a9.csv", "data/b.csv"]
    assert list(items(each({"glob": "data/**/*.csv"})).values()) == [
        "data/B.csv", "data/a.csv", "data/a10.csv", "data/a9.csv", "data/b.csv", "data/sub/d.csv", "data/sub/e/f.csv"]


def test_a_pattern_starts_at_the_folder_of_the_workflow(work):
    work.notebook("sub/n", "show item")
    work.write("sub/x.csv", "")
    work.write("y.csv", "")
    work.workflow({"path": "n.ipynb", "for_each": {"glob": "*.csv"}, "parameters": {"item": "{{ item }}"}},
                  file="sub/w.yaml")
    assert items(work.run("sub/w.yaml")) == {"n-1": "x.csv"}


def test_text_has_the_parts_of_a_path(work):
    work.notebook("n", "show p")
    work.write("data/x.tar.gz", "")
    work.workflow({"path": "n.ipynb", "name": "load-{{ item.name }}", "for_each": {"glob": "*/*.gz"},
                   "parameters": {"p": ["{{ item.stem }}", "{{ item.name }}", "{{ item.folder }}"]}})
    run = work.run("workflow.yaml")
    assert run.record("load-x.tar.gz")["parameters"]["p"] == ["x.tar", "x.tar.gz", "data"]
    assert json.loads(run.text("load-x.tar.gz")) == ["x.tar", "x.tar.gz", "data"]


def test_types_arrive_in_python(work):
    work.notebook("n", "print(type(item).__name__, repr(item), repr(text), repr(both))", kernel="python3")
    work.workflow({"path": "n.ipynb", "for_each": [5, 1.5, [1, None], {"k": True}, "5", False, 2**70, None],
                   "parameters": {"item": "{{ item }}", "text": "<{{ item }}>", "both": {"deep": [" {{ item }} "]}}},
                  processes=4)
    run = work.run("workflow.yaml")
    assert [run.text(n) for n in run.statuses()] == [
        "int 5 '<5>' {'deep': [5]}\n", "float 1.5 '<1.5>' {'deep': [1.5]}\n",
        "list [1, None] '<[1, null]>' {'deep': [[1, None]]}\n",
        "dict {'k': True} '<{\"k\": true}>' {'deep': [{'k': True}]}\n",
        "str '5' '<5>' {'deep': ['5']}\n", "bool False '<false>' {'deep': [False]}\n",
        f"int {2**70} '<{2**70}>' {{'deep': [{2**70}]}}\n", "NoneType None '<>' {'deep': [None]}\n"]


# ---- Names ----

@pytest.mark.parametrize("keys, names", [
    ({}, ["n-1", "n-2"]),
    ({"name": "load"}, ["load-1", "load-2"]),
    ({"name": "load-{{ item.t }}"}, ["load-a", "load-b"]),
    ({"name": "{{ item.t }}"}, ["a", "b"]),
    ({"path": "{{ item.t }}.ipynb"}, ["a", "b"]),
    ({"path": "{{ item.t }}.ipynb", "name": "x"}, ["x-1", "x-2"]),
    ({"path": "{{ item.t }}.ipynb", "name": "x {{ item.n }} {{ item.t }}"}, ["x 1 a", "x 2 b"]),
])
def test_names_come_from_expressions_or_are_numbered(work, keys, names):
    for name in "nab":
        work.notebook(name, "show me")
    work.workflow({"path": "n.ipynb", "for_each": [{"t": "a", "n": 1}, {"t": "b", "n": 2}],
                   "parameters": {"me": "{{ notebook.name }}"}, **keys})
    run = work.run("workflow.yaml")
    assert run.status == 0
    assert list(run.statuses()) == names
    assert [json.loads(run.text(n)) for n in names] == names
    path = keys.get("path", "n.ipynb")
    assert [n["path"] for n in run.results["notebooks"]] == [path.replace("{{ item.t }}", t) for t in "ab"]


def test_every_key_of_a_notebook_may_be_made_of_the_item(work):
    work.kernel("other")
    work.path("wd").mkdir()
    work.notebook("n", "cwd\nenv E", "hang")
    work.workflow({"path": "n.ipynb", "name": "n-{{ item.i }}", "for_each": [
        {"i": 1, "t": 10.6, "fail": True, "dir": "wd", "kernel": "other"},
        {"i": 2, "t": 10.7, "fail": True, "dir": ".", "kernel": "fault"}],
        "timeout_seconds": "{{ item.t }}", "allow_failure": "{{ item.fail }}", "working_directory": "{{ item.dir }}",
        "kernel": "{{ item.kernel }}", "env": {"E": "{{ item.t }}"}})
    run = work.run("workflow.yaml")
    assert run.status == 0
    assert run.statuses() == {"n-1": "timed_out", "n-2": "timed_out"}
    assert run.text("n-1").splitlines() == [str(work.path("wd")), "10.6"]
    assert run.text("n-2").splitlines() == [str(work.dir), "10.7"]
    assert "within 10.6 s" in run.record("n-1")["error"]["message"]


def test_defaults_may_be_made_of_the_item_too(work):
    work.notebook("n", "show x")
    work.workflow({"path": "n.ipynb", "for_each": [1, 2]}, defaults={"parameters": {"x": "{{ item }}"},
                                                                     "env": {"E": "{{ item }}"}})
    run = work.run("workflow.yaml")
    assert [run.text(n) for n in ("n-1", "n-2")] == ["1\n", "2\n"]


def test_the_nearest_parameter_wins_and_may_be_made_of_others(work):
    work.notebook("n", "show a\nshow b\nshow c")
    work.workflow({"path": "n.ipynb", "parameters": {"a": "mine", "c": "{{ parameters.b }}!"}},
                  parameters={"a": "all", "b": "{{ parameters.a }}-{{ parameters.z }}", "z": 7})
    assert work.run("workflow.yaml").text("n").split() == ['"mine"', '"mine-7"', '"mine-7!"']


# ---- The matrix ----

@pytest.fixture
def matrix(work):
    work.notebook("n", "show m")

    def start(matrix, **keys):
        work.workflow({"path": "n.ipynb", "matrix": matrix, "parameters": {"m": "{{ matrix }}"}}, **keys)
        run = work.run("-n", "--json", "workflow.yaml", folder=None)
        assert run.status == 0, run.story()
        return [n["parameters"]["m"] for n in json.loads(run.out)["notebooks"]]
    return start


def test_a_matrix_is_every_combination(work):
    work.notebook("n", "show a\nshow b")
    work.workflow({"path": "n.ipynb", "name": "{{ matrix.a }}-{{ matrix.b }}",
                   "matrix": {"a": ["x", "y"], "b": [1, 2, 3]},
                   "parameters": {"a": "{{ matrix.a }}", "b": "{{ matrix.b }}"}})
    run = work.run("workflow.yaml")
    assert list(run.statuses()) == ["x-1", "x-2", "x-3", "y-1", "y-2", "y-3"]
    assert run.text("y-3") == '"y"\n3\n'


def test_exclude_leaves_out_what_has_all_of_its_values(matrix):
    assert matrix({"a": ["x", "y"], "b": [1, 2], "exclude": [{"a": "x", "b": 2}, {"b": 1, "a": "y"}]}) == [
        {"a": "x", "b": 1}, {"a": "y", "b": 2}]
    assert matrix({"a": ["x", "y"], "b": [1, 2], "exclude": [{"b": 1}]}) == [{"a": "x", "b": 2}, {"a": "y", "b": 2}]
    assert len(matrix({"a": ["1", 1], "b": [2], "exclude": [{"a": "1"}]})) == 1  # text is no number


def test_include_is_that_of_github(matrix):
    """The example of GitHub's documentation, with what it says comes of it."""
    assert matrix({"fruit": ["apple", "pear"], "animal": ["cat", "dog"], "include": [
        {"color": "green"}, {"color": "pink", "animal": "cat"}, {"fruit": "apple", "shape": "circle"},
        {"fruit": "banana"}, {"fruit": "banana", "animal": "cat"}]}) == [
            {"fruit": "apple", "animal": "cat", "color": "pink", "shape": "circle"},
            {"fruit": "apple", "animal": "dog", "color": "green", "shape": "circle"},
            {"fruit": "pear", "animal": "cat", "color": "pink"},
            {"fruit": "pear", "animal": "dog", "color": "green"},
            {"fruit": "banana"}, {"fruit": "banana", "animal": "cat"}]


def test_include_alone_and_values_of_any_type(matrix):
    assert matrix({"include": [{"site": "a"}, {"site": "b"}]}) == [{"site": "a"}, {"site": "b"}]
    assert matrix({"v": [{"k": [1]}, None, 2.5, True]}) == [{"v": {"k": [1]}}, {"v": None}, {"v": 2.5}, {"v": True}]


def test_a_matrix_may_be_made_of_parameters(work, matrix):
    assert matrix({"a": "{{ parameters.list }}", "b": ["{{ parameters.one }}"]},
                  parameters={"list": [1, 2], "one": 3}) == [
        {"a": 1, "b": 3}, {"a": 2, "b": 3}]


# ---- What the command line gives ----

def test_an_option_gives_the_list(work):
    work.notebook("load", "show t")
    work.workflow({"path": "load.ipynb", "name": "load-{{ item }}", "for_each": "{{ parameters.tables }}",
                   "parameters": {"t": "{{ item }}"}}, parameters={"tables": ["default"]})
    assert list(work.run("workflow.yaml").statuses()) == ["load-default"]
    run = work.run("-p", "tables=[a, b]", "workflow.yaml")
    assert run.statuses() == {"load-a": "succeeded", "load-b": "succeeded"}
    assert run.record("load-b")["parameters"] == {"tables": ["a", "b"], "t": "b"}
    work.write("names.csv", "name\nx\ny\n")
    work.workflow({"path": "load.ipynb", "name": "load-{{ item.name }}", "for_each": {"file": "{{ parameters.file }}"},
                   "parameters": {"t": "{{ item.name }}"}})
    run = work.run("-p", "file=names.csv", "workflow.yaml")
    assert run.statuses() == {"load-x": "succeeded", "load-y": "succeeded"}


def test_what_the_option_gives_may_be_wrong(work):
    work.notebook("load", "show t")
    work.workflow({"path": "load.ipynb", "for_each": "{{ parameters.tables }}"})
    assert "there is no parameter 'tables'" in work.refused("workflow.yaml")
    for value, words in (("5", "must be a list"), ("[]", "allow_empty"), ("", "must be a list"),
                         ("{a: 1}", "unknown key 'a'")):
        assert words in work.refused("-p", f"tables={value}", "workflow.yaml")


def test_an_option_over_what_expressions_look_up(work):
    work.notebook("n", "show all\nshow mine\nshow x")
    work.workflow({"path": "n.ipynb", "parameters": {"mine": "{{ parameters.x }}", "x": "notebook's"}},
                  parameters={"x": "file's", "all": "{{ parameters.x }}"})
    assert work.run("-p", "x=option", "workflow.yaml").text("n").split() == ['"option"'] * 3


# ---- Nothing to run ----

EMPTY = [{"list": [], "allow_empty": True}, {"glob": "none/*.csv", "allow_empty": True},
         {"file": "empty.csv", "allow_empty": True},
         {"file": "empty.json", "allow_empty": True}, {"list": "{{ parameters.none }}", "allow_empty": True}]


@pytest.mark.parametrize("source", EMPTY, ids=str)
def test_a_run_of_nothing_succeeds_where_that_is_allowed(work, source):
    work.notebook("n", "touch ran")
    work.write("empty.csv", "a,b\n")
    work.write("empty.json", "[]")
    work.workflow({"path": "n.ipynb", "for_each": source}, parameters={"none": []})
    run = work.run("workflow.yaml")
    assert run.status == 0 and run.results["status"] == "succeeded" and run.results["notebooks"] == []
    assert "0 notebooks" in run.out
    assert work.run("-c", "workflow.yaml", folder=None).out == "workflow.yaml: ok\n"
    assert json.loads(work.run("-n", "--json", "workflow.yaml", folder=None).out)["notebooks"] == []
    assert "0 notebooks" in work.run("-n", "workflow.yaml", folder=None).out
    assert json.loads(work.run("--json", "workflow.yaml").out)["notebooks"] == []


@pytest.mark.parametrize("source", [{**s, "allow_empty": False} for s in EMPTY] + [[]], ids=str)
def test_otherwise_it_is_an_error_that_says_how_to_allow_it(work, source):
    work.notebook("n", "touch ran")
    work.write("empty.csv", "a,b\n")
    work.write("empty.json", "[]")
    work.workflow({"path": "n.ipynb", "for_each": source}, parameters={"none": []})
    assert "allow_empty: true" in work.refused("workflow.yaml")


def test_what_depends_on_nothing_but_an_empty_list_runs(work):
    work.notebook("n", "touch ran")
    work.notebook("report", "print there was nothing")
    work.workflow({"path": "n.ipynb", "for_each": {"glob": "*.none", "allow_empty": True}},
                  {"path": "report.ipynb", "depends_on": "n-*"})
    run = work.run("workflow.yaml")
    assert run.statuses() == {"report": "succeeded"}
    assert not work.path("ran").exists()
