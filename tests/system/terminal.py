"""
A terminal for the tests: a pty with a shell in it, typed at and read.
"""

import codecs
import fcntl
import os
import pty
import re
import select
import shlex
import signal
import struct
import termios
import time

from harness import PATIENCE, program


class Terminal:
    """bash with job control in a pty, or another shell with this prompt; all that appears is kept in .seen."""

    def __init__(self, work, rows=24, columns=80, term="xterm", shell=("bash", "--norc", "--noprofile", "-i"), **env):
        self.seen = ""
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")  # what is read may end within a character
        size = struct.pack("HHHH", rows, columns, 0, 0)
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, size)  # before bash is there, which would show its prompt once more
            os.chdir(work.dir)
            os.execvpe(shell[0], shell, {**work.env, "TERM": term, "PS1": "ready> ", "HISTFILE": "/dev/null",
                                         "nbfork": shlex.join(program()), **env})
        self.read_until("ready> ")

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.fd, text.encode())

    def read(self, seconds):
        """Takes what comes within this time; returns whether something came."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return False
        try:
            self.seen += self.decoder.decode(os.read(self.fd, 65536))
        except OSError:
            return False
        return True

    def read_until(self, pattern, seconds=20):
        """Reads until a pattern appears behind what was matched before; returns all up to there."""
        end = time.monotonic() + seconds * PATIENCE
        while not (match := re.search(pattern, self.seen)):
            left = end - time.monotonic()
            assert left > 0, f"waited for {pattern!r}, saw {self.seen[-3000:]!r}"
            self.read(min(left, 0.05))
        text, self.seen = self.seen[:match.end()], self.seen[match.end():]
        return text

    def hang_up(self):
        """The terminal goes away: its processes get SIGHUP."""
        os.close(self.fd)
        os.waitpid(self.pid, 0)

    def close(self):
        try:
            os.killpg(self.pid, signal.SIGHUP)
            os.kill(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.hang_up()
