"""
Starts Jupyter kernels by fork: the imports, the configuration and IPython's shell are made once, here, and every kernel
goes on from there. Run as `PYTHON -c THIS [--preload=MODULE ...]`; requests come on descriptor 3.

A request goes to a keeper, a fork of this server, and the keeper forks the kernel: the keeper is the kernel's parent, tells
the worker on the request's leash (a stream socket) what becomes of the kernel, and kills all that is left of it when the
worker says so or is gone. One that has seen everybody go keeps another kernel.

A kernel is to be as one that was started afresh: so the functions that make it return to the end of this file, and from
there it runs what a fresh one runs. Whether that can be done with this ipykernel is
not guessed: the server tries one kernel. If that fails, the server begins again, and prepares only the imports.

On descriptor 3 (SOCK_SEQPACKET): "ready VERSION DEPTH" or "unfit REASON" once; then come messages "K" with three or four
descriptors: a file with the request, the pipe for the kernel's output, the leash, and cgroup.procs of the group that the
kernel is to be in. The request is strings that end in NUL: folder ("" for /), limit of its RLIMIT_DATA ("" for none),
number of arguments, the arguments after `-m ipykernel_launcher`, the environment.
On the leash, lines: "started PID", or "failed folder ERRNO", or "failed REASON" (not for this server: start it afresh);
"ended STATUS UTIME STIME MAXRSS" for the kernel; "gone UTIME STIME MAXRSS" for everybody, as the last word. Back come
"signal N" for the kernel's group, and "empty", as the end of the file, to kill everybody.
"""

import os
import sys

FIRST_ENVIRON = dict(os.environb)
if b"LC_CTYPE" in FIRST_ENVIRON:	# where there is no locale Python gives itself one, as it does in a kernel
    given = [e for e in open("/proc/self/environ", "rb").read().split(b"\0") if e.startswith(b"LC_CTYPE=")]
    del FIRST_ENVIRON[b"LC_CTYPE"]
    FIRST_ENVIRON.update(e.split(b"=", 1) for e in given[:1])
FIRST_MODULES = frozenset(sys.modules)
COMMAND = open("/proc/self/cmdline", "rb").read().split(b"\0")[:-1]
NAME = open("/proc/self/comm", "rb").read().strip()
FOLDER_IN_PATH = sys.path[:1] == [""]	# not with -I and -P
if FOLDER_IN_PATH:
    del sys.path[0]	# nothing is to come from the folder in which the server happens to be

import gc  # noqa: E402
import signal  # noqa: E402

gc.disable()	# what is imported stays, and to look through it again and again takes a fifth of the time
del sys.modules["gc"]

for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)


# Out of the way: what is opened while importing gets the number that it gets in a kernel.
CHANNEL = 3
REQUESTS = os.dup2(CHANNEL, 100, inheritable=False)
os.close(CHANNEL)


def say(text):
    os.write(REQUESTS, " ".join(text.split()).encode(errors="replace")[:4000])


def unfit(reason):
    say("unfit " + reason)
    os._exit(0)


def describe(error):
    return f"{type(error).__name__}: {error}"


try:
    import ipykernel
    import ipykernel.compiler
    import ipykernel.debugger  # noqa: F401: not imported before there is a kernel, by newer ones
    import ipykernel.kernelapp
    import ipykernel.zmqshell
    import IPython.core.application
    import IPython.core.shellapp
    import traitlets.config
    import zmq
    from jupyter_client.session import new_id
except BaseException as e:
    unfit(f"ipykernel cannot be imported: {describe(e)}")

# Here for this server alone, where a kernel would not have imported it.
OWN = {"ctypes", "gc", "importlib.machinery", "importlib.util", "resource", "select", "socket",
       "struct"} - sys.modules.keys()

import atexit  # noqa: E402
import ctypes  # noqa: E402
import gc  # noqa: E402
import importlib.machinery  # noqa: E402
import importlib.util  # noqa: E402
import io  # noqa: E402
import itertools  # noqa: E402
import resource  # noqa: E402
import select  # noqa: E402
import socket  # noqa: E402
import struct  # noqa: E402
import threading  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402

for name in OWN:
    del sys.modules[name]

KernelApp = ipykernel.kernelapp.IPKernelApp
Application = IPython.core.application.BaseIPythonApplication
ShellApp = IPython.core.shellapp.InteractiveShellApp
Shell = ipykernel.zmqshell.ZMQInteractiveShell

HISTORY = "--HistoryManager.hist_file=:memory:"
LAUNCHER = importlib.util.find_spec("ipykernel_launcher")
LAUNCHER_CODE = LAUNCHER and LAUNCHER.loader.get_code(LAUNCHER.name)
TRIAL_PATIENCE = 30	# seconds
room = 128 << 20	# bytes that a kernel takes besides, if no trial tells: its threads' stacks more than anything else
EMPTY_PATIENCE = 5
LEFT_GRACE = 0.25	# for what a kernel leaves behind to end by itself, as where there is no keeper
EMPTY_STEP = 10	# milliseconds: whoever is killed is gone by then, as a rule
LAST_STEP = 200

PR_SET_PDEATHSIG, PR_SET_NAME, PR_SET_CHILD_SUBREAPER = 1, 15, 36
prctl = ctypes.CDLL(None).prctl

# The variables that have had their effect before there is a request: on the interpreter, libraries, the configuration.
BOOT_NAMES = (b"HOME", b"LANG", b"GLIBC_TUNABLES")
BOOT_PREFIXES = (b"PYTHON", b"LD_", b"LC_", b"MALLOC_", b"XDG_", b"IPYTHON", b"JUPYTER_", b"MPL", b"MATPLOTLIB", b"OMP_",
                 b"KMP_", b"GOMP_", b"OPENBLAS_", b"GOTO_", b"MKL_", b"BLIS_", b"NUMEXPR_", b"NUMBA_", b"NPY_",
                 b"PYDEVD_", b"DEBUGPY_", b"OPENSSL_", b"TORNADO_", b"VECLIB_")


TEMP_NAMES = (b"TMPDIR", b"TEMP", b"TMP")


class Refused(Exception):
    """What is asked for cannot be had from this server."""


class Changes:
    """What imports and configuration have changed in the environment; they would have done so in a kernel too."""

    def __init__(self):
        self.values = {}

    def note(self, before):
        now = dict(os.environb)
        for name in before.keys() | now.keys():
            if before.get(name) != now.get(name):
                self.values[name] = now.get(name)

    def make(self, environ):
        for name, value in self.values.items():
            if environ.get(name) == FIRST_ENVIRON.get(name):	# else the kernel was given one of its own
                if value is None:
                    environ.pop(name, None)
                else:
                    environ[name] = value


class Made:
    """The application and the shell, as far as they can be made without sockets, threads and a folder to be in."""

    def __init__(self):
        self.app = app = KernelApp.instance()
        Application.initialize(app, ["-f", "-", HISTORY])
        self.held = []
        self.given = {"profile_dir": app.profile_dir, "user_module": None, "user_ns": app.user_ns,
                      "compiler_class": ipykernel.compiler.XCachingCompiler}

    def make_shell(self):
        # What applies to a part is looked up in the configuration by the classes that it is a part of.
        base = type("Kernel", (traitlets.config.SingletonConfigurable,), {})
        parent = type("IPythonKernel", (base,), {})(parent=self.app)
        main, logstart = sys.modules["__main__"], Shell.init_logstart
        Shell.init_logstart = lambda shell: None
        try:
            self.shell = Shell.instance(parent=parent, kernel=None, **self.given)
        finally:
            Shell.init_logstart = logstart
        sys.modules["__main__"] = main
        if self.shell.history_manager.hist_file != ":memory:":
            raise Refused("the history is a file")
        self.practise()
        self.make_extension()
        # SQLite is not to be taken through a fork.
        getattr(self.shell.history_manager.db, "close", lambda: None)()

    def practise(self):
        """What is made when it is first needed, and is the same in every kernel: formatters, patterns, a parser."""
        try:
            self.shell.display_formatter.format("text")
            code = self.shell.transform_cell("x = [1]\nx")
            self.shell.check_complete(code)
            self.shell.compile.ast_parse(code)
        except Exception:
            pass	# it is made later, then

    def make_extension(self):
        """The one that is always loaded, unless it was told to do something in the kernel's own surroundings."""
        before = len(self.shell.configurables)
        if self.app.default_extensions == ["storemagic"] and "StoreMagics" not in self.app.config:
            self.shell.extension_manager.load_extension("storemagic")
        self.late = self.shell.configurables[before:]	# what comes when extensions are loaded
        del self.shell.configurables[before:]

    def make_session(self):
        """What signs messages; in the kernel it becomes another one by its id, its key and its process."""
        self.session = self.app.session

    def renew_session(self):
        session = self.session
        session.session, session.key, session.pid = new_id(), new_id().encode(), os.getpid()

    def set_backend(self):
        """Sets the variable that matplotlib reads when it is imported, and does no more of what this function does."""
        rest, ShellApp.init_gui_pylab = ShellApp.init_gui_pylab, lambda app: None
        self.app.shell = self.shell
        try:
            self.app.init_gui_pylab()
        finally:
            ShellApp.init_gui_pylab = rest
            self.app.shell = None

    def hold(self, at_exit):
        """What is to be called at exit is registered in the kernel, in the order of a fresh one: last come, first."""
        def register(function, *args, **more):
            self.held.append((function, args, more))
            return function

        def unregister(function):
            self.held[:] = [h for h in self.held if h[0] != function]
            originals[1](function)
        originals = atexit.register, atexit.unregister
        atexit.register, atexit.unregister = register, unregister
        try:
            at_exit()
        finally:
            atexit.register, atexit.unregister = originals

    def arm(self, parent, args):
        """In the kernel. From here on everything is made as always, but that it finds the application and the shell."""
        app, shell, rest = self.app, self.shell, Application.initialize
        self.renew_session()

        def initialize(self, argv=None):
            Application.initialize = rest

        def instance(cls, parent, kernel, **given):
            del Shell.instance
            if given.keys() != self.given.keys() or any(given[k] is not v for k, v in self.given.items()):
                raise Refused("the shell is made in another way")
            shell.parent, shell.kernel = parent, kernel
            shell.starting_dir = os.getcwd()
            shell.init_environment()
            shell.save_sys_module_state()
            shell.init_sys_modules()
            shell.history_manager.init_db()
            shell.history_manager.new_session()
            shell.history_manager.dir_hist[:] = [Path.cwd()]
            shell.init_logstart()
            for function, args, more in self.held:
                atexit.register(function, *args, **more)
            return shell

        def init_extensions():
            del app.init_extensions
            shell.configurables.extend(self.late)
            app.init_extensions()
        Application.initialize = initialize
        Shell.instance = classmethod(instance)
        app.init_extensions = init_extensions
        file = args[args.index("-f") + 1]
        for config in (app.cli_config, app.config):	# the latter is everybody's
            config.IPKernelApp.connection_file = type(config.IPKernelApp.connection_file)(file)
        app.argv = args
        app.connection_file = file
        app.parent_handle = parent


def clone():
    """A fork with nothing in the buffers. The child has the parent's signals, a bell among them."""
    sys.stdout.flush()
    sys.stderr.flush()
    return os.fork()


def die_with(parent):
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def open_files():
    """What is open but for standard files and the requests; a file is told from /dev/null by its being kept open."""
    files = {}
    for fd in os.listdir("/proc/self/fd"):
        try:
            files[int(fd)] = os.readlink("/proc/self/fd/" + fd)
        except OSError:
            pass	# with which they were listed
    return {fd: path for fd, path in files.items() if fd > 2 and fd != REQUESTS}


def shares_files():
    """Whether kernels would have an open file in common. Some modules keep a null device."""
    return not set(open_files().values()) <= {"/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"}


def hold_context():
    """
    As long as there is a context libzmq keeps what it has looked up, in the system's databases too. This one is never used
    and never closed, so its descriptor can go.
    """
    before = open_files()
    context = zmq.Context()
    for fd, path in open_files().items():
        if fd not in before and not path.startswith("/dev/"):
            os.close(fd)
    return context


def has_threads():
    """Threads would not be in the kernels. OpenBLAS ends its own when there is a fork, and starts new ones later."""
    if threading.active_count() > 1:
        return True
    for _ in range(100):
        if len(os.listdir("/proc/self/task")) == 1:
            return False
        pid = clone()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        time.sleep(0.002)	# the last one is seen for a moment after its end
    return True


def has_children():
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def shared_memory():
    """What would be the same memory in all kernels."""
    with open("/proc/self/maps") as f:
        return {line for line in f if line.split()[1][1:4:2] == "ws"}


def preload(name):
    shared = shared_memory()
    try:
        importlib.import_module(name)
    except BaseException as e:
        raise Refused(f"preload '{name}' cannot be imported: {describe(e)}")
    if has_threads():
        raise Refused(f"preload '{name}' starts threads")
    if has_children():
        raise Refused(f"preload '{name}' starts processes")
    if shares_files():
        raise Refused(f"preload '{name}' keeps files open")
    if not shared_memory() <= shared:
        raise Refused(f"preload '{name}' shares memory")


def answer(made, channel, name):
    """The trial's kernel runs one cell. Tells which modules that sees."""
    def ask():
        try:
            session = ipykernel.kernelapp.Session(key=made.app.session.key)
            client = zmq.Context().socket(zmq.DEALER)
            client.connect(f"ipc://{name}-1")
            session.send(client, "execute_request", {"code": "_seen()", "silent": False, "store_history": True,
                                                     "user_expressions": {}, "allow_stdin": False})
            reply = session.recv(client, mode=0)[1]
            if reply["content"]["status"] != "ok":
                raise RuntimeError(reply["content"].get("evalue", "no answer"))
            os.write(channel, "\n".join(["ok", str(private_memory()), *seen]).encode())
        except BaseException as e:
            os.write(channel, describe(e).encode())
        os._exit(0)

    seen = []
    app = made.app
    # Sockets without names in the file system; nobody else's code is run twice.
    app.transport, app.ip = "ipc", name
    app.shell_port, app.iopub_port, app.stdin_port, app.control_port, app.hb_port = range(1, 6)
    for step in ("init_connection_file", "write_connection_file", "init_gui_pylab", "init_extensions", "init_code"):
        setattr(app, step, lambda *args, **more: None)
    app.initialize()
    made.shell.user_ns["_seen"] = lambda: seen.extend(sys.modules)
    threading.Thread(target=ask, daemon=True).start()
    app.start()


def trial(made):
    """
    Makes a kernel and has it run a cell, to see whether it can be done so, and what it takes; imports what it has imported.
    """
    global room
    before, server, (reading, writing) = private_memory(), os.getpid(), os.pipe()
    pid = clone()
    if pid == 0:
        try:
            die_with(server)
            null = os.open(os.devnull, os.O_RDWR)
            for fd in (0, 1, 2, REQUESTS):
                os.dup2(null, fd)
            made.arm(server, ["-f", "-", HISTORY])
            answer(made, writing, f"@nbfork-{os.getpid()}-{os.urandom(8).hex()}")
        except BaseException as e:
            os.write(writing, describe(e).encode())
        os._exit(1)
    os.close(writing)
    text, until = b"", time.monotonic() + TRIAL_PATIENCE
    while select.select([reading], [], [], max(0, until - time.monotonic()))[0]:
        more = os.read(reading, 65536)
        text += more
        if not more:
            break
    os.close(reading)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    result, *modules = text.decode(errors="replace").split("\n")
    if result != "ok":
        raise Refused(f"a kernel cannot be made so: {result or 'it does not answer'}")
    room = int(modules.pop(0)) - before
    for name in modules:
        if name not in sys.modules and name not in OWN:
            try:
                importlib.import_module(name)
            except Exception:
                pass	# made by another one, and not to be had by its name


def prepare(preloads, shell):
    """Makes what kernels are forked from."""
    global collects, context
    context = hold_context()
    changes, made = Changes(), None
    if LAUNCHER is None:
        raise Refused("there is no module ipykernel_launcher")
    if shell:
        made = Made()
        if has_threads() or made.app.subapp or made.app.kernel_class is not ipykernel.kernelapp.IPythonKernel:
            raise Refused("the configuration needs a fresh start")
    changes.note(FIRST_ENVIRON)
    if shell:
        made.hold(made.make_shell)
        made.make_session()
        made.set_backend()
        for name in made.app.default_extensions:
            if importlib.util.find_spec("IPython.extensions." + name):
                importlib.import_module("IPython.extensions." + name)
    else:
        os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")	# as ipykernel
    before = dict(os.environb)
    gc.freeze()
    gc.enable()	# what others import may make more garbage than they leave
    for name in preloads:
        if shell:
            made.hold(lambda: preload(name))
        else:
            preload(name)
    collects = gc.isenabled()	# a module may have turned that off
    gc.disable()
    changes.note(before)
    if shell:
        trial(made)
    gc.freeze()	# no collection is to write into what all kernels share
    if has_threads() or has_children() or shares_files():
        raise Refused("there are threads, processes or files left from the imports")
    return made, changes


def fill_gaps():
    """
    Takes what is free between what malloc() has given. A kernel that got its few bytes there would have a page copied for
    nearly each of them; from behind, it gets whole pages of its own.
    """
    class Info(ctypes.Structure):
        _fields_ = [(name, ctypes.c_size_t) for name in (
            "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")]
    library = ctypes.CDLL(None)
    try:
        mallinfo, malloc, free, sbrk = library.mallinfo2, library.malloc, library.free, library.sbrk
    except AttributeError:
        return	# it is not glibc's, or an old one
    mallinfo.restype, malloc.restype, sbrk.restype = Info, ctypes.c_void_p, ctypes.c_void_p
    malloc.argtypes, free.argtypes, sbrk.argtypes = [ctypes.c_size_t], [ctypes.c_void_p], [ctypes.c_ssize_t]
    info = mallinfo()
    top, size = sbrk(0) - info.keepcost, 1 << 16
    left = info.fordblks + (1 << 20)	# what lies ready for each size is not in the sum
    while left > 0 and size >= 24:
        place = malloc(size)
        if place is None or place >= top:	# there is no gap for so much, or malloc() is another one's
            free(place)
            size = size * 7 // 8 if size > 1024 else size - 16
        else:
            left -= size


def gather_names():
    """
    Names and files of modules that lie side by side: IPython makes a set of all the names in every kernel, ipykernel 7 a list
    of the files, and to count the references would have some hundred pages copied for each. From Python 3.12 on those of
    names are not counted.
    """
    if sys.version_info < (3, 12):
        for name, module in list(sys.modules.items()):
            del sys.modules[name]
            sys.modules[(name + " ")[:-1]] = module
    for module in sys.modules.values():
        file = vars(module).get("__file__") if type(module) is type(sys) else None
        if type(file) is str:
            module.__file__ = (file + " ")[:-1]


def find_place():
    """Where temporary files go, to find which one is written; unless it depends on the folder in which one is."""
    tempfile = sys.modules.get("tempfile")
    if not tempfile:
        return
    try:
        if (not all(os.path.isabs(os.environb.get(name, b"/")) for name in TEMP_NAMES) or
                tempfile.gettempdir() == os.getcwd()):
            tempfile.tempdir = None	# a module may have asked for it
    except OSError:
        pass	# there is none, which is to be said to those who need one


def spare_search():
    """At its end ipykernel looks for what it has started among all processes of the system. Without children it has none."""
    kernel = sys.modules["ipykernel.kernelbase"].Kernel
    search = getattr(kernel, "_process_children", None)

    def _process_children(self):
        return search(self) if has_children() else []
    if search:
        kernel._process_children = _process_children


def begin_again(reason):
    """With less to prepare, and as if nothing had been."""
    print(f"fork server: {reason}; preparing only the imports", file=sys.stderr, flush=True)
    os.dup2(REQUESTS, CHANNEL)
    os.execve(sys.executable or "/proc/self/exe", [*COMMAND, b"--depth=imports"], FIRST_ENVIRON)


def title(text):
    """What ps shows, instead of this text. An area that does not end in NUL is read up to the first one."""
    with open("/proc/self/stat", "rb") as f:
        start, end = map(int, f.read().rpartition(b")")[2].split()[45:47])
    text = text[:min(end - start - 2, 4000)]
    if text:
        ctypes.memmove(start, text + b"\0", len(text) + 1)
        ctypes.memset(end - 1, ord("."), 1)


def ring():
    """A descriptor that can be read when a child has ended, and perhaps otherwise."""
    bell = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *args: None)
    signal.set_wakeup_fd(bell[1], warn_on_full_buffer=False)
    return bell


def silence(bell):
    try:
        os.read(bell[0], 4096)
    except BlockingIOError:
        pass


def unring(bell):
    """In a child, that has inherited it."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for fd in bell:
        os.close(fd)


def children():
    """The children of this process that are to be seen; they are its own until it reaps them."""
    me = os.getpid()
    try:
        with open(f"/proc/self/task/{me}/children", "rb") as f:
            return [int(pid) for pid in f.read().split()]
    except FileNotFoundError:
        pass	# this system has it not
    found = []
    for pid in os.listdir("/proc"):
        if pid.isdigit():
            try:
                with open(f"/proc/{pid}/stat", "rb") as f:
                    if int(f.read().rpartition(b")")[2].split()[1]) == me:
                        found.append(int(pid))
            except OSError:
                pass
    return found


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        pass	# it has become somebody else's, by a program that may do that


def kill_children(spare=()):
    """Kills them once. Returns whether there were any: their own children come to this process then."""
    found = [pid for pid in children() if pid not in spare]
    for pid in found:
        kill(pid)
    return bool(found)


def tell(leash, text):
    """Nobody may read it any more, and that is to hold up nothing."""
    try:
        os.set_blocking(leash, False)
        os.write(leash, text.encode(errors="replace") + b"\n")	# Python ignores SIGPIPE
    except OSError:
        pass


class Usage:
    """What processes that are gone have used: seconds, seconds, KiB."""

    def __init__(self):
        self.user = self.system = self.rss = 0

    def add(self, usage):
        self.user += usage.ru_utime
        self.system += usage.ru_stime
        self.rss = max(self.rss, usage.ru_maxrss)

    def since(self, before):
        """Adds what this process itself has used since then, but its memory, most of which is the server's."""
        now = resource.getrusage(resource.RUSAGE_SELF)
        self.user += now.ru_utime - before.ru_utime
        self.system += now.ru_stime - before.ru_stime

    def __str__(self):
        return f"{self.user:.6f} {self.system:.6f} {self.rss}"


def private_memory():
    """What counts for RLIMIT_DATA, in bytes, with the little that counts for the stack."""
    with open("/proc/self/statm", "rb") as f:
        return int(f.read().split()[5]) * resource.getpagesize()


class Request:
    def __init__(self, fd):
        parts, size = [], 0
        while not parts or parts[-1]:
            parts.append(os.pread(fd, 1 << 20, size))
            size += len(parts[-1])
        self.folder, limit, n, *rest = b"".join(parts).split(b"\0")
        self.limit, n = int(limit or 0), int(n)
        if not 0 <= n < len(rest) or rest[-1]:
            raise ValueError("the request is cut off")
        self.args = [os.fsdecode(a) for a in rest[:n]]
        self.environ = {}
        for setting in rest[n:-1]:
            name, equals, value = setting.partition(b"=")
            if name and equals:
                self.environ.setdefault(name, value)

    def check(self, made, names):
        """Whether it fits what is prepared; in its folder."""
        others = [a for i, a in enumerate(self.args) if a != "-f" and self.args[i - 1:i] != ["-f"]]
        if made and (len(self.args) != 3 or others != [HISTORY]):
            raise Refused("the kernel has other arguments")
        for name in FIRST_ENVIRON.keys() | self.environ.keys():
            if ((name in BOOT_NAMES or name.startswith(BOOT_PREFIXES)) and
                    FIRST_ENVIRON.get(name) != self.environ.get(name)):
                raise Refused(f"{os.fsdecode(name)} has another value")
        if self.limit and self.limit < private_memory() + room:
            raise Refused("its memory_limit leaves no room beside what has been imported")
        # A fresh kernel would import what lies in its folder instead of what the server has imported.
        try:
            here = os.listdir(".")
        except OSError:
            return	# and it could not either
        suffixes = importlib.machinery.all_suffixes()
        for entry in here:
            name = entry.partition(".")[0]
            if name in names and (entry[len(name):] in suffixes or entry == name and any(
                    os.path.exists(f"{name}/__init__{s}") for s in suffixes)):
                raise Refused(f"its folder has a module '{name}'")


def shadowable():
    """The names of the modules that were found on sys.path."""
    return {name for name, module in sys.modules.items() if "." not in name and name not in FIRST_MODULES and
            getattr(getattr(module, "__spec__", None), "origin", None) not in (None, "built-in", "frozen")}


class Keeper:
    """A process that keeps one kernel after the other. orders: the server's requests come there."""

    def __init__(self, orders, made, names):
        self.orders, self.made, self.names = orders, made, names
        self.bell = ring()

    def reap(self):
        """Returns whether there are children left."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            self.usage.add(usage)
            if pid == self.kernel:
                self.kernel, own = 0, Usage()
                own.add(usage)
                tell(self.leash, f"ended {status} {own}")

    def listen(self):
        """Returns whether the worker wants it to go on."""
        try:
            more = os.read(self.leash, 4096)
        except BlockingIOError:
            return True
        except OSError:
            return False
        *lines, self.heard = (self.heard + more).split(b"\n")
        for line in lines:
            word, _, number = line.partition(b" ")
            if word == b"empty":
                return False
            if word == b"signal" and number.isdigit():
                self.signal(int(number))
        return more != b""

    def signal(self, number):
        if self.kernel == 0:
            return
        try:
            os.killpg(self.kernel, number)
        except ProcessLookupError:
            os.kill(self.kernel, number)	# it has not made its group yet
        except (OSError, OverflowError):
            pass	# there is no such signal

    def watch(self):
        """While there is a kernel that the worker wants, and until nobody is left of it."""
        poll = select.poll()
        poll.register(self.bell[0], select.POLLIN)
        poll.register(self.leash, select.POLLIN)
        going = True
        while going:
            poll.poll()
            silence(self.bell)
            self.reap()
            going = self.listen()
        poll.unregister(self.leash)
        if self.kernel:
            kill(self.kernel)
        start = time.monotonic()
        while self.reap() and time.monotonic() < start + EMPTY_PATIENCE:
            if time.monotonic() >= start + LEFT_GRACE:
                kill_children()
            poll.poll(EMPTY_STEP)
            silence(self.bell)

    def fork(self, request, leash):
        """Returns in the kernel what was asked for, else None; what is in the way is told."""
        try:
            asked = Request(request)
            if asked.folder:
                try:
                    os.chdir(asked.folder)
                except OSError as e:
                    tell(leash, f"failed folder {e.errno}")
                    return None
            asked.check(self.made, self.names)
            pid = clone()
        except Exception as e:
            tell(leash, f"failed {describe(e)}")
            return None
        if pid == 0:
            return asked
        self.kernel = pid
        tell(leash, f"started {pid}")
        return None

    def keep(self, request, output, leash, *group):
        """Returns in the kernel what was asked for; None in the keeper, when nobody is left of it."""
        before = resource.getrusage(resource.RUSAGE_SELF)
        self.leash, self.kernel, self.heard, self.usage = leash, 0, b"", Usage()
        asked = self.fork(request, leash)
        if asked:
            return asked
        for fd in (request, output, *group):
            os.close(fd)
        os.chdir("/")	# it keeps no folder in use
        if self.kernel:
            self.watch()
        self.usage.since(before)
        tell(leash, f"gone {self.usage}")
        os.close(leash)
        return None

    def work(self, fds):
        """Keeps the kernel of this request, and of those that the server sends. Returns only in a kernel."""
        me = os.getpid()
        while True:
            asked = self.keep(*fds) if fds else None
            if asked:
                unring(self.bell)
                return asked, me, *fds[1::2]
            if has_children():
                os._exit(1)	# the server sees to those that could not be killed
            try:
                if fds:
                    self.orders.send(b"free")
                fds = receive(self.orders, 0)
            except (EOFError, OSError):
                os._exit(0)


def set_environment(environ):
    for name in dict(os.environb).keys() - environ.keys():
        del os.environb[name]
    for name, value in environ.items():
        if os.environb.get(name) != value:
            os.environb[name] = value
    time.tzset()


def renew():
    """What no two kernels may have in common; Python's own random numbers start anew by themselves."""
    modules = sys.modules
    getattr(threading.main_thread(), "_set_native_id", int)()	# Python 3.11 forgets to
    if "numpy.random" in modules:
        modules["numpy.random"].seed()
    if "uuid" in modules:
        modules["uuid"]._node = modules["uuid"]._last_timestamp = None
    if "tempfile" in modules and any(os.environb.get(n) != FIRST_ENVIRON.get(n) for n in TEMP_NAMES):
        modules["tempfile"].tempdir = None
    if "multiprocessing.process" in modules:
        modules["multiprocessing.process"].current_process().authkey = os.urandom(32)


def limit_memory(limit):
    """For this process and all that it starts, each for itself. A limit that is lower already stays."""
    soft, hard = (limit if old == resource.RLIM_INFINITY else min(old, limit) for old in
                  resource.getrlimit(resource.RLIMIT_DATA))
    resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def lift_limit():
    """
    The socket for outputs keeps all of them until they are sent: ZeroMQ lets it keep a thousand, and what is beyond is
    lost. Sockets that the notebook makes are as always.
    """
    original = zmq.Context.socket

    def socket(self, kind, *args, **more):
        made = original(self, kind, *args, **more)
        if kind in (zmq.PUB, zmq.XPUB):
            made.setsockopt(zmq.SNDHWM, 0)
            zmq.Context.socket = original
        return made
    zmq.Context.socket = socket


def end_control():
    """
    Before ipykernel closes the socket for outputs: its control thread flushes the outputs after the request to shut down,
    and where that is gone it waits ten seconds.
    """
    try:
        thread = KernelApp._instance.control_thread
        thread.stop()
        thread.join(5)
    except Exception:
        pass	# there is none, or it is another one


def become(made, changes, files, asked, keeper, output, group=None):
    """Makes this process what a fresh one is when it starts ipykernel_launcher."""
    die_with(keeper)
    if group is not None:
        os.pwrite(group, b"0", 0)	# 0: who writes
    os.setsid()
    prctl(PR_SET_NAME, NAME)
    os.dup2(output, 1)
    os.dup2(output, 2)
    for fd in open_files():
        if fd not in files:
            os.close(fd)
    for number, action in ((signal.SIGINT, signal.default_int_handler), (signal.SIGQUIT, signal.SIG_DFL),
                           (signal.SIGHUP, signal.SIG_DFL)):
        signal.signal(number, action)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    asked.environ[b"JPY_PARENT_PID"] = b"%d" % keeper	# ipykernel ends when this is no longer its parent
    changes.make(asked.environ)
    set_environment(asked.environ)
    if FOLDER_IN_PATH:
        sys.path.insert(0, os.getcwd())
    sys.argv = [LAUNCHER.origin, *asked.args]
    command = [os.fsdecode(a) for a in COMMAND[:COMMAND.index(b"-c")]] + ["-m", LAUNCHER.name, *asked.args]
    sys.orig_argv = command
    title(os.fsencode(" ".join(command)))
    renew()
    lift_limit()
    if hasattr(threading, "_register_atexit"):
        threading._register_atexit(end_control)
    if made:
        made.arm(keeper, asked.args)
    else:
        KernelApp.instance().parent_handle = keeper
    if asked.limit:
        limit_memory(asked.limit)
    if collects:
        gc.enable()


def receive(requests, wait=socket.MSG_DONTWAIT):
    """
    The descriptors of a request, of which there may be none yet; none when it is not one. Raises EOFError when none will
    come any more.
    """
    try:
        text, control, flags, _ = requests.recvmsg(16, socket.CMSG_SPACE(64), wait | socket.MSG_CMSG_CLOEXEC)
    except BlockingIOError:
        return []
    except ConnectionError:
        raise EOFError
    fds = []
    for level, kind, data in control:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            fds += struct.unpack(f"{len(data) // 4}i", data[:len(data) // 4 * 4])
    if text == b"K" and len(fds) in (3, 4) and not flags & (socket.MSG_CTRUNC | socket.MSG_TRUNC):
        return fds
    for fd in fds:
        os.close(fd)
    if not text and not fds:
        poll = select.poll()	# an empty message looks like the end
        poll.register(requests, 0)
        if poll.poll(0):
            raise EOFError
    return []


class Server:
    def __init__(self, made):
        self.made, self.names = made, shadowable()
        self.channels = {}	# to keepers, by pid
        self.free = []	# pids; the last one is the next, its memory is at hand
        self.strays = False	# children that are no keepers: left by one that was killed
        self.strays_until = 0
        self.requests, self.bell = socket.socket(fileno=REQUESTS), ring()
        self.poll = select.poll()
        self.poll.register(self.requests, select.POLLIN)
        self.poll.register(self.bell[0], select.POLLIN)

    def reap(self):
        while has_children():
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            self.strays = self.strays or pid not in self.channels or status != 0	# they leave their own to this process
            if pid in self.channels:
                channel = self.channels.pop(pid)
                self.poll.unregister(channel)
                channel.close()
            if pid in self.free:
                self.free.remove(pid)

    def clear_strays(self):
        """Kills them, but not for ever: one may have become somebody else's."""
        if not self.strays:
            return
        self.strays_until = self.strays_until or time.monotonic() + EMPTY_PATIENCE
        self.strays = kill_children(self.channels) and time.monotonic() < self.strays_until
        if not self.strays:
            self.strays_until = 0

    def hear(self, ready):
        """Keepers that have become free say so."""
        for pid, channel in self.channels.items():
            if channel.fileno() in ready:
                try:
                    if channel.recv(16, socket.MSG_DONTWAIT) == b"free":
                        self.free.append(pid)
                except OSError:
                    pass	# it is gone

    def dismiss(self):
        """There will be no more requests: keepers that are free go, the others when they are done."""
        self.poll.unregister(self.requests)
        for channel in self.channels.values():
            channel.shutdown(socket.SHUT_RDWR)

    def assign(self, fds):
        """To a keeper that is free. Returns whether there was one."""
        while self.free:
            try:
                socket.send_fds(self.channels[self.free.pop()], [b"K"], fds)
                return True
            except OSError:
                pass	# it was killed
        return False

    def hire(self, fds):
        """Makes a keeper. Returns only in a kernel, what a keeper does there."""
        me, (here, there) = os.getpid(), socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            pid = clone()
        except OSError as e:
            here.close()
            there.close()
            tell(fds[2], f"failed {describe(e)}")
            return None
        if pid > 0:
            there.close()
            self.channels[pid] = here
            self.poll.register(here, select.POLLIN)
            return None
        try:
            os.setpgid(0, 0)
            die_with(me)
            prctl(PR_SET_CHILD_SUBREAPER, 1)
            prctl(PR_SET_NAME, b"nb:keeper")
            unring(self.bell)
            for channel in (self.requests, here, *self.channels.values()):
                channel.close()
            return Keeper(there, self.made, self.names).work(fds)
        except BaseException:
            os._exit(1)

    def serve(self):
        """Returns only in a kernel, what a keeper does there."""
        listening = True
        while listening or self.channels or self.strays:
            ready = {fd for fd, _ in self.poll.poll(EMPTY_STEP if self.strays else None if listening else LAST_STEP)}
            silence(self.bell)
            if not listening:
                for pid in self.channels:
                    os.kill(pid, signal.SIGCONT)	# nobody else is left who could, if they were stopped with nbfork
            self.hear(ready)
            self.reap()
            self.clear_strays()
            if REQUESTS not in ready or not listening:
                continue
            try:
                fds = receive(self.requests)
            except EOFError:
                listening = False
                self.dismiss()
                continue
            if fds and not self.assign(fds):
                kernel = self.hire(fds)
                if kernel:
                    return kernel
            for fd in fds:
                os.close(fd)
        os._exit(0)


def start():
    """Returns only in a kernel."""
    global MODULES
    preloads = [a.partition("=")[2] for a in sys.argv[1:] if a.startswith("--preload=")]
    shell = "--depth=imports" not in sys.argv[1:]
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    prctl(PR_SET_NAME, b"nb:forkserver")
    try:
        made, changes = prepare(preloads, shell)
    except BaseException as e:
        reason = str(e) if isinstance(e, Refused) else describe(e)
        if shell:
            begin_again(reason)
        unfit(reason)
    find_place()
    spare_search()
    gather_names()
    fill_gaps()
    title(b"nbfork: starts kernels")
    # From here on it goes when the channel ends, and is only woken when nbfork dies: it may have been stopped with it.
    prctl(PR_SET_PDEATHSIG, signal.SIGCONT)
    say(f"ready {ipykernel.__version__} {'shell' if shell else 'imports'}")
    files = open_files()
    MODULES = frozenset(sys.modules)
    become(made, changes, files, *Server(made).serve())


def flush(thing):
    try:
        thing.flush()
    except Exception:
        pass	# it is closed, detached, or its disk is full


def is_own(module):
    """Whether it is one that lies by the notebook or on its path, and is not installed."""
    file = vars(module).get("__file__") if type(module) is type(sys) else None
    return type(file) is str and not file.startswith(os.path.dirname(os.__file__) + "/") and "-packages/" not in file


def forget_modules():
    """
    The notebook's own, and the objects in them: temporary files go with theirs. Those that are installed cost too much,
    and know how little they can count on it.
    """
    new = itertools.takewhile(lambda name: name not in MODULES, reversed(sys.modules))
    own = {id(vars(sys.modules[name])): name for name in new if is_own(sys.modules[name])}
    for name in own.values():
        del sys.modules[name]
    if own:
        gc.collect()	# as an interpreter does: what can go, goes before anything is taken from the others
        for thing in gc.get_objects():
            if id(thing) in own and type(thing) is dict and thing.get("__name__") == own[id(thing)]:
                thing.clear()	# a function that is registered somewhere keeps it


def leave(status):
    """
    What a fresh kernel's end comes to: threads have ended, functions of atexit and the C library's have been called, the
    notebook's objects are gone and all that was written is in its files. The interpreter itself is not taken apart: that
    would write into all the memory that kernels share, and costs as much as all the rest.
    """
    threading._shutdown()
    atexit._run_exitfuncs()
    main = sys.modules.get("__main__")
    if main is not None:
        vars(main).clear()	# IPython, at exit, has deleted its names already, in whatever order
    forget_modules()
    gc.collect()	# what was there before the fork is frozen, and not looked at
    File = io.IOBase.__base__	# that of C: what are its instances takes no method of Python's to tell
    for thing in gc.get_objects():
        if issubclass(type(thing), File):	# isinstance() would ask those that give themselves out for something else
            flush(thing)
    for thing in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        flush(thing)
    library = ctypes.PyDLL(None)
    library.fflush(None)
    library.exit(status)


def run(code):
    exec(code, {"__name__": "__main__", "__file__": LAUNCHER.origin, "__spec__": LAUNCHER})


start()
ending = 0
try:
    run(LAUNCHER_CODE)
except SystemExit as e:
    ending = e.code if isinstance(e.code, int) else int(e.code is not None)
    if e.code is not None and not isinstance(e.code, int):
        print(e.code, file=sys.stderr)
except BaseException:
    sys.excepthook(*sys.exc_info())
    ending = 1
leave(ending & 0xff)
