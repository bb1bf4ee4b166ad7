"""The results of runs in a file of JSON lines: one for each combination, written when it has ended. So a run that was
interrupted can be continued, and those of several machines are merged by putting their files together."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from chaos.cycle import Combination, Outcome

REPOSITORY = Path(__file__).resolve().parents[2]


class Entry(msgspec.Struct):
    """One line."""

    commit: str
    """On which it ran; with a ``+`` when something was changed there."""
    date: str
    lease: float
    seed: int
    seconds: float
    outcome: Outcome


def append(file: Path, entry: Entry) -> None:
    """In one write, so that lanes and runs may share a file."""
    with file.open("ab", buffering=0) as lines:
        lines.write(msgspec.json.encode(entry) + b"\n")


def read(file: Path) -> list[Entry]:
    """Nothing, if there is no such file. A last line that is half written is passed over.

    Raises:
        msgspec.DecodeError: another line is no entry.
    """
    lines = file.read_bytes().split(b"\n") if file.exists() else []
    return [msgspec.json.decode(line, type=Entry) for line in lines[:-1]]


def merged(entries: Iterable[Entry]) -> Mapping[Combination, Outcome]:
    """One outcome for each combination: counts are added, and of times the longest is taken."""
    found: dict[Combination, Outcome] = {}
    for entry in entries:
        combination = entry.outcome.combination
        found[combination] = found.get(combination, Outcome(combination)) + entry.outcome
    return found


def commits(entries: Sequence[Entry]) -> Mapping[str, int]:
    """How many cycles were run on each."""
    found: dict[str, int] = {}
    for entry in entries:
        found[entry.commit] = found.get(entry.commit, 0) + entry.outcome.cycles
    return found


def present_commit() -> str:
    """Of the tree that this file is in."""
    commit = _git("rev-parse", "--short", "HEAD") or "unknown"
    return commit + "+" if _git("status", "--porcelain", "--untracked-files=no") else commit


def today() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d}"


def _git(*words: str) -> str:
    command = ("git", "-C", str(REPOSITORY), *words)
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
