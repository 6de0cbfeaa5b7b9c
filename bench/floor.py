"""
The floor: runs the cells of all notebooks in one kernel, one after the other, and counts nothing but the time that the
kernel was busy with them, by its own clock. Nobody who has a kernel run these notebooks can take less, but for how many
run at a time.

    floor.py RESULT NOTEBOOK...

The executed notebooks go to the folder out, as with all contenders. RESULT is a JSON file: the seconds of each
notebook, and the CPU time that the kernel took for all of them.
"""

import json
import os
import sys
from pathlib import Path

import nbformat
from jupyter_client.manager import start_new_kernel


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as f:
        user, system = f.read().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def run_cell(client, cell):
    """Runs a cell, and returns how long the kernel was busy with it."""
    request = client.execute(cell.source)
    times = {}
    while "idle" not in times:
        message = client.get_iopub_msg()
        if message["parent_header"].get("msg_id") != request:
            continue
        kind = message["msg_type"]
        if kind == "status":
            times[message["content"]["execution_state"]] = message["header"]["date"]
        elif kind in ("stream", "display_data", "execute_result", "error"):
            cell.outputs.append(nbformat.v4.output_from_msg(message))
    cell.execution_count = client.get_shell_msg()["content"]["execution_count"]
    return (times["idle"] - times["busy"]).total_seconds()


def main():
    # Its cache of results is full after a thousand, and then it says so.
    manager, client = start_new_kernel(kernel_name="python3", extra_arguments=["--ZMQInteractiveShell.cache_size=0"])
    pid = manager.provisioner.pid
    begun = cpu_seconds(pid)
    seconds = []
    for path in sys.argv[2:]:
        notebook = nbformat.read(path, as_version=4)
        seconds.append(sum(run_cell(client, cell) for cell in notebook.cells))
        nbformat.write(notebook, Path("out") / Path(path).name)
    result = {"seconds": seconds, "cpu_seconds": cpu_seconds(pid) - begun}
    client.stop_channels()
    manager.shutdown_kernel()
    with open(sys.argv[1], "w") as f:
        json.dump(result, f)


if __name__ == "__main__":
    main()
