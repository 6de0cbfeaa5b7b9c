"""
For tests: starts a stand-in workspace and talks to it.

    with StandIn("--engine", "inline") as workspace:
        workspace.faults([{"match": {"path": "runs/submit", "nth": 1}, "action": {"drop": "after"}}])
        ... workspace.url, workspace.token ...
        assert workspace.state()["runs"][0]["executions"] == 1
"""

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent


def interpreter():
    """A Python that has what kernels need; only the engine "kernel" needs it."""
    chosen = os.environ.get("WORKSPACE_PYTHON")
    if chosen is None:
        chosen = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable
    return chosen


class StandIn:
    """It dies with the thread that has made it, if not before."""

    def __init__(self, *options, env=None):
        # Its folder is ours to remove, so that nothing is left of it however it ends.
        self.folder = tempfile.mkdtemp(prefix="stand-in-")
        command = [interpreter(), str(HERE / "workspace.py"), "--leash", "--state-dir", self.folder, *map(str, options)]
        self.process = subprocess.Popen(command,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, env=env)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the stand-in workspace has ended with status {self.process.wait()}")
        told = json.loads(line)
        self.url = told["url"]
        self.token = told["token"]
        self.workspace_id = told["workspace_id"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- the stand-in itself

    def test(self, method, what, given=None):
        """Asks for something under /_test/."""
        return self._json(method, f"/_test/{what}", given, {})

    def faults(self, rules, seed=None):
        given = {"rules": rules} if seed is None else {"rules": rules, "seed": seed}
        return self.test("POST", "faults", given)

    def clock(self, **change):
        return self.test("POST", "clock", change)

    def log(self, path=None):
        """All requests; those whose path ends with path."""
        entries = self.test("GET", "log")["requests"]
        return entries if path is None else [entry for entry in entries if entry["path"].endswith(path)]

    def state(self):
        return self.test("GET", "state")

    # -- the API, with the personal access token

    def api(self, method, path, given=None, headers=None):
        """Returns what is answered; raises urllib.error.HTTPError."""
        return self._json(method, f"/api/{path}", given, {"Authorization": f"Bearer {self.token}", **(headers or {})})

    def put(self, path, text, form="SOURCE"):
        """Puts a notebook where its folder need not be yet."""
        self.api("POST", "2.0/workspace/mkdirs", {"path": path.rsplit("/", 1)[0] or "/"})
        content = text if isinstance(text, bytes) else text.encode()
        self.api("POST", "2.0/workspace/import", {"path": path, "format": form, "language": "PYTHON", "overwrite": True,
                                                  "content": base64.b64encode(content).decode()})

    def submit(self, path, parameters=None, **more):
        """Submits a run of one task, "main"; more: keys of the task, and token, for idempotency. Returns its run id."""
        body = {"queue": {"enabled": True}, "run_name": path}
        if "token" in more:
            body["idempotency_token"] = more.pop("token")
        task = {
            "task_key": "main",
            "notebook_task": {"notebook_path": path, "base_parameters": parameters or {}},
            **more,
        }
        return self.api("POST", "2.2/jobs/runs/submit", {**body, "tasks": [task]})["run_id"]

    def get(self, run_id):
        return self.api("GET", f"2.2/jobs/runs/get?run_id={run_id}")

    def ended(self, run_id, seconds=60):
        """The run, once it is over."""
        until = time.monotonic() + seconds
        while (run := self.get(run_id))["status"]["state"] != "TERMINATED":
            if time.monotonic() > until:
                raise TimeoutError(f"run {run_id} is still {run['status']['state']}")
            time.sleep(0.02)
        return run

    def output(self, run):
        """What came of the run's only task."""
        return self.api("GET", f"2.2/jobs/runs/get-output?run_id={run['tasks'][0]['run_id']}")

    def _json(self, method, path, given, headers):
        body = None if given is None else json.dumps(given).encode()
        request = urllib.request.Request(
            self.url + path, body, {"Content-Type": "application/json", **headers}, method=method
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=60) as answer:
            return json.load(answer)


def error_of(error):
    """The JSON of an urllib.error.HTTPError."""
    return json.loads(error.read())
