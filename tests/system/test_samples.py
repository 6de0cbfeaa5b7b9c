"""
The samples do what README shows, and README shows what they are.
"""

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
from pathlib import Path

import pytest

import harness
from journal import of

TOP = Path(__file__).resolve().parents[2]


@pytest.fixture
def samples(work):
    """A copy of the samples in the private place, where nbfork runs."""
    shutil.copytree(TOP / "samples", work.dir / "samples",
                    ignore=shutil.ignore_patterns("warehouse", "nbfork-runs"))
    for folder, _, files in os.walk(work.dir / "samples"):
        os.chmod(folder, 0o755)
        for file in files:
            path = Path(folder, file)
            path.chmod(path.stat().st_mode | 0o200)  # in a distribution they may be read-only
    return work.dir / "samples"


def in_step(folder):
    """
    Makes the sample of the policies independent of how fast a machine is: failing fails when slow is at work in its last
    cell, which takes longer.
    """
    for name, code, old, new in (
            ("slow", 0, "seconds = 3", "seconds = 8"), ("slow", 1, "", "open('working', 'w').close()\n"),
            ("failing", 0, "", "import os, time\nwhile not os.path.exists('working'): time.sleep(0.05)\n")):
        path = folder / f"{name}.ipynb"
        nb = json.loads(path.read_text("utf-8"))
        cell = [c for c in nb["cells"] if c["cell_type"] == "code"][code]
        assert old in harness.joined(cell["source"])
        cell["source"] = harness.joined(cell["source"]).replace(old, new, 1)
        path.write_text(json.dumps(nb), "utf-8")


def rows_of(database, table):
    with sqlite3.connect(database) as db:
        return db.execute(f'select count(*) from "{table}"').fetchone()[0]


def table_of(text):
    """Name, status and cells of each line of a summary; the times differ from run to run."""
    return re.findall(r"^ *(\S+) +(succeeded|failed|cancelled|skipped|timed_out)\b.*?(?:(\d+/\d+)|$)", text, re.M)


def shown(command):
    """What README shows below a command."""
    readme = (TOP / "README").read_text("utf-8")
    start = readme.index(f"    $ {command}\n") + len(f"    $ {command}\n")
    block = []
    for line in readme[start:].split("\n"):
        if line and not line.startswith("    "):
            break
        block.append(line[4:])
    return "\n".join(block).strip("\n")


def test_each_table_is_loaded_into_a_database_of_its_own(work, samples):
    run = work.run("samples/tables/tables.yaml")
    assert run.status == 0
    assert table_of(run.out) == table_of(shown("nbfork samples/tables/tables.yaml"))
    for table in ("orders", "items", "customers"):
        expected = len((samples / f"tables/data/{table}.csv").read_text("utf-8").splitlines()) - 1
        assert rows_of(samples / f"tables/warehouse/{table}.db", table) == expected
        assert run.record(f"load-{table}")["result"] == {"table": table, "rows": expected}
    profile = run.record("profile")["result"]
    assert profile["customers.csv"]["rows"] == 200 and profile["customers.csv"]["empty_fields"] > 0


def script(work, **env):
    """Runs samples/tables/load-tables in the private place."""
    words = harness.program()
    (work.short / "bin").mkdir(exist_ok=True)
    wrapper = work.short / "bin" / "nbfork"
    wrapper.write_text("#!/bin/sh\nexec " + " ".join(f"'{w}'" for w in words) + ' "$@"\n')
    wrapper.chmod(0o755)
    return subprocess.run(["samples/tables/load-tables"], cwd=work.dir, text=True, capture_output=True, timeout=100,
                          env={**work.env, "NBFORK": str(wrapper), **env})


def test_the_shell_script_reads_the_results(work, samples):
    done = script(work)
    assert done.returncode == 0, done.stderr
    without_times = [re.sub(r" in .*", "", line) for line in done.stdout.splitlines()]
    assert without_times == [re.sub(r" in .*", "", line) for line in
                             shown("samples/tables/load-tables").splitlines()]


def test_the_shell_script_says_which_table_failed(work, samples):
    (samples / "tables/data/items.csv").unlink()
    done = script(work)
    assert done.returncode == 1
    assert "load-items\tfailed\t" in done.stderr and "items.csv" in done.stderr
    assert rows_of(samples / "tables/warehouse/orders.db", "orders") == 1000


@pytest.mark.parametrize("option", ["", "--on-error=drain ", "--on-error=fail-fast "])
def test_the_policies_do_what_is_shown(work, samples, option):
    in_step(samples / "policies")
    run = work.run(*option.split(), "samples/policies/policies.yaml")
    output = shown(f'nbfork {option}samples/policies/policies.yaml; echo "exit status $?"')
    assert table_of(run.out) == table_of(output)
    assert f"exit status {run.status}" in output
    assert run.status == 1


def test_the_weather_is_loaded_once_it_is_mended(work, samples):
    first = work.run("samples/weather/weather.yaml", folder=None)
    assert first.status == 1
    assert table_of(first.out) == table_of(shown('nbfork samples/weather/weather.yaml; echo "exit status $?"'))
    assert first.record("check")["result"]["missing"] == 365

    mend = "sed -i 's/\"18,9\"/18.9/' samples/weather/data/2014.csv"
    assert shown(mend).startswith("$ nbfork --resume samples/weather/weather.yaml")
    subprocess.run(["sh", "-c", mend], cwd=work.dir, check=True)
    second = work.run("--resume", "samples/weather/weather.yaml", folder=first.dir)
    assert second.status == 0
    assert table_of(second.out) == table_of(shown('nbfork --resume samples/weather/weather.yaml; echo "exit status $?"'))
    kept = [n["name"] for n in second.results["notebooks"] if n["resumed_from"] is not None]
    assert kept == ["load-2012", "load-2013", "load-2015"]
    assert second.record("check")["result"] == {
        "databases": [f"warehouse/{year}.db" for year in range(2012, 2016)], "days": 1461, "missing": 0}
    for year in range(2012, 2016):
        days = len((samples / f"weather/data/{year}.csv").read_text("utf-8").splitlines()) - 1
        assert rows_of(samples / f"weather/warehouse/{year}.db", "weather") == days
    assert second.record("report-temp_max")["result"] == {
        "measure": "temp_max", "days": 1461, "mean": 16.44, "most": 35.6, "on": "2014-08-11"}


DATABRICKS = "databricks/sales.yaml"


def test_the_sales_are_counted_on_a_workspace(samples, build):
    site = build("--engine", "kernel")
    run = site.run(f"samples/{DATABRICKS}")
    assert run.status == 0
    assert table_of(run.out) == table_of(shown(f"nbfork samples/{DATABRICKS}"))
    counted = [run.record(f"count-{region}")["result"] for region in ("north", "south", "west")]
    assert [c["region"] for c in counted] == ["north", "south", "west"]
    assert run.record("report")["result"] == {"day": "2026-11-24", "sales": sum(c["sales"] for c in counted),
                                              "cents": sum(c["cents"] for c in counted), "best": "west"}
    assert "north" in (run.dir / "logs/report.log").read_text("utf-8")
    assert site.executions() == {"count-north": 1, "count-south": 1, "count-west": 1, "report": 1}
    imports = [r for r in site.workspace.log("/workspace/import") if r["status"] == 200]
    assert len(imports) == 3, "each file once"
    here = site.work.run("-t", "local", f"samples/{DATABRICKS}")
    assert here.status == 0
    assert [(n["name"], n["status"], n["result"], n["cells"]) for n in here.results["notebooks"]] == [
        (n["name"], n["status"], n["result"], n["cells"]) for n in run.results["notebooks"]]
    for name in ("count-north", "report"):
        assert here.text(name) == run.text(name)


def test_a_region_that_has_sold_too_little_raises_an_alarm(samples, site):
    run = site.run("-p", "day=2026-11-21", "-p", "least=200", f"samples/{DATABRICKS}")
    assert run.status == 1
    south = run.record("count-south")["error"]
    assert (south["kind"], south["name"]) == ("notebook", "ValueError")
    assert run.record("report")["status"] == "skipped"
    assert run.record("alarm")["result"] == "somebody has been told about 2026-11-21"


MASTERS = {  # what each of them hands back, and what it runs
    "threads": ({"./child1": "22", "./child2": "47", "./child3": "weekend"}, {"child1": "22", "child2": "47", "child3": "weekend"}),
    "pool": ({"./child1": "22", "./child2": "47", "./child3": "weekend"}, {"child1": "22", "child2": "47", "child3": "weekend"}),
    "retries": ("loaded", {"flaky": None, "flaky-2": "loaded"}),
}


def masters(work, warm, **more):
    """A workflow of all three."""
    (work.dir / "samples" / "master" / "all.yaml").write_text(json.dumps({
        "notebooks": [f"{name}.py" for name in MASTERS], "targets": {"local": {"warm": warm}}, **more}))
    return "samples/master/all.yaml"


@pytest.mark.parametrize("warm", ["auto", "off"])
def test_the_masters_run_their_notebooks(work, samples, warm):
    run = work.run(masters(work, warm))
    assert run.status == 0
    for name, (result, children) in MASTERS.items():
        record = run.record(name)
        assert record["result"] == result
        assert {c["name"]: c["result"] for c in record["children"]} == {f"{name}.{c}": r for c, r in children.items()}


@pytest.mark.parametrize("name", MASTERS)
def test_a_workflow_does_the_same_as_a_master_in_fewer_lines(work, samples, name):
    run = work.run(f"samples/master/{name}.yaml")
    assert run.status == 0
    assert [r["result"] for r in run.results["notebooks"]] == [r for r in MASTERS[name][1].values() if r is not None]
    assert run.results["notebooks"][0]["attempts"] == (2 if name == "retries" else 1)
    master, workflow = ((samples / "master" / f"{name}{e}").read_text().splitlines() for e in (".py", ".yaml"))
    assert len(workflow) * 3 < len(master)


def test_the_threads_of_readme(work, samples):
    run = work.run("samples/master/threads.py")
    assert run.status == 0
    # Which of the threads calls first is chance.
    assert sorted(table_of(run.out)) == sorted(table_of(shown("nbfork samples/master/threads.py")))
    workflow = (samples / "master" / "threads.yaml").read_text().splitlines()[1:]
    assert all(f"    {line}\n" in (TOP / "README").read_text() for line in workflow)


@pytest.mark.parametrize("warm", ["auto", "off"])
def test_what_fails_and_what_takes_too_long_fail_their_masters(work, samples, warm):
    folder = samples / "master"
    (folder / "child2.py").write_text("# Databricks notebook source\n1 / 0\n")
    (folder / "flaky.py").write_text("# Databricks notebook source\nimport time\ntime.sleep(600)\n")
    for name in MASTERS:
        text = (folder / f"{name}.py").read_text()
        (folder / f"{name}.py").write_text(text.replace("= 600", "= 1").replace("max_retries = 3", "max_retries = 1")
                                           if name == "retries" else text)
    run = work.run(masters(work, warm))
    assert run.status == 1
    for name in ("threads", "pool"):
        record = run.record(name)
        assert record["status"] == "failed" and "FAILED" in record["error"]["message"]
        assert {c["name"]: c["status"] for c in record["children"]} == {
            f"{name}.child1": "succeeded", f"{name}.child2": "failed", f"{name}.child3": "succeeded"}
    record = run.record("retries")
    assert record["status"] == "failed" and "TIMEDOUT" in record["error"]["message"]
    assert [c["status"] for c in record["children"]] == ["timed_out"] * 2


@pytest.mark.parametrize("warm", ["auto", "off"])
def test_an_interrupt_ends_masters_and_what_they_run(work, samples, warm):
    """Nothing is started for one that takes it for a failure, and would run the next one or the same one again."""
    for name in ("child1", "child2", "child3", "flaky"):
        (samples / "master" / f"{name}.py").write_text("# Databricks notebook source\nimport time\ntime.sleep(600)\n")
    run = work.start(masters(work, warm, processes=5))
    harness.wait_for(lambda: len([e for e in of(run, "cell_started") if e.get("parent")]) == 5, "all five to run", 60)
    run.signal(signal.SIGINT)
    run.finish()
    assert run.status == -signal.SIGINT
    called = {"threads": ["child1", "child2"], "pool": ["child1", "child2"], "retries": ["flaky"]}
    for name, children in called.items():
        record = run.record(name)
        assert record["status"] == "cancelled"
        # A call that is made before its notebook is told to stop is answered: skipped.
        assert {c["name"]: c["status"] for c in record["children"] if c["status"] != "skipped"} == {
            f"{name}.{c}": "cancelled" for c in children}
    assert len(of(run, "notebook_started")) == 8


@pytest.mark.patience(300)
def test_quickstart_runs_them_on_a_stand_in(work, samples):
    """With a build that is there already, and settings for a real workspace, which must not count."""
    shutil.copy(TOP / "quickstart", work.dir)
    (work.dir / "tests").symlink_to(TOP / "tests")
    words = " ".join(f"'{w}'" for w in harness.program())
    files = {"configure": "", "configure.ac": "", "Makefile.am": "", "Makefile.in": "", "build/Makefile": "",
             "build/config.status": "", "build/nbfork": f'#!/bin/sh\nexec {words} "$@"\n', "bin/make": "#!/bin/sh\n",
             "bin/dpkg-query": "#!/bin/sh\nprintf 'install ok installed'\n"}
    for name, text in files.items():
        path = work.path(work.write(name, text))
        path.chmod(0o755)
        os.utime(path, (1, 1))
    env = {**work.env, "PATH": f"{work.dir}/bin:{work.env['PATH']}", "DATABRICKS_CONFIG_PROFILE": "none",
           "DATABRICKS_CLUSTER_ID": "none", "ARM_CLIENT_ID": "none", "http_proxy": "http://127.0.0.1:9"}
    done = subprocess.run(["./quickstart", "databricks"], cwd=work.dir, env=env, text=True, capture_output=True,
                          stdin=subprocess.DEVNULL, timeout=140 * harness.PATIENCE)
    assert done.returncode == 0, done.stderr
    assert table_of(done.stdout) == table_of(shown(f"nbfork samples/{DATABRICKS}"))
    assert "DATABRICKS_HOST=https://" in done.stderr
    assert (work.dir / "nbfork-runs/sales-latest/results.json").exists() and "nbfork-runs/sales-latest" in done.stderr
    assert not list(work.dir.glob("build/workspace.*"))

    failing = (samples / DATABRICKS).read_text("utf-8").replace("least: 100", "least: 100000")
    (samples / DATABRICKS).write_text(failing)
    done = subprocess.run(["./quickstart", "databricks"], cwd=work.dir, env=env, text=True, capture_output=True,
                          stdin=subprocess.DEVNULL, timeout=140 * harness.PATIENCE)
    assert done.returncode == 1, done.stderr


@pytest.mark.parametrize("name", ["tables/tables.yaml", "weather/weather.yaml", DATABRICKS])
def test_the_workflow_in_the_readme_is_the_sample(samples, name):
    text = (TOP / "README").read_text("utf-8")
    notebooks = (samples / name).read_text("utf-8").split("notebooks:", 1)[1]
    assert "\n".join("    " + line if line else "" for line in notebooks.rstrip("\n").split("\n")) in text


def test_the_sample_notebooks_in_source_files_have_their_header(samples):
    found = list(samples.rglob("*.py"))
    assert len(found) == 10
    for path in found:
        assert path.read_text("utf-8").startswith("# Databricks notebook source\n"), path


def test_the_sample_notebooks_have_no_outputs(samples):
    for path in samples.rglob("*.ipynb"):
        for cell in json.loads(path.read_text("utf-8"))["cells"]:
            assert not cell.get("outputs") and cell.get("execution_count") is None, path
