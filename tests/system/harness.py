"""
Runs nbfork as a user would, in a private place, and looks at what it left.

A Work is a folder with its own HOME, kernels, TMPDIR and XDG_RUNTIME_DIR. A Run is one start of nbfork in it. When
a run has ended by itself, everything that must hold for every run is checked (invariants.py): the documents, the
executed notebooks, the inputs that must not change, the names in the run folder.
"""

import contextlib
import hashlib
import json
import os
import re
import select
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path

import invariants

HERE = Path(__file__).resolve().parent
FAULTKERNEL = HERE.parent / "kernel" / "faultkernel.py"
MARK = "NBFORK_TEST_MARK"

# How much longer everything may take, for runs under valgrind or a sanitizer.
PATIENCE = float(os.environ.get("NBFORK_TEST_PATIENCE", "1"))

# Until all that a killed nbfork leaves has gone, in seconds: at once, even on a machine that has no time, but without
# the 5 s that a kernel is given to stop.
GONE = 4

# What workflows here allow kernels and notebooks is stretched less: most tests wait for it to be over.
SLOW = min(PATIENCE, 4)

# The program that tests/valgrind, which is $NBFORK then, is to run under valgrind.
UNDER_VALGRIND = os.environ.get("NBFORK_UNDER_VALGRIND")


def program():
    """The command that starts nbfork: $NBFORK (words as in a shell), else the nbfork of the current folder."""
    words = shlex.split(os.environ.get("NBFORK", "./nbfork"))
    return [os.path.abspath(w) if "/" in w and os.path.exists(w) else w for w in words]


def wait_for(condition, what, seconds=20.0):
    """
    Waits until condition() is true and returns its value; fails the test when that takes too long. One look counts for
    a tenth of a second at most: while the machine has no time for the test it may have none for nbfork either.
    """
    left = seconds * PATIENCE
    while True:
        looked = time.monotonic()
        value = condition()
        if value:
            return value
        assert left > 0, f"waited {seconds * PATIENCE:g} s for {what}"
        time.sleep(0.004)
        left -= min(time.monotonic() - looked, 0.1)


def code(source, *tags, **metadata):
    """A code cell."""
    if tags:
        metadata["tags"] = list(tags)
    return {"cell_type": "code", "metadata": metadata, "source": source, "outputs": [], "execution_count": None}


def markdown(source, **metadata):
    return {"cell_type": "markdown", "metadata": metadata, "source": source}


def lines(*commands):
    """Commands of the fault kernel, as one cell."""
    return "\n".join(commands)


def document(*cells, kernel="fault", language="python", minor=5, metadata=None):
    """A notebook of these cells; text is the source of a code cell."""
    cells = [code(c) if isinstance(c, str) else dict(c) for c in cells]
    if minor >= 5:
        cells = [{"id": f"cell-{i}", **c} for i, c in enumerate(cells)]
    meta = {} if metadata is None else dict(metadata)
    if kernel:
        meta["kernelspec"] = {"name": kernel, "display_name": kernel, "language": language}
    return {"cells": cells, "metadata": meta, "nbformat": 4, "nbformat_minor": minor}


def joined(text):
    return text if isinstance(text, str) else "".join(text)


def marked(mark, sessions=()):
    """
    The processes that carry the mark in their environment, zombies aside, as {pid: command line}. Workers keep
    theirs to themselves, before all but root: they are known by their session.
    """
    found = {}
    needle = f"{MARK}={mark}".encode()
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            try:
                try:
                    with open(f"/proc/{entry}/environ", "rb") as f:
                        if needle not in f.read().split(b"\0"):
                            continue
                except PermissionError:
                    if session(entry) not in sessions or state(entry) == "Z":
                        continue
                with open(f"/proc/{entry}/cmdline", "rb") as f:
                    found[int(entry)] = f.read().replace(b"\0", b" ").decode(errors="replace").strip()
            except OSError:
                continue
    return found


def stat(pid, field):
    """A field of /proc/PID/stat, counted from 0 behind the name; None when there is no such process."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rpartition(")")[2].split()[field]
    except OSError:
        return None


def state(pid):
    """The state letter of a process (R, S, T, Z, ...), None when there is none."""
    return stat(pid, 0)


def session(pid):
    return int(stat(pid, 3) or 0)


@contextlib.contextmanager
def full(folder):
    """The disk of this folder is full, and stays so: what becomes free (an unfinished report's) is taken at once."""
    over = threading.Event()

    def fill():
        with contextlib.suppress(OSError):
            while True:
                ballast.write(b"x" * 4096)

    def keep_full():
        while not over.wait(0.001):
            fill()
    with open(folder / "ballast", "wb", buffering=0) as ballast:
        fill()
        keeper = threading.Thread(target=keep_full)
        keeper.start()
        try:
            yield
        finally:
            over.set()
            keeper.join()


def alive(pid):
    return state(pid) not in (None, "Z", "X")


def valgrind_findings(folder):
    """
    What valgrind says in its logs in this folder against processes that have ended: the whole log of one with errors
    or leaks, and descriptors that one left open that was not killed. Those that were there from the start are nobody's
    leak, nor is a worker's pipe, whose end says that it is over.
    """
    found = []
    for log in sorted(folder.glob("nbfork-valgrind.*")):
        text = re.sub(r"^==\d+== ?", "", log.read_text(errors="replace"), flags=re.MULTILINE)
        errors = re.search(r"^ERROR SUMMARY: (\d+) errors", text, re.MULTILINE)
        if errors and errors[1] != "0":
            found.append(text)
        elif errors and "Process terminating with default action of signal" not in text:
            found += [part for part in re.split(r"\n\s*\n|^FILE DESCRIPTORS:.*\n", text, flags=re.MULTILINE)
                      if re.match(r"Open (AF_\w+ socket|file descriptor) ", part)
                      and not re.search(r"<inherited from parent>|\bset_descriptors \(", part)]
    return found


class Work:
    """A folder to run nbfork in."""

    def __init__(self, folder):
        self.dir = Path(folder)
        self.mark = uuid.uuid4().hex
        self.short = Path(tempfile.mkdtemp(prefix="nbt-", dir="/tmp"))  # sockets need short names
        for name in ("tmp", "run"):
            (self.short / name).mkdir(mode=0o700)
        self.home = self.short / "home"
        self.home.mkdir()
        self.jupyter = self.short / "jupyter"
        self.runs = []
        self.env = {
            "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(self.home), "TERM": "xterm",
            "TMPDIR": str(self.short / "tmp"), "XDG_RUNTIME_DIR": str(self.short / "run"),
            "JUPYTER_PATH": str(self.jupyter), "JUPYTER_PLATFORM_DIRS": "0", "PYTHONDONTWRITEBYTECODE": "1",
            MARK: self.mark,
        }
        for name, value in os.environ.items():  # for the sanitizers, coverage and such
            if name.endswith("SAN_OPTIONS") or name.startswith(("VALGRIND", "GCOV", "LLVM_PROFILE")):
                self.env[name] = value
        if UNDER_VALGRIND:
            logs = self.short / "valgrind"
            logs.mkdir()
            logs.chmod(0o777)  # also for tests that are other users
            self.env.update(NBFORK_UNDER_VALGRIND=UNDER_VALGRIND, NBFORK_VALGRIND_LOGS=str(logs))
        self.kernel("fault")

    def close(self):
        """Removes what was installed here; fails when valgrind has found something."""
        found = valgrind_findings(self.short / "valgrind")
        shutil.rmtree(self.short, ignore_errors=True)
        assert not found, "valgrind has found:\n" + "\n".join(found)

    # Things to run.

    def path(self, name):
        return self.dir / name

    def kernel(self, name, *options, **spec):
        """Installs the fault kernel, with options, under this name."""
        folder = self.jupyter / "kernels" / name
        folder.mkdir(parents=True, exist_ok=True)
        spec = {"argv": [sys.executable, str(FAULTKERNEL), "-f", "{connection_file}", *map(str, options)],
                "display_name": "Fault", "language": "python", **spec}
        (folder / "kernel.json").write_text(json.dumps(spec))
        return name

    def notebook(self, name, *cells, **more):
        """Writes a notebook of these cells (document()) and returns its name."""
        if not name.endswith(".ipynb"):
            name += ".ipynb"
        path = self.dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document(*cells, **more), indent=1, ensure_ascii=False) + "\n")
        return name

    def workflow(self, *notebooks, file="workflow.yaml", **keys):
        """Writes a workflow, as JSON, which is YAML; a notebook is a path or a mapping."""
        keys.setdefault("name", "test")
        return self.write(file, json.dumps({**keys, "notebooks": list(notebooks)}, indent=1, ensure_ascii=False))

    def write(self, file, text):
        path = self.dir / file
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(text, bytes):
            path.write_bytes(text)
        else:
            path.write_text(text, encoding="utf-8")
        return file

    # Running it.

    def start(self, *args, folder=True, env=None, prefix=(), stdin=subprocess.DEVNULL, stdout=None, stderr=None, **popen):
        """
        Starts nbfork and returns the Run. folder is the run folder: True for one of its own, None for nbfork's
        default. env is set over the usual one (None unsets); prefix is a command that runs the program.
        """
        return Run(self, [str(a) for a in args], folder, env or {}, list(prefix), stdin, stdout, stderr, popen)

    def run(self, *args, timeout=60, input=None, **more):
        """Runs nbfork to its end."""
        if input is not None:
            with tempfile.TemporaryFile() as f:
                f.write(input if isinstance(input, bytes) else input.encode())
                f.seek(0)
                run = self.start(*args, stdin=f, **more)
        else:
            run = self.start(*args, **more)
        return run.finish(timeout)

    def refused(self, *args, **more):
        """Runs nbfork where it must refuse: status 2, nothing on standard output, no new file. Returns its messages."""
        before = self.snapshot()
        run = self.run(*args, folder=None, **more)
        assert run.status == 2, run.story()
        assert run.out == "", run.story()
        assert self.snapshot() == before, run.story()
        assert run.err, run.story()
        return run.err

    def snapshot(self):
        """All files with what is in them, those of the runs aside."""
        files = {}
        for path in sorted(self.dir.rglob("*")):
            if path.is_file() and not any(r.folder and path.is_relative_to(r.folder) for r in self.runs):
                files[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
        files.update((str(p), None) for p in sorted(self.dir.rglob("*")) if p.is_dir())
        return files

    def leftovers(self):
        """What should not be there when nothing runs: processes and private folders."""
        folders = [p for d in ("tmp", "run") for p in (self.short / d).glob("nbfork*")]
        return marked(self.mark, {r.pid for r in self.runs}), folders


class Run:
    """One start of nbfork."""

    def __init__(self, work, args, folder, env, prefix, stdin, stdout, stderr, popen):
        self.work = work
        self.folder = work.dir / f"run-{len(work.runs) + 1}" if folder is True else folder and Path(folder)
        if folder is True:
            args = ["-o", self.folder.name, *args]
        self.args = args
        self.inputs = {p: hashlib.sha256(p.read_bytes()).digest() for p in work.dir.rglob("*.ipynb")
                       if p.is_file() and not any(r.folder and p.is_relative_to(r.folder) for r in work.runs)}
        self.status = None
        full = {k: v for k, v in {**work.env, **env}.items() if v is not None}
        self.files = [tempfile.TemporaryFile(), tempfile.TemporaryFile()]
        popen = {"cwd": work.dir, "start_new_session": True, **popen}
        self.started = time.monotonic()
        self.proc = subprocess.Popen(prefix + program() + args, env=full, stdin=stdin,
                                     stdout=self.files[0] if stdout is None else stdout,
                                     stderr=self.files[1] if stderr is None else stderr, **popen)
        work.runs.append(self)

    @property
    def pid(self):
        return self.proc.pid

    def signal(self, sig):
        os.kill(self.pid, sig)

    def wait(self, timeout=60):
        """Waits for the end, nothing more. Returns the exit status as subprocess has it (-N: by signal N)."""
        if self.proc.poll() is None:
            fd = os.pidfd_open(self.pid)  # subprocess looks every 50 ms only
            ended = select.select([fd], [], [], timeout * PATIENCE)[0]
            os.close(fd)
            if not ended:
                self.proc.kill()
                self.proc.wait()
                raise AssertionError(f"nbfork did not end within {timeout * PATIENCE:g} s\n{self.story()}")
        self.status = self.proc.wait()
        self.seconds = time.monotonic() - self.started
        return self.status

    def finish(self, timeout=60):
        """Waits for the end and checks what holds for every run."""
        self.wait(timeout)
        invariants.check(self)
        return self

    def read(self, i):
        self.files[i].seek(0)
        return self.files[i].read().decode("utf-8", "replace")

    @property
    def out(self):
        return self.read(0)

    @property
    def err(self):
        return self.read(1)

    @property
    def dir(self):
        """The run folder; where nbfork chose it, the newest link."""
        if self.folder is None:
            links = sorted(self.work.dir.glob("nbfork-runs/*-latest"), key=lambda p: p.lstat().st_mtime_ns)
            if not links:
                return None
            self.folder = links[-1].resolve()
        return self.folder

    @property
    def results(self):
        return invariants.strict((self.dir / "results.json").read_text("utf-8"))

    def record(self, name):
        return next(n for n in self.results["notebooks"] if n["name"] == name)

    def statuses(self):
        return {n["name"]: n["status"] for n in self.results["notebooks"]}

    @property
    def events(self):
        """The journal so far; its last line may be on its way, and end in the middle of a character."""
        try:
            data = (self.dir / "events.jsonl").read_bytes()
        except FileNotFoundError:
            return []
        return [invariants.strict(line.decode("utf-8")) for line in data.split(b"\n")[:-1]]

    def event(self, kind, seconds=20.0, **members):
        """Waits for an event with these members and returns it."""
        def look():
            ended = self.proc.poll() is not None
            for e in self.events if self.dir and self.dir.exists() else ():
                if e["event"] == kind and all(e.get(k) == v for k, v in members.items()):
                    return e
            assert not ended, f"nbfork ended without {kind} {members}\n{self.story()}"
        return wait_for(look, f"the event {kind} {members}", seconds)

    def executed(self, name):
        """The executed copy of a notebook."""
        return json.loads((self.dir / "notebooks" / f"{name}.ipynb").read_text("utf-8"))

    def cells(self, name):
        """The code cells of the executed copy."""
        return [c for c in self.executed(name)["cells"] if c["cell_type"] == "code"]

    def source(self, name, cell):
        """The source of a cell of the executed copy, by its index."""
        return joined(self.executed(name)["cells"][cell]["source"])

    def text(self, name, stream="stdout"):
        """All that the executed copy has of a stream."""
        return "".join(joined(o["text"]) for c in self.cells(name) for o in c["outputs"]
                       if o["output_type"] == "stream" and o["name"] == stream)

    def log(self, name):
        return (self.dir / "logs" / f"{name}.log").read_text("utf-8")

    def story(self):
        """What happened, for a failed test."""
        return (f"command: {' '.join(self.args)}\nstatus: {self.status}\n"
                f"--- stdout\n{self.out[-4000:]}\n--- stderr\n{self.err[-4000:]}")


def kill_all(pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
