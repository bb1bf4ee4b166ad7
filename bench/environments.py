"""Environments of their own for peers that want other versions of what we use, or bring plugins into our tests.

    python bench/environments.py

makes `.venv-bench/<peer>` for each dependency group `bench-<peer>` of pyproject.toml. One that cannot be made is told,
and the benchmark tells it too.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

PEERS = ("arq", "saq", "taskiq")
_ROOT = Path(__file__).resolve().parents[1]
_FOLDER = _ROOT / ".venv-bench"
_INSTALL = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check")


def python_of(environment: str) -> Path:
    """The interpreter of that environment; this one for none."""
    return _FOLDER / environment / "bin" / "python" if environment else Path(sys.executable)


def missing(environment: str) -> str:
    """Why it cannot be used; empty when it can."""
    reason = _reason(environment)
    if not environment or python_of(environment).exists():
        return ""
    return reason.read_text() if reason.exists() else "not installed: run `make bench`, or bench/environments.py"


def make(environment: str) -> str:
    """Make it anew; what went wrong, or nothing."""
    folder = _FOLDER / environment
    shutil.rmtree(folder, ignore_errors=True)
    _reason(environment).unlink(missing_ok=True)
    try:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True, capture_output=True, text=True)
        python = python_of(environment)
        # An older pip, as it comes with Python, does not know dependency groups.
        subprocess.run([python, *_INSTALL, "--upgrade", "pip>=25.1"], check=True, capture_output=True, text=True)
        group = f"{_ROOT / 'pyproject.toml'}:bench-{environment}"
        subprocess.run([python, *_INSTALL, "--group", group], check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        shutil.rmtree(folder, ignore_errors=True)
        told = f"could not be installed: {error.stderr.strip().splitlines()[-1:]}"
        _reason(environment).write_text(told)
        return told
    return ""


def _reason(environment: str) -> Path:
    """Where it is kept why the last try failed."""
    return _FOLDER / f"{environment}.failed"


def main() -> None:
    _FOLDER.mkdir(exist_ok=True)
    for environment in PEERS:
        print(f"{environment}: {make(environment) or 'ready'}")


if __name__ == "__main__":
    main()
