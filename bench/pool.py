"""
Runs notebooks with nbclient in a multiprocessing.Pool, as tutorials show it.

    pool.py PROCESSES NOTEBOOK...
"""

import sys
from multiprocessing import Pool
from pathlib import Path

import nbformat
from nbclient import NotebookClient


def run(path):
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, kernel_name="python3").execute()
    nbformat.write(notebook, Path("out") / Path(path).name)


if __name__ == "__main__":
    with Pool(processes=int(sys.argv[1])) as pool:
        pool.map(run, sys.argv[2:])
