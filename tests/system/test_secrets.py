"""
Secrets reach the notebook and nothing that nbfork writes.
"""

import hashlib
import json

import pytest

from harness import lines, marked

SECRET = "s3cr3t-\"q'\\ü-value"
ENV = {"NBFORK_TEST_SECRET": SECRET}


def spellings(secret):
    """How the value may look in a file: as it is, in JSON, in a Python literal."""
    yield secret
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield secret.encode("unicode_escape").decode().replace('"', r'\"')
    yield repr(secret)[1:-1]


def nowhere(run, work):
    texts = {str(p): p.read_text("utf-8", "replace") for p in run.dir.rglob("*") if p.is_file()}
    texts |= {"stdout": run.out, "stderr": run.err}
    texts |= {str(p): p.read_text("utf-8", "replace") for p in work.dir.glob("*.jsonl")}
    for place, text in texts.items():
        for spelling in spellings(SECRET):
            assert spelling not in text, f"the secret is in {place}"
    return texts


def flow(work, *cells, **more):
    work.notebook("a", *cells, **more)
    return work.workflow({"path": "a.ipynb", "parameters": {"key": {"secret": "NBFORK_TEST_SECRET"}, "plain": 1}})


def test_it_arrives_and_is_in_nothing_that_is_written(work):
    flow(work, "import hashlib\nopen('digest', 'w').write(hashlib.sha256(key.encode()).hexdigest())\nprint(plain)",
         "print(key)\nprint('x' + key + 'y', repr(key))\nkey",
         "import sys, time\nfor c in key: print(c, end='', flush=True); time.sleep(0.01)",
         "print(key[:5], end='', flush=True); time.sleep(0.3); print(key[5:], flush=True)",
         "from IPython.display import display, HTML\ndisplay(HTML(f'<b>{key}</b>'), {'application/json': {'k': key, key: 1}})",
         "display({'application/vnd.nbfork.result+json': {'k': key}}, raw=True)",
         "import os; os.write(2, key.encode() + b'\\n')",
         "raise ValueError(key)", kernel="python3")
    run = work.run("workflow.yaml", "--json", "--events=events.jsonl", "-vv", env=ENV)
    assert run.record("a")["error"]["name"] == "ValueError"
    assert work.path("digest").read_text() == hashlib.sha256(SECRET.encode()).hexdigest()
    texts = nowhere(run, work)
    assert "***" in texts[str(run.dir / "notebooks/a.ipynb")] and "***" in run.log("a")
    assert run.record("a")["parameters"] == {"key": "***", "plain": 1}
    assert run.record("a")["error"]["message"] == "***"
    assert run.record("a")["result"] == {"k": "***"}
    source = next(c["source"] for c in run.executed("a")["cells"] if "injected-parameters" in c["metadata"]["tags"])
    assert "".join(source) == '# Parameters\nkey = "***"\nplain = 1\n'
    assert run.executed("a")["metadata"]["papermill"]["parameters"] == {"key": "***", "plain": 1}


def test_it_is_in_no_command_line_while_the_notebook_runs(work):
    flow(work, "print in", "wait go")
    run = work.start("workflow.yaml", env=ENV)
    run.event("cell_started", number=3)
    for pid in [run.pid, *marked(work.mark)]:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            assert SECRET.encode() not in f.read()
    for folder in (work.short / "tmp", work.short / "run"):
        for path in folder.rglob("*"):
            if path.is_file():
                assert SECRET.encode() not in path.read_bytes()
    work.write("go", "")
    nowhere(run.finish(), work)


@pytest.mark.parametrize("text", ["a", "***", "one\ntwo", "x" * 5000, "é", "\\n", '"'])
def test_awkward_values_arrive_and_the_documents_stay_whole(work, text):
    flow(work, lines("show key", "print done"))
    run = work.run("workflow.yaml", env={"NBFORK_TEST_SECRET": text})
    assert run.status == 0 or text in "a"  # a secret of one letter hides much
    assert run.record("a")["parameters"]["key"] == "***"
    if len(text) > 3:
        assert text not in run.text("a")


def test_an_empty_one_hides_nothing(work):
    flow(work, "show key\nprint done")
    run = work.run("workflow.yaml", env={"NBFORK_TEST_SECRET": ""})
    assert run.text("a") == '""\ndone\n'


def test_a_failed_and_a_killed_notebook_hide_it_too(work):
    work.notebook("dies", "show key", "native before", "die 9")
    work.notebook("late", "show key\nhang")
    work.workflow(*({"path": f"{n}.ipynb", "timeout_seconds": 10,
                     "parameters": {"key": {"secret": "NBFORK_TEST_SECRET"}}} for n in ("dies", "late")), processes=2)
    run = work.run("workflow.yaml", env=ENV)
    assert run.statuses() == {"dies": "failed", "late": "timed_out"}
    nowhere(run, work)


def test_progress_does_not_show_it(work):
    flow(work, "show key", "print done")
    run = work.run("--progress=plain", "-v", "workflow.yaml", env=ENV)
    nowhere(run, work)


def test_it_is_hidden_in_the_environment_of_a_notebook_too(work):
    work.notebook("a", "env TOKEN")
    work.workflow({"path": "a.ipynb", "env": {"TOKEN": {"secret": "NBFORK_TEST_SECRET"}}})
    run = work.run("workflow.yaml", env=ENV)
    assert run.status == 0
    assert run.text("a") == "***\n"
    nowhere(run, work)
