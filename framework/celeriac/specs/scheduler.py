"""The contract of a scheduler: which entries there are, and which firings have been done."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from celeriac.clock import Clock, SystemClock
from celeriac.specs.driver import Driver

CAPABILITIES: Mapping[str, str] = {
    "durable": "remembers across restarts what has fired",
    "processes": "several schedulers may share it, and each firing is claimed once among them",
}


class Schedule(Protocol):
    """A rule in time. The kernel's `celeriac.schedules` has `crontab` and `every`.

    Two rules have the same `repr` exactly when they are the same rule: a durable scheduler knows a change by it.
    """

    def next_after(self, instant: float) -> float | None:
        """The first due instant strictly after `instant`, both Unix seconds, or None when there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the schedule."""

    name: str
    task: str
    schedule: Schedule
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Firing:
    """An entry at one of its due instants."""

    entry: Entry
    due: float

    @property
    def id(self) -> str:
        """The same for every scheduler that sees this entry due at this instant: it becomes the task's id."""
        import uuid

        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.entry.name}\0{self.due:.6f}"))


@dataclass(frozen=True, slots=True)
class SchedulerOptions:
    """What the kernel hands to a scheduler when it makes one."""

    location: str = ""
    """``beat_schedule_filename``: where a durable scheduler keeps its memory."""
    clock: Clock = field(default_factory=SystemClock)
    catch_up: float = 3600.0
    """Seconds: a firing that was missed for longer than this (nobody ran beat) is skipped. Of several missed firings of
    one entry only the last is due."""


class Scheduler(Driver):
    """Safe in threads. Methods raise SchedulerError when the memory behind them fails.

    An entry that is new fires first at ``schedule.next_after(the time it was set)``.
    """

    def __init__(self, options: SchedulerOptions) -> None:
        self.options = options

    @abstractmethod
    def set_entries(self, entries: Sequence[Entry]) -> None:
        """These are all entries now. What is remembered of an entry whose name and schedule stay is kept; an entry
        whose schedule changed counts as new."""

    @abstractmethod
    def entries(self) -> list[Entry]:
        """The entries, sorted by name."""

    @abstractmethod
    def due(self) -> list[Firing]:
        """What is due now and not done, oldest first. One that declares "processes" claims what it returns for a while,
        and leaves out what another has claimed."""

    @abstractmethod
    def next_due(self) -> float | None:
        """The earliest instant at which something is or becomes due here, or None when there is nothing. For what
        another scheduler has claimed, that is the end of its claim."""

    @abstractmethod
    def done(self, firing: Firing) -> None:
        """The firing is published; remember it before returning."""

    @abstractmethod
    def close(self) -> None:
        """Free everything. A second call does nothing."""
