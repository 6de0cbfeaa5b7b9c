"""
The server that forks kernels, over its own protocol: what it makes is as a kernel that was started afresh, and nothing
is left of it.
"""

import ast
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

zmq = pytest.importorskip("zmq")
pytest.importorskip("ipykernel")
from jupyter_client.session import Session  # noqa: E402

from harness import PATIENCE, wait_for  # noqa: E402

LOCAL = Path(__file__).resolve().parents[2] / "src" / "local"
SERVER = (LOCAL / "forkserver.py").read_text()
HISTORY = "--HistoryManager.hist_file=:memory:"
MOST = 20 * PATIENCE
PYTHON = os.environ.get("NBFORK_TEST_PYTHON", sys.executable)	# of the kernels: one that has another ipykernel, say
CHANNELS = ("shell", "iopub", "stdin", "control", "hb")
PRELOADED = "wave"	# no kernel imports it by itself


def launcher():
    """The program that starts a kernel afresh, out of the C source."""
    text = (LOCAL / "kernelspec_run.c").read_text()
    body = re.search(r"launcher\[\] =\n(.*?);\n", text, re.S).group(1).replace(" LAUNCHER ", '"ipykernel_launcher"')
    return "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', body)).replace("\\n", "\n").replace('\\"', '"')


class Kernel:
    """A kernel of whatever origin, and all that a client needs of it."""

    def __init__(self, environ, folder):
        self.place = Path(tempfile.mkdtemp(prefix="fk"))
        self.file = self.place / "c.json"
        self.file.write_text(json.dumps({
            "transport": "ipc", "ip": str(self.place / "k"), "key": "k", "signature_scheme": "hmac-sha256",
            "kernel_name": "", **{f"{name}_port": i + 1 for i, name in enumerate(CHANNELS)}}))
        self.file.chmod(0o600)
        self.args = ["-f", str(self.file), HISTORY]
        self.environ = {os.fsencode(k): os.fsencode(v) for k, v in environ.items()}
        self.sockets = {}
        self.output, self.input = os.pipe()

    def connect(self):
        wait_for(lambda: (self.place / "k-5").exists(), "the sockets")
        self.session = Session(key=b"k")
        for name, kind in (("shell", zmq.DEALER), ("control", zmq.DEALER), ("iopub", zmq.SUB)):
            self.sockets[name] = s = zmq.Context.instance().socket(kind)
            s.linger = 0
            s.rcvhwm = 0
            if name == "iopub":
                s.subscribe(b"")
            s.connect(f"ipc://{self.place}/k-{CHANNELS.index(name) + 1}")
        self.session.send(self.sockets["control"], "kernel_info_request", {})
        self.receive("control")	# now that is connected, too: a test counts descriptors
        while True:	# what is published before the subscription is there is lost
            self.session.send(self.sockets["shell"], "kernel_info_request", {})
            self.receive("shell")
            if self.sockets["iopub"].poll(50):
                return self

    def receive(self, name):
        assert self.sockets[name].poll(MOST * 1000), f"nothing on {name}"
        return self.session.recv(self.sockets[name], mode=0)[1]

    def send(self, source):
        message = self.session.send(self.sockets["shell"], "execute_request", {
            "code": source, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False,
            "stop_on_error": False})
        return message["header"]["msg_id"]

    def messages(self, asked):
        """Those of a cell, until it is idle."""
        found = []
        while not (found and found[-1]["content"].get("execution_state") == "idle"):
            message = self.receive("iopub")
            if message["parent_header"].get("msg_id") == asked:
                found.append(message)
        while self.receive("shell")["parent_header"]["msg_id"] != asked:
            pass
        return found

    def run(self, source):
        """The text that a cell prints, or the name of its error."""
        text = ""
        for m in self.messages(self.send(source)):
            text += m["content"].get("text", "") if m["msg_type"] == "stream" else ""
            text += m["content"]["ename"] if m["msg_type"] == "error" else ""
        return text

    def ask_to_end(self):
        self.session.send(self.sockets["control"], "shutdown_request", {"restart": False})

    def close(self):
        for s in self.sockets.values():
            s.close()
        os.close(self.output)
        subprocess.run(["rm", "-rf", self.place], check=True)


class Cold(Kernel):
    def __init__(self, environ, folder):
        super().__init__(environ, folder)
        self.proc = subprocess.Popen([PYTHON, "-c", launcher(), *self.args], cwd=folder, stdin=subprocess.DEVNULL,
                                     stdout=self.input, stderr=self.input, start_new_session=True,
                                     env={**self.environ, b"JPY_PARENT_PID": b"%d" % os.getpid()})
        self.pid = self.proc.pid
        os.close(self.input)

    def end(self):
        return self.proc.wait(MOST)

    def close(self):
        self.proc.kill()
        self.proc.wait()
        super().close()


class Warm(Kernel):
    def __init__(self, server, environ, folder, args=None, request=None, limit=b"", group=()):
        super().__init__(environ, folder)
        args = self.args if args is None else args
        words = [os.fsencode(folder), limit, b"%d" % len(args), *map(os.fsencode, args),
                 *(k + b"=" + v for k, v in self.environ.items())]
        self.leash, other = socket.socketpair()
        self.leash.settimeout(MOST)
        self.heard = b""
        fd = os.memfd_create("request")
        with open(fd, "wb") as f:
            f.write(b"".join(w + b"\0" for w in words) if request is None else request)
            f.flush()
            socket.send_fds(server.socket, [b"K"], [fd, self.input, other.fileno(), *group])
        os.close(self.input)
        other.close()
        self.first = self.line()
        self.pid = int(self.first.split()[1]) if self.first.startswith("started ") else 0
        self.keeper = parent(self.pid) if self.pid else 0

    def line(self):
        """The next line on the leash; nothing at its end."""
        while b"\n" not in self.heard:
            more = self.leash.recv(4096)
            if not more:
                return ""
            self.heard += more
        line, _, self.heard = self.heard.partition(b"\n")
        return line.decode()

    def end(self):
        word, status, *usage = self.line().split()
        assert word == "ended" and all(float(u) >= 0 for u in usage) and len(usage) == 3
        return os.waitstatus_to_exitcode(int(status))

    def empty(self):
        self.leash.sendall(b"empty\n")
        lines = []
        while not lines or lines[-1]:
            lines.append(self.line())
        assert re.fullmatch(r"gone \d+\.\d+ \d+\.\d+ \d+", lines[-2])
        return lines[:-2]

    def close(self):
        self.leash.close()
        super().close()


class Server:
    def __init__(self, environ, preloads=(), *options):
        self.socket, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(MOST * 2)
        self.environ, self.log, self.kernels = environ, tempfile.TemporaryFile(), []
        command = [PYTHON, "-c", SERVER, *(f"--preload={m}" for m in preloads), *options]
        # A shell puts the socket where it belongs, without a fork from this process that runs Python.
        self.proc = subprocess.Popen(["bash", "-c", f'exec "$@" 3<&{other.fileno()} {other.fileno()}<&-', "-", *command],
                                     cwd="/", env=environ, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                     start_new_session=True, pass_fds=[other.fileno()])
        other.close()
        self.first = self.socket.recv(8192).decode()

    def kernel(self, folder="/", environ=None, **more):
        self.kernels.append(Warm(self, {**self.environ, **(environ or {})}, str(folder), **more))
        return self.kernels[-1]

    def close(self):
        for k in self.kernels:
            k.close()
        self.kernels = []
        self.socket.close()
        try:
            return self.proc.wait(MOST)
        finally:
            self.proc.kill()


def stat(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ["X", "0"]


def parent(pid):
    return int(stat(pid)[1])


def is_gone(*pids):
    return all(stat(pid)[0] in "XZ" for pid in pids)


def files(pid):
    return sorted(os.readlink(f"/proc/{pid}/fd/{fd}").partition(":")[0] for fd in os.listdir(f"/proc/{pid}/fd"))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home with a file that every kernel runs when it starts."""
    path = tmp_path_factory.mktemp("home")
    startup = path / ".ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "first.py").write_text(
        "import os\nwith open(os.environ['HOME'] + '/starts', 'a') as f:\n    print(os.getpid(), os.getcwd(), file=f)\n"
        "mark = 1\n")
    (startup.parent / "ipython_config.py").write_text(
        "import os\nos.environ['BY_CONFIG'] = '1'\nc.InteractiveShellApp.exec_lines = ['at_start = 2']\n"
        "c.ZMQInteractiveShell.ast_node_interactivity = 'all'\n")
    lib = path / "lib"
    lib.mkdir()
    (lib / "fails.py").write_text("raise ValueError('not\\ntoday')\n")
    (lib / "threads.py").write_text("import threading, time\n"
                                    "threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()\n")
    (lib / "runs.py").write_text("import subprocess\np = subprocess.Popen(['sleep', '5'])\n")
    (lib / "opens.py").write_text("f = open(__file__)\n")
    (lib / "changes.py").write_text("import os\nos.environ['BY_PRELOAD'] = '1'\nfrom IPython import get_ipython\n"
                                    "seen = get_ipython() is not None\nbackend = os.environ.get('MPLBACKEND')\n")
    (lib / "disguised.py").write_text("class Disguised:\n    @property\n    def __class__(self):\n"
                                      "        raise RuntimeError('not configured')\nthing = Disguised()\n")
    (lib / "asks.py").write_text("import tempfile\nplace = tempfile.gettempdir()\n")
    (lib / "keeps.py").write_text("import gc\ngc.disable()\n")
    (lib / "no_place.py").write_text("import tempfile\ntempfile._candidate_tempdir_list = lambda: []\n")
    return path


@pytest.fixture(scope="module")
def environ(home):
    names = ("PATH", "LANG", "LC_ALL", "TMPDIR")
    return {"HOME": str(home), "PYTHONPATH": str(home / "lib"), "PYDEVD_DISABLE_FILE_VALIDATION": "1", "TERM": "vt100",
            **{n: os.environ[n] for n in names if n in os.environ}}


@pytest.fixture(scope="module")
def one(environ):
    s = Server(environ, [PRELOADED, "changes"])
    yield s
    assert s.close() == 0, "the server ends well when nobody can ask any more"


@pytest.fixture
def server(one):
    assert one.first.startswith("ready ") and one.first.endswith(" shell"), one.first
    yield one
    kernels, one.kernels = one.kernels, []
    for k in kernels:
        k.close()
    wait_for(lambda: is_gone(*(k.pid for k in kernels if k.pid)), "all kernels to go")


LOOK = r"""
import asyncio, builtins, collections, gc, json, locale, logging, os, re, resource, signal, subprocess, sys, threading, warnings
shell = get_ipython()
def look():
    status = dict(line.split(":\t", 1) for line in open("/proc/self/status") if ":\t" in line)
    app = shell.parent.parent
    depth = 0
    frame = sys._getframe()
    while frame:
        frame, depth = frame.f_back, depth + 1
    history = shell.history_manager
    return {
        "path": sys.path, "argv": [a.replace(app.connection_file, "FILE") for a in sys.argv], "flags": str(sys.flags),
        "orig": sys.orig_argv[:1] + sys.orig_argv[-1:], "executable": sys.executable, "cwd": os.getcwd(),
        "environ": {k: v for k, v in os.environ.items() if k != "JPY_PARENT_PID"},
        "C environ": sorted(subprocess.check_output(["env", "-0"], text=True).replace("JPY_PARENT_PID=%d" % os.getppid(), "").split("\0")),
        "parent": os.environ["JPY_PARENT_PID"] == str(os.getppid()) == str(app.parent_handle),
        "main": type(sys.modules["__main__"]).__name__ + str(sorted(vars(sys.modules["__main__"]))),
        "name": __name__, "dict": sys.modules["__main__"].__dict__ is globals(), "module": repr(look.__module__),
        "signals": {s: str(signal.getsignal(s)) for s in range(1, 65) if s not in (32, 33)},
        "masks": [status[k].strip() for k in ("SigBlk", "SigIgn", "SigCgt", "Umask", "NoNewPrivs")],
        "comm": status["Name"].strip(), "wakeup": signal.set_wakeup_fd(-1),
        "ids": [os.getsid(0) == os.getpid(), os.getpgid(0) == os.getpid(), len(os.listdir("/proc/self/task"))],
        "files": [os.readlink("/proc/self/fd/%d" % fd).partition(":")[0] for fd in range(4)],
        "open": collections.Counter(re.sub(r":\[\d+\]", "", os.readlink(f"/proc/self/fd/{fd}"))
                                    for fd in os.listdir("/proc/self/fd") if os.path.lexists(f"/proc/self/fd/{fd}")),
        "limits": [resource.getrlimit(i) for i in range(16)], "nice": os.nice(0), "cpus": sorted(os.sched_getaffinity(0)),
        "threads": sorted(type(t).__name__ for t in threading.enumerate()), "gc": [gc.isenabled(), gc.get_threshold()],
        "first": [threading.main_thread() is threading.current_thread(), threading.main_thread().native_id == os.getpid()],
        "recursion": sys.getrecursionlimit(), "policy": type(asyncio.get_event_loop_policy()).__name__,
        "locale": [locale.setlocale(i) for i in (locale.LC_CTYPE, locale.LC_NUMERIC, locale.LC_TIME)],
        "count": shell.execution_count, "In": len(In), "Out": dict(Out), "dirs": list(map(str, _dh)), "iii": _iii,
        "session": history.session_number, "history": len(list(history.get_tail(10))), "hist_file": str(history.hist_file),
        "who": shell.run_line_magic("who_ls", ""), "hidden": sorted(shell.user_ns_hidden),
        "magics": {k: sorted(v) for k, v in shell.magics_manager.magics.items()}, "start": str(shell.starting_dir),
        "configurables": [type(c).__name__ for c in shell.configurables], "extensions": sorted(shell.extension_manager.loaded),
        "config": str(shell.config).replace(app.connection_file, "FILE"), "cli": str(app.cli_config).count("connection_file"),
        "app argv": [a.replace(app.connection_file, "FILE") for a in app.argv], "interactivity": shell.ast_node_interactivity,
        "parents": [type(shell.parent).__name__, type(app).__name__, shell.kernel is shell.parent, shell.kernel.shell is shell],
        "wired": [shell.displayhook.session is shell.kernel.session, shell.display_pub.pub_socket is shell.kernel.iopub_socket,
                  shell.kernel.session.check_pid, shell.kernel.session.pid == os.getpid(), shell.exit_now],
        "events": {k: [str(f).partition(" at 0x")[0] for f in v] for k, v in shell.events.callbacks.items()},
        "handlers": {n: [re.sub(r" at 0x.*| \d+ ", "", str(h)) for h in logging.getLogger(n).handlers]
                     for n in (None, "tornado", "IPKernelApp", "ipykernel")}, "level": logging.getLogger().level,
        "filters": [str(f) for f in warnings.filters], "hooks": [str(type(h)) for h in (sys.displayhook, sys.stdout, sys.stdin)],
        "excepthook": sys.excepthook.__qualname__, "ps": [sys.ps1, sys.ps2], "stdin": [sys.stdin.fileno(), sys.stdin.read()],
        "streams": [sys.__stdout__.encoding, sys.__stdout__.line_buffering, sys.__stderr__.errors],
        "builtins": sorted(vars(builtins)), "tmp": __import__("tempfile").gettempdir(), "depth": depth,
    }
"""
SHOW = "print(json.dumps(look(), default=str))"
INPUT = "try:\n    input()\nexcept Exception as e:\n    print(type(e).__name__)"


def look(kernel):
    modules = json.loads(kernel.run("import sys, json; print(json.dumps(sorted(sys.modules)))"))
    kernel.run(LOOK)
    return {**json.loads(kernel.run(SHOW)), "input": kernel.run(INPUT)}, set(modules)


@pytest.fixture(scope="module")
def cold(environ, home):
    """How a kernel is that was started afresh."""
    k = Cold({**environ, "EXTRA": "1"}, home).connect()
    yield look(k)
    k.close()


# How deep the stack is tells nobody more than a traceback of ipykernel's would.
SAME_BUT = {"depth"}


def test_a_kernel_is_as_one_that_was_started_afresh(server, home, cold):
    (there, modules), (here, imported) = cold, look(server.kernel(home, {"EXTRA": "1"}).connect())
    # What a preload sets is set before its import in the notebook, and nothing else differs.
    assert here["environ"].pop("BY_PRELOAD") == "1"
    here["C environ"].remove("BY_PRELOAD=1")
    assert {k: (here[k], there[k]) for k in there if here[k] != there[k] and k not in SAME_BUT} == {}
    assert abs(here["depth"] - there["depth"]) <= 1
    assert modules - imported == set()
    assert {PRELOADED, "changes"} <= imported and {m.partition(".")[0] for m in imported - modules} <= {
        PRELOADED, "changes", "audioop", "chunk"}


def test_so_is_one_from_a_server_that_has_only_made_the_imports(environ, home, cold):
    s = Server(environ, [PRELOADED], "--depth=imports")
    try:
        assert s.first.endswith(" imports")
        (there, modules), (here, imported) = cold, look(s.kernel(home, {"EXTRA": "1"}).connect())
        assert {k: (here[k], there[k]) for k in there if here[k] != there[k] and k not in SAME_BUT} == {}
        assert PRELOADED in imported
    finally:
        assert s.close() == 0


def test_what_is_loaded_first_sees_a_shell(server):
    k = server.kernel().connect()
    assert k.run(f"import {PRELOADED}, changes; print(changes.seen, changes.backend)") == \
        "True module://matplotlib_inline.backend_inline\n"


def test_files_for_the_start_run_once_in_each_kernel(server, home, tmp_path):
    (home / "starts").touch()
    before = (home / "starts").read_text().splitlines()
    pids = []
    for _ in range(2):
        k = server.kernel(tmp_path).connect()
        assert k.run("print(mark, at_start)") == "1 2\n"
        pids.append(k.pid)
    after = (home / "starts").read_text().splitlines()
    assert after[len(before):] == [f"{pid} {tmp_path}" for pid in pids]


DRAW = """
import random, uuid, tempfile, secrets, multiprocessing, json
numbers = [random.random(), str(uuid.uuid4()), str(uuid.uuid1()), secrets.token_hex(), tempfile.mktemp(),
           bytes(multiprocessing.current_process().authkey).hex(), get_ipython().kernel.session.session]
try:
    import numpy
    numbers.append(numpy.random.rand())
except ImportError:
    pass
print(json.dumps(numbers))"""


def test_two_kernels_at_once_share_nothing(server):
    a, b = server.kernel(), server.kernel()
    for k, x in ((a.connect(), 1), (b.connect(), 2)):
        assert k.run(f"x = {x}; import os; os.environ['X'] = '{x}'") == ""
    assert (a.run("print(x, os.environ['X'])"), b.run("print(x, os.environ['X'])")) == ("1 1\n", "2 2\n")
    pairs = zip(json.loads(a.run(DRAW)), json.loads(b.run(DRAW)))
    assert [x for x, y in pairs if x == y] == []


def test_an_environment_may_be_large_and_strange(server):
    strange = {b"STRANGE": b"\xff\xfe=\n", b"EMPTY": b"", b"LARGE": b"x" * 100000, b"TZ": b"Asia/Kolkata",
               **{b"V%d" % i: b"y" * 100 for i in range(10000)}}
    k = server.kernel(environ={os.fsdecode(n): os.fsdecode(v) for n, v in strange.items()}).connect()
    assert k.run("import os, time\nprint(os.environb[b'STRANGE'], len(os.environ['LARGE']), repr(os.environ['EMPTY']), "
                 "sum(n.startswith('V') for n in os.environ), time.timezone, os.environ['BY_CONFIG'])") == \
        "b'\\xff\\xfe=\\n' 100000 '' 10000 -19800 1\n"


def test_no_output_is_lost_on_a_slow_reader(server):
    k = server.kernel().connect()
    slow = zmq.Context.instance().socket(zmq.SUB)
    slow.linger, slow.rcvhwm = 0, 1
    slow.subscribe(b"")
    slow.connect(f"ipc://{k.place}/k-2")
    k.sockets["slow"] = slow
    while not slow.poll(20):
        k.run("1")
    asked = k.send("for i in range(5000): display(i)")
    k.messages(asked)
    found, session = 0, Session(key=b"k")	# one session takes a message but once
    while found < 5000 and slow.poll(MOST * 1000):
        found += session.recv(slow, mode=0)[1]["msg_type"] == "display_data"
    assert found == 5000


ENDS = {
    "import os; os._exit(5)": 5,
    "import os; os.kill(os.getpid(), 9)": -9,
    "import os; os.kill(os.getpid(), 15)": -15,
}


@pytest.mark.parametrize("source", ENDS)
def test_how_it_ended(server, source):
    k = server.kernel().connect()
    k.send(source)
    assert k.end() == ENDS[source]
    assert k.empty() == []


WRITES = """
import atexit, os, sys, threading, time
file = open("unclosed", "w")
file.write("unclosed" * 1000)
in_module = open("in_module", "w")
in_module.write("text")
wave.file = in_module
del in_module
class Last:
    def __init__(self):
        self.write, self.fd = os.write, os.open("deleted", os.O_CREAT | os.O_WRONLY)
    def __del__(self):
        self.write(self.fd, b"deleted")
last = Last()
def late():
    time.sleep(0.2)
    open("thread", "w").write("joined")
threading.Thread(target=late).start()
atexit.register(lambda: open("atexit", "w").write("called"))
"""


MODULE = """
import codecs, os, tempfile
file = tempfile.NamedTemporaryFile(dir=".")
class Last:
    def __del__(self, write=os.write, fd=os.open("in_own", os.O_CREAT | os.O_WRONLY)):
        write(fd, b"deleted")
last = Last()
codecs.register(lambda name: last and None)
"""


def test_its_end_is_a_real_one(server, environ, tmp_path):
    """Functions of atexit, other threads, files that nobody has closed: all as with an interpreter that ends."""
    folders = [tmp_path / "warm", tmp_path / "cold"]
    for folder in folders:
        folder.mkdir()
        (folder / "own.py").write_text(MODULE)
    for k in (server.kernel(folders[0]), Cold(environ, folders[1])):
        k.connect().run("import sys; sys.dont_write_bytecode = True\nimport disguised, own, wave\n" + WRITES)
        k.ask_to_end()
        assert k.end() == 0
    server.kernels[-1].empty()
    for folder in folders:
        assert {p.name: p.read_text() for p in folder.iterdir()} == {
            "unclosed": "unclosed" * 1000, "in_module": "text", "thread": "joined", "atexit": "called",
            "deleted": "deleted", "own.py": MODULE, "in_own": "deleted"}
    k.close()


def test_sys_exit_in_a_cell_is_no_end(server):
    k = server.kernel().connect()
    assert "SystemExit" in k.run("import sys; sys.exit(3)")
    assert k.run("print(1)") == "1\n"
    k.run("exit()")
    assert k.end() == 0


def test_a_signal_interrupts(server):
    k = server.kernel().connect()
    asked = k.send("import time\nprint('on', flush=True)\ntime.sleep(60)")
    while k.receive("iopub")["msg_type"] != "stream":
        pass
    k.leash.sendall(b"signal 2\nsignal x\nsignal 99999999999\nnonsense\n")
    assert [m["content"]["ename"] for m in k.messages(asked) if m["msg_type"] == "error"] == ["KeyboardInterrupt"]
    assert k.run("print(2)") == "2\n"
    k.leash.sendall(b"sign")
    k.leash.sendall(b"al 9\n")
    assert k.end() == -9


STRAYS = """
import os, subprocess, sys, time
plain = subprocess.Popen(["sleep", "600"])
own = subprocess.Popen(["sleep", "600"], start_new_session=True)
r, w = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.write(w, b"%d" % os.getpid())
        os.close(r), os.close(w)
        os.execvp("sleep", ["sleep", "600"])
    os._exit(0)
print(plain.pid, own.pid, os.read(r, 99).decode())"""


def with_strays(server):
    k = server.kernel().connect()
    pids = list(map(int, k.run(STRAYS).split()))
    assert len(pids) == 3 and not any(is_gone(p) for p in pids)
    return k, pids


def test_all_that_it_started_lives_until_the_worker_says_so(server):
    k, pids = with_strays(server)
    k.leash.sendall(b"signal 9\n")
    assert k.end() == -9
    k.leash.settimeout(0.2)
    with pytest.raises(TimeoutError):
        k.line()
    k.leash.settimeout(MOST)
    assert not any(is_gone(p) for p in pids[1:])
    assert k.empty() == []
    assert is_gone(k.pid, *pids)


def test_at_its_end_a_kernel_ends_what_is_of_its_group(server):
    """ipykernel does that, and is to be told all that it would find."""
    k = server.kernel().connect()
    # It waits long for one that is dead and that nobody has asked for.
    assert k.run("import signal, subprocess; signal.signal(signal.SIGCHLD, signal.SIG_IGN); print(1)").endswith("1\n")
    mine, other = map(int, k.run("print(*(subprocess.Popen(['sleep', '600'], start_new_session=s).pid for s in (0, 1)))").split())
    k.ask_to_end()
    assert k.end() == 0 and is_gone(mine) and not is_gone(other)
    assert k.empty() == [] and is_gone(other)


def test_where_temporary_files_go(server, tmp_path):
    show = "import tempfile; print(tempfile.gettempdir())"
    usual = server.kernel().connect().run(show)
    for name in ("TMPDIR", "TMP"):
        given = {n: "" for n in ("TMPDIR", "TEMP", "TMP")}
        assert server.kernel(environ={**given, name: str(tmp_path)}).connect().run(show) == f"{tmp_path}\n"
    assert server.kernel().connect().run(show) == usual != f"{tmp_path}\n"


def test_nor_do_they_stay_in_a_folder_of_the_servers(environ, tmp_path):
    """The server is in another one than its kernels, and what it preloads may ask where temporary files go."""
    (tmp_path / "tmp").mkdir()
    s = Server({**environ, "TMPDIR": "tmp"}, ["asks"])
    assert s.first.startswith("ready "), s.first
    k = s.kernel(tmp_path).connect()
    assert k.run("import tempfile; print(tempfile.gettempdir())") == f"{tmp_path / 'tmp'}\n"
    assert s.close() == 0


def test_that_there_is_no_place_for_temporary_files_is_the_kernels_affair(environ):
    s = Server(environ, ["no_place"])
    assert s.first.startswith("ready "), s.first
    assert s.kernel().first.startswith("started ")
    assert s.close() == 0


def test_garbage_stays_where_a_module_wants_that(environ):
    s = Server(environ, ["keeps"], "--depth=imports")
    assert s.kernel().connect().run("import gc; print(gc.isenabled())") == "False\n"
    assert s.close() == 0


@pytest.mark.parametrize("given", [{}, {"LC_CTYPE": "C"}])
def test_without_a_locale(environ, given):
    """Python then sets LC_CTYPE itself."""
    bare = {**{k: v for k, v in environ.items() if k != "LANG" and not k.startswith("LC_")}, **given}
    s, cold = Server(bare), Cold(bare, "/")
    show = "import locale, os; print(os.environ.get('LC_CTYPE'), locale.setlocale(locale.LC_CTYPE))"
    k = s.kernel()
    assert k.first.startswith("started "), k.first
    assert k.connect().run(show) == cold.connect().run(show)
    cold.close()
    assert s.close() == 0


def test_emptying_ends_a_kernel_that_runs(server):
    k, pids = with_strays(server)
    (ended,) = k.empty()
    assert ended.startswith("ended 9 ") and is_gone(k.pid, *pids)


def test_a_worker_that_dies_leaves_nothing(server):
    k, pids = with_strays(server)
    k.leash.close()
    wait_for(lambda: is_gone(k.pid, *pids), "all to go")


def test_a_keeper_that_is_killed_leaves_nothing(server):
    other = server.kernel()
    k, pids = with_strays(server)
    os.kill(k.keeper, signal.SIGKILL)
    assert k.line() == ""
    wait_for(lambda: is_gone(k.pid, *pids), "all to go")
    assert other.connect().run("print(1)") == "1\n"


def test_no_kernel_outlives_its_server(environ):
    s = Server(environ)
    a, b = s.kernel().connect(), s.kernel()
    s.proc.kill()
    wait_for(lambda: is_gone(a.pid, a.keeper, b.pid, b.keeper), "kernels and keepers to go")
    assert a.line() == ""
    s.close()


def test_the_server_waits_for_its_kernels(environ):
    s = Server(environ)
    k = s.kernel().connect()
    s.socket.close()
    assert k.run("print(1)") == "1\n" and s.proc.poll() is None
    k.empty()
    assert s.close() == 0


def test_many_requests_leave_nothing_behind(environ):
    s = Server(environ)
    s.kernel().empty()
    before = files(s.proc.pid)	# the socket to that kernel's keeper among them
    for _ in range(20):
        k = s.kernel()
        assert k.pid
        k.leash.close()
    keepers = set(map(int, Path(f"/proc/{s.proc.pid}/task/{s.proc.pid}/children").read_text().split()))
    wait_for(lambda: is_gone(*(k.pid for k in s.kernels)), "all kernels to go")
    wait_for(lambda: len(files(s.proc.pid)) == len(before) + len(keepers) - 1, "what the last request brought to be closed")
    wait_for(lambda: all(len(files(p)) == len(files(min(keepers))) for p in keepers), "the same of the keepers")
    assert s.close() == 0 and is_gone(*keepers)


def test_a_keeper_keeps_one_kernel_after_the_other(environ):
    s = Server(environ)
    k = s.kernel().connect()
    assert k.run("kept = bytearray(300 << 20); import time; t = time.process_time()\n"
                 "while time.process_time() < t + 1: pass") == ""
    (ended,) = k.empty()
    first, keeper = list(map(float, ended.split()[2:])), k.keeper
    time.sleep(0.5 * PATIENCE)	# it says that it is free after its last word to the worker
    k = s.kernel().connect()
    assert k.run("print('kept' in globals())") == "False\n" and k.keeper == keeper
    (ended,) = k.empty()
    second = list(map(float, ended.split()[2:]))
    assert first[0] + first[1] >= 1 and first[2] > 300 << 10
    assert second[0] + second[1] < first[0] + first[1] and second[2] < first[2] - (200 << 10), "each has its own account"
    k = s.kernel()
    os.kill(k.keeper, signal.SIGKILL)	# one that is lost is replaced
    assert k.line() == "" and s.kernel().connect().run("print(1)") == "1\n"
    assert s.close() == 0


def test_what_is_no_request_is_passed_over(server):
    def pipes():
        return files(server.proc.pid).count("pipe")	# it may get a keeper, and with it a socket, at any time
    before = pipes()
    r, w = os.pipe()
    for text, fds in ((b"K", []), (b"K", [r]), (b"X", [r, w, r]), (b"", []), (b"KK", [r, w, w]), (b"K", [r] * 12),
                      (b"K" * 5000, [r, w, r])):
        socket.send_fds(server.socket, [text], fds)
    os.close(w)
    assert server.kernel().connect().run("print(1)") == "1\n"
    assert os.read(r, 1) == b"", "the server has closed what came"
    os.close(r)
    # Before, it may not yet have seen the end of another test's kernel.
    wait_for(lambda: pipes() <= before, "files to be closed")


@pytest.mark.parametrize("request_", [b"", b"\0", b"/\0\0", b"/\0\0" b"2\0-f\0", b"/\0\0x\0",
                                      b"/\0\0-1\0", b"/\0x\0" b"0\0", b"/\0\0" b"0\0A=1"])
def test_a_request_that_makes_no_sense_fails(server, request_):
    k = server.kernel(request=request_)
    assert k.first.startswith("failed ") and not k.first.startswith("failed folder")
    assert k.line().startswith("gone ") and k.line() == ""


def test_what_is_not_for_this_server_fails(server, tmp_path):
    def first(folder="/", environ=None, **more):
        k = server.kernel(folder, environ, **more)
        assert k.line().startswith("gone ")
        return k.first
    assert first(tmp_path / "none") == "failed folder 2"
    (tmp_path / "file").touch()
    assert first(tmp_path / "file") == "failed folder 20"
    assert "HOME" in first(environ={"HOME": str(tmp_path)})
    assert "OMP_NUM_THREADS" in first(environ={"OMP_NUM_THREADS": "1"})
    assert "memory_limit" in first(limit=b"1000000")
    assert "arguments" in first(args=["-f", "x", HISTORY, "--matplotlib=inline"])
    (tmp_path / "random.py").touch()
    assert "'random'" in first(tmp_path)
    (tmp_path / "random.py").rename(tmp_path / "wave.txt")
    (tmp_path / "wave").mkdir()
    assert server.kernel(tmp_path).first.startswith("started ")
    (tmp_path / "wave" / "__init__.py").touch()
    assert "'wave'" in first(tmp_path)


def test_a_limit_of_memory(server):
    k = server.kernel(limit=b"%d" % (1 << 30)).connect()
    assert k.run("import resource; print(resource.getrlimit(resource.RLIMIT_DATA))") == f"{(1 << 30, 1 << 30)}\n"
    assert k.run("x = bytearray(2 << 30)") == "MemoryError"
    assert k.run("import os; print(os.popen('ulimit -Hd').read(), end='')") == f"{1 << 20}\n"
    k.empty()
    # With room for what is there, but not for threads, it would come so far as to hang.
    there = int(Path(f"/proc/{server.proc.pid}/statm").read_text().split()[5]) * resource.getpagesize()
    for more in (1, 8, 16, 32):
        assert "memory_limit" in server.kernel(limit=b"%d" % (there + (more << 20))).first
    # The one after it has none, nor has its keeper.
    k = server.kernel().connect()
    assert k.run("import resource; print(resource.getrlimit(resource.RLIMIT_DATA)[1])") == "-1\n"


def test_a_group_for_a_kernel(server, tmp_path):
    """It goes there before it is anything else: no file of a group is at hand here, so it is one of any kind."""
    entrance = tmp_path / "cgroup.procs"
    with open(entrance, "wb") as f:
        k = server.kernel(group=[f.fileno()])
        assert k.connect().run("import os; print(len(os.listdir('/proc/self/fd')))") == (
            server.kernel().connect().run("import os; print(len(os.listdir('/proc/self/fd')))"))
        keeper = files(k.keeper)
    assert entrance.read_bytes() == b"0" and not [f for f in keeper if f.startswith(str(tmp_path))]
    with open(entrance, "rb") as f:	# what cannot be written to
        k = server.kernel(group=[f.fileno()])
        assert k.first.startswith("started ") and k.end() == 1, "it does not run without"


@pytest.mark.parametrize("name, reason", [
    ("nowhere_to_be_found", "preload 'nowhere_to_be_found' cannot be imported: ModuleNotFoundError"),
    ("fails", "preload 'fails' cannot be imported: ValueError: not today"), ("threads", "preload 'threads' starts threads"),
    ("runs", "preload 'runs' starts processes"), ("opens", "preload 'opens' keeps files open")])
def test_a_module_that_cannot_be_loaded_first(environ, name, reason):
    s = Server(environ, [name], "--depth=imports")
    assert s.first.startswith("unfit " + reason)
    s.close()


GAPS = """
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
blocks = [libc.malloc(1000) for _ in range(20000)]
for block in blocks[::2]:
    libc.free(block)
fill_gaps()
print(len({libc.malloc(1000) >> 12 for _ in range(1000)}), flush=True)
"""


def test_gaps_between_what_malloc_has_given_are_filled():
    """What is asked for then lies side by side: four in a page, where there had been two gaps."""
    function = next(f for f in ast.parse(SERVER).body if isinstance(f, ast.FunctionDef) and f.name == "fill_gaps")
    code = "import ctypes\n" + ast.get_source_segment(SERVER, function) + GAPS
    done = subprocess.run([PYTHON, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 300
