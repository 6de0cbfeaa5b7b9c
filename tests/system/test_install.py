"""
make install, make uninstall, and what a release holds.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import harness

TOP = Path(__file__).resolve().parents[2]
BUILD = Path(harness.program()[-1]).parent

pytestmark = pytest.mark.skipif(not (BUILD / "Makefile").exists() or harness.UNDER_VALGRIND is not None,
                                reason="nbfork is not in the folder where it was built")

# The folders that others have files in, too.
SHARED = ["bin", "share/bash-completion/completions", "share/doc", "share/fish/vendor_completions.d", "share/man/man1",
          "share/man/man5", "share/man/man7", "share/zsh/site-functions"]


def make(*words):
    # This make has nothing to do with the one that runs the tests.
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(["make", "-C", BUILD, *words], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stdout + done.stderr


def tree(folder):
    return sorted(str(p.relative_to(folder)) + ("/" if p.is_dir() else "") for p in folder.rglob("*"))


def test_what_is_installed_works_and_is_uninstalled_again(work):
    prefix = work.path("usr/local")
    for folder in SHARED:
        (prefix / folder).mkdir(parents=True)
    (prefix / "share/doc/other").write_text("")
    before = tree(work.dir)
    make("install", f"DESTDIR={work.dir}", "prefix=/usr/local")
    installed = [p for p in tree(prefix) if not p.endswith("/")]
    assert {"bin/nbfork", "share/doc/nbfork/README", "share/doc/nbfork/samples/tables/tables.yaml", "share/man/man1/nbfork.1",
            "share/nbfork/nbfork-workflow.schema.json", "share/bash-completion/completions/nbfork",
            "share/zsh/site-functions/_nbfork", "share/fish/vendor_completions.d/nbfork.fish"} <= set(installed)
    assert os.access(prefix / "share/doc/nbfork/samples/tables/load-tables", os.X_OK)
    for sample in (prefix / "share/doc/nbfork/samples").rglob("*.yaml"):
        same = TOP / sample.relative_to(prefix / "share/doc/nbfork")
        assert sample.read_bytes() == same.read_bytes()
    shown = subprocess.run([prefix / "bin/nbfork", "--version"], capture_output=True, text=True)
    assert re.match(r"nbfork \d", shown.stdout)
    make("uninstall", f"DESTDIR={work.dir}", "prefix=/usr/local")
    assert tree(work.dir) == before


@pytest.mark.skipif(not (TOP / ".git").exists() or not shutil.which("git"), reason="this is a release itself")
def test_a_release_holds_all_files(work):
    """But debian/, which packages a release and is no part of it."""
    git = subprocess.run(["git", "-C", TOP, "ls-files", "--cached", "--others", "--exclude-standard"], capture_output=True,
                         text=True, check=True)
    make("distdir", f"distdir={work.path('release')}", "am__remove_distdir=:")
    tracked = {name for name in git.stdout.splitlines() if not name.startswith("debian/") and name != ".gitignore"}
    missing = tracked - set(tree(work.path("release")))
    assert not missing, f"not in EXTRA_DIST: {sorted(missing)}"
