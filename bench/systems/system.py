"""What a system must be able to do to be measured. A new peer or broker is one more subclass and one more `Entry`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.workers import Worker
from systems.setup import Setup


class System(ABC):
    """One task queue with one way to run its workers. Made in the client's process, which exists for one measurement.

    The task bodies are the same for all: `count` (counts itself and returns 1), `echo` (returns its argument), `late`
    (notes how late it is, counts itself), `nap` (a coroutine that sleeps, then counts itself).
    """

    def __init__(self, setup: Setup, **options: Any) -> None:
        self.setup = setup
        self.options = options

    @abstractmethod
    def fill(self, number: int) -> None:
        """Have so many `count` wait in the queue."""

    @abstractmethod
    def start_worker(self) -> Worker: ...

    @abstractmethod
    def waiting(self) -> int:
        """How many messages the broker still has, held ones included."""

    def stored(self) -> int | None:
        """How many of the results of `fill` are stored; None where that cannot be asked."""
        return None

    def ways(self) -> Mapping[str, Callable[[int], None]]:
        """The ways to enqueue so many `count`, by name."""
        raise NotImplementedError

    def trip(self, timeout: float) -> None:
        """Call `echo` and wait for its result; an exception when there is none in time."""
        raise NotImplementedError

    def send_due(self, moments: Sequence[float]) -> None:
        """Call `late` to run at each of these moments (Unix time)."""
        raise NotImplementedError

    def send_naps(self, number: int, seconds: float) -> None:
        """Call `nap`."""
        raise NotImplementedError

    def close(self) -> None:  # noqa: B027 (most hold nothing)
        """Free what this process holds."""


@dataclass(frozen=True)
class Entry:
    """A system in the list of what is measured."""

    name: str
    adapter: str
    """``module:Class`` of the `System`."""
    broker: str
    rows: Mapping[str, int]
    """The rows that it has, each with the number of tasks."""
    base: str
    """The entry that it is compared with."""
    options: Mapping[str, Any] = field(default_factory=dict)
