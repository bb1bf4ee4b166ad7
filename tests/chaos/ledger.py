"""The books: what was published, what ran, when something was broken, and whether the three agree."""

from __future__ import annotations

import math
import threading
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

SETTLING = 1.0
"""Seconds after its end in which a run's acknowledgement may still be hit by a fault."""


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when, by the machine's monotonic clock."""

    began: float
    ended: float = math.inf

    def touches(self, other: Span) -> bool:
        return self.began <= other.ended and other.began <= self.ended


@dataclass(frozen=True, slots=True)
class Published:
    """A publish, and whether it returned: one that ended in an error may have put the message there or not."""

    span: Span
    returned: bool
    through: bool
    """Whether it went through the line, and not past it."""


@dataclass(frozen=True, slots=True)
class Balance:
    """What the books say at the end."""

    published: int
    """Publishes that returned."""
    unknown: int
    """Publishes that ended in an error."""
    executed: int
    """Tasks that ran to their end at least once."""
    dead: int
    doubles: int
    """Runs beyond the first of each task."""
    lost: list[str] = field(default_factory=list)
    """Published, and neither executed nor a dead letter."""
    unexplained: list[str] = field(default_factory=list)
    """Ran again though nothing was broken while they were published, ran, or were settled."""


class Ledger:
    """Kept in memory, but for the runs, which the tasks note in the file `diary`. Thread-safe."""

    def __init__(self, diary: Path) -> None:
        self.diary = diary
        self._lock = threading.Lock()
        self._published: dict[str, Published] = {}
        self._faults: list[Span] = []

    def publish(self, task_id: str, span: Span, returned: bool, through: bool = True) -> None:
        with self._lock:
            self._published[task_id] = Published(span, returned, through)

    def fault(self, span: Span) -> None:
        self._faults.append(span)

    def owed(self) -> set[str]:
        """The tasks whose publish returned."""
        with self._lock:
            return {task_id for task_id, entry in self._published.items() if entry.returned}

    def first_publish_after(self, moment: float) -> float | None:
        """When the first publish through the line returned after that."""
        with self._lock:
            returned = [each.span.ended for each in self._published.values() if each.returned and each.through]
        return min((ended for ended in returned if ended > moment), default=None)

    def runs(self) -> dict[str, list[Span]]:
        """The runs of each task, in order; one that was cut off has no end."""
        return read_runs(self.diary.read_text().splitlines() if self.diary.exists() else [])

    def ended(self) -> set[str]:
        return {task_id for task_id, runs in self.runs().items() if any(run.ended < math.inf for run in runs)}

    def balance(self, dead: Collection[str]) -> Balance:
        runs, ended = self.runs(), self.ended()
        again = {task_id: spans for task_id, spans in runs.items() if len(spans) > 1}
        return Balance(
            published=len(owed := self.owed()),
            unknown=len(self._published) - len(owed),
            executed=len(ended),
            dead=len(dead),
            doubles=sum(len(spans) - 1 for spans in again.values()),
            lost=sorted(owed - ended - set(dead)),
            unexplained=sorted(task_id for task_id, spans in again.items() if not self._is_explained(task_id, spans)),
        )

    def _is_explained(self, task_id: str, runs: list[Span]) -> bool:
        """Whether something was broken during each run that was not the last, or during the publish, which then may
        have been made twice."""
        published = self._published.get(task_id)
        if published is not None and self._was_hit(published.span):
            return True
        return all(self._was_hit(Span(run.began, run.ended + SETTLING)) for run in runs[:-1])

    def _was_hit(self, span: Span) -> bool:
        return any(fault.touches(span) for fault in self._faults)


def read_runs(lines: Iterable[str]) -> dict[str, list[Span]]:
    """From lines ``begin ID NOW NOW`` and ``end ID BEGAN NOW``; a last line may be half written."""
    found: defaultdict[str, dict[float, float]] = defaultdict(dict)
    for line in lines:
        words = line.split()
        if len(words) == 4:
            what, task_id, began, now = words
            found[task_id][float(began)] = math.inf if what == "begin" else float(now)
    return {task_id: [Span(*span) for span in sorted(runs.items())] for task_id, runs in found.items()}
