"""W5, second part: commands timed from exec to exit, taking turns."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

_BIN = Path(sys.executable).parent
_LONGEST = 60.0

BASE = "python -c 'import click'"
"""What a command line with click cannot do without."""
HELP = "celeriac --help"
HELP_BOUND = 2.0
"""How many times as long as `BASE` it may take."""

COMMANDS: Mapping[str, list[str]] = {
    "python -c pass": [sys.executable, "-c", "pass"],
    BASE: [sys.executable, "-c", "import click"],
    HELP: [str(_BIN / "celeriac"), "--help"],
    "celeriac worker --help": [str(_BIN / "celeriac"), "worker", "--help"],
    "huey_consumer --help": [str(_BIN / "huey_consumer"), "--help"],
    "celery --help": [str(_BIN / "celery"), "--help"],
    "from celeriac import Celeriac": [sys.executable, "-c", "from celeriac import Celeriac"],
    "from huey import SqliteHuey": [sys.executable, "-c", "from huey import SqliteHuey"],
    "from celery import Celery": [sys.executable, "-c", "from celery import Celery"],
}


def time_commands(repeats: int, progress: Callable[[str], None]) -> dict[str, list[float]]:
    """Milliseconds of each, by its text; a first turn, which warms the page cache, does not count."""
    times: dict[str, list[float]] = {text: [] for text in COMMANDS}
    with tempfile.TemporaryDirectory(prefix="celeriac-bench-") as folder:
        for turn in range(repeats + 1):
            progress(f"W5 commands, turn {turn} of {repeats}")
            for text, command in COMMANDS.items():
                took = _time(command, folder)
                if turn:
                    times[text].append(took)
    return times


def _time(command: list[str], folder: str) -> float:
    begin = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    watchdog = threading.Timer(_LONGEST, process.kill)  # a wait with a timeout would look only each 50 ms
    watchdog.start()
    try:
        status = process.wait()
    finally:
        process.kill()
        watchdog.cancel()
    if status:
        raise RuntimeError(f"{command[-1]!r} ended with status {status}")
    return (time.perf_counter() - begin) * 1000
