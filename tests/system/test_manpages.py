"""
The manual pages: they name every option and key, and their examples are run.
"""

import fcntl
import json
import os
import pty
import re
import shutil
import struct
import subprocess
import termios
import threading
from pathlib import Path

import pytest

import harness
import remote
from test_samples import in_step

TOP = Path(__file__).resolve().parents[2]
PAGES = ["nbfork.1", "nbfork-workflow.5", "nbfork-databricks.7", "nbfork-dbutils.7"]
COLUMNS = 66  # of the terminal on which the other two pages show things


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


@pytest.mark.skipif(not shutil.which("mandoc"), reason="mandoc is not installed")
@pytest.mark.parametrize("page", PAGES)
def test_no_macro_is_shown_as_text(page):
    """One in the middle of a line is text to mandoc, and so are the dashes of options behind such a one."""
    text = subprocess.run(["mandoc", "-T", "utf8", TOP / "man" / page], capture_output=True, text=True, check=True).stdout
    text = re.sub(".\b", "", text)  # bold and underlined
    assert re.findall(r"^.*\s\.[A-Z][a-z] .*$|^.*\bXr\s.*$|^.*--[a-z-]+ -[a-z]{2,}.*$", text, re.M) == []


def test_every_option_is_in_the_page_and_in_the_help(work):
    shown = work.run("--help", folder=None).out
    options = re.findall(r"^ +(?:-\w, )?--([a-z-]+)", shown, re.M)
    page = source("nbfork.1")
    assert len(options) >= 18
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


def copy_samples(work, *kinds):
    for kind in kinds:
        shutil.copytree(TOP / "samples" / kind, work.dir, dirs_exist_ok=True,
                        ignore=shutil.ignore_patterns("warehouse", "nbfork-runs"))
    subprocess.run(["chmod", "-R", "u+w", work.dir], check=True)


def read_all(fd):
    """What comes out of a terminal until the last process that writes to it has gone."""
    text = b""
    while True:
        try:
            piece = os.read(fd, 65536)
        except OSError:
            piece = b""
        if not piece:
            return text.decode("utf-8").replace("\r\n", "\n")
        text += piece


def run_examples(work, page, terminal):
    """Runs all commands of a page in one shell; yields each with its output and the one that is shown."""
    program = " ".join(f"'{w}'" for w in harness.program())
    script = [f"nbfork() {{ {program} \"$@\"; }}"]
    shown = [c for b in literals(page) if b.startswith("$ ") for c in commands(b)]
    script += [f"{command}\necho '--- {i}'" for i, (command, _) in enumerate(shown)]
    read, write = pty.openpty() if terminal else os.pipe()
    if terminal:
        fcntl.ioctl(write, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    seen = []
    reader = threading.Thread(target=lambda: seen.append(read_all(read)))
    reader.start()
    done = subprocess.Popen(["bash", "-c", "\n".join(script)], cwd=work.dir, env={**work.env, "NO_COLOR": "1"},
                            stdin=subprocess.DEVNULL, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    errors = done.communicate(timeout=240 * harness.PATIENCE)[1]
    reader.join()
    os.close(read)
    outputs = re.split(r"^--- \d+\n", seen[0], flags=re.M)[:-1]
    assert len(outputs) == len(shown), seen[0] + errors
    for (command, output), real in zip(shown, outputs):
        yield command, real.rstrip("\n"), "\n".join(output), errors


@pytest.mark.patience(300)
def test_the_examples_of_the_program_do_what_they_show(work):
    copy_samples(work, "tables", "policies")
    in_step(work.dir)
    ran = list(run_examples(work, "nbfork.1", terminal=False))
    assert len(ran) >= 8
    for _, real, shown, errors in ran:
        if shown:
            assert real == shown, errors
    # A command without output shown has at least a summary of nothing but successes.
    assert sum("succeeded" in real for _, real, shown, _ in ran if not shown) >= 2, ran


def without_chance(text):
    """Without times, names of runs and the widths that go with them."""
    text = re.sub(r"\b(\d+h)?(\d+m)?\d+(\.\d+)?[smh]\b", "TIME", text)
    return re.sub(r"-\d{8}T\d{6}Z-[0-9a-f]{8}\b", "-ID", text).split()


@pytest.mark.patience(300)
def test_the_examples_of_the_workflow_do_what_they_show(work):
    copy_samples(work, "weather")
    ran = list(run_examples(work, "nbfork-workflow.5", terminal=True))
    assert len(ran) >= 6
    for _, real, shown, errors in ran:
        assert without_chance(real) == without_chance(shown), errors
    # Nothing of the plan is left to chance.
    assert ran[0][0] == "nbfork -n weather.yaml" and ran[0][1] == ran[0][2]


def test_the_sample_in_the_page_is_the_sample(work):
    sample = (TOP / "samples/weather/weather.yaml").read_text("utf-8")
    assert re.sub(r"^#.*\n", "", sample, flags=re.M) in literals("nbfork-workflow.5")


def test_the_workflows_shown_are_valid(work):
    blocks = [b for b in literals("nbfork-workflow.5") if re.search("^notebooks:", b, re.M)]
    assert len(blocks) >= 6
    work.write("data/2012.csv", "date\n")
    work.write("parts.csv", "part,file\n1,one.csv\n2,two.csv\n")
    for i, block in enumerate(blocks):
        for path in re.findall(r"[\w.-]+\.ipynb", block):
            work.notebook(path, "print x")
        work.write(f"shown-{i}.yaml", block)
        run = work.run("--check", f"shown-{i}.yaml", folder=None, env={"WAREHOUSE_PASSWORD": "x"})
        assert run.status == 0, run.story()
        assert run.out == f"shown-{i}.yaml: ok\n"


def test_the_matrix_shown_makes_three_notebooks(work):
    work.write("matrix.yaml", next(b for b in literals("nbfork-workflow.5") if "matrix.model" in b))
    work.notebook("train", "print x")
    run = work.run("--dry-run", "--json", "matrix.yaml", folder=None)
    assert [(n["name"], n["parameters"]["settings"].get("depth")) for n in json.loads(run.out)["notebooks"]] == [
        ("train-linear-north", None), ("train-linear-south", None), ("train-trees-north", 8)]


def test_the_result_shown_for_python_comes_back(work):
    shown = next(b for b in literals("nbfork-workflow.5") if "IPython.display" in b)
    work.notebook("n", shown, kernel="python3")
    assert work.run("n.ipynb").record("n")["result"] == {"rows": 1000}


def test_the_result_shown_for_r_comes_back(work):
    shown = next(b for b in literals("nbfork-workflow.5") if "IRdisplay" in b)
    work.notebook("n", shown, kernel="ir", language="R")
    assert work.run("n.ipynb").record("n")["result"] == {"rows": 1000}


# ---- nbfork-databricks(7) ----


def write_profile(site):
    """The profile that the page shows, for the stand-in."""
    shown = next(b for b in literals("nbfork-databricks.7") if b.startswith("$ cat"))
    host, token = (re.search(rf"^{key} = (.*)", shown, re.M).group(1) for key in ("host", "token"))
    text = "".join(line + "\n" for line in shown.splitlines()[1:])
    remote.profile(site.work, text.replace(host, site.workspace.url).replace(token, site.workspace.token))
    return lambda text: text.replace(site.workspace.url, host).replace(site.workspace.token, token)


@pytest.mark.patience(300)
def test_the_examples_of_databricks_do_what_they_show(work, site):
    copy_samples(work, "databricks")
    undo = write_profile(site)
    ran = list(run_examples(work, "nbfork-databricks.7", terminal=True))
    assert len(ran) >= 7
    for _, real, shown, errors in ran:
        assert without_chance(undo(real)) == without_chance(shown), errors
    assert len(site.runs()) == 8


def test_the_sample_in_the_page_of_databricks_is_the_sample():
    sample = (TOP / "samples/databricks/sales.yaml").read_text("utf-8")
    assert re.sub(r"^#.*\n", "", sample, flags=re.M) in literals("nbfork-databricks.7")


def test_the_workflow_for_notebooks_of_the_workspace_is_valid(build):
    block = next(b for b in literals("nbfork-databricks.7") if "/Shared/" in b)
    cluster = re.search("existing_cluster_id: (.*)", block).group(1)
    site = build("--cluster", cluster)
    write_profile(site)
    for path in re.findall("path: (.*)", block):
        site.workspace.put(path, "pass")
    site.work.write("lake.yaml", block)
    run = site.work.run("--check", "lake.yaml", folder=None)
    assert (run.status, run.out) == (0, "lake.yaml: ok\n"), run.story()
    run = site.work.run("lake.yaml")
    assert run.status == 0, run.story()
    tasks = {n["name"]: site.workspace.get(n["remote"]["run_id"])["tasks"][0] for n in run.results["notebooks"]}
    assert [tasks[name].get("existing_cluster_id") for name in sorted(tasks)] == [cluster] * 3 + [None]
    assert tasks["train"]["new_cluster"]["num_workers"] == 8


def test_the_result_shown_for_databricks_comes_back(site):
    shown = next(b for b in literals("nbfork-databricks.7") if b.startswith("dbutils"))
    site.workflow(site.source("n.py", "import json", shown))
    assert site.run().record("n")["result"] == {"rows": 1000}


def test_the_synopsis_is_a_target(site):
    block = literals("nbfork-databricks.7")[0]
    write_profile(site)
    site.source("n.py", "pass")
    site.work.write("w.yaml", block + "notebooks: [n.py]\n")
    run = site.work.run("--check", "w.yaml", folder=None)
    assert (run.status, run.out) == (0, "w.yaml: ok\n"), run.story()


def sources(pattern):
    return "".join(path.read_text("utf-8") for path in sorted((TOP / "src").glob(pattern)))


def test_every_key_of_a_target_is_in_the_page():
    keys = re.findall(r'^\t\{"(\w+)", ', sources("workflow/load_databricks.c"), re.M)
    page = source("nbfork-workflow.5")
    assert len(keys) >= 19
    for key in keys:
        assert re.search(rf"^\.It .*\b{key}\b", page, re.M), key


def test_every_variable_is_in_the_page():
    variables = set(re.findall(r'"((?:DATABRICKS|ARM|AZURE|CURL|SSL)_[A-Z_]+)"', sources("databricks/*.c")))
    page = source("nbfork-databricks.7")
    assert len(variables) >= 19
    for variable in sorted(variables):
        assert re.search(rf"\bEv .*\b{variable}\b", page), variable
