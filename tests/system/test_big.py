"""
Size: large notebooks and outputs within bounds of memory and time.
"""

import json
import threading
import time
from pathlib import Path

import pytest

from harness import PATIENCE, code, document, markdown, wait_for

MB = 1 << 20


def peak_of_worker(run, name):
    """Follows the memory of a notebook's worker in a thread; returns a function that waits and tells the peak."""
    pid = run.event("notebook_started", name=name)["pid"]
    peak = [0]

    def watch():
        while True:
            try:
                status = Path(f"/proc/{pid}/status").read_text()
            except OSError:
                return
            found = [line for line in status.splitlines() if line.startswith("VmHWM")]
            if not found:
                return
            peak[0] = max(peak[0], int(found[0].split()[1]) * 1024)
            time.sleep(0.005)
    thread = threading.Thread(target=watch)
    thread.start()

    def tell():
        thread.join()
        return peak[0]
    return tell


@pytest.mark.skipif(PATIENCE > 1, reason="checkers take memory of their own")
def test_a_notebook_of_100_mb_passes_in_two_and_a_half_times_that(work):
    attachment = {"x.png": {"image/png": "QUJD" * (5 * MB // 4)}}
    cells = [{**markdown(f"m{i}"), "attachments": attachment} for i in range(10)]
    old = {"output_type": "stream", "name": "stdout", "text": ["x" * 99 + "\n"] * (5 * MB // 100)}
    cells += [{**code("print new"), "outputs": [old]} for i in range(10)]
    work.write("a.ipynb", json.dumps(document(*cells), indent=1))
    size = work.path("a.ipynb").stat().st_size
    assert size > 100 * MB
    run = work.start("a.ipynb")
    peak = peak_of_worker(run, "a")
    run.finish(100)
    assert run.status == 0
    assert run.text("a") == "new\n" * 10
    assert peak() < 2.5 * size
    assert run.record("a")["cpu_seconds"] < 20


@pytest.mark.skipif(PATIENCE > 1, reason="checkers take memory of their own")
@pytest.mark.parametrize("command", ["big", "fill"])
def test_100_mb_of_output_pass_in_two_and_a_half_times_that(work, command):
    work.notebook("a", *[f"{command} {10 * MB}"] * 10)
    run = work.start("a.ipynb")
    peak = peak_of_worker(run, "a")
    run.finish(100)
    assert run.status == 0
    size = (run.dir / "notebooks/a.ipynb").stat().st_size
    assert size > 100 * MB
    assert peak() < 2.5 * size
    assert run.record("a")["cpu_seconds"] < 30


@pytest.mark.patience(240)
def test_the_copy_is_not_saved_over_and_over_while_it_grows(work):
    """2,000 cells with an output each: work that grows with the square of that would show."""
    work.notebook("a", *["fill 10000"] * 2000)
    run = work.start("a.ipynb")
    worker = run.event("notebook_started")["pid"]
    written = [0]

    def look():
        try:
            written[0] = int(Path(f"/proc/{worker}/io").read_text().split("wchar: ")[1].split()[0])
        except (OSError, IndexError):
            pass
        return run.proc.poll() is not None
    wait_for(look, "the end", 200)
    run.finish()
    size = (run.dir / "notebooks/a.ipynb").stat().st_size
    assert size > 20 * MB * 0.9
    assert written[0] < (3 + run.seconds) * size  # no more than once a second


@pytest.mark.skipif(PATIENCE > 1, reason="checkers take time of their own")
def test_a_waiting_worker_is_small_and_a_notebook_cheap(work):
    """At most 4 MiB of private memory while it waits; nbfork's own cost (kernels excluded) at most 15 ms a notebook."""
    work.notebook("a", "print a", "wait go")
    work.workflow(*({"path": "a.ipynb", "name": f"n{i}"} for i in range(8)), processes=8)
    run = work.start("workflow.yaml", "--progress=none")
    workers = []
    for i in range(8):
        run.event("cell_started", name=f"n{i}", number=2)
        workers.append(run.event("notebook_started", name=f"n{i}")["pid"])

    def cpu(pid):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100
    for pid in workers:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        private = sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Private_"))
        assert private <= 4096, f"{private} kB"
    spent = sum(map(cpu, workers)) + cpu(run.pid)
    work.write("go", "")
    run.finish()
    assert spent / 8 <= 0.015 + 0.01  # the clock of /proc ticks every 10 ms


def test_forty_notebooks(work):
    work.notebook("a", "print a")
    work.workflow(*({"path": "a.ipynb", "name": f"n{i}"} for i in range(40)), processes=8)
    run = work.run("workflow.yaml")
    assert run.results["counts"]["succeeded"] == 40


def test_one_cell_of_five_megabytes_and_a_line_of_ten(work):
    work.notebook("a", "# " + "x" * (5 * MB) + "\nprint a", 'write "%s"' % ("y" * (10 * MB)))
    run = work.run("a.ipynb")
    assert run.status == 0
    assert run.text("a") == "a\n" + "y" * (10 * MB)
