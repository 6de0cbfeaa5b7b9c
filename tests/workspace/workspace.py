#!/usr/bin/env python3
"""
A stand-in for a Databricks workspace, for tests: an HTTP server that speaks the parts of the Jobs, Workspace and
authentication APIs that somebody who runs notebooks needs, and really runs the notebooks it is given, on this
machine.

It prints one line of JSON when it is ready: {"url": ..., "pid": ..., "workspace_id": ..., "token": ...}. Everything
is in its memory; everything it has started ends with it, however it ends. What tests may ask of it is in admin.py,
the faults it can be told to have are in faults.py. It is as good as Databricks' own SDK says it is: test_sdk.py.
"""

import argparse
import json
import os
import shutil
import signal
import ssl
import sys
import tempfile
import threading

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import leash  # noqa: E402
from admin import Admin  # noqa: E402
from auth import Auth  # noqa: E402
from clock import Clock  # noqa: E402
from compute import Compute  # noqa: E402
from faults import Faults  # noqa: E402
from files import Files  # noqa: E402
from inline import InlineEngine  # noqa: E402
from jobs import Jobs  # noqa: E402
from kernel import KernelEngine  # noqa: E402
from limits import RETRY_AFTER, Limits  # noqa: E402
from run_endpoints import RunEndpoints  # noqa: E402
from scheduler import Phases, Scheduler  # noqa: E402
from server import Log, Server  # noqa: E402

TOKEN = "dapi00112233445566778899aabbccddeeff"
USER = "someone@example.com"
CLUSTER = "1125-084310-standin1"
WORKSPACE_ID = 7405618206913507


class Workspace:
    """All of it, put together from the options of the command line."""

    def __init__(self, options, folder):
        self.workspace_id = WORKSPACE_ID
        self.log = Log()
        self.clock = Clock()
        self.clock.change(options.clock_scale)
        self.server = Server((options.host, options.port), self)
        scheme = "http"
        if options.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*options.tls)
            # Hands are shaken in the connection's own thread.
            self.server.socket = context.wrap_socket(
                self.server.socket, server_side=True, do_handshake_on_connect=False
            )
            scheme = "https"
        host, port = self.server.server_address[:2]
        self.url = f"{scheme}://{options.name or host}:{port}"
        self.auth = Auth(self.clock, options.token_lifetime, options.same_clock)
        self.auth.add_pat(options.token, USER)
        for pair in options.pat:
            self.auth.add_pat(*pair)
        self.auth.add_user(USER, "password")
        for pair in options.client:
            self.auth.add_client(*pair)
        for pair in options.azure_client:
            self.auth.add_azure_client(*pair)
        self.auth.azure_resource = options.azure_resource
        self.limits = Limits(options.limit, not options.no_limits, options.retry_after, options.jobs_per_hour)
        self.faults = Faults(self.clock)
        users = [
            USER,
            *(user for _, user in options.pat),
            *(client for client, _ in options.client + options.azure_client),
        ]
        self.files = Files(self.clock, users)
        engine = InlineEngine(folder) if options.engine == "inline" else KernelEngine(folder, options.kernel)
        # Notebooks come back by the plain loopback address, whatever the name is that clients use.
        self.back = Server(("127.0.0.1", 0), self) if options.tls else self.server
        self.scheduler = Scheduler(
            self.clock,
            self.files,
            self.faults,
            engine,
            "http://127.0.0.1:%d" % self.back.server_address[1],
            folder,
            options.concurrent_runs,
            Phases(options.pending, options.terminating, options.contexts),
        )
        clusters = dict([(CLUSTER, "RUNNING"), *options.cluster])
        forms = ("state", "status") if options.forms == "both" else (options.forms,)
        page = f"{self.url}/?o={self.workspace_id}"
        self.runs = RunEndpoints(
            self.clock, self.scheduler, self.limits, clusters, page, not options.no_serverless, forms
        )
        self.jobs = Jobs(self.clock, self.runs, self.limits)
        self.compute = Compute(self.clock, clusters, options.warehouse or ["stand-in-warehouse"])
        self.admin = Admin(self, {tuple(name.split("/", 1)): value for name, value in options.secret})
        self.routes = {}
        for part in (self.auth, self.files, self.runs, self.jobs, self.compute):
            self.routes.update(part.routes())

    def find(self, method, path):
        """Returns what handles a request, or None."""
        return self.routes.get((method, path)) or self.auth.azure_route(method, path) \
            or self.compute.warehouse_route(method, path)

    def start(self):
        for server in {self.server, self.back}:
            threading.Thread(target=server.serve_forever, daemon=True).start()

    def stop(self):
        for server in {self.server, self.back}:
            server.shutdown()
        self.scheduler.stop_all([run for run in self.runs.order if not run.over])
        self.scheduler.engine.close()

    def to_json(self):
        return {
            "runs": self.runs.to_json(),
            "jobs": self.jobs.to_json(),
            "files": self.files.to_json(),
            "scheduler": self.scheduler.to_json(),
            "limits": self.limits.to_json(),
            "auth": self.auth.to_json(),
            "clock": self.clock.to_json(),
            "faults": self.faults.to_json(),
            "unknown_keys": sorted(self.runs.unknown_keys),
            "bugs": self.log.bugs,
            "requests": len(self.log.entries),
        }


def pair(separator, default=None):
    """An option's value of two parts."""
    def split(text):
        left, found, right = text.partition(separator)
        if not found and default is None:
            raise argparse.ArgumentTypeError(f"'{text}' lacks a '{separator}'")
        return left, right if found else default
    return split


def limit(text):
    name, count = pair("=")(text)
    return name, int(count)


def seconds_range(text):
    low, high = pair(":", "")(text)
    return float(low), float(high or low)


def parse(arguments):
    parser = argparse.ArgumentParser(description="A stand-in for a Databricks workspace.")
    add = parser.add_argument
    add("--port", type=int, default=0, help="0, the default: any")
    add("--host", default="127.0.0.1")
    add("--name", help="what it calls itself in its URLs, in place of the address")
    add("--tls", nargs=2, metavar=("CERTIFICATE", "KEY"), help="speak TLS")
    add("--state-dir", help="where runs have their folders; without it, a temporary folder")
    add("--leash", action="store_true", help="die with the process that has started it")
    add(
        "--engine",
        choices=("kernel", "inline"),
        default="kernel",
        help="what runs notebooks: a kernel each, or forks of one process",
    )
    add("--kernel", default="python3", help="the kernelspec of an ipykernel")
    add("--token", default=TOKEN, help=f"the personal access token of {USER}")
    add("--pat", type=pair("="), action="append", default=[], metavar="TOKEN=USER", help="one more")
    add(
        "--client",
        type=pair(":"),
        action="append",
        default=[],
        metavar="ID:SECRET",
        help="a service principal for OAuth",
    )
    add(
        "--azure-client",
        type=pair(":"),
        action="append",
        default=[],
        metavar="ID:SECRET",
        help="one of Microsoft Entra",
    )
    add("--azure-resource", metavar="ID", help="which those need, as they are no users but administer the workspace")
    add("--same-clock", action="store_true", help="the clients' clocks go as fast as the workspace's")
    add("--token-lifetime", type=float, default=3600, metavar="SECONDS", help="of access tokens")
    add("--secret", type=pair("="), action="append", default=[], metavar="SCOPE/KEY=VALUE", help="for dbutils.secrets")
    add(
        "--cluster",
        type=pair("=", "RUNNING"),
        action="append",
        default=[],
        metavar="ID[=STATE]",
        help=f"besides {CLUSTER}",
    )
    add("--warehouse", action="append", default=[], metavar="ID")
    add("--no-serverless", action="store_true", help="every task must name a cluster")
    add("--concurrent-runs", type=int, default=1000, help="more runs than these are queued")
    add("--contexts", type=int, default=145, help="notebooks at once on a cluster that is named")
    add("--pending", type=seconds_range, default=(0.0, 0.0), metavar="SECONDS[:SECONDS]", help="in PENDING")
    add("--terminating", type=float, default=0.0, metavar="SECONDS", help="in TERMINATING")
    add("--clock-scale", type=float, default=1.0, help="how much faster time goes here")
    add("--no-limits", action="store_true", help="no limits of requests a second but those of --limit")
    add(
        "--limit",
        type=limit,
        action="append",
        default=[],
        metavar="ENDPOINT=COUNT",
        help="a second, e.g. jobs/runs/get=100",
    )
    add("--retry-after", choices=RETRY_AFTER, default="alternate", help="whether a 429 says when to come again")
    add("--jobs-per-hour", type=int, default=10000)
    add("--forms", choices=("both", "state", "status"), default="both", help="how it tells the state of a run")
    return parser.parse_args(arguments)


def main(arguments):
    options = parse(arguments)
    options.limit = dict(options.limit)
    if options.leash:
        leash.hold(os.getppid())
    # A thread for every run and every connection.
    threading.stack_size(512 * 1024)
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: done.set())
    folder = options.state_dir or tempfile.mkdtemp(prefix="stand-in-")
    os.makedirs(folder, exist_ok=True)
    workspace = Workspace(options, folder)
    workspace.start()
    print(
        json.dumps({"url": workspace.url, "pid": os.getpid(), "workspace_id": WORKSPACE_ID, "token": options.token}),
        flush=True,
    )
    done.wait()
    workspace.stop()
    if options.state_dir is None:
        shutil.rmtree(folder, ignore_errors=True)
    # Threads that still wait for something are not waited for.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
