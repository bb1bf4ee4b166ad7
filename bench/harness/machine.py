"""On what a run was made."""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from environments import PEERS, python_of

_PACKAGES = (
    "celeriac",
    "celery",
    "kombu",
    "dramatiq",
    "pika",
    "huey",
    "rq",
    "redis",
    "hiredis",
    "SQLAlchemy",
    "msgspec",
)
_ELSEWHERE = {"arq": ("arq", "redis"), "saq": ("saq", "redis"), "taskiq": ("taskiq", "taskiq-redis", "taskiq-aio-pika")}
"""Of each environment of its own."""


def describe(arguments: list[str], servers: dict[str, str]) -> dict[str, Any]:
    """`servers`: name and version of those that took part."""
    return {
        "command": " ".join(["python bench/run.py", *map(_without_folder, arguments)]),
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "commit": _commit(),
        "python": f"{platform.python_implementation()} {platform.python_version()}, {platform.python_compiler()}",
        "optimised": _optimised(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "load_before": os.getloadavg()[0],
        "servers": {**servers, "SQLite": sqlite3.sqlite_version},
        "packages": {name: number for name in _PACKAGES if (number := _version(name))},
        "elsewhere": {name: _versions_in(name) for name in PEERS},
    }


def _without_folder(argument: str) -> str:
    """Where files lie on this machine is no part of a report."""
    return Path(argument).name if argument.startswith("/") else argument


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _versions_in(environment: str) -> dict[str, str]:
    python = python_of(environment)
    if not python.exists():
        return {}
    ask = "import sys; from importlib.metadata import version; print(*map(version, sys.argv[1:]))"
    names = _ELSEWHERE[environment]
    found = subprocess.run([python, "-c", ask, *names], capture_output=True, text=True, check=True)
    return dict(zip(names, found.stdout.split(), strict=True))


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
