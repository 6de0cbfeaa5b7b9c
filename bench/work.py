"""
The work: rows of notebooks, and what their outputs must be.

A cell is a pair of its source and the texts that it must leave, one for each output. The last cell of each notebook
tells which Python it ran in, so that a contender that has found another kernel is noticed.
"""

import json
import os

WHERE = ("import sys\nprint(sys.prefix)", None)  # None: the Python that all contenders are to use

# Takes so much CPU time, not so much time: others on the machine make it wait, but not work more.
SPIN = """\
import time
begun = time.process_time()
while time.process_time() - begun < {seconds}:
    sum(range(1000))
print("done")"""


class Row:
    """A row of the benchmark: its notebooks as (name, cells), and how often it is run."""

    def __init__(self, name, title, notebooks, rounds=None, preload=(), sampled=True, known=False, patience=1):
        self.name = name
        self.title = title
        self.notebooks = [(stem, cells + [WHERE]) for stem, cells in notebooks]
        self.rounds = rounds  # at the most; None: as often as asked for
        self.preload = list(preload)  # modules that all notebooks import
        self.sampled = sampled  # a part of its notebooks tells as much as all of them
        self.known = known  # nbfork goes by the times of an earlier run
        self.patience = patience  # how much longer than in other rows such a part may take


def tiny(count):
    return [(f"tiny-{i:04}", [(f"x = {i}", []), ("print(x * x)", [f"{i * i}\n"])]) for i in range(count)]


def imports(count):
    return [(f"imports-{i:04}", [
        ("import numpy as np\nimport pandas as pd", []),
        (f"frame = pd.DataFrame({{'a': np.arange({i + 10})}})\nprint(frame.a.sum())", [f"{(i + 10) * (i + 9) // 2}\n"]),
    ]) for i in range(count)]


def cells(count, length):
    """Of so many cells with the one that tells the Python."""
    first = [("x = 0", [])]
    return [(f"cells-{i:04}", first + [(f"x += {i}\nx", [str(i * j)]) for j in range(1, length - 1)])
            for i in range(count)]


def outputs(count):
    """One notebook; shown data, because pieces of printed text would become one output."""
    each = count // 10
    show = "for i in range({0}, {1}):\n    display({{'text/plain': f'output {{i}}'}}, raw=True)"
    return [("outputs", [(show.format(i, i + each), [f"output {j}" for j in range(i, i + each)])
                         for i in range(0, count, each)])]


def skewed(lengths):
    return [(f"cpu-{i:04}", [(SPIN.format(seconds=seconds), ["done\n"])]) for i, seconds in enumerate(lengths)]


# 40 seconds of work, 5 for each on average; in this order whoever takes the next one is not at the ideal by chance.
LENGTHS = (3, 1, 6, 2, 8, 4, 11, 5)


def rows(quick):
    """All rows; with quick, small ones that only show that everything works."""
    few = 2 if quick else None
    return [
        Row("tiny", "tiny notebooks", tiny(few or 200)),
        Row("imports", "notebooks that import numpy and pandas", imports(few or 200), preload=["numpy", "pandas"]),
        Row("cells", f"notebooks of {50 if quick else 200} cells", cells(2, 50) if quick else cells(20, 200)),
        Row("outputs", f"notebook of {500 if quick else 5000} outputs", outputs(500 if quick else 5000)),
        Row("cpu", f"notebooks of skewed length that compute{'' if quick else ', 5 s on average'}; nbfork knows their times",
            skewed((0.2, 0.5, 0.1) if quick else LENGTHS), rounds=2, sampled=False, known=True),
        Row("many", "tiny notebooks", tiny(4 if quick else 1000), rounds=1, patience=4),
    ]


def write(folder, notebooks):
    """Writes notebooks to a folder, as the work of one contender."""
    os.makedirs(folder)
    for name, sources in notebooks:
        document = {
            "cells": [{"id": f"cell-{i}", "cell_type": "code", "metadata": {}, "source": source, "outputs": [],
                       "execution_count": None} for i, (source, _) in enumerate(sources)],
            "metadata": {
                "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
                "language_info": {"name": "python"}},
            "nbformat": 4, "nbformat_minor": 5}
        with open(os.path.join(folder, name + ".ipynb"), "w") as f:
            json.dump(document, f, indent=1)


def joined(text):
    return text if isinstance(text, str) else "".join(text)


def texts(cell):
    """The texts of a cell's outputs. Printed text is one, in however many pieces it was noted down."""
    found = []
    printed = False
    for output in cell.get("outputs", []):
        stream = output["output_type"] == "stream"
        if output["output_type"] == "error":
            found.append(f"{output['ename']}: {output['evalue']}")
        elif stream and printed:
            found[-1] += joined(output["text"])
        elif stream:
            found.append(joined(output["text"]))
        else:
            found.append(joined(output["data"].get("text/plain", "")))
        printed = stream
    return found


def wrong_cell(document, sources, prefix):
    """What is wrong with an executed notebook, or None."""
    found = [cell for cell in document["cells"] if cell["cell_type"] == "code"]
    if len(found) != len(sources):
        return f"{len(found)} code cells instead of {len(sources)}"
    for number, (cell, (source, expected)) in enumerate(zip(found, sources), 1):
        if expected is None:
            expected = [prefix + "\n"]
        if joined(cell["source"]) != source:
            return f"cell {number} is another one"
        if texts(cell) != expected:
            return f"cell {number} has the outputs {str(texts(cell))[:200]} instead of {str(expected)[:200]}"
        if cell.get("execution_count") is None:
            return f"cell {number} was not executed"
    return None


def wrong(folder, notebooks, prefix):
    """What is wrong with the executed notebooks in a folder: a list of messages, empty if all is right."""
    messages = []
    for name, sources in notebooks:
        try:
            with open(os.path.join(folder, name + ".ipynb"), "rb") as f:
                message = wrong_cell(json.load(f), sources, prefix)
        except OSError as e:
            message = e.strerror
        except (ValueError, KeyError, TypeError) as e:
            message = f"no notebook: {e!r}"
        if message:
            messages.append(f"{name}: {message}")
    return messages
