"""
Who takes part: nbfork, and the other ways to run many notebooks side by side.

Each contender gets a folder with the notebooks in `in` and an empty `out`, where its command is started, and runs as
many at a time as all others. Programs that run one notebook are put under xargs or GNU parallel, as one would do it.
"""

import os
import shlex
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent


class Site:
    """What all contenders have in common: the Python with the kernel, the environment, how many run at a time."""

    def __init__(self, nbfork, python, processes, folder):
        self.nbfork = os.path.abspath(nbfork)
        self.python = os.path.abspath(python)
        self.bin = os.path.dirname(self.python)
        self.processes = processes
        self.folder = folder  # for what is needed in between
        home = os.path.join(folder, "home")  # so that nobody's settings, kernels and history matter
        os.makedirs(home, exist_ok=True)
        self.env = {name: value for name, value in os.environ.items()
                    if not name.startswith(("JUPYTER", "IPYTHON", "PYTHON", "PAPERMILL", "VIRTUAL_ENV", "CONDA"))}
        self.env.update(HOME=home, PATH=self.bin + os.pathsep + os.environ.get("PATH", os.defpath))
        self.prefix, base = self.ask("import sys; print(sys.prefix, sys.base_prefix, sep='\\n')").splitlines()
        if self.prefix != base:
            self.env["VIRTUAL_ENV"] = self.prefix

    def ask(self, program):
        """What a Python program prints in the Python that all use."""
        return subprocess.run([self.python, "-c", program], env=self.env, stdout=subprocess.PIPE, text=True,
                              check=True).stdout.strip()

    def says(self, *command):
        """The first line that a command prints, or None if there is no such command."""
        try:
            done = subprocess.run(command, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True, timeout=60)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.partition("\n")[0].strip() if done.returncode == 0 else None

    def versions(self):
        """Of everything that takes part, None for what is not there."""
        found = {
            "nbfork": self.says(self.nbfork, "--version"),
            "python": self.ask("import platform; print(platform.python_version())"),
            "parallel": self.says("parallel", "--version"),
            "xargs": self.says("xargs", "--version"),
            "nb-cli": self.says(os.path.join(self.bin, "nb"), "--version"),
        }
        packages = ["ipykernel", "ipython", "jupyter_client", "jupyter_core", "nbclient", "nbformat", "pyzmq",
                    "papermill", "ploomber-engine", "numpy", "pandas"]
        for package in packages:
            program = f"import importlib.metadata as m; print(m.version('{package}'))"
            found[package] = self.says(self.python, "-c", program)
        return found

    def accepts(self, target):
        """Does nbfork know these keys of a target?"""
        probe = Path(self.folder, "probe")
        probe.mkdir(exist_ok=True)
        (probe / "a.ipynb").write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
        (probe / "probe.yaml").write_text(f"targets: {{local: {target}}}\nnotebooks: [a.ipynb]\n")
        return subprocess.run([self.nbfork, "--check", probe / "probe.yaml"], env=self.env, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode == 0


class Contender:
    """A way to run notebooks."""

    in_full = False  # runs all notebooks of a row, also of one that takes others very long
    is_floor = False

    def __init__(self, name):
        self.name = name

    def missing(self, site):
        """Why it cannot take part, or None."""
        raise NotImplementedError

    def command(self, site, row, notebooks):
        """The command that runs the notebooks in `in`; called in that folder."""
        raise NotImplementedError

    def out(self, folder):
        """Where the executed notebooks are then."""
        return os.path.join(folder, "out")


class Nbfork(Contender):
    """nbfork. Each notebook has a Python of its own, or (warm) one that a Python that is there already has forked."""

    in_full = True

    def __init__(self, name, warm):
        super().__init__(name)
        self.warm = warm

    def missing(self, site):
        if not os.access(site.nbfork, os.X_OK):
            return f"there is no {site.nbfork}"
        if self.warm and not site.accepts("{warm: auto, preload: [json]}"):
            return "this nbfork has no warm kernels"
        return None

    def target(self, site, row):
        if self.warm:
            return f"{{warm: auto, preload: [{', '.join(row.preload)}]}}" if row.preload else "{warm: auto}"
        return "{warm: off}" if site.accepts("{warm: off}") else "{}"

    def command(self, site, row, notebooks):
        with open("bench.yaml", "w") as f:
            if row.known:
                f.write("order: longest-first\n")
            f.write(f"processes: {site.processes}\ntargets: {{local: {self.target(site, row)}}}\nnotebooks:\n")
            f.writelines(f"  - in/{name}.ipynb\n" for name, _ in notebooks)
        if row.known:  # by the times of an earlier run, as in a workflow that runs each night
            subprocess.run([site.nbfork, "--quiet", "bench.yaml"], stdout=subprocess.DEVNULL, check=False)
        return [site.nbfork, "--run-dir=run", "bench.yaml"]

    def out(self, folder):
        return os.path.join(folder, "run", "notebooks")


class Shell(Contender):
    """One process for each notebook, started by xargs or the like: a line as one types it into a shell."""

    def __init__(self, name, line, programs, in_place=False):
        super().__init__(name)
        self.line = line
        self.programs = programs
        self.in_place = in_place

    def missing(self, site):
        for program in self.programs:
            # What belongs to another Python than the one that all use is not meant.
            path = site.env["PATH"] if program in ("parallel", "xargs") else site.bin
            if not shutil.which(program, path=path):
                return f"{program} is not installed"
        return None

    def command(self, site, row, notebooks):
        return ["sh", "-c", self.line.replace(" N ", f" {site.processes} ")]

    def out(self, folder):
        return os.path.join(folder, "in") if self.in_place else super().out(folder)


class Script(Contender):
    """A Python program of this folder that uses a library."""

    def __init__(self, name, program, module):
        super().__init__(name)
        self.program = program
        self.module = module

    def missing(self, site):
        found = site.says(site.python, "-c", f"import {self.module}; print('yes')")
        return None if found else f"{self.module} is not installed"

    def first(self, site):
        """The argument before the notebooks."""
        return str(site.processes)

    def command(self, site, row, notebooks):
        return [site.python, str(HERE / self.program), self.first(site)] + [f"in/{name}.ipynb" for name, _ in notebooks]


class Floor(Script):
    """No contender, but what the cells alone take."""

    in_full = True
    is_floor = True

    def first(self, site):
        return "floor.json"


def contenders():
    """All of them, nbfork first: the first that is there is what the others are compared with."""
    each = "ls in | xargs -P N -I {} "
    return [
        Nbfork("nbfork-warm", warm=True),
        Nbfork("nbfork-cold", warm=False),
        Shell("papermill-parallel", "ls in | parallel --will-cite -j N papermill --no-progress-bar in/{} out/{}",
              ["papermill", "parallel"]),
        Shell("papermill-xargs", each + "papermill --no-progress-bar in/{} out/{}", ["papermill", "xargs"]),
        Script("nbclient-pool", "pool.py", "nbclient"),
        Script("nbclient-threads", "threads.py", "nbclient"),
        Shell("jupyter-execute", each + "jupyter execute --inplace in/{}", ["jupyter-execute", "xargs"], in_place=True),
        Shell("ploomber-engine", each + "ploomber-engine --no-progress-bar in/{} out/{}", ["ploomber-engine", "xargs"]),
        Shell("nb-cli", each + "nb execute --timeout 600 in/{}", ["nb", "xargs"], in_place=True),
        Floor("floor", "floor.py", "jupyter_client"),
    ]


def as_text(command):
    return command[2] if command[:2] == ["sh", "-c"] else shlex.join(command)
