"""
A browser without a window: Chromium, spoken to by its DevTools protocol over a pipe, with the standard library alone.
"""

import base64
import json
import os
import re
import select
import shutil
import signal
import subprocess
import time

from harness import PATIENCE

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Browser:
    """One process of it, to be used in a with statement; folder is for its profile."""

    def __init__(self, folder):
        to_read, to_write = os.pipe(), os.pipe()
        env = {**os.environ, "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder), "DBUS_SESSION_BUS_ADDRESS": "disabled:"}
        # It wants its pipe at the descriptors 3 and 4.
        command = (f"exec {PROGRAM} --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run "
                   f"--disable-background-networking --disable-component-update --user-data-dir='{folder}/profile' "
                   f"--remote-debugging-pipe 3<&{to_write[0]} 4>&{to_read[1]}")
        self.process = subprocess.Popen(["bash", "-c", command], pass_fds=(to_write[0], to_read[1]), env=env,
                                        start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        os.close(to_write[0])
        os.close(to_read[1])
        self.input, self.output = to_write[1], to_read[0]
        self.waiting, self.number, self.events = b"", 0, []
        self.session = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.input)
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        os.close(self.output)

    def receive(self, deadline):
        while b"\0" not in self.waiting:
            left = deadline - time.monotonic()
            assert left > 0 and select.select([self.output], [], [], left)[0], "the browser does not answer"
            piece = os.read(self.output, 1 << 20)
            assert piece, "the browser has ended"
            self.waiting += piece
        message, _, self.waiting = self.waiting.partition(b"\0")
        return json.loads(message)

    def call(self, method, seconds=60, **params):
        """Calls a method of the protocol and returns its result; events meanwhile are kept."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.input, data):]
        deadline = time.monotonic() + seconds * PATIENCE
        while True:
            answer = self.receive(deadline)
            if answer.get("id") == self.number:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def open(self, url, width=1200, height=900, dark=False):
        """Opens a page and waits until it and its frames have loaded."""
        if self.session is None:
            target = self.call("Target.createTarget", url="about:blank")["targetId"]
            self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Runtime", "Log", "Network"):
                self.call(f"{domain}.enable")
            self.call("Page.setLifecycleEventsEnabled", enabled=True)
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.call("Page.navigate", url="about:blank")  # an address that differs by its hash alone would load nothing
        self.events.clear()
        loader = self.call("Page.navigate", url=url)["loaderId"]
        deadline = time.monotonic() + 60 * PATIENCE
        while not any(e.get("method") == "Page.lifecycleEvent" and e["params"]["name"] == "load" and e["params"]["loaderId"] == loader
                      for e in self.events):
            self.events.append(self.receive(deadline))

    def eval(self, expression):
        """The value of an expression in the page; a promise is waited for."""
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, key, code=0):
        """Presses a key."""
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code,
                      **({"text": "\r" if key == "Enter" else key} if kind == "keyDown" and (len(key) == 1 or key == "Enter") else {}))

    def complaints(self):
        """Scripts that have failed."""
        return [e["params"] for e in self.events if e.get("method") == "Runtime.exceptionThrown"]

    def requested(self):
        """What the page has asked the network for; what a policy has refused was not."""
        refused = {e["params"]["requestId"] for e in self.events if e.get("method") == "Network.loadingFailed"
                   and e["params"].get("blockedReason")}
        return [e["params"]["request"]["url"] for e in self.events if e.get("method") == "Network.requestWillBeSent"
                and not re.match(r"file:|data:|about:", e["params"]["request"]["url"]) and e["params"]["requestId"] not in refused]

    def screenshot(self, file):
        """For whoever wants to see it."""
        with open(file, "wb") as f:
            f.write(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))
