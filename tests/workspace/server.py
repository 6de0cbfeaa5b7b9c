"""The workspace's HTTP: connections, routes, the log of all requests, and where faults come in."""

import gzip
import io
import json
import socket
import ssl
import struct
import sys
import threading
import time
import traceback
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import faults
from errors import ApiError
from message import Answer, Request

LARGEST_BODY = 64 * 1024 * 1024
JSON = "application/json"
SO_TIMESTAMPNS = 35  # of Linux; the module socket does not know it


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 1024

    def __init__(self, address, workspace):
        super().__init__(address, Handler)
        self.workspace = workspace
        # The connections that are accepted have it, too.
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)

    def handle_error(self, request, client_address):
        """A client that goes away is none of our errors."""
        if not isinstance(sys.exc_info()[1], OSError):
            self.workspace.log.bug(traceback.format_exc())


class Arrivals(io.RawIOBase):
    """
    What comes through a connection. at: when the last of it came, as the system has noted it; so a client is not blamed
    for coming too fast when we were too slow to look.
    """

    def __init__(self, connection):
        self.connection = connection
        self.at = time.time()

    def readable(self):
        return True

    def readinto(self, buffer):
        size, told, _, _ = self.connection.recvmsg_into([buffer], socket.CMSG_SPACE(16))
        self.at = time.time()
        for level, kind, data in told:
            if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
                seconds, nanoseconds = struct.unpack("qq", data)
                self.at = seconds + nanoseconds / 1e9
        return size


class Log:
    """Every request: when, what, whose, and what came of it."""

    def __init__(self):
        self.entries = []
        self.bugs = []
        self.lock = threading.Lock()

    def begin(self, request, clock, rule):
        # All keys are there from the beginning: it is read while it is written.
        entry = {
            "time": request.arrived,
            "clock": clock.now(),
            "method": request.method,
            "path": request.path,
            "query": {
                name: value for name, value in request.query.items() if "token" not in name or name == "page_token"
            },
            "user_agent": request.headers.get("User-Agent"),
            "auth": (request.headers.get("Authorization") or "").split(" ")[0],
            "status": None,
            "error_code": None,
            "seconds": None,
            "user": None,
            "run_id": None,
            "task_key": None,
            "idempotency_token": None,
            "fault": rule.name if rule is not None else None,
            "request_id": None,
            "request_bytes": len(request.content),
            "answer_bytes": None,
            "retry_after": None,
        }
        with self.lock:
            self.entries.append(entry)
        return entry

    def bug(self, text):
        self.bugs.append(text)
        print(text, file=sys.stderr, flush=True)

    def clear(self):
        with self.lock:
            self.entries = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "databricks"
    sys_version = ""
    wbufsize = -1
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self.arrivals = None
        if not isinstance(self.connection, ssl.SSLSocket):
            self.rfile.close()
            self.arrivals = Arrivals(self.connection)
            self.rfile = io.BufferedReader(self.arrivals)

    def do_GET(self):
        self._answer()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_GET

    def log_message(self, *_):
        pass

    def _answer(self):
        workspace = self.server.workspace
        arrived = time.time() if self.arrivals is None else self.arrivals.at
        content = self._content()
        if content is None:
            return
        request = Request(
            self.command, self.path, self.headers, content, workspace.url, workspace.workspace_id, arrived
        )
        if request.path.startswith("/_test/"):
            if not self.client_address[0].startswith("127.") and self.client_address[0] != "::1":
                self._send(Answer(403, b"", {}))
                return
            self._send(self._handled(request, workspace.admin.handle, str(uuid.uuid4())))
            return
        rule = workspace.faults.for_request(request.method, request.path)
        entry = workspace.log.begin(request, workspace.clock, rule)
        began = time.monotonic()
        entry["request_id"] = str(uuid.uuid4())
        try:
            self._with_faults(request, rule.action if rule is not None else {}, entry)
        finally:
            entry["seconds"] = time.monotonic() - began

    def _content(self):
        """Reads the body. Returns None when there is nobody to answer to."""
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            content = bytearray()
            while (size := int(self.rfile.readline().split(b";")[0] or b"0", 16)) > 0:
                content += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return bytes(content)
        length = int(self.headers.get("Content-Length") or 0)
        if length > LARGEST_BODY:
            self.close_connection = True
            self._send(Answer(413, b"", {}))
            return None
        content = self.rfile.read(length)
        return content if len(content) == length else None

    # -- doing what is asked

    def _with_faults(self, request, action, entry):
        workspace = self.server.workspace
        if "delay" in action:
            time.sleep(action["delay"])
        if action.get("drop") == "before":
            self._cut(action.get("reset"))
            return
        answer = None
        if "token_expired" in action:
            workspace.auth.expire(request)
            answer = self._handled(request, _expired, entry["request_id"])
        elif "status" in action and not action.get("handle") or "html" in action or "garbage" in action:
            answer = None
        else:
            answer = self._handled(request, self._route, entry["request_id"])
        # Before the answer goes: whoever has it may look at the log at once.
        entry.update(
            user=request.user,
            run_id=request.run_id,
            task_key=request.task_key,
            idempotency_token=request.idempotency_token,
        )
        if action.get("drop") == "after":
            # The log says what was done, though nobody is told.
            entry["status"], entry["error_code"] = answer.status, answer.error_code
            self._cut(action.get("reset"))
            return
        answer = self._instead(action, entry["request_id"]) or answer
        entry["status"], entry["error_code"] = answer.status, getattr(answer, "error_code", None)
        entry["answer_bytes"], entry["retry_after"] = len(answer.body), answer.headers.get("Retry-After")
        self._send(answer, action)

    def _instead(self, action, request_id):
        """The answer that a rule wants, or None."""
        if "html" in action:
            return Answer(200, faults.LOGIN_PAGE, {}, "text/html; charset=utf-8")
        if "garbage" in action:
            return Answer(200, b'{"run_id": 12', {}, JSON)
        if "status" not in action:
            return None
        body = action.get(
            "body",
            {
                "error_code": "TEMPORARILY_UNAVAILABLE" if action["status"] >= 500 else "REQUEST_LIMIT_EXCEEDED",
                "message": "The service at %s is temporarily unavailable. Please try again later." % self.path,
            },
        )
        headers = dict(action.get("headers", {}))
        if "retry_after" in action:
            headers["Retry-After"] = faults.retry_after(action["retry_after"], self.server.workspace.clock)
        kind = action.get("content_type", "text/html" if isinstance(body, str) else JSON)
        answer = Answer(
            action["status"], body.encode() if isinstance(body, str) else json.dumps(body).encode(), headers, kind
        )
        answer.headers.setdefault("X-Request-Id", request_id)
        return answer

    def _handled(self, request, handle, request_id):
        """What the workspace answers, errors included, as an Answer."""
        error_code = None
        try:
            made = handle(request)
            answer = made if isinstance(made, Answer) else Answer(200, json.dumps(made).encode(), {}, JSON)
        except ApiError as error:
            error_code = error.code
            answer = Answer(error.status, json.dumps(error.body(request_id)).encode(), error.headers, JSON)
        except Exception:
            self.server.workspace.log.bug(traceback.format_exc())
            error = ApiError(500, "INTERNAL_ERROR", "The stand-in has a bug: see its standard error.")
            error_code = error.code
            answer = Answer(500, json.dumps(error.body(request_id)).encode(), {}, JSON)
        answer.error_code = error_code
        answer.headers["X-Request-Id"] = request_id
        answer.headers["X-Databricks-Org-Id"] = str(self.server.workspace.workspace_id)
        return answer

    def _route(self, request):
        workspace = self.server.workspace
        handler = workspace.find(request.method, request.path)
        if handler is None:
            raise ApiError(404, "ENDPOINT_NOT_FOUND", f"No API found for '{request.method} {request.path}'")
        if request.path.startswith("/api/"):
            request.user = workspace.auth.identify(request)
            workspace.limits.check(request.path, request.arrived)
        return handler(request)

    # -- sending

    def _send(self, answer, action=None):
        action = action or {}
        body = answer.body
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if len(body) > 1024 and "gzip" in self.headers.get("Accept-Encoding", "") and not action.get("truncate"):
            body = gzip.compress(body, 1)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command == "HEAD":
            body = b""
        try:
            if "truncate" in action:
                self.wfile.write(body[:action["truncate"]])
                self.wfile.flush()
                self._cut(False)
            elif "slow" in action:
                self._slowly(body, action["slow"])
            else:
                self.wfile.write(body)
                self.wfile.flush()
        except OSError:
            # The client has given up.
            self.close_connection = True

    def _slowly(self, body, slow):
        pieces = max(1, slow.get("pieces", 10))
        size = max(1, -(-len(body) // pieces))
        for start in range(0, len(body), size):
            time.sleep(slow["seconds"] / pieces)
            self.wfile.write(body[start:start + size])
            self.wfile.flush()

    def _cut(self, reset):
        """Ends the connection."""
        self.close_connection = True
        try:
            if reset:
                # Closing then sends RST.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
            else:
                self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def _expired(_):
    raise ApiError(401, "UNAUTHENTICATED", "Access token has expired.")
