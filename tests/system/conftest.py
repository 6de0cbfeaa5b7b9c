"""
Fixtures for the tests that run nbfork. Most tests need just one: work, a private place to run it in.
"""

import os
import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

pytest.register_assert_rewrite("harness", "invariants", "remote")

import harness  # noqa: E402
from remote import build, shared_workspace, site  # noqa: E402, F401


@pytest.fixture
def work(tmp_path):
    """
    A place to run nbfork in. When the test is over, no process that was started here may be left, and no private
    folder of nbfork's.
    """
    place = harness.Work(tmp_path)
    yield place
    for run in place.runs:
        if run.proc.poll() is None:
            run.proc.kill()
            run.proc.wait()
    try:
        harness.wait_for(lambda: place.leftovers() == ({}, []), "the last process and folder to go", harness.GONE)
    except AssertionError:
        processes, folders = place.leftovers()
        harness.kill_all(processes)
        pytest.fail(f"left behind: processes {processes}, folders {[str(f) for f in folders]}")
    finally:
        place.close()


@pytest.fixture(autouse=True)
def guard(request):
    """No test may take longer than two minutes, or what its mark `patience` says, in seconds."""
    mark = request.node.get_closest_marker("patience")
    limit = (mark.args[0] if mark else 120) * harness.PATIENCE

    def over(*_):
        raise TimeoutError(f"the test has taken more than {limit:g} s")
    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, limit)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="session", autouse=True)
def there_is_a_program():
    command = harness.program()
    if not os.access(command[-1], os.X_OK):
        pytest.exit(f"no program '{command[-1]}': set NBFORK, or run in the build folder", 2)


def pytest_configure(config):
    # nohup, and shells for commands in the background, leave these ignored; nbfork would respect that.
    for sig in (signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT, signal.SIGTSTP):
        signal.signal(sig, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "patience(seconds): how long the test may take")
