#!/usr/bin/env python3
"""
faultkernel: a Jupyter kernel that does what it is told, right or wrong.

It speaks version 5.3 of Jupyter's messaging protocol over tcp or ipc with nothing but pyzmq, and it is strict
with its client: a request with a wrong signature, an id seen before, or a header that lacks something makes it
print what was wrong and exit with status 70.

    faultkernel.py -f CONNECTION_FILE [OPTION]...        (--help lists the options: faults of the start and the end)

CELLS

A cell is a list of commands, one a line. Empty lines and those that begin with # do nothing. TEXT goes on to
the end of the line; JSON is one JSON value. An unknown command raises SyntaxError.

  What a good kernel does:
    print TEXT            a line on stdout
    stderr TEXT           a line on stderr
    write JSON            a JSON string on stdout, exactly
    display JSON          display_data with this content ({"data": {...}, "metadata": ..., "transient": ...})
    update JSON           update_display_data with this content
    result JSON           execute_result with this data ({"text/plain": ...})
    clear [wait]          clear_output
    error NAME TEXT       raise: an error output, the reply says error, the cell ends
    NAME = LITERAL        keep a value, written as a Python literal
    show NAME             print the value as JSON
    count N               the execution count of this cell is N
    input                 ask for input; raises StdinNotImplementedError when the client does not allow that
    raw CHANNEL TYPE JSON send any message on iopub, or to the client on shell or stdin
    flood N               N display_data messages
    big N                 N bytes on stdout, in lines of 100
    fill N                display_data of N bytes of text/plain, in one message

  What it knows about itself:
    request               print the content of the execute_request
    connection            print {"transport", "mode" of the connection file, "signed", "folder_mode"}
    env NAME | cwd | pid  print the variable, the working directory, the process id
    received              print the types of all requests so far, kernel_info_request but once

  Time and the outside:
    sleep SECONDS         stopped by an interrupt, which raises KeyboardInterrupt
    hang [ignore-int]     sleep for ever; with ignore-int interrupts are ignored
    touch FILE            create FILE
    wait FILE             sleep until FILE is there
    native TEXT           write a line to the file descriptors 1 and 2, past the protocol
    spawn KIND FILE       start a process that sleeps for ten minutes and write its id to FILE. KIND is child, setsid,
                          daemon (setsid and two forks), stubborn (daemon that ignores TERM, INT and HUP), or
                          hydra (forks itself and leaves again and again, for 20 seconds)

  Running other notebooks (JSON is what to ask for, an object, or a path alone):
    call JSON             run one and print the answer, a line of JSON
    calls N JSON          N of them at the same time, from threads; prints a list of the answers
    forked N JSON         the same from processes that are forked
    begin JSON            ask for one and do not wait
    drop                  close the connections of those that have begun; print nothing
    orphan FILE JSON      fork a process that runs one, and write its id to FILE
    send JSON             send a JSON string to the socket, exactly, then no more; print what comes back

  What a bad kernel does:
    die SIGNAL            send itself a signal, by number
    exit STATUS           exit at once
    stop                  stop itself (SIGSTOP)
    reply-before-idle     the order in which a cell ends; this is the default
    idle-before-reply     the other one
    no-idle | no-reply    leave that out
    aborted               reply "aborted" and end the cell
    late TEXT             a line on stdout after reply and idle
    wrong-parent TEXT     a line on stdout that belongs to another request
    no-parent TEXT        a line on stdout that belongs to no request
    badsig TEXT           a line on stdout, wrongly signed
    nosig TEXT            a line on stdout, with an empty signature
    truncated             a message without its last two frames
    notjson               a message whose content is no JSON, rightly signed
    notobject             a message whose content is a JSON list
    badutf8               "bad " and two bytes that are no UTF-8 on stdout
    deep N                display_data whose application/json is nested N deep
    nan                   display_data whose application/json holds NaN
    nokind                a message without msg_type in its header
"""

import argparse
import ast
import hashlib
import hmac
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
import uuid
from datetime import datetime, timezone

import zmq

DELIMITER = b"<IDS|MSG>"
STAGES = ("start", "bind", "bound", "info", "cell")


def ask(request):
    """Asks for a notebook to be run; returns the connection."""
    s = socket.socket(socket.AF_UNIX)
    s.connect(os.environ["NBFORK_CALL"])
    s.sendall(json.dumps({"path": request} if isinstance(request, str) else request).encode() + b"\n")
    return s


def answer(s):
    """The answer, once it is there; all that comes when it is none."""
    with s, s.makefile("r", encoding="utf-8") as f:
        text = f.read()
    return json.loads(text) if text.count("\n") == 1 else text


def options():
    p = argparse.ArgumentParser(description="A Jupyter kernel that misbehaves on request.")
    p.add_argument("-f", dest="file", required=True, help="the connection file")
    p.add_argument("--late", type=float, default=0, metavar="S", help="bind S seconds late")
    p.add_argument("--slow-bind", type=float, default=0, metavar="S", help="pause S seconds after each socket is bound")
    p.add_argument("--iopub-late", type=float, default=0, metavar="S", help="bind iopub S seconds after the others")
    p.add_argument("--die", choices=STAGES, help="die at the start, before binding, when bound, "
                   "after the first kernel_info_reply, or at the first cell")
    p.add_argument("--die-by", default="exit 1", metavar="HOW", help="'exit N' or 'kill N' (exit 1)")
    p.add_argument("--busy-once", metavar="FILE", help="the first time, create FILE and fail as if a port were taken")
    p.add_argument("--noise", action="store_true", help="print to stdout and stderr at the start")
    p.add_argument("--no-info", action="store_true", help="never answer kernel_info_request")
    p.add_argument("--info-after", type=int, default=1, metavar="N", help="answer the Nth kernel_info_request first")
    p.add_argument("--info-badsig", type=int, default=0, metavar="N", help="sign the first N kernel_info_reply wrongly")
    p.add_argument("--info-language", metavar="JSON", help="language_info of the kernel_info_reply; null leaves it out")
    p.add_argument("--protocol", default="5.3", help="the protocol version to claim")
    p.add_argument("--quiet-iopub", action="store_true", help="publish nothing about kernel_info_request")
    p.add_argument("--welcome", action="store_true", help="greet subscribers with iopub_welcome (XPUB)")
    p.add_argument("--no-sigint", action="store_true", help="ignore SIGINT: interrupts come as messages")
    p.add_argument("--ignore-shutdown", action="store_true", help="ignore shutdown_request")
    p.add_argument("--linger", action="store_true", help="answer shutdown_request, but go on")
    p.add_argument("--ignore-term", action="store_true", help="ignore SIGTERM")
    p.add_argument("--last-words", metavar="FILE", help="append a line to FILE on shutdown_request")
    return p.parse_args()


class Interrupted(Exception):
    """An interrupt has come while a cell slept."""


class Raised(Exception):
    """A cell ends with an error."""

    def __init__(self, name, value, status="error"):
        super().__init__(name, value)
        self.name, self.value, self.status = name, value, status


class Wire:
    """The five sockets of a connection file, and messages on them."""

    def __init__(self, opt):
        with open(opt.file) as f:
            self.connection = json.load(f)
        self.key = self.connection["key"].encode()
        self.session = uuid.uuid4().hex
        self.protocol = opt.protocol
        self.seen = set()
        self.context = zmq.Context()
        kinds = {"shell": zmq.ROUTER, "stdin": zmq.ROUTER, "control": zmq.ROUTER, "hb": zmq.REP,
                 "iopub": zmq.XPUB if opt.welcome else zmq.PUB}
        order = ["shell", "stdin", "control", "hb", "iopub"]
        self.sockets = {}
        for channel in order:
            if channel == "iopub":
                time.sleep(opt.iopub_late)
            socket = self.sockets[channel] = self.context.socket(kinds[channel])
            socket.linger = 500
            socket.sndhwm = socket.rcvhwm = 0  # what gets lost is never lost here
            socket.bind(self.endpoint(channel))
            time.sleep(opt.slow_bind)

    def endpoint(self, channel):
        c = self.connection
        separator = "-" if c["transport"] == "ipc" else ":"
        return f"{c['transport']}://{c['ip']}{separator}{c[channel + '_port']}"

    def sign(self, parts):
        return hmac.new(self.key, b"".join(parts), hashlib.sha256).hexdigest().encode() if self.key else b""

    def header(self, kind):
        return {"msg_id": uuid.uuid4().hex, "session": self.session, "username": "fault", "msg_type": kind,
                "date": datetime.now(timezone.utc).isoformat().replace("+00:00", "Z"), "version": self.protocol}

    def parts(self, kind, content, parent):
        header = self.header(kind)
        if kind is None:
            del header["msg_type"]
        return [json.dumps(x).encode() for x in (header, parent, {}, content)]

    def send(self, channel, kind, content, parent, ids=(), parts=None, signature=None):
        """Sends a message; parts and signature, where given, are used in place of the right ones."""
        parts = parts or self.parts(kind, content, parent)
        topic = [f"kernel.{self.session}.{kind}".encode()] if channel == "iopub" and kind != "iopub_welcome" else []
        signature = self.sign(parts) if signature is None else signature
        self.sockets[channel].send_multipart([*ids, *topic, DELIMITER, signature, *parts])

    def receive(self, channel):
        """A message as (ids, header, content); the client is held to the rules."""
        frames = self.sockets[channel].recv_multipart()
        cut = frames.index(DELIMITER)
        ids, signature, parts = frames[:cut], frames[cut + 1], frames[cut + 2:cut + 6]
        if signature != self.sign(parts):
            blame("a wrong signature")
        header, _, _, content = (json.loads(p) for p in parts)
        for key in ("msg_id", "session", "username", "date", "msg_type", "version"):
            if not isinstance(header.get(key), str) or key != "username" and not header[key]:
                blame(f"a header without {key}")
        if header["msg_id"] in self.seen:
            blame("the same msg_id twice")
        self.seen.add(header["msg_id"])
        datetime.fromisoformat(header["date"].replace("Z", "+00:00"))
        if not header["version"].startswith("5."):
            blame(f"version {header['version']}")
        if not isinstance(content, dict):
            blame("a content that is no object")
        return ids, header, content


def blame(what):
    print(f"faultkernel: the client sent {what}", file=sys.stderr, flush=True)
    os._exit(70)


class Kernel:
    def __init__(self, opt):
        self.opt = opt
        self.interrupted = False
        signal.signal(signal.SIGINT, self.on_interrupt)
        if opt.ignore_term:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self.fate("start")
        if opt.noise:
            os.write(1, b"noise on stdout\n")
            os.write(2, b"noise on stderr\n")
        if opt.busy_once and not os.path.exists(opt.busy_once):
            open(opt.busy_once, "w").close()
            print("Address already in use", file=sys.stderr, flush=True)
            os._exit(1)
        time.sleep(opt.late)
        self.fate("bind")
        self.wire = Wire(opt)
        self.fate("bound")
        self.parent = {}
        self.request = {}
        self.count = 0
        self.infos = 0
        self.received = []
        self.values = {}
        self.begun = []
        self.running = False

    def on_interrupt(self, *_):
        if not self.opt.no_sigint:
            self.interrupted = True

    def fate(self, stage):
        if self.opt.die == stage:
            how, number = self.opt.die_by.split()
            if how == "kill":
                os.kill(os.getpid(), int(number))
            os._exit(int(number))

    # What comes in.

    def serve(self):
        poller = zmq.Poller()
        for socket in self.wire.sockets.values():
            poller.register(socket, zmq.POLLIN)
        channels = {s: c for c, s in self.wire.sockets.items()}
        while True:
            for socket, _ in poller.poll(100):
                self.take(channels[socket])

    def take(self, channel):
        if channel == "hb":
            socket = self.wire.sockets["hb"]
            socket.send(socket.recv())
        elif channel == "iopub":
            self.greet()
        else:
            ids, header, content = self.wire.receive(channel)
            kind = header["msg_type"]
            if kind != "kernel_info_request" or kind not in self.received:
                self.received.append(kind)
            handler = getattr(self, "on_" + kind, None)
            if handler:
                handler(channel, ids, header, content)

    def greet(self):
        """With XPUB, what arrives on iopub are subscriptions."""
        if self.opt.welcome and self.wire.sockets["iopub"].recv()[:1] == b"\x01":
            self.wire.send("iopub", "iopub_welcome", {"subscription": ""}, {})

    def on_kernel_info_request(self, channel, ids, header, content):
        self.infos += 1
        if self.opt.no_info or self.infos < self.opt.info_after:
            return
        reply = {"status": "ok", "protocol_version": self.opt.protocol, "implementation": "faultkernel",
                 "implementation_version": "1", "banner": "fault", "help_links": [],
                 "language_info": {"name": "python", "version": "0", "mimetype": "text/x-fault",
                                   "file_extension": ".fault"}}
        if self.opt.info_language is not None:
            reply["language_info"] = json.loads(self.opt.info_language)
            if reply["language_info"] is None:
                del reply["language_info"]
        bad = self.infos - self.opt.info_after < self.opt.info_badsig
        if not self.opt.quiet_iopub:
            self.status("busy", header)
        self.wire.send(channel, "kernel_info_reply", reply, header, ids, signature=b"0" * 64 if bad else None)
        if not self.opt.quiet_iopub:
            self.status("idle", header)
        if not bad and self.opt.die == "info":
            time.sleep(0.1)  # for the reply to leave
            self.fate("info")

    def on_interrupt_request(self, channel, ids, header, content):
        self.wire.send(channel, "interrupt_reply", {"status": "ok"}, header, ids)
        self.interrupted = True

    def on_shutdown_request(self, channel, ids, header, content):
        if self.opt.ignore_shutdown:
            return
        self.wire.send(channel, "shutdown_reply", {"status": "ok", "restart": False}, header, ids)
        if self.opt.last_words:
            with open(self.opt.last_words, "a") as f:
                f.write("shutdown\n")
        if not self.opt.linger:
            self.wire.context.destroy()
            os._exit(0)

    # Cells.

    def status(self, state, parent):
        self.wire.send("iopub", "status", {"execution_state": state}, parent)

    def publish(self, kind, content, **more):
        self.wire.send("iopub", kind, content, more.pop("parent", self.parent), **more)

    def stream(self, name, text, **more):
        self.publish("stream", {"name": name, "text": text}, **more)

    def on_execute_request(self, channel, ids, header, content):
        if content["silent"]:  # no cell: what prepares a kernel of Python, which this is not
            self.wire.send(channel, "execute_reply", {"status": "ok", "execution_count": self.count}, header, ids)
            return
        self.fate("cell")
        self.parent, self.request, self.ids = header, content, ids
        self.count += 1
        self.end = ["reply", "idle"]
        self.last = []
        self.interrupted = False
        self.running = True
        self.status("busy", header)
        self.publish("execute_input", {"code": content["code"], "execution_count": self.count})
        reply = {"status": "ok", "payload": [], "user_expressions": {}}
        try:
            for line in content["code"].splitlines():
                self.command(line)
        except Interrupted:
            reply = self.fail("KeyboardInterrupt", "")
        except Raised as e:
            reply = {"status": "aborted"} if e.status == "aborted" else self.fail(e.name, e.value)
        reply["execution_count"] = self.count
        self.running = False
        for what in self.end:
            if what == "idle":
                self.status("idle", header)
            else:
                self.wire.send(channel, "execute_reply", reply, header, ids)
        for text in self.last:
            self.stream("stdout", text + "\n")

    def fail(self, name, value):
        error = {"ename": name, "evalue": value, "traceback": ["\x1b[31mTraceback\x1b[0m", f"{name}: {value}"]}
        self.publish("error", error)
        return {"status": "error", **error}

    def command(self, line):
        word, _, rest = line.strip().partition(" ")
        if not word or word.startswith("#"):
            return
        if rest.startswith("= "):
            try:
                self.values[word] = ast.literal_eval(rest[2:])
            except (ValueError, SyntaxError) as e:
                raise Raised("SyntaxError", f"{e}: {rest[2:]}") from e
            return
        handler = getattr(self, "do_" + word.replace("-", "_"), None)
        if not handler:
            raise Raised("SyntaxError", f"no such command: {word}")
        handler(rest)

    def pause(self, seconds, until=lambda: False, deaf=False):
        """Sleeps, but hears the control channel and interrupts."""
        control = self.wire.sockets["control"]
        end = time.monotonic() + seconds
        while time.monotonic() < end and not until():
            if control.poll(min(10, 1000 * max(0.001, end - time.monotonic()))):
                self.take("control")
            if self.interrupted:
                self.interrupted = False
                if not deaf:
                    raise Interrupted

    def do_print(self, text):
        self.stream("stdout", text + "\n")

    def do_stderr(self, text):
        self.stream("stderr", text + "\n")

    def do_write(self, text):
        self.stream("stdout", json.loads(text))

    def do_display(self, content):
        self.publish("display_data", {"metadata": {}, **json.loads(content)})

    def do_update(self, content):
        self.publish("update_display_data", {"metadata": {}, **json.loads(content)})

    def do_result(self, data):
        self.publish("execute_result", {"data": json.loads(data), "metadata": {}, "execution_count": self.count})

    def do_clear(self, how):
        self.publish("clear_output", {"wait": how == "wait"})

    def do_error(self, rest):
        name, _, value = rest.partition(" ")
        raise Raised(name, value)

    def do_show(self, name):
        if name not in self.values:
            raise Raised("NameError", name)
        self.do_print(json.dumps(self.values[name]))

    def do_count(self, n):
        self.count = int(n)
        self.publish("execute_input", {"code": "", "execution_count": self.count})

    def do_input(self, _):
        if not self.request.get("allow_stdin"):
            raise Raised("StdinNotImplementedError", "this frontend does not support input requests")
        self.wire.send("stdin", "input_request", {"prompt": "?", "password": False}, self.parent, self.ids)
        self.pause(1e9)

    def do_raw(self, rest):
        channel, kind, content = rest.split(" ", 2)
        ids = self.ids if channel in ("shell", "stdin") else ()
        self.wire.send(channel, kind, json.loads(content), self.parent, ids)

    def do_flood(self, n):
        for i in range(int(n)):
            self.publish("display_data", {"data": {"text/plain": str(i)}, "metadata": {}})

    def do_big(self, n):
        line = "x" * 99 + "\n"
        for start in range(0, int(n), 1 << 20):
            self.stream("stdout", line * ((min(1 << 20, int(n) - start) + 99) // 100))

    def do_fill(self, n):
        self.publish("display_data", {"data": {"text/plain": "y" * int(n)}, "metadata": {}})

    def do_request(self, _):
        self.do_print(json.dumps(self.request))

    def do_connection(self, _):
        file = os.path.realpath(self.opt.file)
        self.do_print(json.dumps({
            "transport": self.wire.connection["transport"], "signed": len(self.wire.key) >= 32,
            "scheme": self.wire.connection["signature_scheme"], "mode": oct(os.stat(file).st_mode & 0o777),
            "folder_mode": oct(os.stat(os.path.dirname(file)).st_mode & 0o777)}))

    def do_env(self, name):
        self.do_print(os.environ.get(name, "(unset)"))

    def do_cwd(self, _):
        self.do_print(os.getcwd())

    def do_pid(self, _):
        self.do_print(str(os.getpid()))

    def do_received(self, _):
        self.do_print(json.dumps(self.received))

    def do_sleep(self, seconds):
        self.pause(float(seconds))

    def do_hang(self, how):
        self.pause(1e9, deaf=how == "ignore-int")

    def do_touch(self, file):
        open(file, "w").close()

    def do_wait(self, file):
        self.pause(1e9, until=lambda: os.path.exists(file))

    def do_native(self, text):
        os.write(1, (text + "\n").encode())
        os.write(2, (text + "\n").encode())

    def do_spawn(self, rest):
        kind, file = rest.split(" ", 1)
        sleep, ids = "exec sleep 600", f"echo $$ > '{file}.new'; mv '{file}.new' '{file}'"
        script = {
            "child": f"{ids}; {sleep}",
            "setsid": f"{ids}; {sleep}",
            "daemon": f"setsid sh -c \"echo \\$\\$ > '{file}.new'; mv '{file}.new' '{file}'; {sleep}\" &",
            "stubborn": f"trap '' TERM INT HUP; setsid sh -c \"echo \\$\\$ > '{file}.new'; mv '{file}.new' '{file}'; "
                        f"{sleep}\" &",
        }
        if kind == "hydra":
            command = [sys.executable, "-S", "-c", HYDRA, file]
        else:
            command = ["sh", "-c", script[kind]]
        child = subprocess.Popen(command, start_new_session=kind != "child")
        if kind not in ("child", "setsid"):
            child.wait()
        self.pause(20, until=lambda: os.path.exists(file))

    def do_call(self, request):
        with ask(json.loads(request)) as s:
            self.pause(600, until=lambda: select.select([s], [], [], 0)[0])
            self.stream("stdout", json.dumps(answer(s)) + "\n")

    def do_calls(self, rest):
        n, _, request = rest.partition(" ")
        request = json.loads(request)
        answers = [None] * int(n)

        def run(i):
            answers[i] = answer(ask(request))
        threads = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(len(answers))]
        for t in threads:
            t.start()
        self.pause(600, until=lambda: not any(t.is_alive() for t in threads))
        self.stream("stdout", json.dumps(answers) + "\n")

    def do_forked(self, rest):
        n, _, request = rest.partition(" ")
        ends = [os.pipe() for _ in range(int(n))]
        for _, to in ends:
            if os.fork() == 0:
                os.write(to, json.dumps(answer(ask(json.loads(request)))).encode())
                os._exit(0)
            os.close(to)
        files = [os.fdopen(end) for end, _ in ends]
        for f in files:
            self.pause(600, until=lambda: select.select([f], [], [], 0)[0])
        self.stream("stdout", json.dumps([json.load(f) for f in files]) + "\n")

    def do_begin(self, request):
        self.begun.append(ask(json.loads(request)))

    def do_drop(self, _):
        for s in self.begun:
            s.close()
        self.begun.clear()

    def do_orphan(self, rest):
        file, _, request = rest.partition(" ")
        pid = os.fork()
        if pid == 0:
            answer(ask(json.loads(request)))
            os._exit(0)
        with open(file + ".new", "w") as f:
            f.write(str(pid))
        os.rename(file + ".new", file)

    def do_send(self, text):
        s = socket.socket(socket.AF_UNIX)
        s.connect(os.environ["NBFORK_CALL"])
        s.sendall(json.loads(text).encode("utf-8", "surrogatepass"))
        s.shutdown(socket.SHUT_WR)
        self.stream("stdout", json.dumps(answer(s)) + "\n")

    def do_die(self, number):
        os.kill(os.getpid(), int(number))

    def do_exit(self, status):
        os._exit(int(status))

    def do_stop(self, _):
        os.kill(os.getpid(), signal.SIGSTOP)

    def do_reply_before_idle(self, _):
        self.end = ["reply", "idle"]

    def do_idle_before_reply(self, _):
        self.end = ["idle", "reply"]

    def do_no_idle(self, _):
        self.end.remove("idle")

    def do_no_reply(self, _):
        self.end.remove("reply")

    def do_aborted(self, _):
        raise Raised("", "", status="aborted")

    def do_late(self, text):
        self.last.append(text)

    def do_wrong_parent(self, text):
        self.stream("stdout", text + "\n", parent={**self.parent, "msg_id": "somebody-elses"})

    def do_no_parent(self, text):
        self.stream("stdout", text + "\n", parent={})

    def do_badsig(self, text):
        self.stream("stdout", text + "\n", signature=b"0" * 64)

    def do_nosig(self, text):
        self.stream("stdout", text + "\n", signature=b"")

    def do_truncated(self, _):
        parts = self.wire.parts("stream", {"name": "stdout", "text": "truncated\n"}, self.parent)
        self.wire.send("iopub", "stream", None, None, parts=parts[:2], signature=self.wire.sign(parts))

    def do_notjson(self, _):
        parts = self.wire.parts("stream", {}, self.parent)
        self.wire.send("iopub", "stream", None, None, parts=parts[:3] + [b'{"name": "stdout", "text": "not'])

    def do_notobject(self, _):
        self.publish("stream", ["stdout", "a list\n"])

    def do_badutf8(self, _):
        parts = self.wire.parts("stream", {"name": "stdout", "text": "bad ??\n"}, self.parent)
        self.wire.send("iopub", "stream", None, None, parts=parts[:3] + [parts[3].replace(b"??", b"\xff\xc3")])

    def do_deep(self, n):
        parts = self.wire.parts("display_data", {}, self.parent)
        deep = "[" * int(n) + "]" * int(n)
        content = '{"data": {"application/json": %s}, "metadata": {}}' % deep
        self.wire.send("iopub", "display_data", None, None, parts=parts[:3] + [content.encode()])

    def do_nan(self, _):
        self.publish("display_data", {"data": {"application/json": {"x": float("nan")}}, "metadata": {}})

    def do_nokind(self, _):
        parts = self.wire.parts(None, {"name": "stdout", "text": "no kind\n"}, self.parent)
        self.wire.send("iopub", "stream", None, None, parts=parts)


HYDRA = """
import os, sys, time
os.setsid() if os.fork() == 0 else os._exit(0)
with open(sys.argv[1] + ".new", "w") as f:
    f.write(str(os.getpid()))
os.rename(sys.argv[1] + ".new", sys.argv[1])
end = time.monotonic() + 20
while time.monotonic() < end:
    time.sleep(0.02)
    if os.fork():
        os._exit(0)
"""


if __name__ == "__main__":
    try:
        Kernel(options()).serve()
    except Exception:
        traceback.print_exc()
        os._exit(70)  # at once: ZeroMQ would wait for its sockets
