"""
The executed copy: what nbfork does not change stays as it was, to the byte, and what it writes is in nbformat's form.
"""

import json
import re

import nbformat
import pytest

from harness import code, document, lines, markdown

# Formatted as no tool does: order, numbers, escapes, indentation and spaces are its own.
ODD = r"""{
    "nbformat_minor" : 5, "nbformat":4,
    "metadata": { "zeta": [1.0e5, -0.0, 1E+2, 12345678901234567890123, 0.10],
        "kernelspec":{"name":"fault","language":"python","display_name":"\u0046ault"},
        "alpha" : {"b":"caf\u00e9 \/ \ud83d\ude00 é","a":{}, "A":[ ]} },
  "cells": [
      {"source":["# He\u0061ding\n",   "text"], "id":"one","cell_type":"markdown","metadata":{"z":1.50,"a":[null ,true]},
       "attachments": {"x.png":{"image/png" : "QUJD\nREVG"}}},
      {"cell_type":"code" ,"id" :"two", "execution_count": 17,   "metadata": { "collapsed":  false },
         "outputs": [{"output_type":"stream","name":"stdout","text":"old\n"}], "source":"print new\u0020text"},
      {"id":"three","metadata":{"format":"text/\u0068tml"},"cell_type":"raw","source":"<b>\t</b>"},
      {"cell_type":"code","id":"four","execution_count":null,"metadata":{},"outputs":[],"source":[]}
  ]
}
"""


def test_what_is_not_changed_stays_as_it_was(work):
    work.write("odd.ipynb", ODD)
    run = work.run("odd.ipynb")
    assert run.status == 0
    text = (run.dir / "notebooks/odd.ipynb").read_text()
    kept = [
        '"nbformat_minor" : 5, "nbformat":4,', '"zeta": [1.0e5, -0.0, 1E+2, 12345678901234567890123, 0.10]',
        '"kernelspec":{"name":"fault","language":"python","display_name":"\\u0046ault"}',
        '"alpha" : {"b":"caf\\u00e9 \\/ \\ud83d\\ude00 é","a":{}, "A":[ ]}',
        '"source":["# He\\u0061ding\\n",   "text"], "id":"one","cell_type":"markdown"', '"z":1.50,"a":[null ,true]',
        '"attachments": {"x.png":{"image/png" : "QUJD\\nREVG"}}', '"cell_type":"code" ,"id" :"two"', '"collapsed":  false',
        '"source":"print new\\u0020text"', '"format":"text/\\u0068tml"', '"source":"<b>\\t</b>"',
    ]
    at = 0
    for piece in kept:
        assert text.find(piece, at) >= 0, piece
        at = text.find(piece, at)
    nb = json.loads(text)
    assert nb["cells"][1]["execution_count"] == 1
    assert "".join(nb["cells"][1]["outputs"][0]["text"]) == "new text\n"
    assert text.endswith("}\n") and "old" not in text


def test_the_same_notebook_again_gives_the_same_but_for_times(work):
    work.write("odd.ipynb", ODD)

    def timeless(run):
        text = (run.dir / "notebooks/odd.ipynb").read_text()
        text = re.sub(r'"\d{4}-\d\d-\d\dT[^"]*"', '"TIME"', text)
        return re.sub(r'"duration": [\d.e-]+', '"duration": 0', text).replace(run.dir.name, "RUN")
    assert timeless(work.run("odd.ipynb")) == timeless(work.run("odd.ipynb"))


def test_new_text_is_written_as_nbformat_writes_it(work):
    """For a notebook that is in nbformat's form already, reading and writing it with nbformat changes nothing."""
    shown = {"data": {"text/html": "<p>\n</p>", "application/json": {"b": [], "a": {"c": 1.5}}, "image/png": "QUJD",
                      "text/plain": ""}, "metadata": {"b": {}, "a": [1, {}]}}
    nb = nbformat.from_dict(document(
        markdown("# é\n\ntext"), lines("print é😀", "display " + json.dumps(shown), "stderr x"),
        'result {"text/plain": "a\\u2028b\\u0085c\\u000bd\\re"}', lines("print é", "error E no"), "print never"))
    work.write("a.ipynb", nbformat.writes(nb) + "\n")
    run = work.run("-p", "x=1", "a.ipynb")
    assert run.record("a")["error"]["name"] == "E"
    text = (run.dir / "notebooks/a.ipynb").read_text()
    read = nbformat.reads(text, 4)
    assert nbformat.writes(read) + "\n" == text


@pytest.mark.parametrize("minor", range(6))
def test_every_minor_stays_what_it_is_and_validates(work, minor):
    nb = document(markdown("m"), code("print a"), code("error E no", "parameters"), minor=minor)
    if minor < 1:
        nb["metadata"]["orig_nbformat"] = 4
    work.write("a.ipynb", json.dumps(nb))
    run = work.run("-p", "x=1", "a.ipynb")  # validity is checked with every run
    copy = run.executed("a")
    assert copy["nbformat_minor"] == minor
    assert all(("id" in c) == (minor >= 5) for c in copy["cells"])
    assert len({c.get("id") for c in copy["cells"]}) == (len(copy["cells"]) if minor >= 5 else 1)


def test_missing_doubled_and_ill_formed_ids_are_made_right(work):
    nb = document("print a", "print b", "print c", "print d", "print e")
    for cell, id in zip(nb["cells"], ["same", "same", "", "not an id!", None]):
        cell["id"] = id
        if id is None:
            del cell["id"]
    work.write("a.ipynb", json.dumps(nb))
    run = work.run("a.ipynb")
    ids = [c["id"] for c in run.executed("a")["cells"]]
    assert ids[0] == "same" and len(set(ids)) == 5


def test_what_the_schema_needs_is_added(work):
    nb = document(markdown("m"), "print a")
    del nb["cells"][0]["metadata"], nb["cells"][1]["outputs"], nb["cells"][1]["execution_count"], nb["cells"][1]["metadata"]
    work.write("a.ipynb", json.dumps(nb))
    assert work.run("a.ipynb").text("a") == "a\n"


@pytest.mark.parametrize("write", [
    lambda nb: json.dumps(nb), lambda nb: json.dumps(nb, indent="\t"),
    lambda nb: json.dumps(nb, indent=1).replace("\n", "\r\n"),
    lambda nb: json.dumps(nb, indent=1, ensure_ascii=False) + "\n\n  ",
], ids=["one line", "tabs", "CRLF", "no escapes"])
def test_every_layout_is_read_and_kept(work, write):
    nb = document(markdown("é 😀"), "print a", "")
    text = write(nb)
    work.write("a.ipynb", text.encode())
    run = work.run("a.ipynb")
    assert run.text("a") == "a\n"
    copy = (run.dir / "notebooks/a.ipynb").read_bytes().decode()
    assert copy.startswith(text[:20])
    assert ("\n" in copy.rstrip()) == ("\n" in text.rstrip())


def test_old_outputs_and_counts_of_code_cells_are_gone(work):
    stale = {"outputs": [{"output_type": "stream", "name": "stdout", "text": "stale\n"}], "execution_count": 99}
    work.notebook("a", {**code("print new"), **stale}, {**code("error E no"), **stale}, {**code("print never"), **stale},
                  {**code("print no", "skip-execution"), **stale}, {**code(""), **stale})
    run = work.run("a.ipynb")
    assert "stale" not in json.dumps(run.executed("a"))
    assert [c["execution_count"] for c in run.cells("a")] == [1, 2, None, None, None]


def test_times_of_the_kernel_are_in_the_cells_that_ran(work):
    work.notebook("a", "print a", code("print no", "skip-execution"), "error E no", "print never")
    run = work.run("a.ipynb")
    ran, skipped, failed, never = (c["metadata"].get("execution") for c in run.cells("a"))
    keys = ["iopub.execute_input", "iopub.status.busy", "iopub.status.idle", "shell.execute_reply"]
    assert sorted(ran) == sorted(failed) == keys
    assert not skipped and not never
    assert ran["iopub.status.busy"] <= ran["iopub.execute_input"] <= ran["iopub.status.idle"]


def test_language_info_is_the_kernels_and_the_kernelspec_the_notebooks(work):
    work.kernel("talks", "--info-language", '{"name": "lang", "version": "7", "nested": {"z": 1, "a": 2.50}}')
    work.notebook("a", "print a", kernel="fault", metadata={"language_info": {"name": "old", "version": "1"}})
    work.workflow({"path": "a.ipynb", "kernel": "talks"})
    meta = work.run("workflow.yaml").executed("a")["metadata"]
    assert meta["language_info"] == {"name": "lang", "version": "7", "nested": {"z": 1, "a": 2.5}}
    assert meta["kernelspec"]["name"] == "fault"


def test_metadata_of_several_kinds_survives(work):
    work.notebook("a", code("print a", "one", "two", jupyter={"source_hidden": True}, execution={"own": "x"},
                            slideshow={"slide_type": "-"}),
                  metadata={"widgets": {"own": 1}, "papermill": {"own": "kept?"}, "toc": {"base_numbering": 1}})
    run = work.run("a.ipynb")
    cell = run.cells("a")[0]["metadata"]
    assert cell["tags"] == ["one", "two"]
    assert cell["jupyter"] == {"source_hidden": True} and cell["slideshow"] == {"slide_type": "-"}
    assert run.executed("a")["metadata"]["toc"] == {"base_numbering": 1}


def test_a_notebook_without_cells_succeeds(work):
    work.notebook("a")
    run = work.run("a.ipynb")
    assert run.record("a")["cells"] == {"total": 0, "executed": 0}
    assert run.executed("a")["cells"] == []


def test_a_notebook_behind_a_link_or_a_pipe_like_name_is_not_changed(work):
    work.notebook("real/a", "print a")
    work.path("link.ipynb").symlink_to("real/a.ipynb")
    run = work.run("link.ipynb")
    assert run.status == 0 and run.text("link") == "a\n"
    assert work.path("link.ipynb").is_symlink()
