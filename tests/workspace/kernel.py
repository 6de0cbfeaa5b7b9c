"""The engine that runs each notebook on an ipykernel of its own, by Jupyter's protocol."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import dbutils

HERE = Path(__file__).resolve().parent
SETUP = """
import importlib.util as _util
_spec = _util.spec_from_file_location("_dbutils", {path!r})
_module = _util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
_module.provide_in_kernel({url!r}, {secret!r}, {parameters!r})
del _util, _spec, _module
"""


class KernelDied(Exception):
    pass


class KernelEngine:
    name = "kernel"

    def __init__(self, folder, kernel="python3", start_within=120):
        # Only this engine needs more than the standard library.
        # The debugger that comes with ipykernel has something to say otherwise.
        os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
        import zmq
        from jupyter_client.kernelspec import KernelSpecManager
        from jupyter_client.session import Session
        self.zmq, self.session = zmq, Session
        self.context = zmq.Context()
        self.command = KernelSpecManager().get_kernel_spec(kernel).argv
        self.start_within = start_within
        self.environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", IPYTHONDIR=os.path.join(folder, "ipython"),
                                JUPYTER_RUNTIME_DIR=os.path.join(folder, "runtime"), MPLBACKEND="Agg")

    def close(self):
        self.context.destroy(linger=0)

    def run(self, execution):
        kernel = Kernel(self, execution)
        try:
            if not execution.stoppable(kernel.kill):
                execution.finish("ok")
                return
            kernel.connect()
            execution.finish(self._run(kernel, execution))
        except KernelDied:
            if not execution.stopped:
                execution.error = "Fatal error: The Python kernel is unresponsive."
            execution.finish("died")
        finally:
            execution.stoppable(None)
            kernel.close()

    @staticmethod
    def _run(kernel, execution):
        kernel.execute(SETUP.format(path=str(HERE / "dbutils.py"), url=execution.url, secret=execution.secret,
                                    parameters=execution.parameters), None)
        for command in execution.commands:
            if command.pieces is None:
                command.state = "finished"
                continue
            execution.begin(command)
            for piece in command.pieces:
                problem = kernel.execute(piece, command)
                if problem is None:
                    continue
                name, message, trace = problem
                if name == "NotebookExit" and execution.result is not None:
                    execution.end(command)
                    return "exit"
                execution.failed(command, name, message, "\n".join(trace))
                execution.end(command, "error")
                return "error"
            execution.end(command)
        return "ok"


class Kernel:
    """A kernel's process and the client's end of it."""

    def __init__(self, engine, execution):
        self.engine = engine
        self.execution = execution
        self.file = os.path.join(execution.folder, "connection.json")
        command = [self.file if word == "{connection_file}" else word for word in engine.command]
        # It dies when this thread ends, too; which is when the run ends.
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "leash.py"), str(os.getpid()), *command, "--HistoryManager.enabled=False"],
            env=engine.environment, cwd=execution.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True)
        execution.pid = self.process.pid
        self.shell = self.iopub = None

    def kill(self):
        """Ends it and everything in its process group. Any thread may do so."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def close(self):
        self.kill()
        self.process.wait()
        for socket in (self.shell, self.iopub):
            if socket is not None:
                socket.close(linger=0)

    def connect(self):
        """The kernel itself chooses its ports and writes the connection file; no two can choose the same."""
        until = time.monotonic() + self.engine.start_within
        while True:
            self._alive(until)
            try:
                info = json.loads(Path(self.file).read_text(encoding="utf-8"))
                break
            except (FileNotFoundError, ValueError):
                time.sleep(0.02)
        zmq = self.engine.zmq
        self.session = self.engine.session(key=info["key"].encode(), signature_scheme=info["signature_scheme"])
        address = f"{info['transport']}://{info['ip']}:"
        self.shell = self.engine.context.socket(zmq.DEALER)
        self.shell.connect(address + str(info["shell_port"]))
        self.iopub = self.engine.context.socket(zmq.SUB)
        self.iopub.subscribe(b"")
        self.iopub.connect(address + str(info["iopub_port"]))
        # Nothing may be lost of what it publishes: it is ready when both ways have been seen to work.
        while True:
            self._alive(until)
            self.session.send(self.shell, "kernel_info_request", {})
            if self.iopub.poll(200) and self.shell.poll(1000):
                break
        self._drain()

    def _drain(self):
        while self.shell.poll(50) or self.iopub.poll(0):
            for socket in (self.shell, self.iopub):
                while socket.poll(0):
                    socket.recv_multipart()

    def _alive(self, until=None):
        self.execution.overdue()
        if self.process.poll() is not None or until is not None and time.monotonic() > until:
            raise KernelDied

    def execute(self, code, command):
        """Runs a piece of code. Returns None, or (NAME, MESSAGE, TRACE) of what it raised. Raises KernelDied."""
        request = self.session.send(
            self.shell,
            "execute_request",
            {
                "code": code,
                "silent": False,
                "store_history": command is not None,
                "user_expressions": {},
                "allow_stdin": False,
                "stop_on_error": True,
            },
        )["header"]["msg_id"]
        problem, idle, reply = None, False, None
        poller = self.engine.zmq.Poller()
        poller.register(self.shell, self.engine.zmq.POLLIN)
        poller.register(self.iopub, self.engine.zmq.POLLIN)
        while not idle or reply is None:
            ready = dict(poller.poll(250))
            if not ready:
                self._alive()
            for socket in ready:
                message = self._receive(socket)
                if message["parent_header"].get("msg_id") != request:
                    continue
                kind, content = message["msg_type"], message["content"]
                if kind == "execute_reply":
                    reply = content
                elif kind == "status":
                    idle = content["execution_state"] == "idle"
                elif kind == "error":
                    problem = content["ename"], content["evalue"], content["traceback"]
                elif command is not None:
                    self._output(command, kind, content)
        if reply["status"] != "ok" and problem is None:
            problem = reply.get("ename", "Error"), reply.get("evalue", ""), reply.get("traceback", [])
        return problem

    def _receive(self, socket):
        _, frames = self.session.feed_identities(socket.recv_multipart())
        return self.session.deserialize(frames)

    def _output(self, command, kind, content):
        if kind == "stream":
            self.execution.output(command, {"output_type": "stream", "name": content["name"], "text": content["text"]})
        elif kind in ("display_data", "execute_result"):
            if dbutils.EXIT in content["data"]:
                self.execution.exited(content["data"][dbutils.EXIT])
                return
            self.execution.output(command, {"output_type": kind, "data": content["data"]})
