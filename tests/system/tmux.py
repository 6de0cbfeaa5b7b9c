"""
A terminal of tmux for the tests: what a person would see on it, at any size.
"""

import shlex
import subprocess

from harness import program, wait_for


class Tmux:
    """bash in a window of a tmux of its own."""

    def __init__(self, work, rows=24, columns=80, **env):
        self.socket = work.short / "tmux"
        # What the shell starts is told of no multiplexer but this one, and of UTF-8.
        shell = ["env", "PS1=ready> ", "HISTFILE=/dev/null", f"nbfork={shlex.join(program())}",
                 *(f"{name}={value}" for name, value in env.items()), "bash", "--norc", "--noprofile"]
        self.env = {name: value for name, value in work.env.items() if not name.startswith("TMUX")}
        self.dir = work.dir
        self.tmux("new-session", "-d", "-x", str(columns), "-y", str(rows), shlex.join(shell),
                  ";", "set", "-g", "status", "off", ";", "set", "-g", "window-size", "manual")
        self.resize(rows, columns)
        self.until(lambda s: "ready>" in s, "the prompt")

    def tmux(self, *args):
        return subprocess.run(["tmux", "-u", "-S", str(self.socket), "-f", "/dev/null", *args], cwd=self.dir, env=self.env,
                              check=True, stdout=subprocess.PIPE, timeout=60).stdout.decode()

    def type(self, *keys):
        """Types text, or keys by their names in tmux."""
        self.tmux("send-keys", *keys)

    def resize(self, rows, columns):
        self.tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def screen(self):
        """The lines that are to be seen, without what is blank below them."""
        return self.tmux("capture-pane", "-p").rstrip("\n")

    def all(self):
        """The same, with those that have scrolled away; lines that were broken are whole again."""
        return self.tmux("capture-pane", "-p", "-J", "-S", "-").rstrip("\n")

    def until(self, condition, what, seconds=20):
        """Waits until the screen is such, and returns it."""
        seen = [""]

        def look():
            seen[0] = self.screen()
            return condition(seen[0])

        try:
            wait_for(look, what, seconds)
        except AssertionError as e:
            raise AssertionError(f"{e}; the screen is\n{seen[0]}") from None
        return seen[0]

    def in_order(self):
        """Whether the terminal is as a shell wants it: it shows the cursor, wraps, and has its own screen."""
        return self.tmux("display", "-p", "#{cursor_flag} #{wrap_flag} #{alternate_on}").split() == ["1", "1", "0"]

    def close(self):
        subprocess.run(["tmux", "-S", str(self.socket), "kill-server"], env=self.env, stderr=subprocess.DEVNULL, check=False)
