"""
Starts Jupyter kernels by fork: the imports, the configuration and IPython's shell are made once, here, and each kernel
goes on from there. Run as `PYTHON -c THIS`; requests come on descriptor 3, a SOCK_SEQPACKET socket.

For each request this server forks a keeper, and the keeper forks the kernel, whose parent it is: it tells the worker on
the request's leash (a stream socket) what becomes of the kernel, and kills all that is left of it when the worker says
so or is gone. A kernel is to be as one that was started afresh, down to its place on the stack, so the functions for it
return to the end of this file, from where it runs as a fresh one does. Nothing is guessed there: whether this can be
done with this ipykernel is tried in a process of its own first. If it cannot, the server begins again and makes only
the imports.

What the first message on descriptor 3 says: "ready VERSION DEPTH" or "unfit REASON". Afterwards nothing is sent there.
What is said on a leash: "started PID", "failed folder ERRNO" or "failed REASON" (then a fresh start may do better),
"ended STATUS UTIME STIME MAXRSS", "gone UTIME STIME MAXRSS"; what is heard there: "signal N", "empty".
"""

import os
import sys

FIRST_ENVIRON = dict(os.environb)
FIRST_MODULES = frozenset(sys.modules)
COMMAND = open("/proc/self/cmdline", "rb").read().split(b"\0")[:-1]
NAME = open("/proc/self/comm", "rb").read().strip()
WITH_FOLDER = sys.path[:1] == [""]	# not with -I or -P
if WITH_FOLDER:
    del sys.path[0]	# nothing is to come from the folder in which the server happens to be

import signal  # noqa: E402

for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)


def say(text):
    """The one message to nbfork."""
    os.write(3, " ".join(text.split()).encode(errors="replace")[:4000])


def unfit(reason):
    say("unfit " + reason)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def describe(error):
    return f"{type(error).__name__}: {error}"


try:
    import ipykernel
    import ipykernel.compiler
    import ipykernel.debugger  # noqa: F401: newer ones import it when the kernel is made
    import ipykernel.ipkernel
    import ipykernel.kernelapp
    import ipykernel.zmqshell
    import IPython.core.application
    import traitlets.config
    import zmq
except BaseException as e:
    unfit(f"ipykernel cannot be imported: {describe(e)}")

# What a kernel would not have imported is for this server alone.
OWN = {"atexit", "ctypes", "gc", "importlib.machinery", "importlib.util", "resource", "select", "socket", "threading",
       "time"} - sys.modules.keys()

import atexit  # noqa: E402
import ctypes  # noqa: E402
import gc  # noqa: E402
import importlib.machinery  # noqa: E402
import importlib.util  # noqa: E402
import resource  # noqa: E402
import select  # noqa: E402
import socket  # noqa: E402
import threading  # noqa: E402
import time  # noqa: E402

for name in OWN:
    del sys.modules[name]

IPKernelApp = ipykernel.kernelapp.IPKernelApp
Application = IPython.core.application.BaseIPythonApplication
Shell = ipykernel.zmqshell.ZMQInteractiveShell

HISTORY = "--HistoryManager.hist_file=:memory:"
LAUNCHER = importlib.util.find_spec("ipykernel_launcher")
TRIAL_PATIENCE = 30	# seconds; a kernel that is there later is not worth having
EMPTY_PATIENCE = 5
EMPTY_STEP = 20	# milliseconds

PR_SET_PDEATHSIG, PR_SET_NAME, PR_SET_CHILD_SUBREAPER = 1, 15, 36
prctl = ctypes.CDLL(None).prctl

# Variables that have had their effect before a request comes: on the interpreter, the libraries, the configuration.
BOOT_NAMES = {b"HOME", b"LANG", b"GLIBC_TUNABLES", b"MATPLOTLIBRC"}
BOOT_PREFIXES = (b"PYTHON", b"LD_", b"LC_", b"MALLOC_", b"XDG_", b"IPYTHON", b"JUPYTER_", b"MPL", b"OMP_", b"KMP_",
                 b"GOMP_", b"OPENBLAS_", b"GOTO_", b"MKL_", b"BLIS_", b"NUMEXPR_", b"NUMBA_", b"NPY_", b"PYDEVD_",
                 b"DEBUGPY_", b"OPENSSL_", b"TORNADO_")


def title(text):
    """What ps shows instead of the text of this file. An area that does not end in NUL is read up to the first one."""
    with open("/proc/self/stat", "rb") as f:
        start, end = [int(n) for n in f.read().rpartition(b")")[2].split()[45:47]]
    if start < end:
        text = text[:min(end - start - 2, 4000)] + b"\0"
        ctypes.memmove(start, text, len(text))
        ctypes.memset(end - 1, ord("."), 1)


# What is made before the fork.

class Made:
    """The application and the shell, as far as they can be made without sockets, threads and a folder."""

    def __init__(self):
        self.at_exit = []
        self.app = app = IPKernelApp.instance()
        Application.initialize(app, ["-f", "-", HISTORY])
        if app.subapp is not None or app.kernel_class is not ipykernel.ipkernel.IPythonKernel:
            raise RuntimeError("another kernel is configured")
        # Configuration is looked up by the names of the classes that something is part of.
        base = type("Kernel", (traitlets.config.SingletonConfigurable,), {})
        kernel = type("IPythonKernel", (base,), {})(parent=app)
        self.given = {"profile_dir": app.profile_dir, "user_module": None, "user_ns": app.user_ns,
                      "compiler_class": ipykernel.compiler.XCachingCompiler}
        main = sys.modules["__main__"]
        logstart, Shell.init_logstart = Shell.init_logstart, lambda shell: None
        try:
            self.shell = Shell.instance(parent=kernel, kernel=kernel, **self.given)
        finally:
            Shell.init_logstart = logstart
        sys.modules["__main__"] = main
        self.connection = [self.shell.history_manager.db]
        if self.shell.history_manager.hist_file != ":memory:":
            raise RuntimeError("the history is a file")
        self.connection.pop().close()

    def register(self, function, *args, **more):
        self.at_exit.append((function, args, more))
        return function

    def unregister(self, function):
        self.at_exit[:] = [h for h in self.at_exit if h[0] != function]

    def backend(self):
        """Sets the variable for matplotlib, which reads it when it is imported, and does nothing else."""
        base = IPython.core.shellapp.InteractiveShellApp
        original, base.init_gui_pylab = base.init_gui_pylab, lambda app: None
        self.app.shell = self.shell
        try:
            self.app.init_gui_pylab()
        finally:
            base.init_gui_pylab = original
            self.app.shell = None

    def finish(self, parent, args):
        """In the kernel: what comes next makes the rest, as always, and finds what is there."""
        app, original = self.app, Application.initialize

        def initialize(self, argv=None):
            Application.initialize = original
        Application.initialize = initialize
        Shell.instance = classmethod(self.take)
        file = args[args.index("-f") + 1]
        for config in (app.cli_config, app.config, self.shell.config):
            section = config.IPKernelApp
            section.connection_file = type(section.connection_file)(file)
        app.argv = args
        app.connection_file = file
        app.parent_handle = parent

    def take(self, cls, parent, kernel, **given):
        """Stands for Shell.instance, once: the rest of Shell.__init__."""
        del Shell.instance
        if given.keys() != self.given.keys() or any(given[k] is not v and given[k] for k, v in self.given.items()):
            raise RuntimeError("the shell is made with other arguments")
        shell = self.shell
        shell.parent, shell.kernel = parent, kernel
        shell.starting_dir = os.getcwd()
        shell.init_environment()
        shell.save_sys_module_state()
        shell.init_sys_modules()
        history = shell.history_manager
        history.init_db()
        history.new_session()
        history.dir_hist[:] = [IPython.core.history.Path.cwd()]
        shell.init_logstart()
        for function, args, more in self.at_exit:
            atexit.register(function, *args, **more)
        return shell
