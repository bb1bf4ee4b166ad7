"""What to run, in which order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.measurement import Question
from systems.system import Entry


@dataclass(frozen=True)
class Row:
    """A row with its name and what it measures. `results` are the ways to have it: stored or not."""

    key: str
    title: str
    results: tuple[bool, ...]
    quick: int
    """What the number of tasks is divided by in a quick run."""


ROWS: tuple[Row, ...] = (
    Row("W1", "Throughput: tasks wait, a worker starts", (False, True), 20),
    Row("W2", "Enqueueing by one client", (False,), 20),
    Row("W3", "Round trip with an idle worker, one at a time", (True,), 20),
    Row("W5", "Start-up and the idle worker", (False,), 1),
    Row("W6", "Lateness of tasks with an ETA", (False,), 5),
    Row("W8", "Coroutines that sleep 50 ms", (False,), 5),
)


@dataclass(frozen=True)
class Options:
    rounds: int
    quick: bool
    rows: Sequence[str]
    only: Sequence[str]
    """Names of systems, or their beginnings; empty: all."""
    seconds: float


def chosen(entries: Sequence[Entry], options: Options) -> list[Entry]:
    return [entry for entry in entries if not options.only or entry.name.startswith(tuple(options.only))]


def questions(entries: Sequence[Entry], options: Options) -> Iterator[tuple[int, Question]]:
    """Round and question: within each row the systems take turns, so that all meet the machine's moods alike."""
    for row in ROWS:
        having = [entry for entry in chosen(entries, options) if row.key in entry.rows and row.key in options.rows]
        for results in row.results:
            for turn in range(options.rounds):
                for entry in having:
                    number = max(entry.rows[row.key] // (row.quick if options.quick else 1), 1)
                    yield turn, Question(row.key, entry.name, results, number, options.seconds)
