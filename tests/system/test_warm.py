"""
Kernels that are forked from one that is ready: they cannot be told from others, and nothing survives that should not.
"""

import json
import os
import re
import signal
import sys
import time
from pathlib import Path

import pytest

from harness import alive, kill_all, wait_for



LOOK = """\
import asyncio, atexit, json, logging, os, resource, signal, sys, threading, warnings
shell = get_ipython()
stat = open("/proc/self/stat").read().rpartition(")")[2].split()
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status") if ":\\t" in line)
seen = {
    "path": sys.path, "argv0": sys.argv[0], "args": [a for a in sys.argv[1:] if "/" not in a], "cwd": os.getcwd(),
    "environ": {k: v for k, v in os.environ.items() if k not in ("JPY_PARENT_PID", "NBFORK_CALL", "NBFORK_RESULT")}, "parent": os.environ["JPY_PARENT_PID"] == str(os.getppid()),
    "main": sorted(n for n in vars(sys.modules["__main__"]) if not n.startswith("_i")), "name": __name__,
    "file": "__file__" in globals(), "session": os.getsid(0) == os.getpid(), "group": os.getpgid(0) == os.getpid(),
    "signals": {s: str(signal.getsignal(s)) for s in range(1, 32) if s not in (9, 19)},
    "blocked": status["SigBlk"].strip(), "ignored": status["SigIgn"].strip(), "caught": status["SigCgt"].strip(),
    "files": sorted(int(f) for f in os.listdir("/proc/self/fd") if int(f) < 3), "umask": os.umask(0o22),
    "comm": status["Name"].strip(), "threads": sorted(type(t).__name__ for t in threading.enumerate()),
    "flags": str(sys.flags), "recursion": sys.getrecursionlimit(), "policy": type(asyncio.get_event_loop_policy()).__name__,
    "count": shell.execution_count, "history": [c[2] for c in shell.history_manager.get_range()], "In": In[:1], "Out": len(Out),
    "who": [n for n in shell.run_line_magic("who_ls", "") if n not in ("before",)], "magics": sorted(shell.magics_manager.magics["line"]),
    "handlers": [type(h).__name__ for h in logging.getLogger().handlers], "level": logging.getLogger().level,
    "filters": len(warnings.filters), "limits": [resource.getrlimit(i) for i in range(10)], "extensions": sorted(shell.extension_manager.loaded),
    "hooks": [str(type(h)) for h in (sys.displayhook, sys.excepthook, sys.stdout, sys.stderr)], "stdin": sys.stdin.fileno(),
    "backend": os.environ.get("MPLBACKEND"), "encoding": sys.stdout.encoding, "orig": sys.orig_argv[:1],
}
print(json.dumps(seen))"""


def python(work, name, *cells):
    return work.notebook(name, *cells, kernel=None)


def look_at(work, warm, **keys):
    python(work, "look", LOOK)
    python(work, "other", "1")
    work.workflow({"path": "look.ipynb", **keys}, "other.ipynb", targets={"local": {"warm": warm}})
    run = work.run("workflow.yaml")
    assert run.status == 0, run.story()
    assert run.record("look")["start"] == ("warm" if warm == "auto" else "cold")
    return json.loads(run.text("look"))


def test_a_warm_kernel_cannot_be_told_from_a_cold_one(work):
    keys = {"env": {"NAME": "wert", "EMPTY": ""}, "parameters": {"before": 1}}
    warm, cold = look_at(work, "auto", **keys), look_at(work, "off", **keys)
    assert warm.keys() == cold.keys()
    for key in warm:
        assert warm[key] == cold[key], key


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="references to names of modules are not counted")
def test_names_of_modules_share_pages(work):
    """IPython counts a reference to each: what lies scattered would be copied in every kernel."""
    many(work, "import sys\nprint(len(sys.modules), len({id(name) >> 12 for name in sys.modules}))", count=2)
    run = work.run("workflow.yaml")
    for name in ("n0", "n1"):
        names, pages = map(int, run.text(name).split())
        assert run.record(name)["start"] == "warm" and names > 300 and pages < names / 8


def many(work, *cells, count=3, target=None, **keys):
    python(work, "n", *cells)
    work.workflow(*({"path": "n.ipynb", "name": f"n{i}", **keys} for i in range(count)),
                  targets={"local": target or {}})


def texts(run, count=3):
    return [run.text(f"n{i}") for i in range(count)]


def starts(run):
    return {n["start"] for n in run.results["notebooks"]}


def test_no_two_have_anything_in_common_by_chance(work):
    many(work, "import random, uuid, tempfile, secrets, os\nprint(random.random(), uuid.uuid1(), uuid.uuid4(), "
         "tempfile.mktemp(), os.urandom(4).hex())", target={"preload": ["random", "uuid", "tempfile"]})
    run = work.run("workflow.yaml")
    assert starts(run) == {"warm"}
    words = [t.split() for t in texts(run)]
    for i in range(len(words[0])):
        assert len({w[i] for w in words}) == 3, words


def test_what_is_written_and_registered_is_done_at_the_end(work):
    many(work, "import atexit, os, threading, time\nn = os.environ['N']",
         "f = open(f'file-{n}', 'w'); f.write('unclosed')",
         "class Last:\n    def __del__(self, open=open, n=n): open(f'del-{n}', 'w').write('x')\nlast = Last()",
         "def late():\n    time.sleep(0.2); open(f'thread-{n}', 'w').write('x')\nthreading.Thread(target=late).start()",
         "@atexit.register\ndef bye():\n    open(f'bye-{n}', 'w').write('x')", env={"N": "{{ notebook.name }}"})
    run = work.run("workflow.yaml")
    assert run.status == 0 and starts(run) == {"warm"}, run.story()
    for i in range(3):
        assert (work.dir / f"file-n{i}").read_text() == "unclosed"
        for what in ("thread", "bye", "del"):
            assert (work.dir / f"{what}-n{i}").exists(), what


def test_modules_are_there_before_they_are_asked_for(work):
    many(work, "import sys; print('decimal' in sys.modules, 'fractions' in sys.modules)", target={"preload": ["fractions"]})
    run = work.run("workflow.yaml")
    assert texts(run) == ["True True\n"] * 3 and starts(run) == {"warm"}


@pytest.mark.parametrize("jobs, module, text, words", [
    (1, "nowhere_at_all", None, "preload 'nowhere_at_all' cannot be imported: ModuleNotFoundError"),
    (4, "starts_threads", "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n",
     "preload 'starts_threads' starts threads"),
])
def test_what_cannot_be_preloaded_is_said_once_and_kernels_start_without(work, jobs, module, text, words):
    if text:
        work.write(f"lib/{module}.py", text)
    many(work, "print(1)", target={"preload": [module]}, count=4)
    run = work.run(f"-j{jobs}", "workflow.yaml", env={"PYTHONPATH": str(work.path("lib"))})
    assert run.status == 0 and starts(run) == {"cold"}, run.story()
    assert run.err.count(words) == 1, run.err


def test_variables_that_are_read_at_boot_have_a_server_of_their_own_or_a_cold_start(work):
    python(work, "n", "import os; print(hash('x'), os.environ.get('OMP_NUM_THREADS'))")
    work.workflow(*({"path": "n.ipynb", "name": f"a{i}", "env": {"PYTHONHASHSEED": "7"}} for i in range(2)),
                  {"path": "n.ipynb", "name": "b", "env": {"PYTHONHASHSEED": "8"}},
                  *({"path": "n.ipynb", "name": f"c{i}", "threads": 3} for i in range(2)),
                  {"path": "n.ipynb", "name": "d", "threads": 0}, {"path": "n.ipynb", "name": "e", "env": {"OMP_NUM_THREADS": "9"}})
    run = work.run("-j2", "workflow.yaml")
    assert run.status == 0
    assert {n: run.record(n)["start"] for n in ("a0", "a1", "b", "c0", "c1", "d", "e")} == {
        "a0": "warm", "a1": "warm", "b": "cold", "c0": "warm", "c1": "warm", "d": "cold", "e": "cold"}
    assert run.text("a0") == run.text("a1") and run.text("a0").split()[0] != run.text("b").split()[0]
    assert [run.text(n).split()[1] for n in ("c0", "d", "e")] == ["3", "None", "9"]
    assert int(run.text("b").split()[1]) == max(1, len(os.sched_getaffinity(0)) // 2)


def test_one_notebook_starts_cold(work):
    python(work, "n", "print(1)")
    work.workflow("n.ipynb")
    assert starts(work.run("workflow.yaml")) == {"cold"}


def test_each_has_its_own_limit_of_memory(work):
    python(work, "n", "import resource\nprint(resource.getrlimit(resource.RLIMIT_DATA)[1] >> 20)\nx = bytes(900 << 20)")
    work.workflow("n.ipynb", *({"path": "n.ipynb", "name": f"m{i}", "memory_limit": f"{i}G"} for i in (1, 2, 3)))
    run = work.run("workflow.yaml")
    assert starts(run) == {"warm"}
    assert run.statuses() == {"n": "succeeded", "m1": "failed", "m2": "succeeded", "m3": "succeeded"}
    assert [run.text(f"m{i}") for i in (1, 2, 3)] == ["1024\n", "2048\n", "3072\n"]
    assert run.record("m1")["error"]["message"] == "memory_limit is 1 GiB"


def test_a_limit_below_what_a_server_has_starts_cold(work):
    work.write("lib/huge.py", "kept = bytearray(700 << 20)\n")
    python(work, "n", "print(1)")
    work.workflow(*({"path": "n.ipynb", "name": f"m{i}", "memory_limit": f"{i}G"} for i in (1, 2)),
                  {"path": "n.ipynb", "name": "less", "memory_limit": "600M"},
                  targets={"local": {"preload": ["huge"]}})
    run = work.run("workflow.yaml", env={"PYTHONPATH": str(work.path("lib"))})
    assert run.status == 0, run.story()
    assert [run.record(n)["start"] for n in ("m1", "m2", "less")] == ["warm", "warm", "cold"]


def test_what_stands_in_the_folder_is_imported_as_ever(work):
    work.write("json.py", "value = 'mine'\n")
    many(work, "import json; print(json.value)")
    run = work.run("workflow.yaml")
    assert texts(run) == ["mine\n"] * 3 or all(n["status"] == "failed" for n in run.results["notebooks"]), run.story()
    assert starts(run) <= {"cold", None}


def test_a_working_directory_that_is_not_there_any_more(work):
    work.path("there").mkdir()
    python(work, "first", "import os; os.rmdir('there')")
    python(work, "second", "1")
    work.workflow("first.ipynb", {"path": "second.ipynb", "depends_on": "first", "working_directory": "there"})
    run = work.run("workflow.yaml")
    error = run.record("second")["error"]
    assert error["kind"] == "kernel" and "cannot use working directory" in error["message"]


def test_cpu_and_memory_are_accounted_for(work):
    many(work, "import time\nend = time.process_time() + 1.0\nwhile time.process_time() < end: pass",
         "b = bytearray(200 << 20)\nfor i in range(0, len(b), 4096): b[i] = 1",
         "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time\\nwhile time.process_time() < 1: pass'])",
         count=2)
    run = work.run("workflow.yaml")
    assert starts(run) == {"warm"}
    for n in run.results["notebooks"]:
        assert 2.0 <= n["cpu_seconds"] < 8 and n["max_rss_bytes"] > 200 << 20, n


# ---- Deaths ----

WAIT = "import time; print('begun', flush=True); time.sleep(120)"


def begun(work, *args, count=3, cells=(WAIT,)):
    many(work, *cells, count=count)
    run = work.start(*args, "-j", str(count), "workflow.yaml")
    for i in range(count):
        run.event("cell_started", name=f"n{i}", number=len(cells))
    kernels = [run.event("kernel_ready", name=f"n{i}")["pid"] for i in range(count)]
    wait_for(lambda: all((run.dir / f"logs/n{i}.log").read_text() for i in range(count)), "them to begin")
    return run, kernels


def parents(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_a_cell_is_interrupted(work):
    many(work, "try:\n    import time; time.sleep(60)\nexcept KeyboardInterrupt:\n    print('interrupted')", "print('next')",
         cell_timeout_seconds=3, count=2)
    run = work.run("workflow.yaml")
    assert run.status == 1 and starts(run) == {"warm"}
    for n in run.results["notebooks"]:
        assert n["error"]["name"] == "CellTimeoutError"
        assert "interrupted" in run.text(n["name"])


def test_one_that_is_killed_is_one_that_failed(work):
    run, kernels = begun(work)
    os.kill(kernels[1], signal.SIGKILL)
    run.event("notebook_finished", name="n1")
    assert alive(kernels[0]) and alive(kernels[2])
    run.signal(signal.SIGTERM)
    run.finish()
    error = run.record("n1")["error"]
    assert error["kind"] == "kernel" and "kernel was killed by SIGKILL" in error["message"]
    assert not any(alive(k) for k in kernels)


@pytest.mark.parametrize("who", ["worker", "keeper", "server", "nbfork"])
def test_nobody_survives_whoever_dies(work, who):
    spawn = ("import os, subprocess, sys\nprint(subprocess.Popen(['setsid', 'sh', '-c', 'sleep 300 & echo $!; sleep 300'], "
             "stdout=subprocess.PIPE, text=True).stdout.readline(), flush=True)")
    run, kernels = begun(work, cells=(spawn, WAIT))
    strays = [int(re.search(r"\d+", (run.dir / f"logs/n{i}.log").read_text())[0]) for i in range(3)]
    keepers = [parents(k) for k in kernels]
    server = parents(keepers[0])
    assert all(alive(p) for p in strays) and {parents(k) for k in keepers} == {server}
    workers = [e["pid"] for e in run.events if e["event"] == "notebook_started"]
    victims = {"worker": workers[:1], "keeper": keepers[:1], "server": [server], "nbfork": [run.proc.pid]}[who]
    kill_all(victims)
    if who == "nbfork":
        run.wait()
    elif who == "server":
        for i in range(3):
            run.event("notebook_finished", name=f"n{i}")
    else:
        run.event("notebook_finished", name="n0")
        wait_for(lambda: not alive(kernels[0]) and not alive(strays[0]), "its tree to go")
        assert all(alive(p) for p in kernels[1:] + strays[1:])
        run.signal(signal.SIGTERM)
    if who != "nbfork":
        run.finish()
    wait_for(lambda: not any(alive(p) for p in kernels + keepers + strays + [server]), "all of them to go")


def test_a_server_that_died_is_done_without(work):
    many(work, "import time; time.sleep(0.3)", count=6)
    run = work.start("-j1", "workflow.yaml")
    kernel = run.event("kernel_ready", name="n0")["pid"]
    kill_all([parents(parents(kernel))])
    run.finish()
    assert {run.record(f"n{i}")["start"] for i in range(2, 6)} == {"cold"}
    assert {run.record(f"n{i}")["status"] for i in range(2, 6)} == {"succeeded"}


def test_all_are_stopped_with_nbfork(work):
    run, kernels = begun(work, count=2)
    run.signal(signal.SIGTSTP)

    def state(pid):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    everybody = kernels + [parents(k) for k in kernels] + [parents(parents(kernels[0]))]
    wait_for(lambda: {state(p) for p in everybody} == {"T"}, "them to stop")
    run.signal(signal.SIGCONT)
    wait_for(lambda: "T" not in {state(p) for p in everybody}, "them to go on")
    run.signal(signal.SIGTERM)
    run.finish()


def test_many_leave_nothing_open_in_the_server(work):
    many(work, "import os; print(sorted(map(int, os.listdir('/proc/self/fd')))[-1])", count=30)
    run = work.run("workflow.yaml", timeout=120)
    assert starts(run) == {"warm"}
    heights = [int(t) for t in texts(run, 30)]
    assert max(heights) - min(heights) <= 8, heights


def test_a_stop_does_not_wait_for_what_is_still_imported(work):
    work.write("lib/slow.py", "import time; time.sleep(30)\n")
    many(work, "print(1)", target={"preload": ["slow"]})
    run = work.start("workflow.yaml", env={"PYTHONPATH": str(work.path("lib"))})
    run.event("notebook_started", name="n1")
    began = time.monotonic()
    run.signal(signal.SIGTERM)
    run.finish()
    assert run.status == -signal.SIGTERM and time.monotonic() - began < 20
    assert {n["status"] for n in run.results["notebooks"]} <= {"cancelled", "skipped"}


def test_stopped_ones_go_too_when_nbfork_is_killed(work):
    run, kernels = begun(work, count=2)
    everybody = kernels + [parents(k) for k in kernels] + [parents(parents(kernels[0]))]
    run.signal(signal.SIGTSTP)
    wait_for(lambda: {Path(f"/proc/{p}/stat").read_text().rpartition(")")[2].split()[0] for p in everybody} == {"T"},
             "them to stop")
    run.proc.kill()
    run.wait()
    wait_for(lambda: not any(alive(p) for p in everybody), "all of them to go")


def test_relative_paths_mean_what_they_meant(work):
    work.write("lib/mine_alone.py", "value = 'here'\n")
    many(work, "import mine_alone; print(mine_alone.value)", count=2)
    run = work.run("workflow.yaml", env={"PYTHONPATH": "lib"})
    assert run.status == 0 and texts(run, 2) == ["here\n"] * 2 and starts(run) == {"cold"}, run.story()


def test_a_server_that_hangs_costs_the_time_once(work):
    work.write("lib/hangs.py", "import time; time.sleep(600)\n")
    many(work, "print(1)", target={"preload": ["hangs"], "startup_timeout_seconds": 4}, count=4)
    run = work.run("-v", "-j2", "workflow.yaml", env={"PYTHONPATH": str(work.path("lib"))})
    assert run.status == 0 and starts(run) == {"cold"}, run.story()
    waited = re.findall(r"nbfork\[(n\d)\]: .*; trying without a fork server", run.err)
    assert sorted(waited) == ["n0", "n1"], run.err
