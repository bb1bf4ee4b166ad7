"""Clean environments to install into, and the steps of a check that is printed as it goes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 300.0
"""Seconds for one command; an install over a slow line is the longest."""


class Failed(Exception):
    """A step did not do as it should; the text has what it printed."""


class Environment:
    """A virtual environment that has nothing but what is installed here. This interpreter's pip installs into it, so it
    needs none of its own; pip's cache and configuration are the ordinary ones."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "bin" / "python"
        venv.create(folder, with_pip=False, symlinks=True)

    def install(self, *what: str | Path) -> None:
        """``pip install`` these."""
        pip = [sys.executable, "-m", "pip", "--python", self.folder, "--disable-pip-version-check", "--quiet"]
        run([*pip, "install", *what])

    def run(self, *command: str | Path, folder: Path | None = None, status: int = 0, **variables: str) -> str:
        """What a command of this environment prints; it must end with that exit status."""
        return run([self.folder / "bin" / command[0], *command[1:]], folder or self.folder, status, variables)

    @contextmanager
    def running(self, *command: str, folder: Path, **variables: str) -> Iterator[None]:
        """A command of this environment, for as long as the block lasts; it must end in good order."""
        with (folder / "running.log").open("w") as log:
            environ = clean_environ(variables)
            process = subprocess.Popen(
                [self.folder / "bin" / command[0], *command[1:]], cwd=folder, env=environ, stdout=log, stderr=log
            )
        try:
            yield
            process.send_signal(signal.SIGTERM)
            if process.wait(PATIENCE):
                raise Failed(f"{' '.join(command)}: exit status {process.returncode}")
        except BaseException:
            print((folder / "running.log").read_text(), file=sys.stderr)
            raise
        finally:
            process.kill()
            process.wait()


def run(
    command: list[str | Path], folder: Path | None = None, status: int = 0, variables: dict[str, str] | None = None
) -> str:
    """What the command prints, errors included.

    Raises:
        Failed: it ended with another exit status.
    """
    done = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env=clean_environ(variables or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    if done.returncode != status:
        raise Failed(f"{' '.join(map(str, command))}: exit status {done.returncode}, not {status}\n{done.stdout}")
    return done.stdout


def clean_environ(more: dict[str, str]) -> dict[str, str]:
    """This process's variables without those that lead Python or Celeriac elsewhere."""
    astray = ("PYTHON", "CELERIAC_", "CELERY_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(astray)}
    return {**kept, "COLUMNS": "200", **more}


@contextmanager
def step(what: str) -> Iterator[None]:
    """Say what is done, and how long it took."""
    start = time.monotonic()
    print(f"{what} … ", end="", flush=True)
    try:
        yield
    except BaseException:
        print("FAILED", flush=True)
        raise
    print(f"{time.monotonic() - start:.1f} s", flush=True)


def expect(condition: object, otherwise: object) -> None:
    """Raise Failed unless the condition holds."""
    if not condition:
        raise Failed(str(otherwise))
