"""Settling: what is held is acknowledged, or sent elsewhere and then acknowledged."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from threading import RLock

from celeriac.message import Delivery

from . import envelope, methods
from .envelope import History
from .holdings import Holdings, token_of
from .intake import Intake
from .line import PATIENCE, Line
from .names import lane_name
from .posting import LatePost, Post, Posting


class Settling:
    """What one transport holds, and the connection through which it came. `now` tells the Unix time."""

    def __init__(self, line: Line, posting: Posting, now: Callable[[], float]) -> None:
        self._line = line
        self._posting = posting
        self._now = now
        self.start_afresh()

    def start_afresh(self) -> None:
        self.lock = RLock()
        """Held by who changes what is held, and what waits in the intake."""
        self.intake: Intake | None = None
        self.holdings = Holdings()

    def again(self, delivery: Delivery, begun: int, due: float | None = None) -> Post:
        """The message for its lane, with so many deliveries begun; `due` where it is to wait for that."""
        content = envelope.write(delivery.message, History(begun, due), self._most)
        return Post(delivery.queue, "", lane_name(delivery.queue), content)

    def later(self, delivery: Delivery, due: float, begun: int) -> LatePost:
        """The message for the ladder."""
        return LatePost(delivery.queue, due, envelope.write(delivery.message, History(begun, due), self._most))

    @property
    def _most(self) -> int:
        return self._line.largest_properties

    def move(self, deliveries: Sequence[Delivery], posts: Sequence[Post]) -> None:
        """Publish in their stead, and acknowledge them when the broker has that.

        Raises:
            TransportDown: they are still held.
        """
        self._posting.post(posts, PATIENCE)
        self.acknowledge(deliveries, done=False)

    def move_up(self, deliveries: Sequence[Delivery], posts: Sequence[LatePost]) -> None:
        """The same, into the ladder."""
        self._posting.post_late(posts, self._now, PATIENCE)
        self.acknowledge(deliveries, done=False)

    def acknowledge(self, deliveries: Iterable[Delivery], *, done: bool = True) -> None:
        """They are done, or were sent elsewhere. Those that are not held any more are passed over: their connection is
        gone, and the broker has them."""
        with self.lock:
            numbers = self.holdings.finish(deliveries)
            if numbers and self.intake is not None:
                self.settle(self.intake, numbers, done=done)

    def settle(self, intake: Intake, numbers: list[int], *, done: bool) -> None:
        """Acknowledge these numbers, rising. They are `done`, or were sent elsewhere."""
        channel = intake.channel.number
        frames = self.holdings.settle(
            numbers, lambda number, multiple: methods.basic_ack(channel, number, multiple=multiple), done=done
        )
        with suppress(OSError):  # the next receive finds out
            intake.link.send(frames, time.monotonic() + PATIENCE)

    def held(self, batch: Iterable[Delivery]) -> list[Delivery]:
        """Those of the batch that are held, in the order in which they were taken."""
        with self.lock:
            mine = [delivery for delivery in batch if self.holdings.holds(delivery)]
        return sorted(mine, key=_number)

    def to_move(self, batch: Iterable[Delivery]) -> list[Delivery]:
        """Those of the batch that can be sent elsewhere; the others are let go, the broker has them."""
        batch = list(batch)
        held = self.held(batch)
        with self.lock:
            for delivery in batch:
                if not self.holdings.holds(delivery):
                    self.holdings.let_go(delivery)
        return held

    def notice(self) -> None:
        """Take in what the broker has said, though nobody may be receiving: perhaps that the connection is gone."""
        intake = self.intake
        if intake is not None:
            intake.link.pump()


def _number(delivery: Delivery) -> int:
    return token_of(delivery).number
