"""What the clauses of all subjects share: the driver under test, its address, and short ways to send and to take."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from celeriac.message import Delivery, Message, Publication
from celeriac.specs.transport import QueueCounts, Transport, TransportOptions
from celeriac.testing.clock import ManualClock

LONGEST_NAP = 3.0
"""Seconds; clauses that would have to sleep longer are skipped for a broker that keeps the time itself."""
PATIENCE = 10.0
"""Seconds that a clause waits for what must come; only a driver that breaks the clause waits so long."""


class BrokersClock(ManualClock):
    """For brokers that keep the time themselves: the machine's time, which cannot be moved, only waited for."""

    def time(self) -> float:
        return time.time()

    def advance(self, seconds: float) -> None:
        if seconds > LONGEST_NAP:
            pytest.skip(f"the broker keeps the time itself, and {seconds:g} s would have to be waited for")
        time.sleep(seconds)


class TransportClauses:
    """Set `driver` and `url`; the rest has defaults.

    Leases and due times follow `options.clock`, which is a ManualClock in most clauses. The `timeout` of a call is real
    time, also then: it bounds how long a thread stands still.
    """

    driver: ClassVar[type[Transport]]
    url: ClassVar[str]
    """``{path}`` becomes a fresh temporary folder, other for each clause."""
    unreachable: ClassVar[str] = ""
    """A URL at which nothing can be reached; ``{file}`` becomes the path of a plain file."""
    option: ClassVar[str] = ""
    """The name of an option that the driver knows, if it knows any."""
    lease: ClassVar[float] = 30.0
    extra: ClassVar[Mapping[str, Any]] = {}
    soon: ClassVar[float] = 0.3
    """Seconds ahead of a due time that is really waited for; more for a broker that is slow to take a message."""
    narrowed: ClassVar[frozenset[str] | None] = None
    """What the driver can do with this URL and these options, when that is less than its class declares."""

    def make(self, url: str, **options: Any) -> Transport:
        """A transport for `url`; `options` are fields of TransportOptions. Replace it for special cases."""
        return self.driver(TransportOptions(**{"url": url, "lease": self.lease, "extra": self.extra, **options}))

    @pytest.fixture
    def clock(self) -> ManualClock:
        """Replace it by `BrokersClock` when the broker keeps the time itself."""
        return ManualClock()

    @pytest.fixture
    def address(self, tmp_path: Path) -> str:
        return self.url.format(path=tmp_path)

    @pytest.fixture
    def transport(self, address: str, clock: ManualClock) -> Iterator[Transport]:
        transport = self.make(address, clock=clock)
        yield transport
        transport.close()

    @pytest.fixture
    def other(self, address: str, clock: ManualClock) -> Iterator[Transport]:
        """A second object for the same address, as another thread or process would have."""
        other = self.make(address, clock=clock)
        yield other
        other.close()

    def supports(self, capability: str) -> bool:
        """Whether the driver declares it, with this URL and these options."""
        declared = self.driver.capabilities if self.narrowed is None else self.narrowed
        return capability in declared

    def needs(self, *capabilities: str) -> None:
        """Skip the clause unless the driver declares these."""
        for capability in capabilities:
            if not self.supports(capability):
                pytest.skip(f"{self.driver.__name__} does not declare {capability!r}")

    def counted(
        self, transport: Transport, queue: str = "q", *, ready: int = 0, held: int = 0, delayed: int = 0
    ) -> None:
        """The queue holds just so many messages; for a driver without a census only the ready ones are looked at."""
        expected = QueueCounts(ready, held, delayed)
        if self.supports("census"):
            assert transport.counts(queue) == expected
        else:
            counted = transport.counts(queue)
            assert counted == QueueCounts(counted.ready)
            assert counted.ready == ready


def message(name: str, priority: int | None = None, **headers: Any) -> Message:
    """A small task message whose id is `name`."""
    properties = {} if priority is None else {"priority": priority}
    return Message({"id": name, "task": "suite.task", **headers}, properties, b"[[], {}, {}]")


def send(
    transport: Transport, *names: str, queue: str = "q", priority: int | None = None, due: float | None = None
) -> None:
    """Publish one message for each name, in one batch; a slow disk may take its time."""
    transport.publish([Publication(queue, message(name, priority), due) for name in names], timeout=3 * PATIENCE)


def take(transport: Transport, number: int = 1, *queues: str) -> list[Delivery]:
    """Receive exactly `number` messages, in as many calls as the driver needs."""
    taken: list[Delivery] = []
    until = time.monotonic() + PATIENCE
    while len(taken) < number and time.monotonic() < until:
        taken += transport.receive(queues or ["q"], number - len(taken), timeout=until - time.monotonic())
    assert len(taken) == number, f"{number} messages were expected, {names(taken)} came within {PATIENCE:.0f} s"
    return taken


def take_one(transport: Transport, *queues: str) -> Delivery:
    return take(transport, 1, *queues)[0]


def take_now(transport: Transport, *queues: str, limit: int = 1000) -> list[Delivery]:
    """What a receive that does not wait returns."""
    return transport.receive(queues or ["q"], limit, timeout=0)


def by_name(deliveries: Iterable[Delivery]) -> list[Delivery]:
    """The deliveries in the order of their task ids, whatever the order in which they came."""
    return sorted(deliveries, key=lambda delivery: delivery.message.id)


def names(found: Iterable[Delivery | Message]) -> list[str]:
    """The task ids, in order."""
    return [(each.message if isinstance(each, Delivery) else each).id for each in found]
