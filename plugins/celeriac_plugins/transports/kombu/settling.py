"""Settling: acknowledging, giving back, putting off, prolonging."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

from celeriac.errors import TransportDown
from celeriac.message import Delivery
from celeriac.specs.transport import TransportOptions

from . import sqs
from .holding import Held, Holding
from .line import PATIENCE, Channel, Line
from .place import Place
from .sending import put

_CLOSING: Final = 5.0


class Settling:
    """On the line of the receives: acknowledgements belong to the channel that received."""

    def __init__(self, place: Place, line: Line, held: Held, options: TransportOptions) -> None:
        self._place = place
        self._line = line
        self._held = held
        self._lease = options.lease
        self._now = options.clock.time

    def ack(self, batch: Sequence[Delivery]) -> None:
        self._settle(batch, self.forget)

    def reject(self, batch: Sequence[Delivery], *, started: bool) -> None:
        self._settle(batch, lambda channel, holding: self.send_again(channel, holding, holding.begun + started))

    def delay(self, batch: Sequence[tuple[Delivery, float]], *, started: bool) -> None:
        for delivery, due in batch:
            self._settle([delivery], partial(self._postpone, due, started))

    def bury(self, delivery: Delivery, write: Callable[[Channel, Holding], None]) -> None:
        """Have `write` write the message down elsewhere, and forget it here."""

        def step(channel: Channel, holding: Holding) -> None:
            write(channel, holding)
            self.forget(channel, holding)

        self._settle([delivery], step)

    def renew(self, batch: Sequence[Delivery]) -> list[Delivery]:
        held = self._held.of(batch)
        if "lease" in self._place.habits.capabilities and held:
            self._line.do(partial(self._prolong, held), PATIENCE)
        still = set(self._held.of(batch))
        return [delivery for delivery in batch if delivery.token not in still]

    def _prolong(self, held: Sequence[Holding], channel: Channel) -> None:
        self._held.end([each for each in held if not sqs.prolong(channel, each.received, self._lease)])

    def _settle(self, batch: Sequence[Delivery], step: Callable[[Channel, Holding], None]) -> None:
        held = self._held.of(batch)

        def settle(channel: Channel) -> None:
            for holding in held:
                step(channel, holding)
                self._held.end([holding])

        if held:
            self._line.do(settle, PATIENCE)

    def _postpone(self, due: float, started: bool, channel: Channel, holding: Holding) -> None:
        begun = holding.begun + started
        if "delay" in self._place.habits.capabilities and sqs.can_delay(holding.queue):
            self.send_again(channel, holding, begun, due)
        else:
            self._held.keep_until(due, begun, holding)

    # steps

    def forget(self, channel: Channel, holding: Holding) -> None:
        """Acknowledge it."""
        tag = holding.received.delivery_tag
        if holding.channel is not channel:  # of a connection that is gone
            holding.received.channel = channel
            channel.qos.append(holding.received, tag)
            holding.channel = channel
        channel.basic_ack(tag)

    def send_again(self, channel: Channel, holding: Holding, begun: int, due: float | None = None) -> None:
        """First the copy, then the acknowledgement: a crash between the two leaves two messages, not none."""
        mark: dict[str, Any] = {"begun": begun}
        more = {}
        if due is not None:
            mark["due"] = due
            more = sqs.delay(due - self._now())
        put(channel, self._place.queue(holding.queue), holding.message, mark, more)
        self.forget(channel, holding)

    def put_back(self, channel: Channel, holdings: Sequence[Holding]) -> None:
        """Nobody has had these, and nobody waits for them."""
        for holding in holdings:
            self.send_again(channel, holding, holding.begun)

    # ending

    def give_back_all(self) -> None:
        """What waits here for its time goes back, and what is held where the broker would forget it."""
        held, early = self._held.let_go()
        lost = [] if self._place.habits.keeps else held

        def step(channel: Channel) -> None:
            self.put_back(channel, early)
            for holding in lost:
                self.send_again(channel, holding, holding.begun + 1)

        if early or lost:
            with suppress(TransportDown):  # then there is nobody to give them to
                self._line.do(step, _CLOSING)
