"""
A fault kernel that keeps count: for tests that must know how often a notebook was really run.

It knows what the fault kernel does, and

    tally           add a line to the file that the environment variable TALLY names
    shaky           raise Shaky as long as that file has no more lines than the parameter `fails` says

Count.env is what a workflow gives its notebooks as env, so that each one has a file of its own.
"""

import sys

from harness import FAULTKERNEL

KERNEL = f"""
import os
import sys
sys.path.insert(0, {str(FAULTKERNEL.parent)!r})
import faultkernel


class Kernel(faultkernel.Kernel):
    def do_tally(self, _):
        fd = os.open(os.environ["TALLY"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        os.write(fd, b"%d\\n" % os.getpid())
        os.close(fd)

    def do_shaky(self, _):
        with open(os.environ["TALLY"]) as f:
            if len(f.readlines()) <= self.values.get("fails", 0):
                raise faultkernel.Raised("Shaky", "not yet")


try:
    Kernel(faultkernel.options()).serve()
except Exception:
    faultkernel.traceback.print_exc()
    os._exit(70)
"""


class Count:
    """The counting kernel, installed under a name, and what it has counted."""

    def __init__(self, work, name="count"):
        self.folder = work.path("tally")
        self.folder.mkdir(exist_ok=True)
        work.write("counting-kernel.py", KERNEL)
        work.kernel(name, argv=[sys.executable, str(work.path("counting-kernel.py")), "-f", "{connection_file}"])
        self.env = {"TALLY": f"{self.folder}/{{{{ notebook.name }}}}"}

    def __call__(self):
        """How often each notebook was run, by name."""
        return {p.name: len(p.read_text().splitlines()) for p in self.folder.iterdir()}
