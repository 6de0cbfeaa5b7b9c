"""
Kernels that lie, flood, keep silent or die at each stage: the fault kernel, by ipc and by tcp.
"""

import json

import pytest

from harness import joined, lines, markdown

BOTH = pytest.mark.parametrize("transport", ["ipc", "tcp"])


def flow(work, *cells, options=(), transport="ipc", startup=None, notebook=None, **spec):
    """A workflow of one notebook, `a`, on a fault kernel with these options."""
    work.kernel("odd", *options, **spec)
    work.notebook("a", *cells, kernel="odd")
    local = {"transport": transport, **({"startup_timeout_seconds": startup} if startup else {})}
    return work.workflow({"path": "a.ipynb", **(notebook or {})}, targets={"local": local})


def fails(run, *words):
    record = run.record("a")
    assert run.status == 1
    assert (record["status"], record["error"]["kind"]) == ("failed", "kernel"), record["error"]
    for word in words:
        assert word in record["error"]["message"]
    return record


@BOTH
def test_the_connection_is_private_and_signed(work, transport):
    run = work.run(flow(work, "connection", "request", "received", transport=transport))
    connection, request, received = map(json.loads, run.text("a").splitlines())
    assert connection == {"transport": transport, "signed": True, "scheme": "hmac-sha256", "mode": "0o600",
                          "folder_mode": "0o700"}
    assert request["code"] == "request"
    assert request["silent"] is False and request["store_history"] is True and request["allow_stdin"] is False
    assert request["user_expressions"] == {}
    assert set(received) == {"kernel_info_request", "execute_request"}


@pytest.mark.parametrize("transport, used", [(None, "tcp"), ("auto", "tcp")])
def test_a_kernel_that_is_not_known_to_take_ipc_gets_tcp(work, transport, used):
    work.notebook("a", "connection")
    work.workflow("a.ipynb", **({"targets": {"local": {"transport": transport}}} if transport else {}))
    assert json.loads(work.run("workflow.yaml").text("a"))["transport"] == used


# The start.

@BOTH
@pytest.mark.parametrize("options", [
    ["--late", "0.5"], ["--slow-bind", "0.1"], ["--iopub-late", "0.5"], ["--info-after", "4"], ["--info-badsig", "2"],
    ["--welcome"], ["--welcome", "--quiet-iopub"], ["--protocol", "5.0", "--info-language", "null"],
    ["--info-language", '{"name": "x"}'], ["--noise"], ["--welcome", "--slow-bind", "0.1", "--info-after", "3"],
], ids=" ".join)
def test_a_start_that_is_odd_but_allowed_loses_nothing(work, transport, options):
    run = work.run(flow(work, *["print one", "print two"], options=options, transport=transport))
    assert run.status == 0
    assert run.text("a") == "one\ntwo\n"
    assert [c["execution_count"] for c in run.cells("a")] == [1, 2]


@BOTH
@pytest.mark.parametrize("stage", ["start", "bind", "bound", "info", "cell"])
@pytest.mark.parametrize("how, words", [("exit 7", "status 7"), ("kill 9", "SIGKILL")])
def test_a_kernel_that_dies_at_a_stage_is_a_failure_that_says_so(work, transport, stage, how, words):
    run = work.run(flow(work, "print never", options=["--die", stage, "--die-by", how], transport=transport))
    record = fails(run, words)
    assert record["cells"]["executed"] in {"cell": [1], "info": [0, 1]}.get(stage, [0])
    assert run.seconds < 50  # it is waited for, for a minute, only as long as it lives


@pytest.mark.parametrize("options", [["--no-info"], ["--quiet-iopub"], ["--late", "300"], ["--info-badsig", "100000"]],
                         ids=" ".join)
def test_a_kernel_that_does_not_get_ready_in_time_is_given_up(work, options):
    run = work.run(flow(work, "touch ran", options=options, startup=1, transport="tcp"))
    record = fails(run, "1")
    assert 1 <= record["duration_seconds"] < 50
    assert not work.path("ran").exists()


def test_what_a_kernel_says_before_it_dies_is_in_the_log_and_the_message(work):
    run = work.run(flow(work, "print x", options=["--noise", "--die", "bind"]))
    record = fails(run)
    assert "noise on stderr" in run.log("a") and "noise on stdout" in run.log("a")
    assert record["cells"]["total"] == 1


def test_a_port_that_somebody_else_took_is_no_failure(work):
    run = work.run(flow(work, "print fine", options=["--busy-once", work.path("busy")], transport="tcp"))
    assert run.status == 0 and run.text("a") == "fine\n"


def test_a_program_that_cannot_be_executed_after_all_is_a_failure_with_its_name(work):
    program = work.short / "program"
    program.write_text("#!/nowhere/interpreter\n")
    program.chmod(0o755)
    run = work.run(flow(work, "print x", argv=[str(program), "{connection_file}"]))
    fails(run, str(program), "No such file")


def test_a_program_that_is_no_kernel_is_a_failure(work):
    run = work.run(flow(work, "print x", argv=["sh", "-c", "echo I am no kernel >&2; exit 4"]))
    fails(run, "status 4")
    assert "I am no kernel" in run.log("a")


def test_many_kernels_by_tcp_at_once_do_not_take_each_others_ports(work):
    work.notebook("a", "print fine")
    work.workflow(*({"path": "a.ipynb", "name": f"n{i}"} for i in range(16)), processes=8,
                  targets={"local": {"transport": "tcp"}})
    run = work.run("workflow.yaml")
    assert run.status == 0
    assert all(run.text(f"n{i}") == "fine\n" for i in range(16))


# Messages.

@BOTH
def test_a_flood_of_outputs_is_complete(work, transport):
    run = work.run(flow(work, "flood 20000", "print after", transport=transport))
    outputs = run.cells("a")[0]["outputs"]
    assert [o["data"]["text/plain"] for o in outputs] == [str(i) for i in range(20000)] or \
        ["".join(o["data"]["text/plain"]) for o in outputs] == [str(i) for i in range(20000)]
    assert run.text("a") == "after\n"


LIES = [
    "badsig no", "nosig no", "wrong-parent no", "no-parent no", "truncated", "notjson", "notobject", "nokind",
    "late no", 'raw iopub stream {"name": "stdout"}', 'raw iopub stream {"text": ""}', 'raw iopub stream {}',
    'raw iopub unheard_of {"x": 1}', 'raw iopub status {"execution_state": "confused"}', 'raw iopub status {}',
    'raw iopub comm_msg {"comm_id": "none", "data": {}}', 'raw iopub comm_open {}', 'raw iopub comm_close {"comm_id": 5}',
    'raw iopub comm_msg {"comm_id": "x"}', 'raw iopub display_data {}', 'raw iopub update_display_data {"transient": null}',
    'raw iopub update_display_data {"data": {"text/plain": "no"}, "metadata": {}, "transient": {"display_id": "unknown"}}',
    'raw iopub execute_input {"execution_count": "many"}',
    'raw iopub execute_result {"execution_count": null, "data": [], "metadata": 7}',
    'raw iopub error {"ename": 5, "evalue": null, "traceback": "text"}', 'raw iopub status {"execution_state": "busy"}',
    'raw iopub input_request {"prompt": "no"}', 'raw shell unheard_of {}', "deep 5000", "nan",
]


@BOTH
def test_messages_that_lie_are_dropped_or_taken_as_far_as_they_make_sense(work, transport):
    run = work.run(flow(work, *[lines("print before", lie, "print after") for lie in LIES], transport=transport))
    assert run.status == 0
    for cell, lie in zip(run.cells("a"), LIES):
        printed = "".join(joined(o["text"]) for o in cell["outputs"] if o["output_type"] == "stream")
        assert printed == "before\nafter\n", lie
        assert isinstance(cell["execution_count"], int), lie


def test_wrong_signatures_are_reported_once_in_a_while_and_not_20000_times(work):
    run = work.run(flow(work, lines(*["badsig x"] * 500), "print after"))
    assert run.status == 0 and run.text("a") == "after\n"
    assert "signature" in run.err
    assert len(run.err) < 5000


def test_bad_utf8_is_repaired(work):
    run = work.run(flow(work, "badutf8"))
    assert run.text("a") == "bad \ufffd\ufffd\n"


@pytest.mark.parametrize("order", ["reply-before-idle", "idle-before-reply"])
def test_reply_and_idle_may_come_in_either_order(work, order):
    cells = [lines(order, f"print {i}") for i in range(30)]
    run = work.run(flow(work, *cells))
    assert run.status == 0
    assert run.text("a") == "".join(f"{i}\n" for i in range(30))
    assert all(len(c["outputs"]) == 1 for c in run.cells("a"))


def test_a_cell_without_idle_ends_a_few_seconds_after_its_reply(work):
    run = work.run(flow(work, "print one\nno-idle", "print two"))
    assert run.status == 0
    assert run.text("a") == "one\ntwo\n"
    assert 4 <= run.record("a")["duration_seconds"] < 50


def test_outputs_that_keep_coming_long_after_the_reply_are_complete(work):
    """As when a flood of outputs has to be worked off by a machine that is busy."""
    reply = 'raw shell execute_reply {"status": "ok", "execution_count": 1}'
    run = work.run(flow(work, lines(reply, *(f"print {i}\nsleep 0.5" for i in range(12)), "print end"), "print two"))
    assert run.status == 0
    assert run.text("a") == "".join(f"{i}\n" for i in range(12)) + "end\ntwo\n"


def test_a_cell_with_half_a_surrogate_pair_is_a_failure_and_not_a_hang(work):
    """ipykernel would never answer."""
    work.notebook("a", "print('one')", "x = 'HALF'", "print('three')", markdown("HALF"), kernel="python3")
    work.write("a.ipynb", work.path("a.ipynb").read_text().replace("HALF", "\\ud83d"))
    run = work.run("a.ipynb")
    record = run.record("a")
    assert (record["status"], record["error"]["kind"], record["error"]["cell"]) == ("failed", "kernel", 3)
    assert "half of a surrogate pair" in record["error"]["message"]
    assert run.text("a") == "one\n"
    assert run.source("a", 3) == "x = '\ud83d'"


def test_a_cell_without_reply_runs_until_its_time_is_over(work):
    run = work.run(flow(work, "print one\nno-reply", "print two", notebook={"cell_timeout_seconds": 5}))
    assert run.statuses() == {"a": "timed_out"}
    assert run.text("a") == "one\n"


def test_an_aborted_cell_is_a_failure(work):
    run = work.run(flow(work, "print one\naborted", "print two"))
    record = run.record("a")
    assert record["status"] == "failed"
    assert "abort" in record["error"]["message"].lower()
    assert run.text("a") == "one\n"


def test_an_error_reply_without_an_error_output_is_a_failure(work):
    reply = '{"status": "error", "ename": "E", "evalue": "no", "traceback": []}'
    run = work.start(flow(work, f"raw shell execute_reply {reply}\nno-reply"))
    run.wait()  # an error that no cell shows is what other runs must not have
    record = run.record("a")
    assert (record["status"], record["error"]["kind"]) == ("failed", "notebook")
    assert (record["error"]["name"], record["error"]["message"]) == ("E", "no")


def test_input_is_refused(work):
    run = work.run(flow(work, "print before", "input"))
    record = run.record("a")
    assert record["error"]["name"] == "StdinNotImplementedError"
    assert record["cells"]["executed"] == 2


def test_comms_and_displays_across_cells(work):
    show = 'display {"data": {"text/plain": "%s"}, "transient": {"display_id": "d"}}'
    run = work.run(flow(work, show % "one", lines(show % "two", "print x"),
                        'update {"data": {"text/plain": "three"}, "metadata": {"m": 1}, "transient": {"display_id": "d"}}'))
    shown = [(o["data"], o["metadata"]) for c in run.cells("a") for o in c["outputs"] if "data" in o]
    assert shown == [({"text/plain": ["three"]}, {"m": 1})] * 2
    assert run.cells("a")[2]["outputs"] == []
    assert "transient" not in json.dumps([c["outputs"] for c in run.cells("a")])


def test_clear_output_now_and_at_the_next_output(work):
    run = work.run(flow(work, "print gone\nclear\nprint one", "print gone\nclear wait\nprint two", "print stays\nclear wait"))
    assert run.text("a") == "one\ntwo\nstays\n"


# The end.

@pytest.mark.parametrize("options", [
    [], ["--ignore-shutdown"], ["--linger"], ["--linger", "--ignore-term"], ["--ignore-shutdown", "--ignore-term"],
], ids=" ".join)
def test_a_kernel_that_does_not_want_to_leave_is_made_to(work, options):
    run = work.run(flow(work, "print done", options=[*options, "--last-words", work.path("words")]))
    assert run.status == 0
    assert run.record("a")["duration_seconds"] < 30
    assert work.path("words").exists() == ("--ignore-shutdown" not in options)


@BOTH
def test_interrupts_by_message_reach_the_kernel(work, transport):
    run = work.run(flow(work, "print in\nhang", options=["--no-sigint"], transport=transport, interrupt_mode="message",
                        notebook={"cell_timeout_seconds": 5}))
    assert run.statuses() == {"a": "timed_out"}
    assert [o["ename"] for o in run.cells("a")[0]["outputs"] if o["output_type"] == "error"] == ["KeyboardInterrupt"]


def test_a_temporary_folder_with_a_long_name_does_no_harm(work):
    long = work.short / ("long-" * 24)
    long.mkdir()
    flow(work, "connection", transport="auto")
    run = work.run("workflow.yaml", env={"TMPDIR": str(long), "XDG_RUNTIME_DIR": str(long)})
    assert run.status == 0
    assert list(long.iterdir()) == []


def test_the_kernel_is_told_who_its_parent_is_and_has_its_own_group(work):
    work.notebook("a", "import os\nprint(os.environ['JPY_PARENT_PID'] == str(os.getppid()), os.getpgid(0) == os.getpid(), "
                  "os.getsid(0) == os.getpid(), os.readlink('/proc/self/fd/0'))", kernel="python3")
    run = work.start("a.ipynb")
    run.finish()
    assert run.text("a") == "True True True /dev/null\n"


def test_the_kernel_inherits_no_descriptors(work):
    work.notebook("a", "import os\nopen_files = [os.path.realpath('/proc/self/fd/' + f) for f in os.listdir('/proc/self/fd')]\n"
                  "print([f for f in open_files if f.startswith(os.environ['HERE'])])", kernel="python3")
    run = work.run("a.ipynb", env={"HERE": str(work.dir)})
    assert run.text("a") == "[]\n"


def test_a_busy_machine_is_no_reason_to_lose_a_kernel(work):
    """Twelve kernels on however many CPUs there are, all at once."""
    work.notebook("a", "print fine")
    work.workflow(*({"path": "a.ipynb", "name": f"n{i}"} for i in range(12)), processes=12)
    run = work.run("workflow.yaml", timeout=100)
    assert set(run.statuses().values()) == {"succeeded"}
