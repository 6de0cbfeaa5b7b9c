"""One execution of a notebook: what is to be run, what came of it, and how to stop it. The engines fill it in."""

import secrets
import shutil
import tempfile
import threading

# The first bytes of what dbutils.notebook.exit() is given are kept, no more.
LARGEST_RESULT = 5 * 1024 * 1024
# All outputs of a notebook together.
LARGEST_OUTPUT = 30 * 1024 * 1024


class Command:
    """A cell of the notebook that is run."""

    def __init__(self, text, pieces, position):
        self.text = text
        self.pieces = pieces
        self.position = position
        self.state = "waiting"
        self.outputs = []
        self.started = self.finished = 0
        self.error = None

    def add(self, output):
        """Takes an output in Jupyter's form; text of the same stream goes together."""
        last = self.outputs[-1] if self.outputs else None
        if output["output_type"] == "stream" and last is not None and last["output_type"] == "stream" \
                and last["name"] == output["name"]:
            last["text"] += output["text"]
        else:
            self.outputs.append(output)


class Execution:
    """
    status, in the end: "ok", "exit" (with result), "error" (with error and trace), "died", or why it was stopped:
    "cancelled", "timedout".
    """

    def __init__(self, clock, path, steps, parameters, url, deadline, folder):
        self.clock = clock
        self.path = path
        self.commands = [Command(step.text, step.pieces, number) for number, step in enumerate(steps, 1)]
        self.parameters = parameters
        self.url = url
        self.deadline = deadline
        self.secret = secrets.token_hex(16)
        self.status = None
        self.result = None
        self.truncated = False
        self.error = None
        self.trace = None
        self.pid = None
        self.size = 0
        self.folder = tempfile.mkdtemp(prefix="run-", dir=folder)
        self.lock = threading.Lock()
        self.stopped = None
        self.killer = None

    # -- for whoever wants it to end

    def stop(self, reason):
        """Ends it. The first reason counts."""
        with self.lock:
            if self.stopped is None:
                self.stopped = reason
            killer = self.killer
        if killer is not None:
            killer()

    # -- for engines

    def stoppable(self, killer):
        """From now on killer() ends what runs; None: nothing runs any more. Returns whether it is to be run at all."""
        with self.lock:
            self.killer = killer
            return self.stopped is None

    def overdue(self):
        """Stops it when its time is up. Returns whether it is stopped."""
        if self.deadline is not None and self.stopped is None and self.clock.now() >= self.deadline:
            self.stop("timedout")
        return self.stopped is not None

    def patience(self):
        """For how many real seconds an engine may sleep before it asks overdue() again; None: for ever."""
        if self.deadline is None:
            return None
        return min(1.0, max(0.01, self.clock.real(self.deadline - self.clock.now())))

    def begin(self, command):
        command.state = "running"
        command.started = self.clock.milliseconds()

    def end(self, command, state="finished"):
        command.state = state
        command.finished = self.clock.milliseconds()

    def output(self, command, output):
        """Keeps an output while there is room."""
        size = len(str(output))
        if self.size + size > LARGEST_OUTPUT:
            return
        self.size += size
        command.add(output)

    def exited(self, value):
        data = value.encode("utf-8", "replace")
        self.truncated = len(data) > LARGEST_RESULT
        self.result = data[:LARGEST_RESULT].decode("utf-8", "ignore") if self.truncated else value

    def failed(self, command, name, message, trace):
        self.error = f"{name}: {message}" if message else name
        self.trace = trace
        command.error = (name, message, trace)

    def finish(self, status):
        self.status = self.stopped or status
        for command in self.commands:
            if command.state in ("waiting", "running"):
                command.state = "cancelled" if self.stopped else "skipped"
        shutil.rmtree(self.folder, ignore_errors=True)
