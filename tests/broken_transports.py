"""A transport that breaks as connections do: without a word. Named in a URL as ``broken_transports:BrokenTransport://``."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from typing import ClassVar

from celeriac.errors import TransportDown
from celeriac.message import Delivery
from celeriac.specs.transport import QueueCounts, Subscription, TransportOptions
from celeriac_plugins.transports.memory import MemoryTransport

URL = "broken_transports:BrokenTransport://"


class BrokenTransport(MemoryTransport):
    """The first `sick` objects are broken; those that are made later are well. Fresh values for each test."""

    made: ClassVar[list[BrokenTransport]] = []
    sick: ClassVar[int] = int(os.environ.get("SICK_TRANSPORTS", "0"))
    how: ClassVar[str] = os.environ.get("HOW_SICK", "deaf")
    """deaf: finds nothing, whatever waits; hangs: a receive returns when the object is closed; stuck: not even then."""
    acks_hang: ClassVar[bool] = False
    """Until the object is closed."""
    has_remote_control: ClassVar[bool] = True

    def __init__(self, options: TransportOptions) -> None:
        super().__init__(options)
        self.is_sick = len(self.made) < self.sick
        self.made.append(self)
        self.looks = 0
        self.renewals = 0
        self.has_hung = threading.Event()
        self._ended = threading.Event()

    def receive(self, queues: Sequence[str], limit: int, timeout: float | None) -> list[Delivery]:
        if not self.is_sick:
            return super().receive(queues, limit, timeout)
        self.has_hung.set()
        if self.how == "stuck":
            threading.Event().wait()
        self._ended.wait(timeout if self.how == "deaf" else None)
        return []

    def ack(self, batch: Sequence[Delivery]) -> None:
        if self.acks_hang and self is self.made[0]:
            self._ended.wait()
            raise TransportDown("closed")
        super().ack(batch)

    def counts(self, queue: str) -> QueueCounts:
        self.looks += 1
        return super().counts(queue)

    def renew(self, batch: Sequence[Delivery]) -> list[Delivery]:
        self.renewals += 1
        return super().renew(batch)

    def subscribe(self, topics: Sequence[str]) -> Subscription:
        if not self.has_remote_control:
            raise TransportDown("no remote control here")
        return super().subscribe(topics)

    def wake(self) -> None:
        super().wake()
        if self.how != "stuck":
            self._ended.set()

    def close(self) -> None:
        self._ended.set()
        super().close()
