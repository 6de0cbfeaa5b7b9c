"""
The samples do what README shows, and README shows what they are.
"""

import json
import os
import re
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

import harness

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
    return subprocess.run(["samples/tables/load-tables"], cwd=work.dir, text=True, capture_output=True, timeout=60,
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


@pytest.mark.parametrize("name", ["tables", "weather"])
def test_the_workflow_in_the_readme_is_the_sample(samples, name):
    text = (TOP / "README").read_text("utf-8")
    notebooks = (samples / name / f"{name}.yaml").read_text("utf-8").split("notebooks:", 1)[1]
    assert "\n".join("    " + line if line else "" for line in notebooks.rstrip("\n").split("\n")) in text


def test_the_sample_notebooks_have_no_outputs(samples):
    for path in samples.rglob("*.ipynb"):
        for cell in json.loads(path.read_text("utf-8"))["cells"]:
            assert not cell.get("outputs") and cell.get("execution_count") is None, path
