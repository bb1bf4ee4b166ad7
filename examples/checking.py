"""What the examples' checks share: a folder of their own, commands run as a reader would run them, bounds in time."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from pathlib import Path

PATIENCE = 20.0
"""Seconds within which everything that a check waits for must have come."""


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that is the current one while the block lasts; whatever an example writes, it writes there."""
    with tempfile.TemporaryDirectory(prefix="celeriac-example-") as folder, chdir(folder):
        yield Path(folder)


@contextmanager
def copy_of(file: str) -> Iterator[Path]:
    """A temporary folder with a copy of the folder in which `file` is, where Python looks for modules first."""
    leave_out = shutil.ignore_patterns("check.py", "__pycache__", "*.db*")
    with temporary_folder() as folder:
        shutil.copytree(Path(file).parent, folder, dirs_exist_ok=True, ignore=leave_out)
        sys.path.insert(0, str(folder))
        yield folder


def celeriac(*arguments: str, status: int = 0) -> str:
    """What the command prints; it must end with this exit status."""
    command = [sys.executable, "-m", "celeriac", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    said = f"{' '.join(arguments)}: exit status {done.returncode}\n{done.stdout}{done.stderr}"
    assert done.returncode == status, said
    return done.stdout


@contextmanager
def running(*arguments: str) -> Iterator[Callable[[], str]]:
    """The command, for as long as the block lasts; it must end in good order when it is told to. Yields a function that
    gives what it has said so far; that goes into a file of the current folder."""
    with tempfile.NamedTemporaryFile("w", suffix=".log", dir=Path.cwd(), delete=False) as log:
        said = Path(log.name).read_text
        command = [sys.executable, "-m", "celeriac", *arguments]
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            yield said
            assert process.poll() is None, f"{' '.join(arguments)} ended by itself"
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0, f"{' '.join(arguments)}: exit status {process.returncode}"
        except BaseException:
            print(said(), file=sys.stderr)
            raise
        finally:
            process.kill()
            process.wait()


def error_of(call: Callable[[], object]) -> Exception:
    """The error that the call ends in."""
    try:
        result = call()
    except Exception as error:
        return error
    raise AssertionError(f"there is a result where an error was expected: {result!r}")


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for the condition."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited {PATIENCE:g} s for {what}"
        time.sleep(0.02)


def done(check: str) -> None:
    """Say that the check has passed."""
    print(f"{Path(check).parent.name}: as its README says", flush=True)
