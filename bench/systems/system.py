"""What a system must be able to do to be measured. A new peer is one more subclass and its entries."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.workers import Worker
from systems.setup import Setup

Arguments = Mapping[str, Any]
"""Of one call, by name."""
Flow = Callable[[int, float], None]
"""Run a workflow of so many tasks, and have its result within so many seconds."""


class System(ABC):
    """One task queue with one way to run its workers. Made in the client's process, which exists for one measurement.

    What a system cannot do raises NotImplementedError, and its entries leave out the rows that need it.
    """

    sees_held = True
    """Whether `waiting` counts messages that a worker holds."""
    batch = ""
    """What `call_many` is, where it is more than one call after the other."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup

    @abstractmethod
    def start_worker(self) -> Worker: ...

    @abstractmethod
    def waiting(self) -> int:
        """How many messages the broker still has."""

    @abstractmethod
    def call(self, body: str, **arguments: Any) -> Any:
        """Call the task of that name in `bodies`; what `result` takes."""

    def call_many(self, body: str, calls: Sequence[Arguments]) -> None:
        """Call it with each of these arguments, in the fastest way that the system has."""
        for arguments in calls:
            self.call(body, **arguments)

    def call_at(self, moment: float, body: str, **arguments: Any) -> None:
        """Call it to run at that moment (Unix time)."""
        raise NotImplementedError

    def result(self, call: Any, timeout: float) -> Any:
        """Wait for what it returns; an exception when that does not come in time."""
        raise NotImplementedError

    def stored(self) -> int | None:
        """How many results are stored; None where that cannot be asked."""
        return None

    def flows(self) -> Mapping[str, Flow]:
        """``group``, ``chord`` and ``chain``, as far as the system has them."""
        raise NotImplementedError

    def close(self) -> None:  # noqa: B027 (most hold nothing)
        """Free what this process holds."""

    # made of these

    def fill(self, number: int) -> None:
        """Have so many `count` wait in the queue."""
        self.call_many("count", [{}] * number)

    def trip(self, timeout: float) -> None:
        value = self.result(self.call("echo", value=1), timeout)
        if value != 1:
            raise ValueError(f"the result is {value!r}, not 1")

    def call_when_due(self, moments: Sequence[float]) -> None:
        for number, due in enumerate(moments):
            self.call_at(due, "late", number=number, due=due)

    def ways(self) -> Mapping[str, Callable[[int], None]]:
        """The ways to enqueue so many `count`, by name."""

        def one_by_one(number: int) -> None:
            for _ in range(number):
                self.call("count")

        return {"one by one": one_by_one, **({"batch": self.fill} if self.batch else {})}


def seconds_until(moment: float) -> float:
    """For systems that know delays only."""
    return max(moment - time.time(), 0.0)


@dataclass(frozen=True)
class Entry:
    """A system in the list of what is measured."""

    name: str
    """``system:variant@broker``."""
    adapter: str
    """``module:Class`` of the `System`."""
    rows: frozenset[str]
    promise: str
    """What becomes of a task whose worker is killed: it is run "at least once" or "at most once"."""
    options: Mapping[str, Any] = field(default_factory=dict)
    environment: str = ""
    """The environment of its own (see `bench/environments.py`), for peers that cannot live beside the others."""

    @property
    def system(self) -> str:
        """The name without the broker."""
        return self.name.partition("@")[0]

    @property
    def broker(self) -> str:
        return self.name.partition("@")[2]

    @property
    def home(self) -> str:
        """Which of our brokers it is compared with."""
        return "sqlite" if self.broker in ("filesystem", "sqlalchemy") else self.broker
