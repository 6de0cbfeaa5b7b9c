"""
The manual pages: they name every option and key, and their examples are run.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import harness

TOP = Path(__file__).resolve().parents[2]
PAGES = ["nbfork.1", "nbfork-workflow.5"]


def source(page):
    return (TOP / "man" / page).read_text("utf-8")


def literals(page):
    """The literal blocks of a page, with mdoc's escapes undone."""
    blocks = re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed", source(page), re.M | re.S)
    return [b.replace("\\e", "\\").replace("\\&", "") for b in blocks]


@pytest.mark.skipif(not shutil.which("mandoc"), reason="mandoc is not installed")
@pytest.mark.parametrize("page", PAGES)
def test_the_page_is_lint_clean(page):
    lint = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", TOP / "man" / page], capture_output=True, text=True)
    assert lint.stdout + lint.stderr == ""


def test_every_option_is_in_the_page_and_in_the_help(work):
    shown = work.run("--help", folder=None).out
    options = re.findall(r"^ +(?:-\w, )?--([a-z-]+)", shown, re.M)
    page = source("nbfork.1")
    assert len(options) >= 13
    for option in options:
        assert re.search(rf"\bFl -{option}\b", page), option
    for option in re.findall(r"Fl -([a-z-]{2,})", page):
        assert option in options, option


def commands(block):
    """The commands of a block, each with the output that it shows."""
    found = []
    for line in block.rstrip("\n").split("\n"):
        if line.startswith("$ "):
            found.append([line[2:], []])
        elif not found[-1][1] and (found[-1][0].endswith(("|", "\\")) or found[-1][0].count("'") % 2):
            found[-1][0] += "\n" + line
        else:
            found[-1][1].append(line)
    return found


def test_the_examples_do_what_they_show(work):
    for kind in ("tables", "policies"):
        shutil.copytree(TOP / "samples" / kind, work.dir, dirs_exist_ok=True,
                        ignore=shutil.ignore_patterns("warehouse", "nbfork-runs"))
    subprocess.run(["chmod", "-R", "u+w", work.dir], check=True)
    program = " ".join(f"'{w}'" for w in harness.program())
    script = [f"nbfork() {{ {program} \"$@\"; }}"]
    expected = []
    blocks = [b for b in literals("nbfork.1") if b.startswith("$ ")]
    assert len(blocks) >= 4
    for i, (command, output) in enumerate(c for b in blocks for c in commands(b)):
        script.append(f"{command}\necho '--- {i}'")
        expected.append(output)
    done = subprocess.run(["bash", "-c", "\n".join(script)], cwd=work.dir, env=work.env, capture_output=True, text=True,
                          timeout=120)
    outputs = re.split(r"^--- \d+\n", done.stdout, flags=re.M)[:-1]
    assert len(outputs) == len(expected), done.stdout + done.stderr
    for output, shown in zip(outputs, expected):
        if shown:
            assert output.rstrip("\n").split("\n") == shown, done.stderr
    # A command without output shown has at least a summary of nothing but successes.
    assert sum("succeeded" in o for o, shown in zip(outputs, expected) if not shown) >= 2, done.stdout + done.stderr


def test_the_workflows_shown_are_valid(work):
    blocks = [b for b in literals("nbfork-workflow.5") if "notebooks:" in b]
    assert len(blocks) >= 3
    for i, block in enumerate(blocks):
        for path in re.findall(r"[\w.-]+\.ipynb", block):
            work.notebook(path, "print x")
        work.write(f"shown-{i}.yaml", block)
        run = work.run("--check", f"shown-{i}.yaml", folder=None, env={"WAREHOUSE_PASSWORD": "x"})
        assert run.status == 0, run.story()
        assert run.out == f"shown-{i}.yaml: ok\n"


def test_the_result_shown_for_python_comes_back(work):
    shown = next(b for b in literals("nbfork-workflow.5") if "IPython.display" in b)
    work.notebook("n", shown, kernel="python3")
    assert work.run("n.ipynb").record("n")["result"] == {"rows": 1000}


def test_the_result_shown_for_r_comes_back(work):
    shown = next(b for b in literals("nbfork-workflow.5") if "IRdisplay" in b)
    work.notebook("n", shown, kernel="ir", language="R")
    assert work.run("n.ipynb").record("n")["result"] == {"rows": 1000}
