"""
Runs a program that dies when the one that started it dies: leash.py PARENT PROGRAM [ARGUMENT]..., where PARENT is the
process id of the one that starts it.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def hold(parent):
    """From now on this process dies with its parent, which must be `parent`; it has died already when it is not."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


if __name__ == "__main__":
    hold(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])
