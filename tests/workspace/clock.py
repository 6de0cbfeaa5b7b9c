"""
The workspace's clock: everything that lasts in it (tokens, phases, time limits) lasts by this clock. It can be made
to go faster than the world's, and be put forward. Rates of requests are not its business: those are the client's real
ones.
"""

import threading
import time


class Clock:
    def __init__(self):
        self.lock = threading.Lock()
        self.scale = 1.0
        self.base = time.time()
        self.since = time.monotonic()
        self.sleepers = set()

    def now(self):
        """Seconds since 1970 in the workspace."""
        with self.lock:
            return self._now()

    def _now(self):
        return self.base + (time.monotonic() - self.since) * self.scale

    def milliseconds(self):
        return int(self.now() * 1000)

    def change(self, scale=None, advance=0.0):
        """Goes on at another speed, and from a later time. Whoever sleeps looks again how long."""
        with self.lock:
            self.base = self._now() + float(advance)
            self.since = time.monotonic()
            if scale is not None:
                if not float(scale) > 0:
                    raise ValueError("scale must be more than 0")
                self.scale = float(scale)
            sleepers = list(self.sleepers)
        for wake in sleepers:
            wake.set()

    def real(self, seconds):
        """How many of the world's seconds so many of the workspace's are now."""
        with self.lock:
            return seconds / self.scale

    def wait(self, wake, until, stopped):
        """
        Sleeps until the workspace's time `until` (None: for ever), or until stopped() says true; wake, a
        threading.Event of the caller's own, is to be set when that may have changed. Returns what stopped() says.
        """
        with self.lock:
            self.sleepers.add(wake)
        try:
            while True:
                wake.clear()
                reason = stopped()
                if reason:
                    return reason
                left = None
                if until is not None:
                    left = self.real(until - self.now())
                    if left <= 0:
                        return reason
                wake.wait(left)
        finally:
            with self.lock:
                self.sleepers.discard(wake)

    def to_json(self):
        with self.lock:
            return {"now": self._now(), "scale": self.scale}
