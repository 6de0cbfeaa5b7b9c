"""
--junit: what CI servers read, by their schema (junit.xsd).
"""

import signal
from pathlib import Path

import pytest
from lxml import etree

from harness import lines

SCHEMA = etree.XMLSchema(file=str(Path(__file__).with_name("junit.xsd")))


def suite(path):
    """The suite of a report that keeps to the schema, and whose numbers are those of its cases."""
    document = etree.fromstring(path.read_bytes())
    SCHEMA.assertValid(document)
    found = document.find("testsuite")
    for element in (document, found):
        for name, kind in (("tests", "testcase"), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            if name != "skipped" or element is found:
                assert int(element.get(name)) == len(list(element.iter(kind)))
    return found


def cases(path):
    return {case.get("name"): case for case in suite(path).iter("testcase")}


def test_a_case_for_each_notebook(work):
    work.kernel("mortal", "--die", "cell")
    work.notebook("good", "print all is well")
    work.notebook("bad", lines("print before", "error ValueError no such thing"))
    work.notebook("killed", "print x", kernel="mortal")
    work.notebook("slow", "hang")
    work.notebook("tried", "error KeyError k")
    work.notebook("mother", 'call "good.ipynb"')
    work.workflow(
        "good.ipynb", "bad.ipynb", "killed.ipynb", {"path": "slow.ipynb", "timeout_seconds": 0.5},
        {"path": "tried.ipynb", "retries": 1, "retry_delay_seconds": 0}, "mother.ipynb",
        {"path": "bad.ipynb", "name": "may-fail", "allow_failure": True},
        {"path": "good.ipynb", "name": "after", "depends_on": ["bad"]}, processes=8)
    run = work.run("--junit=report.xml", "workflow.yaml")
    assert run.status == 1
    found = suite(work.path("report.xml"))
    assert (found.get("name"), found.get("tests"), found.get("skipped")) == ("test", "8", "2")
    assert float(found.get("time")) == run.results["duration_seconds"]
    assert run.results["started_at"].startswith(found.get("timestamp"))
    properties = {p.get("name"): p.get("value") for p in found.iter("property")}
    assert properties["run.id"] == run.results["run"]["id"] and properties["status"] == "failed"
    of = cases(work.path("report.xml"))
    assert list(of) == [n["name"] for n in run.results["notebooks"]]
    assert [e.tag for e in of["good"]] == ["system-out"] and of["good"].findtext("system-out") == "all is well\n"
    assert 0 < float(of["good"].get("time")) < 60
    failure = of["bad"].find("failure")
    assert (failure.get("type"), failure.get("message")) == ("ValueError", "no such thing")
    assert "no such thing" in failure.text and "before" in of["bad"].findtext("system-out")
    assert of["killed"].find("error").get("type") == "kernel"
    assert of["slow"].find("error").get("type") == "timeout"
    assert [e.tag for e in of["tried"]] == ["failure", "rerunFailure", "system-out"]
    assert "KeyError" in of["tried"].find("rerunFailure").findtext("stackTrace")
    assert of["may-fail"].find("skipped").get("message") == "allowed: ValueError: no such thing"
    assert of["after"].find("skipped").get("message") == "not started because notebook 'bad' failed"
    assert of["mother"].findtext("system-out").startswith("ran mother.good: succeeded\n")


def test_an_attempt_that_failed_before_makes_it_flaky(work):
    work.notebook("a", "print x", kernel=work.kernel("once", "--busy-once", "busy", "--die-by", "exit 1"))
    work.workflow({"path": "a.ipynb", "retries": 3, "retry_delay_seconds": 0}, targets={"local": {"transport": "ipc"}})
    run = work.run("--junit=report.xml", "workflow.yaml")
    before = [a["error"] for a in run.record("a")["earlier_attempts"]]
    assert [e.get("message") for e in cases(work.path("report.xml"))["a"].iter("flakyError")] == [e["message"] for e in before]
    assert run.status == 0 and before


def test_hostile_text_keeps_the_document_whole(work):
    evil = "<x a=\"&\u0001\u001b[31m'>]]>\ufffe\uffff\U0001f600\u202e"
    name = "a<&\"'>]]>\u00e9"
    work.notebook(name, lines("badutf8", f"print {evil}", f"error E<& {evil}"))
    work.workflow(f"{name}.ipynb", name="odd & <end>")
    run = work.run("--junit=report.xml", "workflow.yaml")
    assert run.status == 1
    found = suite(work.path("report.xml"))
    assert found.get("name") == run.results["workflow"]["name"]
    case = cases(work.path("report.xml"))[run.results["notebooks"][0]["name"]]
    safe = "<x a=\"&'>]]>\U0001f600"
    assert case.find("failure").get("message") == safe
    assert safe in case.find("failure").text
    assert safe in case.findtext("system-out") and "bad" in case.findtext("system-out")


def test_of_a_long_log_there_is_the_end(work):
    work.notebook("a", lines("print first", "big 100000", "print last"))
    work.run("--junit=report.xml", "a.ipynb")
    text = cases(work.path("report.xml"))["a"].findtext("system-out")
    assert text.endswith("last\n") and "first" not in text and len(text) < 17000
    assert "bytes of the log are left out]" in text.partition("\n")[0]


def test_a_run_that_is_stopped_has_its_report(work):
    work.notebook("a", lines("touch up", "hang"))
    work.notebook("b", "print b")
    run = work.start("-j1", "--junit=report.xml", "a.ipynb", "b.ipynb")
    run.event("cell_started")
    run.signal(signal.SIGTERM)
    run.finish()
    of = cases(work.path("report.xml"))
    assert of["a"].find("error").get("type") == "stopped"
    assert "SIGTERM" in of["b"].find("skipped").get("message")


def test_what_is_kept_has_passed(work):
    work.notebook("good", "print all is well")
    work.notebook("bad", "error E no")
    first = work.run("good.ipynb", "bad.ipynb")
    run_id = first.results["run"]["id"]
    work.run(f"--resume={first.dir}", "--junit=report.xml", "good.ipynb", "bad.ipynb", folder=None)
    of = cases(work.path("report.xml"))
    assert of["good"].get("time") == "0.000"
    assert of["good"].findtext("system-out") == f"kept: it succeeded in run {run_id}\nall is well\n"
    assert [e.tag for e in of["bad"]] == ["failure", "system-out"]


@pytest.mark.parametrize("option", ["events", "junit", "trace"])
@pytest.mark.parametrize("place, why", [("missing/report", "No such file or directory"), (".", "Is a directory"),
                                        ("", "No such file or directory")])
def test_reports_that_cannot_be_written_are_an_error_before_the_start(work, option, place, why):
    work.notebook("a", "touch ran")
    run = work.run(f"--{option}={place}", "a.ipynb")
    assert run.status == 2
    assert f"cannot write '{place}': {why}\n" in run.err
    assert not work.path("ran").exists() and not run.dir.exists()


@pytest.mark.parametrize("option", ["junit", "trace"])
def test_a_report_that_fails_later_is_an_error_and_the_rest_is_there(work, option):
    work.notebook("a", lines("touch up", "wait go"))
    work.path("sub").mkdir()
    run = work.start(f"--{option}=sub/report", "a.ipynb")
    run.event("cell_started")
    work.path("sub").rmdir()
    work.write("go", "")
    run.finish()
    assert run.status == 3 and "cannot write 'sub/report'" in run.err
    assert run.results["status"] == "succeeded"


def test_a_file_takes_one_report(work):
    work.notebook("a", "print x")
    work.path("sub").mkdir()
    work.write("there", "as it was")
    work.path("link").symlink_to("there")
    for one, other in (("new", "./new"), ("sub/new", f"{work.dir}/sub/new"), ("there", "link"), ("there", "there")):
        for first, second in (("--junit", "--trace"), ("--html", "--junit"), ("--events", "--trace")):
            assert f"{first} and {second} would both write '{other}'" in work.refused(f"{first}={one}", f"{second}={other}", "a.ipynb")
    assert work.path("there").read_text() == "as it was"
    assert work.run("--junit=/dev/null", "--trace=/dev/null", "--events=sub/new", "--html=new", "a.ipynb").status == 0


def test_standard_output_has_room_for_one(work):
    work.notebook("a", "print x")
    run = work.run("--junit=-", "a.ipynb")
    work.write("out.xml", run.out)
    assert list(cases(work.path("out.xml"))) == ["a"]
    assert "--junit=-" in work.refused("--junit=-", "--json", "a.ipynb")
    assert "--trace=-" in work.refused("--trace=-", "--events=-", "a.ipynb")
