"""The places for runs that are on their way at the same time; who comes when there is none stands in a queue."""

import threading
from collections import deque


class Pool:
    def __init__(self, places):
        self.lock = threading.Lock()
        self.places = places
        self.taken = 0
        self.peak = 0
        self.queue = deque()

    def full(self):
        with self.lock:
            return self.taken >= self.places or bool(self.queue)

    def ask(self, wake):
        """Takes a place: returns whether there was one. If not, wake is set when it is one's turn to look (granted)."""
        with self.lock:
            if self.taken < self.places and not self.queue:
                self._take()
                return True
            self.queue.append(wake)
            return False

    def granted(self, wake):
        """Whether the one that waits with wake has got a place."""
        with self.lock:
            return wake not in self.queue

    def give_up(self, wake):
        """Leaves the queue; gives the place back if one was got meanwhile."""
        with self.lock:
            if wake in self.queue:
                self.queue.remove(wake)
                return
        self.leave()

    def leave(self):
        """Gives a place back, to whoever is first in the queue."""
        with self.lock:
            self.taken -= 1
            if not self.queue or self.taken >= self.places:
                return
            wake = self.queue.popleft()
            self._take()
        wake.set()

    def _take(self):
        self.taken += 1
        self.peak = max(self.peak, self.taken)

    def to_json(self):
        with self.lock:
            return {"places": self.places, "taken": self.taken, "queued": len(self.queue), "peak": self.peak}
