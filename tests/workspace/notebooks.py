"""
Notebooks, as a workspace has them: a language and a list of cells, each a text that may begin with a magic (%md,
%run, %sql, ...). They come in and go out as source files and as Jupyter's, and are made ready to be run here.
"""

import json
import posixpath
import re

HEADERS = {"PYTHON": "# Databricks notebook source", "R": "# Databricks notebook source",
           "SCALA": "// Databricks notebook source", "SQL": "-- Databricks notebook source"}
COMMENTS = {"PYTHON": "#", "R": "#", "SCALA": "//", "SQL": "--"}
EXTENSIONS = {".py": "PYTHON", ".scala": "SCALA", ".sql": "SQL", ".r": "R"}
LANGUAGE_OF_MAGIC = {"python": "PYTHON", "sql": "SQL", "scala": "SCALA", "r": "R"}


class Notebook:
    def __init__(self, language, cells):
        self.language = language
        self.cells = cells


def has_header(content, language):
    """Whether a source file is a notebook: the platform looks at its first line, and at nothing else."""
    header = HEADERS[language].encode()
    return content[:len(header)] == header and content[len(header):len(header) + 1] in (b"", b"\r", b"\n")


def from_source(text, language):
    """Reads a source file. Text without the header is a notebook of one cell (so it is with format SOURCE)."""
    comment = COMMENTS[language]
    lines = text.replace("\r\n", "\n").split("\n")
    if lines and lines[0].rstrip() == HEADERS[language]:
        lines = lines[1:]
    cells, cell = [], []
    for line in lines:
        if line.rstrip() == f"{comment} COMMAND ----------":
            cells.append(cell)
            cell = []
        else:
            cell.append(line)
    cells.append(cell)
    return Notebook(language, [text for text in (_plain(cell, comment) for cell in cells) if text])


def _plain(lines, comment):
    """The text of a cell as it stands in the notebook: without the marks of magics and titles."""
    magic, title = f"{comment} MAGIC", f"{comment} DBTITLE"
    lines = [line for line in lines if not line.startswith(title)]
    if any(line.startswith(magic) for line in lines):
        lines = [line[len(magic):].removeprefix(" ") for line in lines if line.startswith(magic)]
    return "\n".join(lines).strip("\n")


def to_source(notebook):
    comment = COMMENTS[notebook.language]
    cells = []
    for cell in notebook.cells:
        if cell.startswith("%"):
            cell = "\n".join(f"{comment} MAGIC {line}".rstrip() for line in cell.split("\n"))
        cells.append(cell)
    return HEADERS[notebook.language] + "\n" + f"\n\n{comment} COMMAND ----------\n\n".join(cells)


def from_jupyter(content):
    """Reads a notebook of Jupyter's (bytes). Raises ValueError when it is none."""
    document = json.loads(content)
    if not isinstance(document, dict) or not isinstance(document.get("cells"), list):
        raise ValueError("no cells")
    language = document.get("metadata", {}).get("language_info", {}).get("name") \
        or document.get("metadata", {}).get("kernelspec", {}).get("language") or "python"
    cells = []
    for cell in document["cells"]:
        text = cell.get("source", "")
        text = "".join(text) if isinstance(text, list) else text
        if cell.get("cell_type") == "markdown":
            text = "%md\n" + text
        elif cell.get("cell_type") != "code":
            continue
        cells.append(text)
    return Notebook(LANGUAGE_OF_MAGIC.get(language.lower(), "PYTHON"), cells)


def to_jupyter(notebook, name):
    cells = []
    for text in notebook.cells:
        cell = {"cell_type": "code", "execution_count": 0, "metadata": {"application/vnd.databricks.v1+cell": {}},
                "outputs": [], "source": text.splitlines(True)}
        if magic_of(text)[0] == "md":
            cell = {"cell_type": "markdown", "metadata": {}, "source": magic_of(text)[1].splitlines(True)}
        cells.append(cell)
    return json.dumps({
        "cells": cells,
        "metadata": {"application/vnd.databricks.v1+notebook": {"language": notebook.language.lower(),
                                                                "notebookName": name, "widgets": {}},
                     "language_info": {"name": notebook.language.lower()}},
        "nbformat": 4, "nbformat_minor": 0,
    }).encode()


def magic_of(text):
    """Returns (NAME, the rest) of a cell that begins with a magic, else (None, text)."""
    match = re.match(r"\s*%([a-z]+)\b[ \t]*\n?", text)
    if match is None or text.lstrip().startswith("%%"):
        return None, text
    return match.group(1), text[match.end():]


class Step:
    """A cell that is to be run: its text, and the pieces of Python that are run for it, None when nothing is."""

    def __init__(self, text, pieces):
        self.text = text
        self.pieces = pieces


def steps(find, path):
    """
    Makes a notebook ready: every cell with the Python it stands for, %run carried out in place. find(path) gives a
    Notebook or None. Returns None when there is no notebook at path.
    """
    notebook = find(path)
    if notebook is None:
        return None
    return [Step(text, _pieces(find, path, notebook, text, ())) for text in notebook.cells]


def _pieces(find, path, notebook, text, above):
    magic, rest = magic_of(text)
    language = LANGUAGE_OF_MAGIC.get(magic, notebook.language)
    if magic == "md" or not text.strip():
        return None
    if magic == "run":
        return _included(find, path, rest, above)
    if magic == "sh":
        return [f"_workspace.shell({rest!r})"]
    if magic == "pip":
        return ["print('Note: packages are not installed here.')"]
    if magic in LANGUAGE_OF_MAGIC or magic is None:
        if language == "PYTHON":
            return [rest]
        return [f"_workspace.refuse({('%' + language.lower()) + ' cells are not run here'!r})"]
    if magic in ("fs", "skip", "conda", "uv", "environment"):
        return [f"_workspace.refuse({f'%{magic} cells are not run here'!r})"]
    # A magic of IPython's own: %time, %matplotlib, ...
    return [text]


def _included(find, path, rest, above):
    """The pieces of %run PATH [$name="value"]..."""
    match = re.match(r"\s*(\"[^\"]*\"|'[^']*'|\S+)\s*(.*?)\s*$", rest, re.S)
    if match is None:
        return ["_workspace.refuse('%run needs the path of a notebook')"]
    target = resolve(path, match.group(1).strip("\"'"))
    notebook = find(target)
    if notebook is None:
        return [
            f"_workspace.refuse({f'Notebook not found: {target}. Notebooks can be specified via a relative path '!r}"
            "'(./Notebook or ../folder/Notebook) or via an absolute path (/Abs/Path/to/Notebook).')"
        ]
    if target in above or target == path:
        return [f"_workspace.refuse({f'%run of {target} runs itself'!r})"]
    values = dict(re.findall(r"\$(\w+)\s*=\s*\"([^\"]*)\"", match.group(2)))
    pieces = [f"dbutils.widgets._give({values!r})"] if values else []
    for text in notebook.cells:
        pieces += _pieces(find, target, notebook, text, (*above, path)) or []
    return pieces


def resolve(base, path):
    """The absolute path of a notebook that the notebook at base calls path."""
    if path.startswith("/"):
        return posixpath.normpath(path)
    return posixpath.normpath(posixpath.join(posixpath.dirname(base), path))
