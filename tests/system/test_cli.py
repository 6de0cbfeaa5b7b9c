"""
The command line: options, what goes to which stream, exit statuses of wrong use.
"""

import json
import re
import subprocess

import pytest

from harness import lines

OPTIONS = ["--processes", "--on-error", "--target", "--parameter", "--select", "--run-dir", "--resume", "--failed-first",
           "--check", "--dry-run", "--graph", "--json", "--events", "--progress", "--quiet", "--verbose", "--help",
           "--version"]


@pytest.mark.parametrize("option", ["-h", "--help", "--hel"])
def test_help_goes_to_stdout_and_names_every_option(work, option):
    run = work.run(option, folder=None)
    assert (run.status, run.err) == (0, "")
    assert re.match(r"usage: nbfork ", run.out, re.IGNORECASE)
    for name in OPTIONS:
        assert name in run.out
    assert max(map(len, run.out.splitlines())) <= 80


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_version_goes_to_stdout(work, option):
    run = work.run(option, folder=None)
    assert (run.status, run.err) == (0, "")
    assert re.fullmatch(r"nbfork \d+\.\d+\.\d+", run.out.splitlines()[0])


@pytest.mark.parametrize("args, words", [
    ([], ["workflow"]),
    (["--frobnicate", "w.yaml"], ["--frobnicate"]),
    (["-Z", "w.yaml"], ["Z"]),
    (["-j", "0", "w.yaml"], ["0", "processes"]),
    (["-j", "-1", "w.yaml"], ["-1"]),
    (["-j", "two", "w.yaml"], ["two"]),
    (["-j", "1.5", "w.yaml"], ["1.5"]),
    (["-j", "4x", "w.yaml"], ["4x"]),
    (["-j", "", "w.yaml"], ["processes"]),
    (["-j", "99999999999999999999", "w.yaml"], ["99999999999999999999"]),
    (["-e", "stop", "w.yaml"], ["stop", "fail-fast", "let-finish", "drain"]),
    (["-t", "moon", "w.yaml"], ["moon"]),
    (["-p", "novalue", "w.yaml"], ["novalue"]),
    (["-p", "=1", "w.yaml"], ["-p", "''"]),
    (["-p", "x=[1", "w.yaml"], ["x"]),
    (["-p", "x={a: 1, a: 2}", "w.yaml"], ["a"]),
    (["--progress=loud", "w.yaml"], ["loud"]),
    (["--processes"], ["processes"]),
    (["--check=yes", "w.yaml"], ["check"]),
    (["nothere.yaml"], ["nothere.yaml", "No such file"]),
    (["nothere.ipynb"], ["nothere.ipynb", "No such file"]),
    (["w.yaml", "a.ipynb"], ["w.yaml"]),
    (["w.yaml", "w.yaml"], ["w.yaml"]),
    (["-", "a.ipynb"], []),
    (["a.ipynb", "sub/a.ipynb"], ["'a'"]),
    (["."], ["."]),
    ([""], []),
])
def test_wrong_use_is_refused_and_starts_nothing(work, args, words):
    work.notebook("a", "print no")
    work.notebook("sub/a", "print no")
    work.workflow("a.ipynb", file="w.yaml")
    err = work.refused(*args)
    for word in words:
        assert word in err
    assert all(line.startswith(("nbfork: ", "Try 'nbfork --help'", "nothere", "Usage")) or ": " in line
               for line in err.splitlines())


def test_every_message_begins_with_the_program_or_the_place(work):
    work.notebook("a", "print no")
    work.workflow("a.ipynb", file="w.yaml")
    assert work.refused("--frobnicate").startswith("nbfork: ")
    assert work.refused("-e", "x", "w.yaml").startswith("nbfork: ")


@pytest.mark.parametrize("option", ["-c", "--check"])
def test_check_says_ok_and_starts_nothing(work, option):
    work.notebook("a", "touch ran")
    work.workflow("a.ipynb")
    before = work.snapshot()
    run = work.run(option, "workflow.yaml", folder=None)
    assert (run.status, run.out, run.err) == (0, "workflow.yaml: ok\n", "")
    assert work.snapshot() == before


def test_check_reads_standard_input_and_named_notebooks(work):
    work.notebook("a", "touch ran")
    before = work.snapshot()
    piped = work.run("-c", "-", folder=None, input="{name: x, notebooks: [a.ipynb]}")
    assert piped.status == 0 and piped.out.endswith(": ok\n")
    named = work.run("-c", "a.ipynb", folder=None)
    assert named.status == 0 and named.out == "a.ipynb: ok\n"
    assert work.snapshot() == before


def test_standard_input_is_a_workflow(work):
    work.notebook("sub/a", "print hello", "input")
    run = work.run("-", input="name: piped\nnotebooks: [sub/a.ipynb]\n")
    assert run.status == 1  # input() does not read the rest of it
    assert run.text("a") == "hello\n"
    assert run.results["workflow"]["name"] == "piped"
    assert (run.dir / "workflow.yaml").read_text() == "name: piped\nnotebooks: [sub/a.ipynb]\n"


def test_named_notebooks_are_a_workflow_with_defaults(work):
    work.notebook("a", "print a")
    work.notebook("sub/b c", "cwd")
    run = work.run("a.ipynb", "--", str(work.path("sub/b c.ipynb")))
    assert run.status == 0
    assert [n["name"] for n in run.results["notebooks"]] == ["a", "b c"]
    assert run.results["workflow"]["file"] is None
    assert run.results["on_error"] == "let-finish"
    assert run.results["target"] == "local"
    assert run.text("b c") == f"{work.path('sub')}\n"
    assert run.record("a")["path"] == "a.ipynb"


def test_options_override_the_workflow(work):
    work.notebook("a", "show x\nshow y\nshow z")
    work.workflow({"path": "a.ipynb", "parameters": {"x": 1, "y": 2}}, processes=3, on_error="drain", parameters={"z": 3})
    run = work.run("-j", "2", "--on-error", "fail-fast", "-p", "x=from the command line", "-p", "y=first",
                   "--parameter=y=[1, {k: no}]", "--target=local", "workflow.yaml")
    assert run.status == 0
    assert (run.results["processes"], run.results["on_error"]) == (2, "fail-fast")
    assert run.text("a").splitlines() == ['"from the command line"', '[1, {"k": "no"}]', "3"]
    assert run.record("a")["parameters"] == {"x": "from the command line", "y": [1, {"k": "no"}], "z": 3}


@pytest.mark.parametrize("text, value", [
    ("1", 1), ("1.5", 1.5), ("1e3", 1000.0), ("true", True), ("no", "no"), ("on", "on"), ("null", None), ("~", None),
    ("", ""), ("'1'", "1"), ("0x10", 16), ("a=b", "a=b"), ("a: b", {"a": "b"}),
    ("12345678901234567890123", 12345678901234567890123),
    ("2026-11-22", "2026-11-22"), ("1:30", "1:30"), ("{}", {}), ("é 😀", "é 😀"),
])
def test_a_parameter_is_a_yaml_value(work, text, value):
    work.notebook("a")
    run = work.run("-p", f"x={text}", "a.ipynb")
    assert run.status == 0
    got = run.record("a")["parameters"]["x"]
    assert got == value and type(got) is type(value)


def test_the_run_dir_is_what_is_asked_for(work):
    work.notebook("a", "print a")
    run = work.run("--run-dir", "deep/er/run", "a.ipynb", folder=None)
    assert run.status == 0
    assert (work.path("deep/er/run/results.json")).exists()
    assert not work.path("nbfork-runs").exists()


def test_json_is_the_results_document_and_nothing_else(work):
    work.notebook("a", "print a")
    work.notebook("b", "error E no")
    run = work.run("--json", "a.ipynb", "b.ipynb")
    assert run.status == 1
    assert run.out == (run.dir / "results.json").read_text()
    assert json.loads(run.out) == run.results


def test_the_summary_names_notebooks_statuses_reasons_and_copies(work):
    work.notebook("good", "print a")
    work.notebook("bad", "error ValueError the value is wrong")
    run = work.run("good.ipynb", "bad.ipynb")
    good, bad = (next(line for line in run.out.splitlines() if name in line.split()) for name in ("good", "bad"))
    assert "succeeded" in good
    assert "failed" in bad
    assert "ValueError" in run.out and "the value is wrong" in run.out
    assert f"{run.dir.name}/notebooks/bad.ipynb" in run.out
    assert "\x1b" not in run.out


def test_events_go_to_a_file_too(work):
    work.notebook("a", "print a")
    run = work.run("--events=seen.jsonl", "a.ipynb")
    assert run.status == 0
    assert work.path("seen.jsonl").read_text() == (run.dir / "events.jsonl").read_text()


def test_events_go_to_standard_output_as_they_happen(work):
    work.notebook("a", "wait go")
    run = work.start("--events=-", "--progress=none", "a.ipynb", stdout=subprocess.PIPE)
    first = [json.loads(run.proc.stdout.readline())]
    while first[-1]["event"] != "cell_started":
        first.append(json.loads(run.proc.stdout.readline()))
    assert [e["event"] for e in first if e["event"] != "memory_sampled"] == ["run_started", "notebook_started", "kernel_ready", "cell_started"]
    work.write("go", "")
    rest = run.proc.stdout.read().decode()
    run.proc.stdout.close()
    run.finish()
    for line in (run.dir / "events.jsonl").read_text().splitlines()[len(first):]:
        assert line in rest


@pytest.mark.parametrize("place", ["missing/seen.jsonl", "."])
def test_events_that_cannot_be_written_are_an_error_before_the_start(work, place):
    work.notebook("a", "touch ran")
    run = work.run(f"--events={place}", "a.ipynb")
    assert run.status in (2, 3)
    assert place in run.err
    assert not work.path("ran").exists()


def test_quiet_says_nothing_but_what_was_asked_for(work):
    work.notebook("a", "print a\nnative noise")
    run = work.run("-q", "--json", "a.ipynb")
    assert (run.status, run.err) == (0, "")
    assert json.loads(run.out)["status"] == "succeeded"


def test_verbose_says_more(work):
    work.notebook("a", "print a")
    plain, more = work.run("a.ipynb"), work.run("-v", "a.ipynb")
    assert len(more.err) > len(plain.err)


def test_options_stand_anywhere_and_may_be_cut_short(work):
    work.notebook("a", "print a")
    run = work.run("a.ipynb", "--proc=3", "--quiet")
    assert run.status == 0 and run.results["processes"] == 3


def test_a_full_standard_output_is_an_error_but_the_run_is_on_disk(work):
    work.notebook("a", "print a")
    with open("/dev/full", "w") as full:
        run = work.run("--json", "a.ipynb", stdout=full)
    assert run.status == 3
    assert "No space left on device" in run.err
    assert run.results["status"] == "succeeded"


def test_a_reader_that_goes_away_does_not_stop_the_run(work):
    work.notebook("a", "wait go", "print still here")
    run = work.start("--events=-", "a.ipynb", stdout=subprocess.PIPE)
    run.event("cell_started", number=1)
    run.proc.stdout.close()
    work.write("go", "")
    run.wait()
    assert run.results["status"] == "succeeded"
    assert run.text("a") == "still here\n"


def test_closed_standard_streams_do_no_harm(work):
    work.notebook("a", lines("print a", "native noise"))
    run = work.run("a.ipynb", prefix=["sh", "-c", '"$0" "$@" <&- >&- 2>&-'])
    assert run.results["status"] == "succeeded"
    assert run.text("a").startswith("a\n")
