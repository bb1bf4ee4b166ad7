"""On what a run was made."""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

_PACKAGES = ("celeriac", "huey", "celery", "kombu", "SQLAlchemy", "msgspec")


def describe(arguments: list[str]) -> dict[str, Any]:
    return {
        "command": " ".join(["python bench/run.py", *arguments]),
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "commit": _commit(),
        "python": f"{platform.python_implementation()} {platform.python_version()}, {platform.python_compiler()}",
        "optimised": _optimised(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "load_before": os.getloadavg()[0],
        "sqlite": sqlite3.sqlite_version,
        "packages": {name: version(name) for name in _PACKAGES},
    }


def _commit() -> str | None:
    """Of the source tree, with a ``+`` when it has changes."""
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty=+"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip()


def _optimised() -> str:
    """How the interpreter was built; a plain build is about 1.5 times slower."""
    import sysconfig

    arguments = str(sysconfig.get_config_var("CONFIG_ARGS"))
    found = [name for flag, name in (("--enable-optimizations", "PGO"), ("--with-lto", "LTO")) if flag in arguments]
    return "+".join(found) or "plain build"


def _processor() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
