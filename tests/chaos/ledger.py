"""The books: what was published, what ran, when something was broken, and whether the three agree."""

from __future__ import annotations

import math
import threading
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection
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
        self.diary = Diary(diary)
        self._lock = threading.Lock()
        self._published: dict[str, Published] = {}
        self._through: list[float] = []
        """When the publishes through the line returned, of which one thread makes one after the other."""
        self._faults: list[Span] = []

    def publish(self, task_id: str, span: Span, returned: bool, through: bool = True) -> None:
        with self._lock:
            self._published[task_id] = Published(span, returned, through)
            if returned and through:
                self._through.append(span.ended)

    def fault(self, span: Span) -> None:
        self._faults.append(span)

    def owed(self) -> set[str]:
        """The tasks whose publish returned."""
        with self._lock:
            return {task_id for task_id, entry in self._published.items() if entry.returned}

    def first_publish_after(self, moment: float) -> float | None:
        """When the first publish through the line returned after that."""
        with self._lock:
            at = bisect_right(self._through, moment)
            return self._through[at] if at < len(self._through) else None

    def runs(self) -> dict[str, list[Span]]:
        """The runs of each task, in order; one that was cut off has no end."""
        return self.diary.all()

    def runs_of(self, task_id: str) -> list[Span]:
        """Those of one task, in order."""
        return self.diary.of(task_id)

    def ended(self) -> set[str]:
        return self.diary.ended()

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


class Diary:
    """The file into which tasks write lines ``begin ID NOW NOW`` and ``end ID BEGAN NOW``. It is looked at a hundred
    times a second, so each look reads only what is new. Thread-safe."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lock = threading.Lock()
        self._read = 0
        self._rest = b""
        self._found: defaultdict[str, dict[float, float]] = defaultdict(dict)
        self._ended: set[str] = set()

    def all(self) -> dict[str, list[Span]]:
        """The runs of each task, in order; one that was cut off has no end."""
        with self._lock:
            self._look()
            return {task_id: _spans(runs) for task_id, runs in self._found.items()}

    def of(self, task_id: str) -> list[Span]:
        with self._lock:
            self._look()
            return _spans(self._found.get(task_id, {}))

    def ended(self) -> set[str]:
        """The tasks that ran to their end at least once."""
        with self._lock:
            self._look()
            return self._ended.copy()

    def _look(self) -> None:
        if not self.file.exists():
            return
        with self.file.open("rb") as file:
            file.seek(self._read)
            new = file.read()
        self._read += len(new)
        *lines, self._rest = (self._rest + new).split(b"\n")  # the last one may be half written
        for line in lines:
            self._take(line.decode().split())

    def _take(self, words: list[str]) -> None:
        if len(words) != 4:
            return
        what, task_id, began, now = words
        self._found[task_id][float(began)] = math.inf if what == "begin" else float(now)
        if what == "end":
            self._ended.add(task_id)


def _spans(runs: dict[float, float]) -> list[Span]:
    return [Span(*span) for span in sorted(runs.items())]
