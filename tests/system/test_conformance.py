"""
The same notebooks by nbclient and by nbfork: outputs, execution counts and metadata must be the same, once adjacent
streams are merged and carriage returns resolved, which nbfork does and this nbclient does not.
"""

import copy
import json
import os
import re
import sys
from pathlib import Path

import nbformat
import pytest

import harness

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "conformance"))

from notebooks import NOTEBOOKS, R  # noqa: E402

ALLOW = {"allow errors"}
FAIL = {"errors": ("NameError", "name 'undefined' is not defined"),
        "R": ("ERROR", "Error in eval(expr, envir, enclos): the end\n")}


def documents():
    for name, cells in NOTEBOOKS.items():
        yield name, harness.document(*cells, kernel="python3", minor=4 if name == "no ids" else 5)
    yield "R", harness.document(*R, kernel="ir", language="R")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """nbfork's run of all of them, in one workflow."""
    work = harness.Work(tmp_path_factory.mktemp("conformance"))
    for name, nb in documents():
        work.write(f"{name}.ipynb", json.dumps(nb))
    work.workflow(*({"path": f"{name}.ipynb", "allow_errors": name in ALLOW} for name, _ in documents()), processes=2)
    run = work.run("workflow.yaml", timeout=300)
    yield run
    work.close()


def by_nbclient(work, name):
    """The notebook as nbclient leaves it; the cells after an error are as they were."""
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError
    nb = nbformat.from_dict(copy.deepcopy(dict(documents())[name]))
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(work.env)
    try:
        for last in (False, False, True):
            client = NotebookClient(copy.deepcopy(nb), timeout=20, allow_errors=name in ALLOW, shutdown_kernel="immediate",
                                    resources={"metadata": {"path": str(work.dir)}})
            try:
                client.execute()
            except CellExecutionError:
                assert name in FAIL
            except CellTimeoutError:  # ipykernel hangs now and then, and this is about what it does when it does not
                if not last:
                    continue
                raise
            break
        nb = client.nb
    finally:
        os.environ.clear()
        os.environ.update(before)
    return json.loads(nbformat.writes(nb))


def plain(value):
    """Text as one string, without what differs from process to process."""
    if isinstance(value, list) and value and all(isinstance(v, str) for v in value):
        value = "".join(value)
    if isinstance(value, str):
        value = re.sub(r"ipykernel_\d+/\d+\.py", "ipykernel_N/N.py", value)
        value = re.sub(r"0x[0-9a-f]{6,}", "0xN", value)
        return re.sub(r"(CPU times|Wall time|user|sys|total).*", r"\1", value) if "Wall time" in value else value
    if isinstance(value, list):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return value


def merged(outputs):
    """Adjacent streams as one, carriage returns resolved as nbclient's coalesce_streams does."""
    out = []
    for o in plain(outputs):
        if o["output_type"] == "stream" and out and out[-1].get("name") == o["name"]:
            out[-1]["text"] = plain(out[-1]["text"]) + plain(o["text"])
        else:
            out.append(o)
    for o in out:
        if o["output_type"] == "stream":
            o["text"] = "".join(re.sub(r".*\r(?=[^\n])", "", line) if "\r" in line else line
                                for line in re.split(r"(?<=\n)", plain(o["text"])))
    return out


def cells(nb):
    """The code cells as (source, outputs, count), without what nbfork puts in."""
    ours = {"papermill-error-cell-tag", "injected-parameters"}
    return [(plain(c["source"]) or "", merged(c["outputs"]), c["execution_count"]) for c in nb["cells"]
            if c["cell_type"] == "code" and not ours & set(c["metadata"].get("tags", []))]


def text(value):
    """As text; how often a traceback repeats depends on how deep the kernel itself was, which is not always the same."""
    return re.sub(r"\(\d+ times\)", "(N times)", json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False))


@pytest.mark.parametrize("name", [*NOTEBOOKS, "R"])
def test_the_same_as_nbclient(run, name):
    reference, mine = by_nbclient(run.work, name), run.executed(name)
    theirs, ours = cells(reference), cells(mine)
    assert len(ours) == len(theirs)
    for i, (a, b) in enumerate(zip(ours, theirs)):
        assert text(a) == text(b), f"{name}, code cell {i}: ours, then nbclient's"
    assert text(mine["metadata"].get("language_info")) == text(reference["metadata"]["language_info"])
    assert text(plain(mine["metadata"].get("widgets"))) == text(plain(reference["metadata"].get("widgets")))
    assert mine["metadata"]["kernelspec"] == reference["metadata"]["kernelspec"]
    assert mine["nbformat_minor"] == reference["nbformat_minor"]
    for a, b in zip((c for c in mine["cells"] if "papermill-error-cell-tag" not in c["metadata"].get("tags", [])),
                    reference["cells"]):
        times, known = a["metadata"].get("execution"), b["metadata"].get("execution")
        assert set(times or ()) == set(known or ()), f"{name}: {a}"
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", t) for t in (times or {}).values())
        assert a.get("id") == b.get("id")


def test_statuses_and_errors(run):
    expected = {name: "failed" if name in FAIL else "succeeded" for name, _ in documents()}
    assert run.statuses() == expected
    for name, (ename, evalue) in FAIL.items():
        error = run.record(name)["error"]
        assert (error["kind"], error["name"], error["message"]) == ("notebook", ename, evalue)


def test_widget_state_is_there_and_refers_to_what_the_outputs_show(run):
    nb = run.executed("widgets")
    known = nb["metadata"]["widgets"]["application/vnd.jupyter.widget-state+json"]
    assert (known["version_major"], known["version_minor"]) == (2, 0)
    view = "application/vnd.jupyter.widget-view+json"
    shown = [o["data"][view]["model_id"] for c in nb["cells"] for o in c.get("outputs", []) if view in o.get("data", {})]
    assert len(shown) == 3
    assert set(shown) <= set(known["state"])


def test_the_widgets_of_debian_do_no_harm(work):
    """They speak an older protocol, on which this nbclient gives up."""
    work.notebook("a", "import ipywidgets as w\ns = w.IntSlider(value=3)\ns", "s.value = 5", "o = w.Output()\no",
                  "with o: print('in the widget')", "w.VBox([w.HTML('x'), w.Button()]).close()", "print('end')",
                  kernel="python3")
    run = work.run("a.ipynb")
    assert run.status == 0 and run.text("a").endswith("end\n")


def test_prints_in_an_output_widget_are_not_in_the_cell(run):
    assert "in the widget" not in run.text("widgets")
    assert "in the cell" in run.text("widgets")


@pytest.mark.parametrize("pieces, shown", [
    (["abc\r", "X\n"], "Xbc\n"),
    (["10%\r", "20%\r", "100%"], "100%"),
    (["long line\rshort\n"], "shortline\n"),
    (["ab\b", "c\n"], "ac\n"),
    (["ab\b\b\b\bc"], "cb"),
    (["one\ntwo\r", "2"], "one\n2wo"),
    (["a\r\nb\r\n"], "a\r\nb\r\n"),
    (["end\r"], "end\r"),
    (["\x1b[31mred\x1b[0m\rX"], "X\x1b[31med\x1b[0m"),
    (["漢字\rX\n"], None),
    (["a" * 70000 + "\r", "b"], "b" + "a" * 69999),
    (["\xe9\b", "e"], "e"),
], ids=lambda v: "")
def test_carriage_returns_and_backspaces_move_as_on_a_terminal(work, pieces, shown):
    work.notebook("a", *["\n".join("write " + json.dumps(p) for p in pieces)])
    run = work.run("a.ipynb")
    assert len(run.cells("a")[0]["outputs"]) == 1
    if shown is not None and "\x1b" not in shown:
        assert run.text("a") == shown
    elif shown:
        assert re.sub(r"\x1b\[\d*m", "", run.text("a")) == "Xed"
    else:
        assert run.text("a").startswith("X") and run.text("a").endswith("字\n") and "漢" not in run.text("a")
