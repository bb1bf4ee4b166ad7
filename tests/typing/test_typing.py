"""The public API under mypy's strict mode, as a user's project sees it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def test_calls_that_must_pass_pass_and_those_that_must_not_do_not() -> None:
    pytest.importorskip("mypy", reason="needs mypy: make check installs it")
    api = Path(__file__).parent / "public_api.py"

    run = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--config-file=", str(api)],
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
        cwd=api.parent,
    )

    assert run.returncode == 0, run.stdout
