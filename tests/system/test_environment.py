"""
What a notebook finds around it: variables, working directory, interpreter.
"""

import pytest

from harness import lines


def test_env_is_set_over_ones_own(work):
    work.notebook("a", lines("env NEW", "env OLD", "env KEPT", "env NUMBER", "env EMPTY", "env ODD"))
    env = {"NEW": "new", "OLD": "changed", "NUMBER": "7", "EMPTY": "", "ODD": "$HOME 'é'\t=x"}
    work.workflow({"path": "a.ipynb", "env": env})
    run = work.run("workflow.yaml", env={"OLD": "old", "KEPT": "kept"})
    assert run.status == 0
    assert run.text("a") == "new\nchanged\nkept\n7\n\n$HOME 'é'\t=x\n"


def test_env_of_one_notebook_is_not_that_of_another_and_defaults_hold_for_all(work):
    work.notebook("a", "env ONE\nenv ALL")
    work.workflow({"path": "a.ipynb", "env": {"ONE": "mine"}}, {"path": "a.ipynb", "name": "b"},
                  defaults={"env": {"ALL": "all"}}, processes=2)
    run = work.run("workflow.yaml")
    assert (run.text("a"), run.text("b")) == ("mine\nall\n", "(unset)\nall\n")


def test_env_comes_over_that_of_the_kernelspec(work):
    work.kernel("spec", env={"A": "spec", "B": "spec ${C}"})
    work.notebook("a", "env A\nenv B", kernel="spec")
    work.workflow({"path": "a.ipynb", "env": {"A": "mine"}})
    assert work.run("workflow.yaml", env={"C": "c"}).text("a") == "mine\nspec c\n"


@pytest.mark.parametrize("given, found", [(None, "nb"), ("data", "data"), ("..", "."), ("{dir}/data", "data")])
def test_a_notebook_runs_in_its_own_folder_or_where_it_is_told(work, given, found):
    work.notebook("flow/nb/a", "cwd")
    work.path("flow/data").mkdir()
    entry = {"path": "nb/a.ipynb"}
    if given:
        entry["working_directory"] = given.format(dir=work.path("flow"))
    work.workflow(entry, file="flow/w.yaml")
    run = work.run("flow/w.yaml")
    expected = {"nb": work.path("flow/nb"), "data": work.path("flow/data"), ".": work.dir}[found]
    assert run.text("a") == f"{expected}\n"


def test_a_real_kernel_imports_from_its_working_directory(work):
    work.write("nb/helper.py", "X = 'imported'\n")
    work.notebook("nb/a", "import helper\nprint(helper.X)\nopen('made', 'w').close()", kernel="python3")
    run = work.run("nb/a.ipynb")
    assert run.text("a") == "imported\n"
    assert work.path("nb/made").exists()


def test_python_is_the_one_of_the_path(work):
    """A kernelspec that says just "python3" means what the PATH says, not what nbfork was built with."""
    bin = work.short / "bin"
    bin.mkdir()
    (bin / "python3").write_text('#!/bin/sh\nPROOF=mine exec /usr/bin/python3 "$@"\n')
    (bin / "python3").chmod(0o755)
    work.kernel("short", argv=["python3", "-m", "ipykernel_launcher", "-f", "{connection_file}"])
    work.notebook("a", "import os; print(os.environ.get('PROOF'))", kernel="short")
    run = work.run("a.ipynb", env={"PATH": f"{bin}:/usr/bin:/bin"})
    assert run.text("a") == "mine\n"


def test_it_works_with_hardly_any_environment(work):
    work.notebook("a", "print a")
    run = work.run("a.ipynb", env={n: None for n in ("HOME", "LANG", "TERM", "XDG_RUNTIME_DIR")})
    assert run.status == 0 and run.text("a") == "a\n"


def test_another_locale_changes_no_number(work):
    work.notebook("a", "show x", 'display {"data": {"application/vnd.nbfork.result+json": 1.5}}')
    run = work.run("-p", "x=2.5", "a.ipynb", env={"LC_ALL": "de_DE.UTF-8", "LC_NUMERIC": "de_DE.UTF-8"})
    assert run.text("a") == "2.5\n"
    assert run.record("a")["result"] == 1.5
