"""
The engine for very many notebooks at once: each is run by a fork of one small Python process, which costs a
thousandth of what a kernel costs. The cells are really run, but not by IPython: no line magics, and tracebacks in a
form of their own.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import dbutils

HERE = Path(__file__).resolve().parent


class InlineEngine:
    name = "inline"

    def __init__(self, folder):
        # In the abstract name space, where nothing is left behind; only this user's processes get to it.
        self.address = f"\0stand-in-{os.getpid()}-{os.urandom(8).hex()}"
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.address)
        listener.listen(4096)
        self.process = subprocess.Popen(
            [sys.executable, "-B", str(HERE / "inline_host.py"), str(os.getpid()), str(listener.fileno())],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd=folder, pass_fds=[listener.fileno()])
        listener.close()

    def close(self):
        self.process.kill()
        self.process.wait()

    def run(self, execution):
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                connection.connect(self.address)
                status = self._run(connection, execution)
            except OSError:
                status = "died"
            execution.stoppable(None)
            self._kill(execution)
            if status == "died" and not execution.stopped:
                execution.error = "Fatal error: The Python kernel is unresponsive."
            execution.finish(status)

    @staticmethod
    def _kill(execution):
        """What the notebook has started goes with it."""
        if execution.pid is not None:
            try:
                os.killpg(execution.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def _run(self, connection, execution):
        job = {"pieces": [command.pieces for command in execution.commands], "parameters": execution.parameters,
               "url": execution.url, "secret": execution.secret, "folder": execution.folder}
        connection.sendall(json.dumps(job).encode() + b"\n")
        for message in self._messages(connection, execution):
            kind = message.pop("kind")
            if kind == "pid":
                execution.pid = message["pid"]
                if not execution.stoppable(lambda: self._kill(execution)):
                    return "died"
                continue
            if kind == "end":
                return message["status"]
            command = execution.commands[message.pop("cell")]
            if kind == "begin":
                execution.begin(command)
            elif kind == "finished":
                execution.end(command, message["state"])
            elif kind == "error":
                execution.failed(command, message["name"], message["message"], message["trace"])
            elif dbutils.EXIT in message.get("data", ()):
                execution.exited(message["data"][dbutils.EXIT])
            else:
                execution.output(command, {"output_type": kind, **message})
        return "died"

    @staticmethod
    def _messages(connection, execution):
        """What the notebook's process says, a line each; ends when it does."""
        rest = bytearray()
        while True:
            connection.settimeout(execution.patience())
            try:
                more = connection.recv(1 << 16)
            except TimeoutError:
                if execution.overdue() and execution.pid is None:
                    return
                continue
            if not more:
                return
            rest += more
            if b"\n" in more:
                *lines, last = bytes(rest).split(b"\n")
                rest = bytearray(last)
                yield from map(json.loads, lines)
