"""What to run, in which order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.measurement import Question
from systems.system import Entry


@dataclass(frozen=True)
class Row:
    """A row with its name and what it measures. `results` are the ways to have it: stored or not."""

    title: str
    module: str
    """In `harness.rows`."""
    number: int
    """Tasks, at most."""
    quick: int
    """Tasks in a quick run."""
    rounds: int
    """How often it is measured, at most."""
    results: tuple[bool, ...] = (False,)
    seconds: float | None = None
    """A slow system gets as many tasks as it does in about this time; None: all systems get the same number."""
    base: str = "celeriac:solo"
    """Which of ours others are compared with, on the same broker."""


ROWS: Mapping[str, Row] = {
    "W1": Row("Throughput: tasks wait, a worker starts", "throughput", 20_000, 500, 3, (False, True), 0.8),
    "W2": Row("Enqueueing by one client", "enqueue", 20_000, 200, 3, seconds=0.7),
    "W3": Row("Round trip with an idle worker, one at a time", "round_trip", 1_000, 30, 2, (True,)),
    "W5": Row("Start-up and the idle worker", "start_up", 1, 1, 1),
    "W6": Row("Lateness of tasks with an ETA", "eta", 2_000, 200, 1),
    "W7": Row("Workflows", "canvas", 1_000, 30, 2, (True,)),
    "W8": Row("Coroutines that sleep 100 ms", "sleepers", 10_000, 500, 2, base="celeriac:asyncio1000"),
    "W9": Row("Payloads of 100 KB", "payload", 1_000, 50, 2, seconds=1.0),
    "W10": Row("Memory after many tasks", "growth", 100_000, 500, 1, seconds=8.0),
    "W11": Row("Where our own time goes", "stages", 20_000, 500, 2, (True,)),
}
GATE = "gate"
"""A row that no entry has: it is for `bench/gate.py`."""
MODULES: Mapping[str, str] = {GATE: "brief", **{key: row.module for key, row in ROWS.items()}}
"""In `harness.rows`, by row."""


@dataclass(frozen=True)
class Options:
    rounds: int
    quick: bool
    rows: Sequence[str]
    systems: Sequence[str]
    """Names of systems, or their beginnings; empty: all."""
    brokers: Sequence[str]
    """Empty: all."""
    seconds: float
    """Bounds every wait for tasks."""


def chosen(entries: Sequence[Entry], options: Options) -> list[Entry]:
    return [
        entry
        for entry in entries
        if (not options.systems or entry.name.startswith(tuple(options.systems)))
        and (not options.brokers or entry.broker in options.brokers)
        and not entry.rows.isdisjoint(options.rows)
    ]


def questions(
    entries: Sequence[Entry], options: Options, rates: Mapping[str, float]
) -> Iterator[tuple[int, Entry, Question]]:
    """Round, entry and question: within each row the systems take turns, so that all meet the machine's moods alike.

    `rates` says for each entry how many tasks a second it has been seen to run.
    """
    for key, row in ROWS.items():
        having = [entry for entry in entries if key in entry.rows and key in options.rows]
        for results in row.results:
            for turn in range(min(options.rounds, row.rounds)):
                for entry in having:
                    number = row.quick if options.quick else _number(row, rates.get(entry.name))
                    yield turn, entry, Question(key, entry.name, results, number, options.seconds)


def _number(row: Row, rate: float | None) -> int:
    if row.seconds is None or rate is None:
        return row.number
    return round(min(max(row.seconds * rate, row.quick), row.number))
