"""The app of ``celeriac demo``: one task surveys a file, another sums the surveys up."""

from __future__ import annotations

import hashlib
import io
import os
import tokenize
from pathlib import Path
from typing import Any

from celeriac import Celeriac

app = Celeriac("celeriac-demo")


@app.task(name="demo.survey", ignore_result=False)
def survey(path: str, runs: str) -> dict[str, Any]:
    """Hash a Python file and count its bytes, lines and tokens. Every run adds a line to the file `runs` before its
    work, so that what was run twice stands there twice."""
    _note_run(runs, path)
    return measure(path)


@app.task(name="demo.summarize")
def summarize(surveys: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Totals by package, largest first: the body of the chord, run once when the last file is done."""
    totals: dict[str, dict[str, Any]] = {}
    for row in surveys:
        total = totals.setdefault(
            row["package"], {"package": row["package"], "files": 0, "bytes": 0, "lines": 0, "tokens": 0}
        )
        total["files"] += 1
        for column in ("bytes", "lines", "tokens"):
            total[column] += row[column]
    return sorted(totals.values(), key=lambda total: -total["tokens"])


@app.task(name="demo.ping")
def ping() -> str:
    """Nothing but the way there and back."""
    return "pong"


def measure(path: str) -> dict[str, Any]:
    """The survey itself, also used for the plain count that the demo is checked against."""
    data = Path(path).read_bytes()
    return {
        "path": path,
        "package": Path(path).parent.name,
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "lines": data.count(b"\n"),
        "tokens": _count_tokens(data),
    }


def _count_tokens(data: bytes) -> int:
    """Tokens by Python's own tokenizer, up to the first thing that it cannot read."""
    count = 0
    try:
        for _ in tokenize.tokenize(io.BytesIO(data).readline):
            count += 1
    except (tokenize.TokenError, SyntaxError, UnicodeDecodeError):
        pass
    return count


def _note_run(runs: str, path: str) -> None:
    # One write in append mode: lines of several processes do not mix, and a SIGKILL leaves whole lines.
    descriptor = os.open(runs, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, f"{os.getpid()} {path}\n".encode())
    finally:
        os.close(descriptor)
