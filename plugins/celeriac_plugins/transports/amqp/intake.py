"""The connection that receives: what it has brought, and that the broker goes on hearing of us."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from threading import Thread
from typing import Final, NamedTuple

from celeriac.message import Delivery

from .envelope import History
from .holdings import token_of
from .link import Channel, Link

_LOOK_EVERY: Final = 0.5
"""Seconds."""


class Early(NamedTuple):
    """What is held here until it is due. The number, which differs, makes their order whole."""

    due: float
    number: int
    source: tuple[str, bool]
    delivery: Delivery


class Intake:
    """A connection that receives, and what it has brought. It beats by itself: nobody may be receiving while tasks run,
    and what is held is held for as long as the broker hears of us."""

    def __init__(self, link: Link, deadline: float, look_after: Callable[[Intake], None]) -> None:
        self.link = link
        self.channel: Channel = link.open_channel(deadline)
        self._look_after = look_after
        self.prefetch = 0
        self.consumed: dict[str, tuple[str, str]] = {}
        """The consumers of each queue: its own, and its lane's."""
        self.sources: dict[bytes, tuple[str, bool]] = {}
        """Which queue each consumer that ever was is of, and whether of its lane."""
        self.ready: dict[tuple[str, bool], deque[Delivery]] = {}
        self.again: list[tuple[Delivery, float | None]] = []
        """Those that somebody had and did not settle, and when they are due."""
        self.early: list[Early] = []
        """A heap of those that will be due in a moment."""
        self.far: list[tuple[Delivery, History]] = []
        """Those that came out of the ladder long before they are due: it is not high enough for them."""
        for name, run in (("heartbeat", self._beat), ("intake", self._look)):
            Thread(target=run, name=f"celeriac-amqp-{name}", daemon=True).start()

    def _look(self) -> None:
        while not self.link.gone.wait(_LOOK_EVERY):
            self._look_after(self)

    def _beat(self) -> None:
        while not self.link.gone.wait(self.link.heartbeat / 3):
            self.link.beat()

    def keep(self, delivery: Delivery, source: tuple[str, bool], due: float) -> None:
        """Have it ready when it is due (Unix time)."""
        heappush(self.early, Early(due, token_of(delivery).number, source, delivery))

    def release(self, now: float) -> None:
        """Those that are due by now are ready."""
        while self.early and self.early[0].due <= now:
            it = heappop(self.early)
            self.ready.setdefault(it.source, deque()).append(it.delivery)

    @property
    def is_gone(self) -> bool:
        return self.link.error is not None or self.channel.closed is not None

    def number_of(self, queues: Iterable[str]) -> int:
        """How many messages of these queues are here."""
        return sum(len(self.ready.get((queue, is_lane), ())) for queue in queues for is_lane in (True, False))

    def pop(self, queue: str, limit: int) -> list[Delivery]:
        """Up to so many: what came back comes first among those of its priority."""
        lane, own = (self.ready.get((queue, is_lane)) or deque() for is_lane in (True, False))
        found: list[Delivery] = []
        while len(found) < limit and (lane or own):
            is_own = own and (not lane or own[0].message.priority > lane[0].message.priority)
            delivery = (own if is_own else lane).popleft()
            token_of(delivery).handed_out = True
            found.append(delivery)
        return found
