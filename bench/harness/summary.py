"""From runs to rows of a table: medians, spreads, and ratios of the same round."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from harness.plan import ROWS
from systems.system import Entry


@dataclass(frozen=True)
class Run:
    """One measurement."""

    row: str
    """``-`` for a system that is left out."""
    entry: str
    results: bool
    round: int
    values: Mapping[str, Any]
    problems: Sequence[str]
    calibration: tuple[float, float] | None
    """Milliseconds of the fixed loop before and after; None when nothing was measured."""


@dataclass(frozen=True)
class Spread:
    """Of one value over the rounds."""

    middle: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Iterable[float | None]) -> Spread | None:
        known = [value for value in values if value is not None]
        return cls(median(known), min(known), max(known)) if known else None


def runs_of(runs: Sequence[Run], row: str, entry: str, results: bool) -> list[Run]:
    return [run for run in runs if (run.row, run.entry, run.results) == (row, entry, results)]


def compared_with(entry: Entry, row: str) -> tuple[str, str]:
    """The names of ours, and of the bare loop, on the same broker."""
    return f"{ROWS[row].base}@{entry.home}", f"floor@{entry.broker}"


def spread(runs: Sequence[Run], name: str) -> Spread | None:
    return Spread.of(run.values.get(name) for run in runs)


def ratio(runs: Sequence[Run], base: Sequence[Run], name: str) -> Spread | None:
    """Each round's value divided by the base's of the same round."""
    bases = {run.round: run.values.get(name) for run in base}
    return Spread.of(
        run.values[name] / bases[run.round] for run in runs if run.values.get(name) and bases.get(run.round)
    )
