"""
Real kernels: ipykernel and IRkernel, and how kernels are found.
"""

import json
import sys

import pytest

from harness import FAULTKERNEL, wait_for


def test_ipykernel_by_ipc_and_by_tcp(work):
    cell = "from ipykernel.kernelapp import IPKernelApp\nprint(IPKernelApp.instance().transport)\n1 + 1"
    work.notebook("a", cell, kernel="python3")
    for name, transport in (("auto", "auto"), ("tcp", "tcp")):
        work.workflow({"path": "a.ipynb", "name": name}, targets={"local": {"transport": transport}})
        run = work.run("workflow.yaml")
        assert run.status == 0
        assert run.text(name) == {"auto": "ipc\n", "tcp": "tcp\n"}[name]
        assert run.cells(name)[0]["outputs"][1]["data"] == {"text/plain": ["2"]}


def test_r_runs(work):
    work.notebook("a", 'cat("hello\\n"); 1 + 1', 'message("to stderr"); warning("careful")', 'x <- c(a = 1); x',
                  'stop("no further")', kernel="ir", language="R")
    run = work.run("a.ipynb")
    record = run.record("a")
    assert (record["status"], record["error"]["kind"]) == ("failed", "notebook")
    assert "no further" in record["error"]["message"]
    assert run.text("a").startswith("hello\n")
    assert "to stderr" in run.text("a", "stderr")
    assert run.cells("a")[0]["outputs"][-1]["data"]["text/plain"] == ["[1] 2"]
    assert run.executed("a")["metadata"]["language_info"]["name"] == "R"


def test_five_thousand_outputs_of_one_ipykernel_cell(work):
    work.notebook("a", "from IPython.display import display\nfor i in range(5000): display(i)", "print('after')",
                  kernel="python3")
    run = work.run("a.ipynb")
    outputs = run.cells("a")[0]["outputs"]
    assert ["".join(o["data"]["text/plain"]) for o in outputs] == [str(i) for i in range(5000)]
    assert run.text("a") == "after\n"


@pytest.mark.patience(300)
def test_parallel_ipykernels_that_flood_lose_nothing(work):
    """What waits to be sent is much, as all of them are busy."""
    work.notebook("a", "for i in range(4000): display(i)", "print('after')", kernel="python3")
    work.workflow(*({"path": "a.ipynb", "name": f"n{i}"} for i in range(6)), processes=6)
    run = work.run("workflow.yaml", timeout=250)
    assert run.status == 0
    for i in range(6):
        outputs = run.cells(f"n{i}")[0]["outputs"]
        assert ["".join(o["data"]["text/plain"]) for o in outputs] == [str(i) for i in range(4000)]


def test_nothing_of_how_an_ipykernel_is_started_is_seen_by_the_notebook(work):
    work.notebook("a", "import os, sys, zmq, __main__", "print(os.path.basename(sys.argv[0]), sys.argv[1])",
                  "print(sys.path[0] in ('', os.getcwd()), sys.path.count(''))",
                  "c = zmq.Context()\ns = c.socket(zmq.PUB)\nprint(s.getsockopt(zmq.SNDHWM))\nc.destroy()",
                  "print(zmq.Context.socket.__module__.split('.')[0], __name__, __main__.__name__)",
                  "print({'socket', 'original', 'run'} & set(dir()))",
                  "f, n = sys._getframe(), 0\nwhile f: f, n = f.f_back, n + 1\nprint(n)",
                  kernel="python3")
    as_it_is = [sys.executable, "-W", "default", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    work.kernel("plain", argv=as_it_is)  # the value of an option hides what is run
    work.workflow("a.ipynb", {"path": "a.ipynb", "name": "plain", "kernel": "plain"})
    run = work.run("workflow.yaml")
    first, *more = run.text("a").splitlines()
    assert first == "ipykernel_launcher.py -f"
    assert more[:4] == ["True 1", "1000", "zmq __main__ __main__", "set()"]
    assert [first, *more] == run.text("plain").splitlines()


def test_parallel_ipykernels_do_not_fight_over_one_history(work):
    cell = "get_ipython().history_manager.hist_file"
    work.notebook("a", cell, kernel="python3")
    work.workflow(*({"path": "a.ipynb", "name": n} for n in "abc"), processes=3)
    run = work.run("workflow.yaml")
    assert run.status == 0
    for n in "abc":
        assert run.cells(n)[0]["outputs"][0]["data"]["text/plain"] == ["':memory:'"]
    assert "sqlite" not in run.err.lower()


@pytest.mark.parametrize("place, env", [
    ("custom/kernels", {"JUPYTER_PATH": "{short}/custom"}),
    ("data/kernels", {"JUPYTER_DATA_DIR": "{short}/data"}),
    ("xdg/jupyter/kernels", {"XDG_DATA_HOME": "{short}/xdg"}),
    ("home/.local/share/jupyter/kernels", {}),
    ("venv/share/jupyter/kernels", {"VIRTUAL_ENV": "{short}/venv"}),
    ("conda/share/jupyter/kernels", {"CONDA_PREFIX": "{short}/conda"}),
], ids=lambda v: v if isinstance(v, str) else "")
def test_kernels_are_found_where_jupyter_finds_them(work, place, env):
    folder = work.short / place / "mine"
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text(json.dumps({
        "argv": [sys.executable, str(FAULTKERNEL), "-f", "{connection_file}"], "display_name": "x", "language": "python",
        "env": {"FROM_SPEC": "{not a brace} ${HOME} $HOME"}}))
    work.notebook("a", "env FROM_SPEC", kernel="Mine")  # names are compared in lower case
    run = work.run("a.ipynb", env={k: v.format(short=work.short) for k, v in env.items()})
    assert run.status == 0
    assert run.text("a") == "{not a brace} %s %s\n" % (work.home, work.home)


def test_the_first_of_two_kernels_of_one_name_wins(work):
    for place in ("first", "second"):
        folder = work.short / place / "kernels" / "twice"
        folder.mkdir(parents=True)
        (folder / "kernel.json").write_text(json.dumps({
            "argv": [sys.executable, str(FAULTKERNEL), "-f", "{connection_file}"], "display_name": "x",
            "language": "python", "env": {"WHICH": place}}))
    work.notebook("a", "env WHICH", kernel="twice")
    run = work.run("a.ipynb", env={"JUPYTER_PATH": f"{work.short}/first/:{work.short}/second"})
    assert run.text("a") == "first\n"


@pytest.mark.parametrize("text, words", [
    ('{"argv": ["x"', ["kernel.json", "1:"]),
    ('{"display_name": "x", "language": "x"}', ["kernel.json", "argv"]),
    ('{"argv": [], "display_name": "x", "language": "x"}', ["kernel.json", "argv"]),
    ('{"argv": [5], "display_name": "x", "language": "x"}', ["kernel.json", "argv"]),
    ('[]', ["kernel.json"]),
    ('{"argv": ["x"], "display_name": "x", "language": "x", "metadata": {"kernel_provisioner": {"provisioner_name": "k8s"}}}',
     ["k8s"]),
])
def test_a_kernel_that_cannot_be_used_is_refused_before_the_start(work, text, words):
    folder = work.jupyter / "kernels" / "broken"
    folder.mkdir()
    (folder / "kernel.json").write_text(text)
    work.notebook("a", "print x", kernel="broken")
    said = work.refused("a.ipynb")
    assert all(w in said for w in words), said


def test_which_kernel_is_used(work):
    for name in ("one", "two", "three"):
        work.kernel(name, env={"WHICH": name})
    work.notebook("own", "env WHICH", kernel="one")
    work.notebook("none", "env WHICH", kernel=None)
    work.workflow("own.ipynb", "none.ipynb", {"path": "own.ipynb", "name": "told", "kernel": "two"},
                  targets={"local": {"kernel": "three"}})
    run = work.run("workflow.yaml")
    assert {n: run.text(n).strip() for n in ("own", "none", "told")} == {"own": "one", "none": "three", "told": "two"}
    assert run.executed("told")["metadata"]["kernelspec"]["name"] == "one"  # the notebook's own stays


def test_python_is_python3_and_so_is_none(work):
    work.notebook("a", "print('python')", kernel="python")
    work.notebook("b", "print('python')", kernel=None)
    run = work.run("a.ipynb", "b.ipynb")
    assert run.text("a") == run.text("b") == "python\n"


def test_a_kernel_that_runs_out_of_memory_says_so(work):
    work.notebook("a", "import resource, signal, os\nprint('before', flush=True)", "os.kill(os.getpid(), signal.SIGKILL)",
                  kernel="python3")
    run = work.run("a.ipynb")
    assert run.record("a")["error"]["kind"] == "kernel"
    assert "memory" in run.record("a")["error"]["message"]
    assert run.text("a") == "before\n"


def test_what_the_kernel_writes_past_the_protocol_is_in_the_log(work):
    work.notebook("a", "import os\nos.write(1, b'one\\n'); os.system('echo two >&2'); print('three')", kernel="python3")
    run = work.run("a.ipynb")
    assert all(f"{w}\n" in run.log("a") for w in ("one", "two", "three"))


def test_a_kernel_that_writes_without_end_past_the_protocol_does_not_block(work):
    work.notebook("a", "import os\nfor i in range(200): os.write(2, b'x' * 50000 + b'\\n')", "print('after')",
                  kernel="python3")
    run = work.run("a.ipynb")
    assert run.status == 0
    assert run.text("a").endswith("after\n")


def test_an_open_kernel_ends_soon_after_the_last_cell(work):
    work.notebook("a", "1", kernel="python3")
    run = work.start("a.ipynb")
    run.event("cell_finished", number=1)
    wait_for(lambda: run.proc.poll() is not None, "the end")
    assert run.finish().status == 0
