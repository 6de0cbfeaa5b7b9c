"""
Runs a command and measures it with everything that it starts: wall time, CPU time, and the memory that the whole tree
of processes takes at the most.

    measure.py --result=FILE [--limit=SECONDS] COMMAND [ARGUMENT]...

The command gets a session of its own. This process is the reaper of all that its children leave behind, so that nobody
gets away uncounted, and sees to it that nothing is left when it ends, be it by the time limit or because it is told to
end. What it takes itself is not counted.
"""

import argparse
import ctypes
import json
import os
import signal
import sys
import threading
import time

INTERVAL = 0.1  # seconds between two looks at the memory
SHARE = 0.01  # how much of one CPU looking may take, which the measured lack; the intervals grow where it would be more
GRACE = 5  # seconds that processes may live on after the command, before they are killed
PAGE = os.sysconf("SC_PAGE_SIZE")
TICK = os.sysconf("SC_CLK_TCK")

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def descendants():
    """The pids of all processes that this one has started, directly or by way of others."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", "rb") as f:
                    parent = int(f.read().rpartition(b")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry))
    found = []
    parents = [os.getpid()]
    while parents:
        here = children.get(parents.pop(), [])
        found += here
        parents += here
    return found


def proportional(pid):
    """
    The proportional set size of a process in bytes: a page that several share counts a part for each. Where that may
    not be read, because the process keeps it to itself, it is all that is resident, which is more.
    """
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as f:
            for line in f:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * 1024
    except PermissionError:
        try:
            with open(f"/proc/{pid}/statm", "rb") as f:
                return int(f.read().split()[1]) * PAGE
        except OSError:
            pass
    except OSError:  # it has just ended
        pass
    return 0


def busy():
    """The seconds that all CPUs of the machine together have been at work, since it was started."""
    with open("/proc/stat") as f:
        user, nice, system, _, _, irq, softirq, steal = (int(x) for x in f.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / TICK


class Watch(threading.Thread):
    """Looks at the memory of the tree now and then, and kills it when its time is over."""

    def __init__(self, limit):
        super().__init__(daemon=True)
        self.deadline = time.monotonic() + limit
        self.over = False  # it was killed because of the limit
        self.ended = threading.Event()
        self.peak = 0
        self.samples = 0

    def run(self):
        pause = 0.0
        while not self.ended.wait(pause):
            begun = time.thread_time()
            tree = descendants()
            memory = sum(proportional(pid) for pid in tree)
            if not self.ended.is_set():
                self.peak = max(self.peak, memory)
                self.samples += 1
            if time.monotonic() > self.deadline:
                self.over = True
                kill(tree)
            pause = max(INTERVAL, (time.thread_time() - begun) / SHARE)


def kill(pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            pass


def kill_all():
    """Kills the whole tree and waits for it, however fast it makes new processes."""
    while True:
        kill(descendants())
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.005)


def wait_for_the_rest():
    """
    Waits for what outlives the command. Returns its CPU time, and how many processes had to be killed at last, because
    nothing of it ended any more.
    """
    cpu = 0.0
    killed = 0
    deadline = time.monotonic() + GRACE
    while True:
        try:
            pid, _, used = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return cpu, killed
        if pid:
            cpu += used.ru_utime + used.ru_stime
        elif time.monotonic() > deadline:
            left = descendants()
            killed = max(killed, len(left))
            kill(left)
            time.sleep(0.005)
        else:
            time.sleep(0.01)


def measured(command, limit):
    """Runs the command and returns what it took."""
    others = busy()
    watch = Watch(limit)
    begun = time.monotonic()
    try:
        main = os.posix_spawnp(command[0], command, os.environ, setsid=True,
                               setsigdef=[signal.SIGINT, signal.SIGTERM, signal.SIGPIPE])
    except OSError as e:
        return {"error": f"{command[0]}: {e.strerror}"}
    watch.start()
    cpu = 0.0
    while True:  # whoever is orphaned meanwhile is waited for here, too
        pid, status, used = os.wait4(-1, 0)
        cpu += used.ru_utime + used.ru_stime
        if pid == main:
            break
    wall = time.monotonic() - begun
    watch.ended.set()
    others = busy() - others
    behind = len(descendants())
    rest, killed = wait_for_the_rest()
    watch.join()
    return {
        "wall_seconds": round(wall, 4), "cpu_seconds": round(cpu + rest, 4), "peak_pss_bytes": watch.peak,
        "status": os.waitstatus_to_exitcode(status), "timed_out": watch.over, "samples": watch.samples,
        "left_behind": behind, "left_behind_killed": killed,
        # What else the machine has done meanwhile, this process included: how far the numbers can be trusted.
        "other_cpu_seconds": round(max(0.0, others - cpu), 2),
    }


def main():
    parser = argparse.ArgumentParser(description="Measures a command with everything that it starts.")
    parser.add_argument("--result", required=True, help="where to write what it took, as JSON")
    parser.add_argument("--limit", type=float, default=3600, help="seconds until it is killed")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    args = parser.parse_args()

    def told_to_end(*_):
        kill_all()
        os._exit(1)
    # Ctrl-C is for the one who has started this, who tells it to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, told_to_end)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        sys.exit("measure.py: cannot become the reaper of orphans")
    result = measured(args.command, args.limit)
    with open(args.result, "w") as f:
        json.dump(result, f)


if __name__ == "__main__":
    main()
