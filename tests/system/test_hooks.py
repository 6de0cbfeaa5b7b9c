"""
Hooks: commands that are run when a run begins and ends.
"""

import json
import os
import signal
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from harness import SLOW, alive, state, wait_for
from test_manpages import literals

TELL = """#!/usr/bin/python3
import json, os, sys, time
place, *orders = sys.argv[1:]
document = json.load(sys.stdin)
told = {"argv": sys.argv, "pid": os.getpid(), "cwd": os.getcwd(), "env": dict(os.environ), "document": document,
        "results": json.load(open(os.environ["NBFORK_RUN_DIR"] + "/results.json")) if document["status"] != "running" else None}
with open(place + ".new", "w") as f:
    json.dump(told, f)
os.rename(place + ".new", place)
for order in orders:
    if order == "say":
        print("on standard output", flush=True)
        print("on standard error", file=sys.stderr)
    elif order == "wait":
        while not os.path.exists("go"):
            time.sleep(0.01)
    else:
        sys.exit(int(order))
"""

ENDS = ["on_success", "on_failure", "on_finish"]


@pytest.fixture
def told(work):
    """Hooks that tell what they were told, and what the one of that name was; None for nothing."""
    work.write("tell", TELL)
    work.path("tell").chmod(0o755)
    work.notebook("good", "print x")
    work.notebook("bad", "error E x")
    work.notebook("waits", "wait go")

    def look(hook):
        path = work.path(f"{hook}.told")
        return json.loads(path.read_text()) if path.exists() else None
    return look


def tell(hook, *orders):
    return ["./tell", f"{hook}.told", *orders]


def all_hooks(**more):
    return {**{hook: tell(hook) for hook in ["on_start", *ENDS]}, **more}


def outcome(run):
    return [(h["hook"], h["status"]) for h in run.results["hooks"]]


@pytest.mark.parametrize("notebooks, options, status, end", [
    (["good"], [], 0, "succeeded"),
    (["good", "bad"], [], 1, "failed"),
    (["bad", "good"], ["-e", "fail-fast", "-j1"], 1, "failed"),
    (["bad", "good"], ["-e", "drain", "-j1"], 1, "failed"),
], ids=["success", "let-finish", "fail-fast", "drain"])
def test_they_run_when_it_is_their_turn_with_the_document(work, told, notebooks, options, status, end):
    work.workflow(*(f"{n}.ipynb" for n in notebooks), hooks=all_hooks())
    run = work.run(*options, "workflow.yaml")
    due = "on_success" if end == "succeeded" else "on_failure"
    assert run.status == status, run.story()
    assert outcome(run) == [(hook, "succeeded") for hook in ("on_start", due, "on_finish")]
    assert [hook for hook in ENDS if told(hook)] == [due, "on_finish"]
    for hook, at in (("on_start", "running"), (due, end), ("on_finish", end)):
        t = told(hook)
        assert t["argv"] == ["./tell", f"{hook}.told"]
        assert t["cwd"] == str(work.dir)
        assert {k: v for k, v in t["env"].items() if k.startswith("NBFORK_") and k != "NBFORK_TEST_MARK"} == {
            "NBFORK_HOOK": hook, "NBFORK_STATUS": at, "NBFORK_RUN_ID": run.results["run"]["id"], "NBFORK_RUN_DIR": str(run.dir),
            "NBFORK_WORKFLOW": "test", "NBFORK_WORKFLOW_FILE": str(work.path("workflow.yaml"))}
        assert t["document"]["status"] == at
        # What it has read is what is in the folder, and what is there in the end, but for the hooks themselves.
        assert t["results"] is None or {**t["document"], "hooks": []} == {**t["results"], "hooks": []} == {**run.results, "hooks": []}
    start = told("on_start")["document"]
    assert (start["finished_at"], start["duration_seconds"], sum(start["counts"].values())) == (None, None, 0)
    assert [(n["name"], n["status"], n["attempts"]) for n in start["notebooks"]] == [(n, None, 0) for n in notebooks]
    assert [h["hook"] for h in told("on_finish")["document"]["hooks"]] == ["on_start", due]
    assert not (run.dir / "logs/hooks/on_finish.log").exists()  # it was silent


def test_the_start_is_not_held_up_and_takes_no_place(work, told):
    work.workflow("good.ipynb", hooks={"on_start": tell("on_start", "wait"), "on_finish": tell("on_finish")}, processes=1)
    run = work.start("workflow.yaml")
    run.event("run_finished")  # it is over,
    assert [e["event"] for e in run.events if e["event"].startswith("hook_")] == ["hook_started"]
    work.write("go", "")
    run.finish()
    assert run.status == 0
    assert outcome(run) == [("on_start", "succeeded"), ("on_finish", "succeeded")]  # and waited for in the end
    assert run.results["finished_at"] <= run.results["hooks"][0]["finished_at"]


def test_a_failure_of_a_hook_changes_nothing_and_is_said(work, told):
    work.write("broken", "#!/no/such/interpreter\n")
    work.path("broken").chmod(0o755)
    work.workflow("good.ipynb", hooks={
        "on_start": tell("on_start", "say", "3"), "on_success": [["sh", "-c", "kill -9 $$"], ["./broken"]],
        "on_finish": [["sh", "-c", "sleep 1000"], tell("on_finish")], "timeout_seconds": 2 * SLOW})
    run = work.run("--json", "workflow.yaml")
    assert run.status == 0
    hooks = run.results["hooks"]
    assert json.loads(run.out) == run.results
    assert [(h["command"], h["status"], h["exit_status"], h["signal"], h["message"]) for h in hooks] == [
        ("./tell", "failed", 3, None, "exited with status 3"),
        ("sh", "failed", None, 9, "was killed by SIGKILL"),
        ("./broken", "failed", None, None, "could not be executed: No such file or directory"),
        ("sh", "timed_out", None, 15, f"did not finish within {2 * SLOW:g} s"),
        ("./tell", "succeeded", 0, None, None)]
    said = [line for line in run.err.splitlines() if "warning" in line]
    assert said == [
        "nbfork: warning: hook on_start: './tell' exited with status 3: on standard error (run-1/logs/hooks/on_start.log)",
        "nbfork: warning: hook on_success: 'sh' was killed by SIGKILL",
        "nbfork: warning: hook on_success: './broken' could not be executed: No such file or directory",
        f"nbfork: warning: hook on_finish: 'sh' did not finish within {2 * SLOW:g} s"]
    assert (run.dir / "logs/hooks/on_start.log").read_text().split("\n")[-2:] == ["on standard error", ""]
    assert sorted(p.name for p in (run.dir / "logs/hooks").iterdir()) == ["on_start.log"]
    assert "on standard" not in run.out


def test_what_is_waited_for_is_said(work, told):
    """Nothing else is shown then, and it may be a minute."""
    work.workflow("good.ipynb", hooks={"on_start": tell("on_start"), "on_finish": tell("on_finish", "wait")})
    with open(work.path("said"), "wb") as said:
        run = work.start("workflow.yaml", stderr=said)
        wait_for(lambda: "nbfork: waiting for hook on_finish: './tell'\n" in work.path("said").read_text(), "a word")
        work.write("go", "")
        run.finish()
    assert run.status == 0 and work.path("said").read_text().count("waiting for") == 1


def test_one_that_does_not_read_holds_up_nobody(work, told):
    work.notebook("long", "print x")
    work.workflow({"path": "long.ipynb", "parameters": {"text": "x" * (1 << 20)}}, hooks={"on_start": ["true"], "on_finish": [
        ["true"], ["sh", "-c", "exec <&-"], ["sh", "-c", "wc -c; echo x >&0"]]})
    run = work.run("workflow.yaml")
    assert [h["exit_status"] for h in run.results["hooks"][:3]] == [0, 0, 0]
    assert run.results["hooks"][3]["status"] == "failed"  # it cannot be written to
    assert int((run.dir / "logs/hooks/on_finish.log").read_text().split()[0]) > 1 << 20


def test_nobody_waits_for_a_reader_where_a_log_is_to_be(work, told):
    work.workflow("waits.ipynb", {"path": "good.ipynb", "depends_on": "waits"}, hooks={"timeout_seconds": 0, "on_start": [
        "sh", "-c", "mkfifo $NBFORK_RUN_DIR/logs/good.log $NBFORK_RUN_DIR/logs/hooks/on_finish.log; touch go"],
        "on_finish": [tell("on_finish", "say"), ["sh", "-c", "cd $NBFORK_RUN_DIR/logs; rm good.log; touch good.log"]]})
    run = work.run("workflow.yaml")
    error = run.record("good")["error"]
    assert (error["kind"], error["message"]) == ("worker", "cannot create 'run-1/logs/good.log': No such device or address")
    assert outcome(run) == [("on_start", "succeeded"), ("on_finish", "succeeded"), ("on_finish", "succeeded")]
    assert "nbfork[on_finish]: warning: cannot write " in run.err and "on standard output" in run.err


def test_nothing_is_left_of_it(work, told):
    work.workflow("good.ipynb", hooks={"on_success": ["sh", "-c", "sleep 1000 & setsid sleep 1001 & (setsid sleep 1002 &) & true"],
                                       "on_finish": ["sh", "-c", "trap '' TERM; (setsid sleep 1003 &); sleep 1004; sleep 1005"],
                                       "timeout_seconds": 1})
    run = work.run("workflow.yaml")  # the fixture looks for what is left
    assert run.status == 0
    assert outcome(run) == [("on_success", "succeeded"), ("on_finish", "timed_out")]
    assert run.results["hooks"][1]["signal"] == signal.SIGKILL  # by its own supervisor, which lives to tell


def stopped(work, run, *names):
    for name in names:
        run.event("cell_started", name=name)
    run.signal(signal.SIGTERM)


def test_the_hooks_of_the_end_run_when_a_signal_stops_the_run(work, told):
    work.workflow("waits.ipynb", hooks=all_hooks())
    run = work.start("workflow.yaml")
    stopped(work, run, "waits")
    run.finish()
    assert run.status == -signal.SIGTERM
    assert outcome(run) == [("on_start", "succeeded"), ("on_failure", "succeeded"), ("on_finish", "succeeded")]
    assert told("on_failure")["document"]["status"] == told("on_finish")["env"]["NBFORK_STATUS"] == "cancelled"


def test_a_signal_does_not_stop_that_of_the_start(work, told):
    work.workflow("waits.ipynb", hooks={"on_start": tell("on_start", "wait"), "on_failure": tell("on_failure")})
    run = work.start("workflow.yaml")
    stopped(work, run, "waits")
    run.event("run_finished")
    work.write("go", "")
    run.finish()
    assert outcome(run) == [("on_start", "succeeded"), ("on_failure", "succeeded")]


def until_it_ends(run):
    def send():
        if run.proc.poll() is None:
            run.signal(signal.SIGTERM)
        return run.proc.poll() is not None
    wait_for(send, "nbfork to end by a second signal")


def test_a_second_signal_ends_them_at_once(work, told):
    work.write("deaf", "#!/bin/sh\ntrap '' TERM\necho $$ >deaf.pid\nsleep 1000\nsleep 1000\n")
    work.path("deaf").chmod(0o755)
    work.workflow("waits.ipynb", hooks={"on_failure": ["./deaf"], "on_finish": tell("on_finish")})
    run = work.start("workflow.yaml")
    stopped(work, run, "waits")
    run.event("hook_started", hook="on_failure")
    wait_for(lambda: work.path("deaf.pid").exists() and work.path("deaf.pid").read_text().strip(), "the hook")
    until_it_ends(run)
    run.finish()
    assert run.status == -signal.SIGTERM
    assert outcome(run) == [("on_failure", "cancelled"), ("on_finish", "skipped")]
    assert "hook on_finish: './tell' was not run because nbfork was told to stop" in run.err
    assert told("on_finish") is None
    assert not alive(int(work.path("deaf.pid").read_text()))


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGHUP], ids=lambda s: s.name)
def test_the_first_signal_stops_them_in_order_when_the_run_is_over(work, told, sig):
    work.write("kind", "#!/bin/sh\ntrap 'echo bye; exit 5' TERM\nexec 2>/dev/null\ntouch ready\nsleep 1000 & wait\n")
    work.path("kind").chmod(0o755)
    work.workflow("good.ipynb", hooks={"on_success": ["./kind"], "on_finish": tell("on_finish")})
    run = work.start("workflow.yaml")
    wait_for(work.path("ready").exists, "the hook")
    run.signal(sig)
    run.finish()
    assert run.status == -sig
    assert run.results["status"] == "succeeded"
    assert outcome(run) == [("on_success", "cancelled"), ("on_finish", "skipped")]
    assert run.results["hooks"][0]["exit_status"] == 5
    assert (run.dir / "logs/hooks/on_success.log").read_text() == "bye\n"


def test_the_last_one_removes_what_a_run_has_that_is_killed(work, told):
    work.write("stay", "#!/bin/sh\nsleep 1000\n")
    work.path("stay").chmod(0o755)
    work.workflow({"path": "bad.ipynb", "retries": 1, "retry_delay_seconds": 1000}, hooks={"on_start": ["./stay"]})
    run = work.start("workflow.yaml")
    run.event("notebook_attempt_failed")  # no worker runs
    run.event("hook_started")
    run.proc.kill()
    run.wait()  # the fixture looks for what is left


@pytest.mark.parametrize("victim", ["nbfork", "its process"])
@pytest.mark.parametrize("hook", ["on_start", "on_failure"])
def test_whoever_is_killed_nothing_is_left(work, told, hook, victim):
    work.write("stay", "#!/bin/sh\nsetsid sleep 1000 &\necho $! >stay.pids.new\nmv stay.pids.new stay.pids\nsleep 1000\n")
    work.path("stay").chmod(0o755)
    work.workflow("waits.ipynb" if hook == "on_start" else "bad.ipynb", hooks={hook: ["./stay"]})
    run = work.start("workflow.yaml")
    pid = run.event("hook_started")["pid"]
    wait_for(work.path("stay.pids").exists, "the hook")
    left = int(work.path("stay.pids").read_text())
    assert alive(left)
    if victim == "nbfork":
        run.proc.kill()
        run.wait()  # the fixture looks for what is left, the hook of a run included
        return
    os.kill(pid, signal.SIGKILL)
    run.event("hook_finished") if hook == "on_start" else None
    work.write("go", "")
    run.finish()
    assert run.status == (0 if hook == "on_start" else 1)
    assert [(h["hook"], h["status"], h["message"]) for h in run.results["hooks"]] == [
        (hook, "failed", "came to no end that is known: its nbfork process was killed by SIGKILL")]
    assert not alive(left)


def test_they_stop_and_go_on_with_nbfork(work, told):
    work.workflow("good.ipynb", hooks={"on_finish": tell("on_finish", "wait")})
    run = work.start("workflow.yaml")
    pid = wait_for(lambda: told("on_finish"), "the hook")["pid"]
    run.signal(signal.SIGTSTP)
    wait_for(lambda: state(pid) == state(run.pid) == "T", "both to stop")
    run.signal(signal.SIGCONT)
    work.write("go", "")
    assert run.finish().status == 0
    assert outcome(run) == [("on_finish", "succeeded")]


def test_a_resume_runs_them_again(work, told):
    work.workflow("good.ipynb", "waits.ipynb", hooks=all_hooks(on_failure=tell("on_failure", "say")), processes=2)
    run = work.start("workflow.yaml")
    run.event("notebook_finished", name="good")
    stopped(work, run, "waits")
    run.finish()
    first = told("on_failure")["document"]["run"]["id"]
    work.write("go", "")
    again = work.run("--resume=run-1", "workflow.yaml", folder=work.path("run-1"))
    assert again.status == 0
    assert outcome(again) == [("on_start", "succeeded"), ("on_success", "succeeded"), ("on_finish", "succeeded")]
    assert told("on_success")["document"]["run"]["resumed_from"] == first
    start = told("on_start")["document"]
    assert start["run"]["resumed_from"] == first
    assert [n["status"] for n in start["notebooks"]] == [None, None]


@pytest.mark.parametrize("options", [["--check"], ["--dry-run"], ["-n", "--json"]])
def test_what_runs_nothing_runs_none(work, told, options):
    work.workflow("good.ipynb", hooks=all_hooks())
    run = work.run(*options, "workflow.yaml", folder=None)
    assert run.status == 0, run.story()
    assert not [hook for hook in ["on_start", *ENDS] if told(hook)]


def test_a_workflow_that_is_saved_passes_them_over(site):
    site.workflow(site.source("n.py", "pass"), hooks={"on_finish": ["./there-is-none"]})
    run = site.start("--deploy", "workflow.yaml", folder=None).finish()
    assert "a saved job has no commands to run on this machine; it passes over 'hooks'" in run.err, run.story()
    assert run.status == 0


def test_programs_that_are_not_there_are_said_before_the_start(work):
    work.notebook("good", "touch ran")
    work.write("plain", "#!/bin/sh\n")
    work.path("plain").chmod(0o644)
    work.write("sub/w.yaml", "hooks:\n  on_start: [no-such-program, x]\n  on_success: [[../plain], [./plain]]\n"
               "  on_failure: [mail -s subject]\n  on_finish: [[~/bin/tell], [..]]\nnotebooks: [../good.ipynb]\n")
    said = work.refused("sub/w.yaml")
    assert said == (
        "sub/w.yaml:2:14: hook on_start: there is no program 'no-such-program' in PATH\n"
        "sub/w.yaml:3:17: hook on_success: cannot execute 'sub/../plain': Permission denied; a program is a file that may be "
        "executed (chmod +x)\n"
        "sub/w.yaml:3:29: hook on_success: cannot execute 'sub/./plain': No such file or directory\n"
        "sub/w.yaml:4:16: hook on_failure: there is no program 'mail -s subject' in PATH; no shell takes it apart: write each "
        "word by itself, or [sh, -c, '...']\n"
        "sub/w.yaml:5:16: hook on_finish: cannot execute 'sub/~/bin/tell': No such file or directory; no shell fills in '~' "
        "and '$'\n"
        "sub/w.yaml:5:30: hook on_finish: cannot execute '..': Permission denied; a program is a file that may be executed "
        "(chmod +x)\n")
    assert work.refused("--check", "sub/w.yaml") == said


def test_the_folder_is_that_of_the_workflow_and_of_standard_input_the_current_one(work, told):
    work.path("sub").mkdir()
    work.path("tell").rename(work.path("sub/tell"))
    work.write("sub/w.yaml", json.dumps({"hooks": {"on_finish": tell("on_finish")}, "notebooks": ["../good.ipynb"]}))
    assert work.run("sub/w.yaml").status == 0
    assert json.loads(work.path("sub/on_finish.told").read_text())["cwd"] == str(work.path("sub"))
    work.path("sub/on_finish.told").unlink()
    text = json.dumps({"hooks": {"on_finish": ["sub/tell", "on_finish.told"]}, "notebooks": ["good.ipynb"]})
    assert work.run("-", input=text).status == 0
    assert told("on_finish")["cwd"] == str(work.dir)
    assert "NBFORK_WORKFLOW_FILE" not in told("on_finish")["env"]


def test_a_secret_stays_one(work, told):
    work.write("w.yaml", "hooks: {on_finish: [./tell, on_finish.told, '{{ env.TOKEN }}']}\n"
               "notebooks: [{path: good.ipynb, parameters: {t: {secret: TOKEN}}}]\n")
    assert "TOKEN" in work.refused("w.yaml", env={"TOKEN": "hunter2"})
    work.workflow({"path": "good.ipynb", "parameters": {"t": {"secret": "TOKEN"}}}, hooks=all_hooks())
    run = work.run("workflow.yaml", env={"TOKEN": "hunter2"})
    assert outcome(run) == [("on_start", "succeeded"), ("on_success", "succeeded"), ("on_finish", "succeeded")]
    assert told("on_success")["document"]["notebooks"][0]["parameters"] == {"t": "***"}
    assert told("on_success")["env"]["TOKEN"] == "hunter2"  # nbfork got it, and so does whoever it runs
    assert "hunter2" not in (run.dir / "events.jsonl").read_text() + (run.dir / "results.json").read_text()


def test_one_that_cannot_go_on_tells_of_it(work, told):
    """The journal cannot be written any more: that is a failure of the run, and no hook needs the disk to be told."""
    work.workflow("long.ipynb", "good.ipynb", hooks={"on_failure": tell("on_failure")}, processes=1)
    work.notebook("long", *[f"print {i}" for i in range(200)])
    run = work.run("workflow.yaml", prefix=["prlimit", "--fsize=32768"])
    assert run.status == 3, run.story()
    assert "cannot write the event stream: File too large" in run.err
    assert told("on_failure")["document"]["status"] == "failed"


def test_it_has_no_terminal_and_starts_clean(work, told):
    work.workflow("good.ipynb", hooks={"on_finish": ["sh", "-c", "ls -l /proc/self/fd | sed -n 's/.* \\([0-9]* ->\\)/\\1/p'; "
                                                     "grep Sig /proc/self/status; ps -o tty= $$"]})
    with open(work.path("good.ipynb")) as extra:
        run = work.run("workflow.yaml", preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN), pass_fds=[extra.fileno()])
    text = (run.dir / "logs/hooks/on_finish.log").read_text()
    assert [line.split()[0] for line in text.splitlines() if "->" in line] == ["0", "1", "2", "3"]  # the last one is ls's
    assert "/memfd:results.json (deleted)" in text.splitlines()[0]
    own = 3 << 31  # signals 32 and 33 are the C library's own, and stay as they were for whoever started all this
    signals = [line.split() for line in text.splitlines() if line.startswith(("SigBlk", "SigIgn"))]
    assert [(name, int(mask, 16) & ~own) for name, mask in signals] == [("SigBlk:", 0), ("SigIgn:", 0)]
    assert text.splitlines()[-1].strip() == "?"


# ---- The examples of nbfork-workflow(5) ----


@pytest.fixture
def web():
    """A server that takes what is posted to it: [path, type, body]. It is not there at the first time."""
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            posted.append((self.path, self.headers["Content-Type"], json.loads(body)))
            self.send_response(503 if len(posted) == 1 and self.path == "/runs" else 200)
            self.end_headers()

        def log_message(self, *_):
            pass

    posted = []
    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    server.posted, server.url = posted, f"http://127.0.0.1:{server.server_port}"
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def shown(*words):
    return next(b for b in literals("nbfork-workflow.5") if all(w in b for w in words))


def test_the_example_of_a_web_service_posts_the_document(work, told, web):
    work.write("w.yaml", shown("hooks:", "/runs").replace("https://example.com", web.url) + "notebooks: [good.ipynb]\n")
    run = work.run("w.yaml")
    assert outcome(run) == [("on_finish", "succeeded")], run.story()
    assert [(path, kind) for path, kind, _ in web.posted] == [("/runs", "application/json")] * 2
    assert web.posted[1][2] == {**run.results, "hooks": []}


def test_the_example_of_slack_tells_what_has_failed(work, told, web):
    work.write("slack.conf", f'url = "{web.url}/services/x"\n')
    work.write("w.yaml", shown("hooks:", "slack.conf") + "notebooks: [good.ipynb, bad.ipynb, {path: waits.ipynb, timeout_seconds: 1}]\n")
    run = work.run("w.yaml")
    assert outcome(run) == [("on_failure", "succeeded")], run.story()
    assert web.posted == [("/services/x", "application/json", {"text": "w: failed; failed: bad, waits"})]


def test_the_example_of_mail_hands_it_what_has_failed(work, told):
    """What mail(1) does with it is not looked at: that takes a machine with a mail service."""
    work.write("mail-failures", shown("#!/bin/sh", "mail -s"))
    work.write("bin/mail", "#!/bin/sh\nfor word; do echo \"$word\"; done >mail.words\ncat >mail.text\n")
    for name in ("mail-failures", "bin/mail"):
        work.path(name).chmod(0o755)
    work.write("w.yaml", shown("hooks:", "./mail-failures") + "notebooks: [good.ipynb, bad.ipynb]\n")
    run = work.run("w.yaml", env={"PATH": f"{work.path('bin')}:{work.env['PATH']}"})
    assert outcome(run) == [("on_failure", "succeeded")], run.story()
    assert work.path("mail.words").read_text() == "-s\nw: failed\ndata@example.com\n"
    assert work.path("mail.text").read_text() == "bad: x\n"


def test_the_hooks_shown_are_valid(work, told):
    blocks = [b for b in literals("nbfork-workflow.5") if b.startswith("hooks:")]
    assert len(blocks) == 4
    for name in ("tell", "mail-failures"):
        work.write(name, "#!/bin/sh\n")
        work.path(name).chmod(0o755)
    for i, block in enumerate(blocks):
        work.write(f"{i}.yaml", block + "notebooks: [good.ipynb]\n")
        run = work.run("--check", f"{i}.yaml", folder=None)
        assert (run.status, run.out) == (0, f"{i}.yaml: ok\n"), run.story()
