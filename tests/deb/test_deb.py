"""
What is in Debian's package, and that it works: for "make check-deb", which has built it in the folder $NBFORK_DEB.
"""

import gzip
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
DOC = "usr/share/doc/nbfork"


def field(deb, name):
    return subprocess.run(["dpkg-deb", "-f", deb, name], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(scope="session")
def deb():
    found = list(Path(os.environ["NBFORK_DEB"]).glob("nbfork_*.deb"))
    assert len(found) == 1
    return found[0]


@pytest.fixture(scope="session")
def root(deb, tmp_path_factory):
    """The package, unpacked."""
    folder = tmp_path_factory.mktemp("root")
    subprocess.run(["dpkg-deb", "-x", deb, folder], check=True)
    return folder


def test_it_says_what_it_needs(deb):
    depends = field(deb, "Depends")
    for library in ("libc6", "libcurl", "libssl3", "libyaml-0-2", "libzmq5"):
        assert re.search(rf"\b{library}", depends), depends
    assert field(deb, "Recommends") == "python3-ipykernel"


def test_everything_is_in_its_place(root):
    files = {str(p.relative_to(root)) for p in root.rglob("*") if not p.is_dir()}
    pages = [page for page in (TOP / "man").iterdir() if re.search(r"\.[157]$", page.name)]
    assert len(pages) >= 4
    samples = {str(p.relative_to(TOP / "samples")) for p in (TOP / "samples").rglob("*") if p.is_file()
               and not {"warehouse", "nbfork-runs", "__pycache__"} & set(p.parts)}
    assert files == {
        "usr/bin/nbfork",
        *(f"usr/share/man/man{page.suffix[1:]}/{page.name}.gz" for page in pages),
        "usr/share/bash-completion/completions/nbfork", "usr/share/zsh/vendor-completions/_nbfork",
        "usr/share/fish/vendor_completions.d/nbfork.fish", "usr/share/nbfork/nbfork-workflow.schema.json",
        f"{DOC}/changelog.gz", f"{DOC}/changelog.Debian.gz", f"{DOC}/copyright", f"{DOC}/README.gz", "usr/share/lintian/overrides/nbfork",
        *(f"{DOC}/examples/{sample}" for sample in samples)}
    for page in pages:
        with gzip.open(root / f"usr/share/man/man{page.suffix[1:]}/{page.name}.gz") as packed:
            assert packed.read() == page.read_bytes()
    for sample in samples:
        assert (root / DOC / "examples" / sample).read_bytes() == (TOP / "samples" / sample).read_bytes()


def test_the_program_is_hardened_and_stripped(root):
    """Flags of dpkg-buildflags: position-independent, everything bound before the start, checked calls, a guarded stack."""
    shown = subprocess.run(["readelf", "-hldW", "--dyn-syms", root / "usr/bin/nbfork"], capture_output=True, text=True,
                           check=True).stdout
    assert re.search(r"Type:\s+DYN", shown) and "GNU_RELRO" in shown and "BIND_NOW" in shown
    assert "__stack_chk_fail" in shown and re.search(r"__\w+_chk@", shown)
    sections = subprocess.run(["readelf", "-SW", root / "usr/bin/nbfork"], capture_output=True, text=True, check=True).stdout
    assert ".symtab" not in sections


def test_the_samples_run_from_it(root, tmp_path):
    """What autopkgtest runs where the package is installed."""
    env = {**os.environ, "PATH": f"{root / 'usr/bin'}:{os.environ['PATH']}", "AUTOPKGTEST_TMP": str(tmp_path),
           "EXAMPLES": str(root / DOC / "examples")}
    assert shutil.which("nbfork", path=env["PATH"]) == str(root / "usr/bin/nbfork")
    done = subprocess.run([TOP / "debian/tests/samples"], env=env, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
