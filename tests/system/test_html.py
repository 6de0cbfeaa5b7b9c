"""
The report: one page about the run, a page for each executed copy, and neither can be made to do anything by what
notebooks hold. They are looked at in a browser.
"""

import base64
import http.server
import json
import os
import re
import signal
import stat
import threading
import time
import zlib
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlparse

import pytest

import browser as chromium
from harness import PATIENCE, alive, code, lines, markdown, state, wait_for

needs_browser = pytest.mark.skipif(chromium.PROGRAM is None, reason="there is no chromium")

# What would tell of itself, if it ran or was loaded.
ATTACK = "</script></pre><script>parent.pwned=1</script><img src=x onerror=\"parent.pwned=1\"><!--"


def chunk(kind, data):
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def png(width, height):
    rows = (b"\0" + b"\x20\x80\xc0" * width) * height
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", width.to_bytes(4, "big") + height.to_bytes(4, "big") +
                            b"\x08\x02\0\0\0") + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")).decode()


FRAME = ("<style scoped>.dataframe thead th { text-align: right; }</style><table border=\"1\" class=\"dataframe\"><thead><tr>"
         "<th>a</th></tr></thead><tbody>" + "".join(f"<tr><td>row {i}</td></tr>" for i in range(60)) + "</tbody></table>")


class Page(HTMLParser):
    """What of a page is there without scripts: the rows of its tables, its links, and what would be loaded or run."""

    def __init__(self, path):
        super().__init__()
        self.rows, self.links, self.elements, self.handlers, self.text = [], [], [], [], None
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attributes):
        self.elements.append(tag)
        self.handlers += [a for a, _ in attributes if a.startswith("on")]
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self.text = True
        elif tag == "a":
            self.links.append(dict(attributes)["href"])

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self.text = None

    def handle_data(self, data):
        if self.text:
            self.rows[-1][-1] += data


class Beacon(http.server.ThreadingHTTPServer):
    """A server that nobody must ask for anything."""

    def __init__(self):
        self.asked = asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                self.send_error(404)

            def log_message(self, *_):
                pass
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()


def hostile(url):
    """HTML that tries to run something, or to reach the server."""
    return (f"<b style='color:red'>bold</b>{ATTACK}--><script>parent.pwned=1;fetch('{url}/script')</script><img src='{url}/img'>"
            f"<link rel=stylesheet href='{url}/link'><link rel=preconnect href='{url}'><meta http-equiv=refresh content='0;url={url}/meta'>"
            f"<iframe src='{url}/iframe'></iframe><object data='{url}/object'></object><style>@import '{url}/import';"
            f"body{{background:url({url}/background)}}</style><video src='{url}/video' poster='{url}/poster'></video>"
            f"<svg onload='parent.pwned=1'><image href='{url}/image'/></svg><form action='{url}/form'><button autofocus onfocus=this.click()>"
            "</button></form><p>the end")


def flow(work, url):
    """Notebooks of all kinds, some of which wish the reader ill."""
    display = {"data": {"text/html": FRAME, "text/plain": "a"}}
    svg = f"<svg xmlns='http://www.w3.org/2000/svg' width='30' height='30' onload='parent.pwned=1'><image href='{url}/svg'/><script>parent.pwned=1</script></svg>"
    work.notebook("rich", markdown(f"# Title *x*\n\n| h |\n|---|\n| cell |\n\n$a_1*b*c$ [bad](javascript:parent.pwned=1)\n![far]({url}/far.png)\n"
                                   f"\n{hostile(url)}\n\ntext <img src=x onerror=parent.pwned=1> ![near](attachment:a.png)"),
                  code(lines("display " + json.dumps(display), "display " + json.dumps({"data": {"image/png": png(40, 20), "text/plain": "<Figure>"}}),
                             "display " + json.dumps({"data": {"image/svg+xml": svg}}), "display " + json.dumps({"data": {"text/html": hostile(url)}}),
                             "display " + json.dumps({"data": {"text/html": "<div id=p></div><script>draw()</script>", "text/plain": "a plot"}}),
                             "display " + json.dumps({"data": {"application/javascript": "parent.pwned=1"}}),
                             "write " + json.dumps("\x1b[1;31mred\x1b[0m nul \x00 back \u202eold\u202c " + ATTACK + "\n"))),
                  code(lines("badutf8", "deep 150", "big 10000000")))
    text = json.loads((work.dir / "rich.ipynb").read_text())
    text["cells"][0]["attachments"] = {"a.png": {"image/png": png(8, 8)}}
    (work.dir / "rich.ipynb").write_text(json.dumps(text))
    work.notebook("bad", "print before", lines("print " + ATTACK, "error Z\x1b[31mError \u202e" + ATTACK), "print never")
    work.notebook("quick", "print x", "result " + json.dumps({"application/vnd.nbfork.result+json": {"rows": 12345678901234567890, "x": ATTACK}}))
    work.notebook("caller", 'call "quick.ipynb"')
    return work.workflow(
        {"path": "rich.ipynb", "name": "rich <i>&\u202e"},
        {"path": "quick.ipynb", "name": "load-{{ item }}", "for_each": list("abcdefgh"), "depends_on": ["rich <i>&\u202e"],
         "parameters": {"p": ATTACK, "big": 12345678901234567890, "secret": {"secret": "NBFORK_TEST_SECRET"}}},
        {"path": "bad.ipynb", "retries": 1, "retry_delay_seconds": 0.1, "depends_on": ["load-*"]},
        {"path": "quick.ipynb", "name": "after", "depends_on": ["bad"]},
        "caller.ipynb", name=ATTACK[:40].replace("/", ""), processes=2)


def look_at_report(page, run):
    """The report in the browser."""
    url = (run.dir / "report.html").as_uri()
    page.open(url)
    assert page.complaints() == [] and page.eval("window.pwned") is None
    assert page.eval("document.documentElement.dataset.ready") == "yes"
    assert "failed" in page.eval("document.getElementById('verdict').textContent")
    assert page.eval("document.querySelectorAll('#rows > tr').length") == 13, run.out
    # What went wrong, the timeline, the critical path, the graph.
    assert "bad" in page.eval("document.getElementById('failures').textContent")
    assert page.eval("document.querySelectorAll('.rows g.bar').length") >= 13
    assert page.eval("document.querySelectorAll('.rows .work.failed').length") == 2
    # The loads wait for `rich`, and for room: whoever was last to make it.
    assert re.search(r"(rich .*|caller) → load-\w → .*bad", page.eval("document.getElementById('critical').textContent"))
    assert page.eval("document.querySelectorAll('.node').length") == 4, "the loads are one"
    page.eval("document.querySelector('[data-mode=slots]').click()")
    assert page.eval("document.querySelector('.rows .label').textContent").startswith("place 1")
    page.eval("document.querySelector('[data-mode=notebooks]').click()")
    # With cells, once they can be told apart.
    page.eval("for (let i = 0; i < 3; i++) document.querySelector('[title=\"zoom in\"]').click()")
    page.eval("document.querySelector('[title=\"show all\"]').click()")
    assert page.eval("document.querySelectorAll('.rows rect.cell').length") > 0
    # By keys alone: down to the first row, and open it.
    page.eval("document.getElementById('lines').focus()")
    page.press("ArrowDown", 40)
    assert "rich" in page.eval("document.querySelector('.says').textContent")
    page.press("Enter", 13)
    assert "[U+202E]" in page.eval("document.querySelector('.details').textContent + document.querySelector('.says').textContent")
    # Order and filters.
    names = "[...document.querySelectorAll('#rows > tr:not(.details):not([hidden]) > th')].map(t => t.textContent)"
    page.eval("document.querySelector('#table thead button').click()")
    assert page.eval(names)[0].endswith("after")
    page.eval("document.querySelector('[data-state=failed]').click()")
    assert [n[-3:] for n in page.eval(names)] == ["bad"]
    page.eval("document.querySelector('[data-state=failed]').click(); const f = document.getElementById('find'); f.value = 'load-*'; "
              "f.dispatchEvent(new Event('input'))")
    assert len(page.eval(names)) == 8
    assert "find=load" in page.eval("location.hash")
    # Details: all that is known, and nothing of it is HTML.
    page.open(url + "#open=bad&open=load-a&open=caller")
    text = page.eval("document.getElementById('rows').textContent")
    for known in ("ZError", "[U+202E]</script>", "cell 3", "12345678901234567890", "\"rows\": 12345678901234567890", "***", "again after",
                  "caller.quick", "before"):
        assert known in text, known
    assert page.eval("document.querySelectorAll('#rows script, #rows img, #rows iframe').length") == 0
    assert page.eval("window.pwned") is None and page.complaints() == [] and page.requested() == []
    assert page.eval("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.open(url, dark=True)
    assert page.eval("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert page.call("Page.printToPDF")["data"]


def look_at_copies(page, run):
    """The executed copies in the browser."""
    page.open((run.dir / "notebooks" / "rich <i>&\u202e.html").as_uri())
    assert page.complaints() == [] and page.eval("window.pwned") is None
    assert page.eval("document.querySelector('h1').textContent") == "rich <i>&[U+202E]"
    assert page.eval("document.querySelector('.markdown h1 em').textContent") == "x"
    assert "$a_1*b*c$" in page.eval("document.querySelector('.markdown').textContent")
    assert page.eval("document.querySelector('.markdown td').textContent") == "cell"
    assert page.eval("[...document.links].filter(a => a.protocol === 'javascript:').length") == 0
    # Pictures are there, and are all of the page.
    pictures = page.eval("[...document.images].map(i => [i.src.slice(0, 16), i.naturalWidth])")
    assert ["data:image/png;b", 8] in pictures and ["data:image/png;b", 40] in pictures and ["data:image/svg+x", 30] in pictures
    assert all(src.startswith("data:") and width > 0 for src, width in pictures)
    # Frames are as high as what is in them; nothing in them has run.
    frames = page.eval("[...document.querySelectorAll('iframe')].map(f => [f.clientHeight, f.contentDocument.documentElement.scrollHeight, "
                       "f.contentDocument.body.textContent])")
    table = next(f for f in frames if "row 59" in f[2])
    assert table[0] >= table[1] > 800
    assert any("bold" in f[2] and "the end" in f[2] for f in frames)
    assert page.eval("getComputedStyle([...document.querySelectorAll('iframe')].find(f => f.contentDocument.querySelector('.dataframe'))"
                     ".contentDocument.querySelector('.dataframe th')).textAlign") == "right"
    streams = page.eval("[...document.querySelectorAll('pre.stream')].map(p => p.textContent).join('')")
    assert "red nul \u2400 back [U+202E]old[U+202C] </script></pre><script>" in streams
    assert page.eval("document.querySelector('pre.stream .a1.ab').textContent") == "red"
    assert "bytes are left out here; all of it is in rich" in streams and len(streams) < 400000
    body = page.eval("document.body.textContent")
    assert "a plot" in body and "scripts are not run here" in body and "application/javascript cannot be shown" in body
    assert page.requested() == []
    # The failed one: the mark leads to the cell.
    page.open((run.dir / "notebooks" / "bad.html").as_uri())
    assert page.eval("document.querySelector('.mark a').getAttribute('href')") == "#papermill-error-cell"
    assert page.eval("document.querySelector('#papermill-error-cell + section.failed .error') !== null")
    assert page.eval("document.querySelector('section.failed').id") == f"cell-{run.record('bad')['error']['cell']}"
    assert page.eval("window.pwned") is None and page.complaints() == [] and page.requested() == []


@needs_browser
def test_the_report_and_the_copies_show_everything_and_do_nothing(work):
    with Beacon() as server:
        file = flow(work, server.url)
        run = work.run(file, env={"NBFORK_TEST_SECRET": "geheim-8642"})
        assert run.status == 1 and "report" not in run.err, run.story()
        assert run.statuses()["bad"] == "failed" and run.record("bad")["attempts"] == 2
        assert (run.dir / "notebooks" / "bad.attempt1.html").exists()
        with chromium.Browser(work.short) as page:
            look_at_report(page, run)
            look_at_copies(page, run)
        assert server.asked == []
        server.shutdown()
    for path in run.dir.rglob("*.html"):
        assert "geheim-8642" not in path.read_text("utf-8") and stat.S_IMODE(path.stat().st_mode) == 0o600
    # Without scripts there is the table; and there are no scripts but two, and no handlers.
    page = Page(run.dir / "report.html")
    assert page.elements.count("script") == 2 and page.handlers == [] and "img" not in page.elements
    rows = {row[0]: row for row in page.rows}
    assert rows["bad"][1] == "failed" and "ZError: [U+202E]</script>" in rows["bad"][8] and rows["after"][1] == "skipped"
    assert rows["load-a"][1] == "succeeded" and "caller.quick" in rows


def test_it_grows_with_the_run_and_goes_where_it_is_wanted(work):
    work.notebook("a", "print a")
    work.notebook("b", "print b", "wait go", "print b")
    file = work.workflow("a.ipynb", "b.ipynb", processes=2)
    work.path("pages").mkdir()
    work.write("pages/link.html", "old")
    run = work.start("--html=pages/link.html", file)
    run.event("notebook_finished", name="a")
    page = wait_for(lambda: (lambda p: p if "a" in (r := {row[0]: row[1] for row in p.rows if row}) and r["a"] == "succeeded" else None)(
        Page(work.path("pages/link.html"))), "the report of a run that goes on")
    assert {row[0]: row[1] for row in page.rows}["b"] == "running"
    assert "reload" in work.path("pages/link.html").read_text()
    assert (run.folder / "report.html").exists()
    work.write("go", "")
    run.finish()
    assert run.status == 0 and run.err.count("report") == 0, run.story()
    for path in (work.path("pages/link.html"), run.dir / "report.html"):
        page = Page(path)
        assert {row[0]: row[1] for row in page.rows} | {"a": "succeeded", "b": "succeeded"} == {row[0]: row[1] for row in page.rows}
        assert len([x for x in page.links if x.endswith(".html")]) == 2
        for link in page.links:
            target = unquote(urlparse(urljoin(path.as_uri(), link)).path)
            assert os.path.exists(target), link
    assert not [p for p in work.path("pages").iterdir() if p.name != "link.html"]


def reporting(pid):
    """
    The process that writes the report of a run just now, stopped in the midst of it; None where there is none. One that
    was at its end already does not stop.
    """
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        try:
            if Path(f"/proc/{child}/comm").read_text() == "nbfork:report\n":
                os.kill(int(child), signal.SIGSTOP)
                wait_for(lambda: state(child) in ("T", "Z", "X", None), "the process to stop or to end")
                return int(child) if state(child) == "T" else None
        except (FileNotFoundError, ProcessLookupError):
            pass
    return None


def test_a_signal_ends_the_wait_for_the_last_report(work):
    work.notebook("a", "wait go")
    run = work.start(work.workflow("a.ipynb"))
    run.event("cell_started", name="a")
    end = time.monotonic() + 60 * PATIENCE
    while (report := reporting(run.pid)) is None:  # it lives for some milliseconds, every other second
        assert time.monotonic() < end
    work.write("go", "")
    run.event("run_finished")
    for name in (".report.html.abc123", "notebooks/.a.html.abc123"):
        (run.folder / name).write_text("what it had written")
    run.signal(signal.SIGTERM)
    run.finish()
    assert not list(run.folder.rglob(".*"))
    assert run.status == -signal.SIGTERM and run.results["status"] == "succeeded"
    assert "the report of the run was not written: nbfork was told to stop" in run.err
    assert not alive(report)


def test_nothing_is_left_of_a_report_whose_process_was_killed(work):
    work.notebook("a", "wait go")
    run = work.start("--html=x.html", work.workflow("a.ipynb"))
    run.event("cell_started", name="a")
    end = time.monotonic() + 60 * PATIENCE
    while (report := reporting(run.pid)) is None:
        assert time.monotonic() < end
    for path in (run.folder / ".report.html.abc123", run.folder / "notebooks/.a.html.abc123", work.path(".x.html.abc123")):
        path.write_text("what it had written")
    os.kill(report, signal.SIGKILL)
    wait_for(lambda: not alive(report), "its end")
    work.write("go", "")
    run.finish()
    assert run.status == 0 and not list(run.folder.rglob(".*")) and not list(work.dir.glob(".x*"))
    assert "the report of the run was not written: its process died" in run.err
    assert {row[0]: row[1] for row in Page(work.path("x.html")).rows if row}["a"] == "succeeded"


def test_a_place_that_cannot_be_written_to_is_refused_at_first_and_a_warning_later(work):
    work.notebook("a", "print a", "wait go")
    err = work.refused("--html=none/x.html", "a.ipynb")
    assert "cannot write 'none/x.html': No such file or directory" in err
    assert "--html wants a file" in work.refused("--html=-", "a.ipynb")
    work.path("gone").mkdir()
    run = work.start("--html=gone/x.html", "a.ipynb")
    run.event("cell_started", cell=1)
    for path in work.path("gone").iterdir():
        path.unlink()
    work.path("gone").rename(work.path("elsewhere"))
    work.write("go", "")
    run.finish()
    assert run.status == 0 and run.err.count("the report of the run was not written: cannot write 'gone/x.html'") == 1, run.story()
    assert Page(run.dir / "report.html").rows[1][1] == "succeeded"


def test_what_was_kept_and_what_is_done_again_by_a_resume(work):
    work.notebook("a", "print a")
    work.notebook("b", "error X y")
    file = work.workflow("a.ipynb", "b.ipynb")
    first = work.run(file)
    before = (first.dir / "notebooks" / "a.html").read_bytes()
    work.notebook("b", "print b")
    again = work.start(f"--resume={first.dir.name}", file, folder=first.dir)
    again.finish()
    page = Page(first.dir / "report.html")
    rows = {row[0]: row for row in page.rows}
    shown = work.run(f"--show={first.dir}", "--html=shown.html", folder=None)
    assert shown.status == 0 and Page(work.path("shown.html")).rows == page.rows, shown.story()
    assert all(work.path(unquote(x)).exists() for x in Page(work.path("shown.html")).links)
    assert rows["a"][8] == "in an earlier run" and rows["b"][1] == "succeeded" and rows["b"][7] == "2"
    assert (first.dir / "notebooks" / "a.html").read_bytes() == before
    assert b"X" in (first.dir / "notebooks" / "b.attempt1.html").read_bytes()


def killed_run(work):
    """The journal of a run with eight notebooks, and one after them all that ran when nbfork was killed; run-1."""
    names = ["broken", "extract", "load", "clean", "slow", "weather", "orders", "items"]
    plan = [{"name": name, "path": f"{name}.ipynb", "target": "local", "allow_failure": False,
             "depends_on": list(range(8)) if name == "sum" else []} for name in names + ["sum", "alone"]]
    events = [{"event": "run_started", "run": {"id": "run-1", "dir": "run-1"}, "workflow": {"name": "w", "file": None}, "target": "local",
               "processes": 2, "on_error": "let-finish", "pid": 1, "notebooks": len(plan), "plan": plan}]
    for name in names + ["sum"]:
        events.append({"event": "notebook_started", "name": name, "attempt": 1, "pid": 1, "slot": 0, "queued_seconds": 0})
        if name == "sum":
            break
        error = {"kind": "notebook", "name": "ValueError", "message": "x" * 5000, "cell": 1, "execution_count": 1, "traceback": []}
        events.append({"event": "notebook_finished", "name": name, "attempt": 1, "notebook": {
            "name": name, "status": "failed" if name == "broken" else "succeeded", "error": error if name == "broken" else None,
            "duration_seconds": 1}})
    work.write("run-1/events.jsonl", "".join(json.dumps({"time": f"2026-11-22T08:15:{i:02}.000Z", **e}) + "\n" for i, e in enumerate(events)))


def test_a_killed_run_without_a_browser(work):
    killed_run(work)
    shown = work.run("--show=run-1", "--html=x.html", folder=None)
    assert shown.status == 0, shown.story()
    assert "killed: nbfork has not come to its end" in work.path("x.html").read_text()
    assert {row[0]: row[1] for row in Page(work.path("x.html")).rows[1:]} == {
        "broken": "failed", **{n: "succeeded" for n in ("extract", "load", "clean", "slow", "weather", "orders", "items")},
        "sum": "killed", "alone": "waiting"}


@needs_browser
def test_a_killed_run_and_long_words(work, tmp_path):
    killed_run(work)
    assert work.run("--show=run-1", "--html=x.html", folder=None).status == 0
    with chromium.Browser(tmp_path) as page:
        url = work.path("x.html").as_uri()
        page.open(url)
        assert "killed" in page.eval("document.getElementById('verdict').textContent")
        assert "7 succeeded, 1 failed, 1 killed, 1 waiting" in page.eval("document.getElementById('counts').textContent")
        assert page.eval("document.querySelector('#row-8 .badge').textContent").endswith("killed")
        assert "xxx…" in page.eval("document.getElementById('failures').textContent")
        assert page.eval("document.getElementById('failures').textContent.length") < 500
        # Notebooks that have no name in common are one node, which shows just these.
        assert page.eval("document.querySelector('.node text').textContent") == "8 notebooks"
        page.eval("document.querySelector('.node').dispatchEvent(new Event('click'))")
        shown = "[...document.querySelectorAll('#rows > tr:not(.details):not([hidden]) > th a, #rows > tr:not([hidden]) > th')].length"
        assert page.eval(shown) == 8
        page.eval("const f = document.getElementById('find'); f.dispatchEvent(new Event('input'))")
        assert page.eval(shown) == 10
        # The address of a notebook's details leads there.
        page.open(url + "#open=alone", height=300)
        assert page.eval("document.getElementById('row-9').getBoundingClientRect().top") < 300
        assert page.complaints() == []
