"""Waiting for what tasks do, within a bound."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from harness.tally import Span, Tally
from harness.workers import Worker

T = TypeVar("T")


class Late(Exception):
    """It did not happen in time, or cannot happen any more."""


def until(look: Callable[[], T], seconds: float, what: str, worker: Worker | None = None, pause: float = 0.002) -> T:
    """What `look` gives, once that is true.

    Raises:
        Late: it was not within so many seconds, or the worker has ended.
    """
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise Late(f"{what}: not within {seconds:.0f} s")
        if worker is not None and (problem := worker.problem()):
            raise Late(problem)
        time.sleep(pause)
    return found


def counted(tally: Tally, number: int, seconds: float, worker: Worker, pause: float = 0.002) -> Span:
    """The tally once it has reached `number`.

    Raises:
        Late: it has not; how far it came is told.
    """

    def look() -> bool:
        return tally.span().count >= number

    try:
        until(look, seconds, "all tasks done", worker, pause)
    except Late as late:
        raise Late(f"only {tally.span().count} of {number} tasks were done; {late}") from None
    return tally.span()


def quantiles(values: list[float], scale: float = 1.0) -> dict[str, float]:
    """``p50``, ``p99``, ``max``."""
    ordered = sorted(values)
    last = len(ordered) - 1
    return {name: ordered[round(last * part)] * scale for name, part in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))}
