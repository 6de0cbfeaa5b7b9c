"""
The process that forks a child for each notebook: inline_host.py PARENT FD, where FD is a listening socket. A
connection is a notebook: a line of JSON comes, lines of JSON go back while it runs.
"""

import ast
import json
import linecache
import os
import signal
import socket
import sys
import traceback
# So that no notebook has to load them itself.
import subprocess  # noqa: F401
import urllib.request  # noqa: F401

import dbutils
import leash

RED, GREEN, BLUE, OFF = "\x1b[0;31m", "\x1b[0;32m", "\x1b[0;34m", "\x1b[0m"


class Stream:
    """sys.stdout or sys.stderr of a notebook."""

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, child, name):
        self.child = child
        self.name = name

    def write(self, text):
        if text:
            self.child.send("stream", name=self.name, text=text)
        return len(text)

    def writelines(self, lines):
        self.write("".join(lines))

    def flush(self):
        pass

    def isatty(self):
        return False

    def writable(self):
        return True


class Child:
    def __init__(self, connection):
        self.connection = connection
        self.cell = 0
        self.namespace = {"__name__": "__main__"}

    def send(self, kind, **what):
        what.update(kind=kind, cell=self.cell)
        self.connection.sendall(json.dumps(what).encode() + b"\n")

    def show(self, data, value=None, kind="display_data"):
        if data is None:
            data = {"text/plain": repr(value)}
            for method, form in (("_repr_html_", "text/html"), ("_repr_markdown_", "text/markdown")):
                made = getattr(value, method, lambda: None)()
                if made is not None:
                    data[form] = made
        self.send(kind, data=data)

    def run(self):
        self.connection.sendall(json.dumps({"kind": "pid", "pid": os.getpid()}).encode() + b"\n")
        job = json.loads(self.connection.makefile("rb").readline())
        os.chdir(job["folder"])
        sys.stdout, sys.stderr = Stream(self, "stdout"), Stream(self, "stderr")
        dbutils.provide(self.namespace, job["url"], job["secret"], job["parameters"], self.show)
        self.send("end", status=self.cells(job["pieces"]))

    def cells(self, pieces_of_cells):
        for self.cell, pieces in enumerate(pieces_of_cells):
            if pieces is None:
                self.send("finished", state="finished")
                continue
            self.send("begin")
            for number, piece in enumerate(pieces):
                try:
                    self.execute(
                        piece, f"<command-{self.cell + 1}>" if number == 0 else f"<command-{self.cell + 1}-{number}>"
                    )
                except dbutils.NotebookExit:
                    self.send("finished", state="finished")
                    return "exit"
                except BaseException as error:
                    self.send("error", name=type(error).__name__, message=str(error), trace=trace_of(error))
                    self.send("finished", state="error")
                    return "error"
            self.send("finished", state="finished")
        return "ok"

    def execute(self, text, name):
        """As IPython does it: the value of an expression at the end is shown."""
        linecache.cache[name] = (len(text), None, text.splitlines(True), name)
        tree = ast.parse(text, name)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, name, "exec"), self.namespace)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), name, "eval"), self.namespace)
            if value is not None and not text.rstrip().endswith(";"):
                self.show(None, value, "execute_result")


def trace_of(error):
    """A traceback with colours, like IPython's."""
    name = type(error).__name__
    lines = [
        f"{RED}{'-' * 75}{OFF}",
        f"{RED}{name}{OFF}{' ' * max(1, 42 - len(name))}Traceback (most recent call last)",
    ]
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename == __file__:
            continue
        lines.append(f"File {GREEN}{frame.filename}:{frame.lineno}{OFF}, in {BLUE}{frame.name}{OFF}")
        lines.append(f"{GREEN}----> {frame.lineno}{OFF} {frame.line}")
    lines += ["", f"{RED}{name}{OFF}: {error}"]
    return "\n".join(lines)


def serve(listener):
    parent = os.getpid()
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            leash.hold(parent)
            os.setsid()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            listener.close()
            try:
                Child(connection).run()
            except OSError:
                pass
            finally:
                os._exit(0)
        connection.close()


if __name__ == "__main__":
    leash.hold(int(sys.argv[1]))
    # Nobody waits for the children: they are gone when they end.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    serve(socket.socket(fileno=int(sys.argv[2])))
