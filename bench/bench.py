"""
The benchmark: nbfork beside the other ways to run many notebooks at a time.

The rows are kinds of work (work.py), the contenders ways to run it (contenders.py). In each row all contenders take
turns, A B C A B C and so on, so that whatever else the machine does meanwhile hits all of them; what is told is the
median. Each run is measured with everything that it starts (measure.py), and its executed notebooks are compared with
what they must be: the time of a wrong result counts for nothing.

The ratio to nbfork is the median of the ratios of each round, the limit what the cells of the row take in one kernel,
spread over as many as run at a time, or its longest notebook if that takes longer: nobody who has a kernel run it can
be faster. ploomber-engine has none, it runs cells in its own process, and may be.

nbfork runs all notebooks of a row. Of the others, where that would take very long, a part is run, as many as take some
seconds (--budget), and the table says how many; all ratios are those of one notebook.
"""

import argparse
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import contenders
import work

HERE = Path(__file__).resolve().parent
BUSY = 0.1  # the share of the machine that others may take, before it is said that they have disturbed a run


def note(message):
    print(f"bench: {message}", file=sys.stderr, flush=True)


def first_line(path, key, default="?"):
    """The value behind a key in a file of the system that has such lines."""
    try:
        with open(path) as f:
            for line in f:
                if line.startswith(key):
                    return line[len(key):].strip(" \t:=\"\n")
    except OSError:
        pass
    return default


def machine():
    return {
        "cpu": first_line("/proc/cpuinfo", "model name", platform.machine()),
        "cpus": len(os.sched_getaffinity(0)),
        "memory_bytes": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        "kernel": f"{platform.system()} {platform.release()}",
        "system": first_line("/etc/os-release", "PRETTY_NAME"),
        "load_before": [round(x, 2) for x in os.getloadavg()],
    }


# ---- one run ----

class Runner:
    """Runs contenders, each time in a new folder."""

    def __init__(self, site, limit, keep):
        self.site = site
        self.limit = limit
        self.keep = keep
        self.count = 0

    def run(self, contender, row, notebooks):
        """What a run took, with `error` (None if all is right), and the command."""
        self.count += 1
        folder = os.path.join(self.site.folder, f"{self.count}-{row.name}-{contender.name}")
        work.write(os.path.join(folder, "in"), notebooks)
        os.mkdir(os.path.join(folder, "out"))
        os.chdir(folder)  # where commands are put together, and started
        command = contender.command(self.site, row, notebooks)
        result = self.measure(command)
        result["error"] = error(result) or self.wrong(contender, folder, notebooks)
        if result["error"]:
            note(f"{contender.name}: {result['error']}")
        elif contender.is_floor:
            self.floor(result)
        os.chdir(self.site.folder)
        if not self.keep:
            shutil.rmtree(folder)
        return result, command

    def measure(self, command):
        with open("log", "wb") as log:
            measure = subprocess.Popen(
                [sys.executable, "-I", "-S", str(HERE / "measure.py"), "--result=measured.json",
                 f"--limit={self.limit}"] + command,
                env=self.site.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            measure.wait()
        except BaseException:
            measure.terminate()
            measure.wait()
            raise
        try:
            with open("measured.json") as f:
                return json.load(f)
        except OSError:
            return {"error": f"measure.py ended with status {measure.returncode}"}

    def wrong(self, contender, folder, notebooks):
        messages = work.wrong(contender.out(folder), notebooks, self.site.prefix)
        return f"{len(messages)} of {len(notebooks)} notebooks are wrong: {messages[0]}" if messages else None

    @staticmethod
    def floor(result):
        """Of the floor counts what it has measured itself, in its kernel."""
        with open("floor.json") as f:
            floor = json.load(f)
        result.update(wall_seconds=sum(floor["seconds"]), longest_seconds=max(floor["seconds"]),
                      cpu_seconds=floor["cpu_seconds"], peak_pss_bytes=None)


def error(result):
    """What is wrong with a run by what was measured, or None."""
    if result.get("error"):
        return result["error"]
    if result["timed_out"]:
        return f"killed after {result['wall_seconds']:.0f} s"
    if result["status"] != 0:
        with open("log", "rb") as f:
            lines = f.read().decode(errors="replace").strip().splitlines()
        return f"exit status {result['status']}: {lines[-1][:200] if lines else 'it said nothing'}"
    return None


# ---- a row ----

class Entry:
    """A contender in a row: how many notebooks it runs, and its runs."""

    def __init__(self, contender):
        self.contender = contender
        self.notebooks = []
        self.command = None
        self.runs = []
        self.dropped = None  # why it is not run any more

    def right(self):
        return [run for run in self.runs if not run["error"]]

    def each(self, number):
        """The wall time for one notebook in a round, or None."""
        if number < len(self.runs) and not self.runs[number]["error"]:
            return self.runs[number]["wall_seconds"] / len(self.notebooks)
        return None

    def median(self, key):
        values = [run[key] for run in self.right() if run[key] is not None]
        return statistics.median(values) if values else None

    def problem(self):
        """What to say of it, or None."""
        wrong = [run["error"] for run in self.runs if run["error"]]
        if self.dropped:
            return f"left out: {self.dropped}"
        return f"{len(wrong)} of {len(self.runs)} runs failed: {wrong[0]}" if wrong else None


def part(entry, row, runner, budget):
    """
    How many notebooks of the row a contender runs: all, or as many as it is likely to do within its time. That is found
    with a few, which also is what warms up the caches of files.
    """
    size = len(row.notebooks)
    processes = runner.site.processes
    few = 2 * processes
    if not row.sampled or size <= few:
        return size
    note(f"{row.name}: a few with {entry.contender.name}")
    result, _ = runner.run(entry.contender, row, row.notebooks[:few])
    if result["error"]:
        entry.dropped = result["error"]
        return 0
    if entry.contender.in_full or not budget:
        return size
    fit = int(budget * row.patience / (result["wall_seconds"] / few))
    return min(size, max(few, fit - fit % processes))


def run_row(row, entrants, runner, rounds, budget):
    """Runs a row; returns its entries."""
    entries = [Entry(contender) for contender in entrants]
    for entry in entries:
        if budget is not None:
            entry.notebooks = row.notebooks[:part(entry, row, runner, budget)]
        else:
            entry.notebooks = row.notebooks
    for number in range(rounds):
        for entry in entries:
            if entry.dropped:
                continue
            run, entry.command = runner.run(entry.contender, row, entry.notebooks)
            entry.runs.append(run)
            if run.get("timed_out"):
                entry.dropped = run["error"]
            note(f"{row.name}: {number + 1}/{rounds} {entry.contender.name}, {len(entry.notebooks)} notebooks" +
                 ("" if run["error"] else f", {run['wall_seconds']:.2f} s"))
    return entries


def limit_of(entries, processes):
    """The seconds for one notebook that cannot be less, by the floor; None if that is not known."""
    for entry in entries:
        if entry.contender.is_floor and entry.right():
            return max(entry.median("wall_seconds") / processes, entry.median("longest_seconds")) / len(entry.notebooks)
    return None


def ratio(entry, reference):
    """How many times as long as the reference it takes for a notebook: the median of all rounds."""
    pairs = [(entry.each(i), reference.each(i)) for i in range(len(entry.runs))]
    ratios = [a / b for a, b in pairs if a is not None and b is not None]
    return statistics.median(ratios) if ratios else None


def row_document(row, entries, processes, rounds):
    """A row of the results."""
    limit = limit_of(entries, processes)
    reference = next((e for e in entries if e.contender.name.startswith("nbfork") and e.right()), None)
    found = []
    for entry in entries:
        wall = entry.median("wall_seconds")
        runner = not entry.contender.is_floor
        found.append({
            "name": entry.contender.name,
            "command": contenders.as_text(entry.command)[:500] if entry.command else None,
            "notebooks": len(entry.notebooks),
            "wall_seconds": wall,
            "cpu_seconds": entry.median("cpu_seconds"),
            "peak_pss_bytes": entry.median("peak_pss_bytes"),
            "notebooks_per_second": len(entry.notebooks) / wall if wall else None,
            "ratio_to_nbfork": ratio(entry, reference) if reference and runner else None,
            "ratio_to_limit": wall / len(entry.notebooks) / limit if limit and wall and runner else None,
            "problem": entry.problem(),
            "runs": entry.runs,
        })
    return {"name": row.name, "title": f"{len(row.notebooks)} {row.title}", "notebooks": len(row.notebooks),
            "rounds": rounds, "compared_with": reference.contender.name if reference else None,
            "limit_seconds": limit * len(row.notebooks) if limit else None, "contenders": found}


# ---- the table ----

def number(value, form, missing="-"):
    return missing if value is None else form.format(value)


def table(row, cpus, processes):
    """A row as text."""
    head = ["", "NOTEBOOKS", "WALL", "CPU", "MEMORY", "PER SECOND", "TO NBFORK", "TO LIMIT"]
    lines = [head]
    for entry in row["contenders"]:
        memory = entry["peak_pss_bytes"]
        lines.append([
            entry["name"], str(entry["notebooks"]), number(entry["wall_seconds"], "{:.2f} s"),
            number(entry["cpu_seconds"], "{:.2f} s"), number(memory and memory / 1e6, "{:.0f} MB"),
            number(entry["notebooks_per_second"], "{:.2f}"), number(entry["ratio_to_nbfork"], "{:.2f}"),
            number(entry["ratio_to_limit"], "{:.2f}")])
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    text = [f"{row['name']}: {row['title']}, {processes} at a time, "
            + (f"median of {row['rounds']} rounds" if row["rounds"] > 1 else "one round")]
    for line in lines:
        cells = [line[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(line[1:], widths[1:])]
        text.append("  " + "  ".join(cells).rstrip())
    if row["limit_seconds"]:
        text.append(f"  limit: {row['limit_seconds']:.2f} s for all {row['notebooks']}")
    for entry in row["contenders"]:
        if entry["problem"]:
            text.append(f"  {entry['name']}: {entry['problem']}")
        left = max((run.get("left_behind_killed", 0) for run in entry["runs"]), default=0)
        if left:
            text.append(f"  {entry['name']}: left {left} processes behind")
    others = [run["other_cpu_seconds"] / run["wall_seconds"] / cpus
              for entry in row["contenders"] if entry["peak_pss_bytes"] for run in entry["runs"] if not run["error"]]
    if others and max(others) > BUSY:
        text.append(f"  disturbed: others took {min(others):.0%} to {max(others):.0%} of the machine meanwhile")
    return "\n".join(text)


def heading(document):
    """What was measured where, as text."""
    there = document["machine"]
    versions = [f"{name} {version}" if name not in version else version
                for name, version in document["versions"].items() if version]
    text = [f"{there['cpu']}, {there['cpus']} CPUs, {there['memory_bytes'] / 1e9:.0f} GB, {there['system']}, "
            f"{there['kernel']}", "load before: " + " ".join(map(str, there["load_before"])), ", ".join(versions)]
    text += [f"without {name}: {reason}" for name, reason in document["left_out"].items()]
    return "\n".join(text)


# ---- the program ----

def names(text, known, what):
    """The names of a list with commas, which must be known."""
    chosen = text.split(",") if text else list(known)
    for name in chosen:
        if name not in known:
            sys.exit(f"bench: no {what} '{name}'; there are {', '.join(known)}")
    return chosen


def arguments():
    parser = argparse.ArgumentParser(description="Measures nbfork beside other ways to run many notebooks.")
    parser.add_argument("--nbfork", default="./nbfork", metavar="PROGRAM", help="the nbfork to measure (./nbfork)")
    parser.add_argument("--env", metavar="DIR", help="the environment that bench/setup has made; without it, what is "
                                                     "installed for the Python that runs this")
    parser.add_argument("--rows", metavar="NAME,...", help="only these rows")
    parser.add_argument("--contenders", metavar="NAME,...", help="only these contenders")
    parser.add_argument("--rounds", type=int, default=3, help="how often each of them runs (3)")
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)),
                        help="how many notebooks run at a time (the number of CPUs)")
    parser.add_argument("--budget", type=float, default=15, metavar="SECONDS",
                        help="how long others than nbfork may take for a run, where a part of the notebooks will do "
                             "(15); 0: they run all of them")
    parser.add_argument("--limit", type=float, default=1800, metavar="SECONDS", help="when a run is killed (1800)")
    parser.add_argument("--quick", action="store_true", help="little work in one round: shows that all works, not more")
    parser.add_argument("--json", metavar="FILE", help="writes the results to a file, too")
    parser.add_argument("--keep", action="store_true", help="keeps the folders of all runs, and says where they are")
    args = parser.parse_args()
    if args.rounds < 1 or args.processes < 1:
        parser.error("there must be at least one round and one process")
    return args


def write_json(path, document):
    """Writes the results so far: whoever stops after an hour has what there is."""
    with open(path + ".new", "w") as f:
        json.dump(document, f, indent=1)
        f.write("\n")
    os.rename(path + ".new", path)


def run(args, folder):
    """Runs what the arguments say; returns the results."""
    python = os.path.join(args.env, "bin", "python") if args.env else sys.executable
    rows = {row.name: row for row in work.rows(args.quick)}
    everybody = {contender.name: contender for contender in contenders.contenders()}
    chosen_rows = names(args.rows, rows, "row")
    chosen = names(args.contenders, everybody, "contender")
    if not os.access(python, os.X_OK):
        sys.exit(f"bench: no {python}: bench/setup makes it")
    json_path = os.path.abspath(args.json) if args.json else None
    before = machine()
    site = contenders.Site(args.nbfork, python, args.processes, folder)
    left_out = {name: reason for name in chosen if (reason := everybody[name].missing(site))}
    document = {
        "schema": "nbfork.bench/1", "started_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": before, "versions": site.versions(), "processes": args.processes,
        "quick": args.quick, "left_out": left_out, "rows": [],
    }
    print(heading(document), flush=True)
    runner = Runner(site, args.limit, args.keep)
    modules = {name: site.says(python, "-c", f"import {name}; print('yes')")
               for name in {module for row in rows.values() for module in row.preload}}
    for row in (rows[name] for name in chosen_rows):
        lacking = [module for module in row.preload if not modules[module]]
        if lacking:
            left_out[f"row {row.name}"] = f"{' and '.join(lacking)} not installed"
            print(f"\nwithout row {row.name}: {left_out[f'row {row.name}']}", flush=True)
            continue
        rounds = 1 if args.quick else min(args.rounds, row.rounds or args.rounds)
        entries = run_row(row, [everybody[name] for name in chosen if name not in left_out], runner, rounds,
                          None if args.quick else args.budget)
        document["rows"].append(row_document(row, entries, args.processes, rounds))
        print("\n" + table(document["rows"][-1], before["cpus"], args.processes), flush=True)
        if json_path:
            write_json(json_path, document)
    return document


def main():
    args = arguments()

    def told_to_end(*_):
        sys.exit(1)
    signal.signal(signal.SIGTERM, told_to_end)
    folder = tempfile.mkdtemp(prefix="nbfork-bench-")
    back = os.getcwd()
    try:
        document = run(args, folder)
    except KeyboardInterrupt:
        note("interrupted")
        return 130
    finally:
        os.chdir(back)
        if args.keep:
            note(f"the folders of all runs are in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    # Others may be wrong, nbfork may not.
    wrong = [entry for row in document["rows"] for entry in row["contenders"]
             if entry["name"].startswith("nbfork") and entry["problem"]]
    return 1 if wrong or not document["rows"] else 0


if __name__ == "__main__":
    sys.exit(main())
