"""
What people and scripts are told: quietly, in full, and when something cannot be told at all.
"""

import os
import re

import pytest

from harness import UNDER_VALGRIND


def test_quiet_says_nothing_of_a_success(work):
    work.notebook("n", "print x")
    run = work.run("-q", "n.ipynb")
    assert (run.status, run.out, run.err) == (0, "", "")


def test_quiet_says_a_line_for_each_failure(work):
    work.notebook("good", "print x")
    work.notebook("bad", "print x", "error ValueError no luck" + "k" * 5000)
    work.notebook("worse", "die 9")
    work.notebook("allowed", "error E x")
    work.workflow("good.ipynb", "bad.ipynb", "worse.ipynb", {"path": "allowed.ipynb", "allow_failure": True})
    run = work.run("-q", "workflow.yaml")
    assert (run.status, run.out) == (1, "")
    lines = run.err.splitlines()
    assert len(lines) == 2, run.err
    assert any(re.search(r"error: notebook 'bad' failed: ValueError: no luck{,300}\.\.\. \(cell 3, In \[2\]\); see run-1/notebooks/bad.ipynb$", line)
               for line in lines), run.err
    assert any("error: notebook 'worse' failed: " in line and "SIGKILL" in line for line in lines)


def test_verbose_plain_shows_every_line(work):
    work.notebook("n", "\n".join(f"print line {i}" for i in range(300)))
    run = work.run("-v", "--progress=plain", "n.ipynb")
    assert re.findall(r"\| line (\d+)$", run.err, re.M) == [str(i) for i in range(300)]


def test_what_a_kernel_writes_is_in_the_log_once(work):
    work.notebook("n", "import os, subprocess, time\nos.write(1, b'written\\n')\n"
                       "subprocess.run(['echo', 'from a process'])\nprint('printed')\ntime.sleep(2)", kernel="python3")
    run = work.run("n.ipynb")
    lines = run.log("n").splitlines()
    for line in ("written", "from a process", "printed"):
        assert lines.count(line) == 1, run.log("n")
    assert run.text("n").count("written") == 1


def test_what_a_kernel_writes_when_it_crashes_is_in_the_log(work):
    work.notebook("n", "import os, sys\nos.write(sys.stderr._original_stdstream_copy, b'last words\\n')\nos.kill(os.getpid(), 9)", kernel="python3")
    run = work.run("n.ipynb")
    assert run.record("n")["error"]["kind"] == "kernel"
    assert "last words" in run.log("n")


def test_a_kernel_without_its_program_is_found_before_the_start(work):
    work.kernel("gone", argv=["/no/such/python", "-f", "{connection_file}"])
    work.notebook("n", "print x", kernel="gone")
    message = work.refused("n.ipynb")
    assert "kernel 'gone' cannot be started: there is no program '/no/such/python'" in message
    assert "kernels/gone/kernel.json" in message


def test_a_program_is_looked_for_in_the_kernels_path(work):
    place = work.short / "bin"
    place.mkdir()
    os.symlink("/usr/bin/python3", place / "only-here")
    argv = ["only-here", str(work.jupyter.parent / "nowhere")]
    work.kernel("k", argv=argv)
    work.notebook("n", "print x", kernel="k")
    assert "there is no program 'only-here'" in work.refused("-c", "n.ipynb")
    work.kernel("k", argv=argv, env={"PATH": f"/usr/bin:{place}"})
    assert work.run("-c", "n.ipynb", folder=None).status == 0


@pytest.mark.skipif(bool(UNDER_VALGRIND), reason="what is closed becomes valgrind's log")
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_standard_files_that_are_closed(work, closed):
    work.notebook("n", "print x")
    run = work.run("n.ipynb", prefix=["sh", "-c", f'exec "$@" {closed}', "sh"])
    assert run.statuses() == {"n": "succeeded"}
    assert run.status == (3 if ">&-" in closed.replace("2>&-", "") else 0)


def test_a_parameter_that_the_notebook_does_not_know_is_warned_of(work):
    work.notebook("n", {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": "table = 'x'\nday = 1",
                        "outputs": [], "execution_count": None}, kernel="python3")
    work.write("w.yaml", "parameters: {other: 1}\nnotebooks:\n- {path: n.ipynb, parameters: {tabel: orders, day: 2}}\n")
    run = work.run("-c", "w.yaml", folder=None)
    assert run.status == 0
    assert run.err == "nbfork: warning: notebook 'n' does not name parameter 'tabel' in its cell tagged 'parameters'\n"
