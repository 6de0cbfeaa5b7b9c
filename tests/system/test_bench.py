"""
The benchmark (bench/): it measures whole trees of processes, and counts nothing that is wrong.
"""

import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness import PATIENCE, UNDER_VALGRIND, program, wait_for

BENCH = Path(__file__).resolve().parent.parent.parent / "bench"
SPIN = "import time\nwhile time.process_time() < {}: pass"


def load(name):
    spec = importlib.util.spec_from_file_location(name, BENCH / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def bench(work):
    """Runs bench.py with nbfork, or a script that uses it as "$nbfork". Returns the process and its document."""
    def run(*args, script='exec $nbfork "$@"\n'):
        nbfork = work.short / "wrapper"
        nbfork.write_text(f"#!/bin/sh\nnbfork='{' '.join(program())}'\n{script}")
        nbfork.chmod(0o755)
        command = [sys.executable, BENCH / "bench.py", "--quick", f"--nbfork={nbfork}", "--json=b.json", *args]
        done = subprocess.run(command, cwd=work.dir, env=work.env, stdin=subprocess.DEVNULL, text=True,
                              capture_output=True)
        return done, json.loads(work.path("b.json").read_text())
    return run


def measure(work, *args):
    """What measure.py says of a command."""
    subprocess.run([sys.executable, BENCH / "measure.py", "--result=m.json", *args], cwd=work.dir, env=work.env,
                   check=True, timeout=60 * PATIENCE)
    return json.loads(work.path("m.json").read_text())


@pytest.mark.skipif(UNDER_VALGRIND, reason="nobody measures under valgrind")
def test_rows_are_measured_and_compared(work, bench):
    done, found = bench("--rows=tiny", "--contenders=nbfork-cold,floor", "--processes=2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert found["schema"] == "nbfork.bench/1"
    assert found["machine"]["cpus"] >= 1 and len(found["machine"]["load_before"]) == 3
    assert found["versions"]["nbfork"].startswith("nbfork ") and found["versions"]["ipykernel"]
    [row] = found["rows"]
    assert (row["name"], row["compared_with"]) == ("tiny", "nbfork-cold")
    nbfork, floor = row["contenders"]
    assert floor["problem"] is None
    assert nbfork["ratio_to_nbfork"] == 1 and nbfork["problem"] is None
    assert nbfork["notebooks"] == row["notebooks"]
    assert nbfork["wall_seconds"] > row["limit_seconds"] > 0
    assert nbfork["ratio_to_limit"] == pytest.approx(nbfork["wall_seconds"] / row["limit_seconds"])
    assert nbfork["notebooks_per_second"] == pytest.approx(row["notebooks"] / nbfork["wall_seconds"])
    assert nbfork["cpu_seconds"] > 0.2 and nbfork["peak_pss_bytes"] > 20e6  # kernels count
    assert nbfork["runs"][0]["left_behind"] == 0
    assert floor["cpu_seconds"] > 0 and floor["wall_seconds"] < nbfork["wall_seconds"]
    assert "nbfork-cold" in done.stdout and "limit: " in done.stdout


@pytest.mark.skipif(UNDER_VALGRIND, reason="nobody measures under valgrind")
def test_a_wrong_notebook_is_noticed(work, bench):
    done, found = bench("--rows=tiny", "--contenders=nbfork-cold", script="""\
$nbfork "$@" || exit
[ ! -e run/notebooks/tiny-0001.ipynb ] || sed -i 's/"1\\\\n"/"2\\\\n"/' run/notebooks/tiny-0001.ipynb
""")
    assert done.returncode == 1, done.stdout + done.stderr
    [nbfork] = found["rows"][0]["contenders"]
    said = "1 of 2 notebooks are wrong: tiny-0001: cell 2 has the outputs ['2\\n'] instead of ['1\\n']"
    assert said in nbfork["problem"]
    assert nbfork["wall_seconds"] is None and nbfork["ratio_to_nbfork"] is None
    assert "nbfork-cold: 1 of 1 runs failed" in done.stdout


def test_what_is_wrong_with_a_notebook_is_said(tmp_path):
    work = load("work")
    notebooks = work.tiny(4)
    work.write(tmp_path / "in", notebooks)
    files = [tmp_path / "in" / f"{name}.ipynb" for name, _ in notebooks]
    documents = [json.loads(file.read_text()) for file in files]
    for i, document in enumerate(documents):
        for count, cell in enumerate(document["cells"], 1):
            cell["execution_count"] = count
        document["cells"][1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": [f"{i * i}\n"]}]
    documents[0]["cells"][0]["execution_count"] = None
    documents[1]["cells"][1]["outputs"] = [{"output_type": "error", "ename": "E", "evalue": "no", "traceback": []}]
    for file, document in zip(files, documents):
        file.write_text(json.dumps(document))
    files[2].unlink()
    assert work.wrong(tmp_path / "in", notebooks, sys.prefix) == [
        "tiny-0000: cell 1 was not executed", "tiny-0001: cell 2 has the outputs ['E: no'] instead of ['1\\n']",
        "tiny-0002: No such file or directory"]


def test_a_tree_is_measured_with_orphans(work):
    spin = f"{sys.executable} -S -c '{SPIN.format(0.3)}'"
    found = measure(work, "sh", "-c", f"{spin} & (setsid {spin} &); wait")
    assert found["status"] == 0 and not found["timed_out"]
    assert 0.6 <= found["cpu_seconds"] < 2
    # What is left behind and does not end is killed, and does not count as time of the command.
    grown = measure(work, sys.executable, "-S", "-c", "import os, time\nb = bytearray(100 << 20)\ntime.sleep(1)\n"
                    "os.fork() or os.setsid() or time.sleep(1000)")
    assert grown["peak_pss_bytes"] > 100 << 20
    assert (grown["left_behind"], grown["left_behind_killed"]) == (1, 1)


def test_a_limit_of_time_kills_all(work):
    found = measure(work, "--limit=0.5", "sh", "-c", "setsid sleep 1000 & sleep 1000")
    assert found["timed_out"] and found["status"] == -9
    assert found["wall_seconds"] < 10 * PATIENCE
    # work sees to it that nothing is left


def test_whoever_ends_the_measuring_ends_all(work):
    process = subprocess.Popen([sys.executable, BENCH / "measure.py", "--result=m.json", "sh", "-c",
                                "setsid sleep 1000 & touch ready; sleep 1000"], cwd=work.dir, env=work.env)
    wait_for(lambda: work.path("ready").exists(), "the command to start")
    time.sleep(0.1)
    process.terminate()
    assert process.wait() == 1
