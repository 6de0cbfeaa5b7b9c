"""
Runs notebooks with nbclient in a ThreadPoolExecutor, as tutorials show it.

    threads.py PROCESSES NOTEBOOK...
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
from nbclient import NotebookClient


def run(path):
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, kernel_name="python3").execute()
    nbformat.write(notebook, Path("out") / Path(path).name)


if __name__ == "__main__":
    with ThreadPoolExecutor(max_workers=int(sys.argv[1])) as executor:
        list(executor.map(run, sys.argv[2:]))
