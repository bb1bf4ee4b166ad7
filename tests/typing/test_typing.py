"""The public API under mypy's and pyright's strict modes, as a user's project sees it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
API = HERE / "public_api.py"
ROOT = HERE.parents[1]
_LINE = re.compile(rf"^{re.escape(API.name)}:(\d+): error: (.*)$", re.MULTILINE)


def refused() -> set[int]:
    """The lines that must be errors."""
    return {number for number, line in enumerate(API.read_text().splitlines(), 1) if line.endswith("# refused")}


def test_mypy_passes_what_must_pass_and_refuses_what_must_not() -> None:
    pytest.importorskip("mypy", reason="needs mypy: make check installs it")

    run = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--config-file=", str(API)],
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
        cwd=HERE,
    )

    found = {int(number): text for number, text in _LINE.findall(run.stdout)}
    assert found, run.stdout + run.stderr
    assert {line: text for line, text in found.items() if line not in refused()} == {}
    assert refused() - found.keys() == set()


def test_pyright_passes_what_must_pass_and_refuses_what_must_not(tmp_path: Path) -> None:
    """basedpyright is pyright as an ordinary package, with nothing to download at its first run."""
    checker = Path(sys.executable).parent / "basedpyright"
    if not checker.exists():
        pytest.skip("needs basedpyright: make check installs it")
    shutil.copy(API, tmp_path)
    settings = {
        "typeCheckingMode": "strict",
        "reportUnusedExpression": False,
        "reportUnknownMemberType": False,
        "extraPaths": [str(ROOT / "framework")],
        "pythonVersion": "3.11",
    }
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))

    run = subprocess.run(
        [checker, "--outputjson", "--pythonpath", sys.executable, "--project", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
        cwd=tmp_path,
    )

    report = json.loads(run.stdout)
    assert report["summary"]["filesAnalyzed"] == 1, run.stdout
    found = {
        each["range"]["start"]["line"] + 1: each["message"]
        for each in report["generalDiagnostics"]
        if each["severity"] == "error"
    }
    assert {line: text for line, text in found.items() if line not in refused()} == {}
    assert refused() - found.keys() == set()
