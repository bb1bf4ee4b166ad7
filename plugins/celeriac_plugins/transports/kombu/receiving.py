"""Receiving: looking into the queues again and again. kombu's brokers tell nobody when a message comes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import count
from typing import Final

from celeriac.errors import TransportCorrupt
from celeriac.message import Delivery
from celeriac.specs.transport import TransportOptions
from celeriac_plugins._shared.turns import take_in_turns
from celeriac_plugins._shared.waiting import Waiters

from . import envelope
from .holding import Held, Holding
from .line import PATIENCE, Channel, Line
from .place import Place
from .settling import Settling

_FIRST_PAUSE: Final = 0.01


class Receiving:
    """The receives of one transport."""

    def __init__(self, place: Place, line: Line, held: Held, settling: Settling, options: TransportOptions) -> None:
        self._place = place
        self._line = line
        self._held = held
        self._settling = settling
        self._now = options.clock.time
        self._delays = "delay" in place.habits.capabilities
        self._turns = count()
        waiters = self._waiters = Waiters()
        self.ring, self.wake, self.close = waiters.ring, waiters.wake, waiters.close

    def receive(self, queues: Sequence[str], limit: int, timeout: float | None) -> list[Delivery]:
        if limit < 1 or not queues:
            raise ValueError("receive takes one queue or more, and a limit of 1 or more")
        names = tuple(dict.fromkeys(queues))
        pauses = _pauses(self._place.polling)
        return self._waiters.wait(
            lambda: self._held.hold(self._held.take_due(names, limit) or self._fetch(names, limit)),
            lambda: min(next(pauses), self._held.until_due(names)),
            timeout,
        )

    def _fetch(self, queues: Sequence[str], limit: int) -> list[Holding]:
        return self._line.do(partial(self._take, queues, limit), PATIENCE, self._settling.put_back)

    def _take(self, queues: Sequence[str], limit: int, channel: Channel) -> list[Holding]:
        taken: list[Holding] = []
        try:
            self._take_into(taken, queues, limit, channel)
        except Exception:
            if not taken:
                raise
            # These have left their queues. What went wrong with the next one will show again.
        return taken

    def _take_into(self, taken: list[Holding], queues: Sequence[str], limit: int, channel: Channel) -> None:
        channel.Message = envelope.Received
        sources = [partial(self._take_from, taken, channel, queue) for queue in queues]
        turn = next(self._turns)
        if not self._place.habits.waits:
            take_in_turns(sources, limit, turn)
            return
        # One look may take a second: what was found is not kept waiting for the next one.
        first = turn % len(sources)
        for source in (*sources[first:], *sources[:first]):
            if source(1):
                return

    def _take_from(self, taken: list[Holding], channel: Channel, queue: str, limit: int) -> list[Holding]:
        found: list[Holding] = []
        while len(found) < limit and (received := self._get(channel, queue)) is not None:
            holding = Holding(queue, received, envelope.read(received), envelope.begun(received), channel)
            due = envelope.due(received)
            if self._delays and due is not None and due > self._now():
                self._settling.send_again(channel, holding, holding.begun, due)
                continue
            found.append(holding)
            taken.append(holding)
        return found

    def _get(self, channel: Channel, queue: str) -> envelope.Received | None:
        try:
            received: envelope.Received | None = channel.basic_get(self._place.queue(queue))
        except ValueError as error:  # kombu reads the envelope when the message has left the queue
            raise TransportCorrupt(
                f"{self._place.shown}: a message in {queue!r} was no JSON, and kombu has dropped it: {error}"
            ) from error
        return received


def _pauses(most: float) -> Iterator[float]:
    """Each twice the one before, so that a busy queue is looked at often and an idle one costs little."""
    pause = _FIRST_PAUSE
    while True:
        yield min(pause, most)
        pause = min(pause * 2, most)
