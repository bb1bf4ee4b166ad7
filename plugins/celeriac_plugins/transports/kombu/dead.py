"""Dead letters: one queue, `celeriac-dead`, of messages with their evidence.

kombu can put a message into a queue and take the next one out, and no more. So who looks at dead letters takes out all
of them and puts them back; meanwhile nobody else sees them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from typing import Any, Final
from uuid import uuid4

from celeriac.clock import Clock
from celeriac.message import Delivery
from celeriac.specs.transport import DeadLetter

from . import envelope
from .holding import Holding
from .line import Channel, Line
from .place import Place
from .sending import put, take_all
from .settling import Settling

QUEUE: Final = "celeriac-dead"
_PATIENCE: Final = 60.0
_CANDIDATES: Final = 32
"""How many of the letters that lie in front are compared to find the oldest."""

_Found = tuple[envelope.Received, DeadLetter]


class DeadLetters:
    """Buried on the line that received them, looked at on the other one."""

    def __init__(self, place: Place, line: Line, settling: Settling, clock: Clock) -> None:
        self._place = place
        self._line = line
        self._settling = settling
        self._now = clock.time
        self._queue = place.queue(QUEUE)

    def bury(self, batch: Sequence[tuple[Delivery, str, str]], most: int) -> None:
        for delivery, reason, detail in batch:
            evidence = {
                "id": uuid4().hex,
                "queue": delivery.queue,
                "reason": reason,
                "detail": detail,
                "deliveries": delivery.count,
                "at": self._now(),
            }
            self._settling.bury(delivery, partial(self._write, evidence))
        self._line.do(lambda channel: self._drop_oldest(channel, most), _PATIENCE)

    def _write(self, evidence: dict[str, Any], channel: Channel, holding: Holding) -> None:
        put(channel, self._queue, holding.message, {"dead": evidence}, {})

    def newest(self, limit: int, offset: int) -> list[DeadLetter]:
        letters = sorted(self._all(), key=lambda letter: letter.at, reverse=True)
        return letters[offset : offset + limit]

    def find(self, ids: Sequence[str]) -> list[DeadLetter]:
        wanted = frozenset(ids)
        return [letter for letter in self._all() if {letter.id, letter.message.id} & wanted]

    def replay(self, ids: Sequence[str]) -> int:
        def send(channel: Channel, letter: DeadLetter) -> None:
            put(channel, self._place.queue(letter.queue), letter.message, {}, {})

        return self._take_out(ids, send)

    def drop(self, ids: Sequence[str]) -> int:
        return self._take_out(ids, None)

    # taking out and putting back

    def _all(self) -> list[DeadLetter]:
        def step(channel: Channel) -> list[DeadLetter]:
            found = self._take(channel)
            self._put_back(channel, found)
            return [letter for _, letter in found]

        return self._line.do(step, _PATIENCE)

    def _take_out(self, ids: Sequence[str], use: Callable[[Channel, DeadLetter], None] | None) -> int:
        wanted = frozenset(ids)

        def step(channel: Channel) -> int:
            found = self._take(channel)
            chosen = [each for each in found if each[1].id in wanted]
            for received, letter in chosen:
                if use is not None:
                    use(channel, letter)
                channel.basic_ack(received.delivery_tag)
            self._put_back(channel, [each for each in found if each[1].id not in wanted])
            return len(chosen)

        return self._line.do(step, _PATIENCE) if wanted else 0

    def _drop_oldest(self, channel: Channel, most: int) -> None:
        excess = channel.queue_declare(self._queue).message_count - most
        if excess <= 0:
            return
        found = sorted(self._take(channel, excess + _CANDIDATES), key=lambda each: each[1].at)
        for received, _ in found[:excess]:
            channel.basic_ack(received.delivery_tag)
        self._put_back(channel, found[excess:])

    def _take(self, channel: Channel, most: int | None = None) -> list[_Found]:
        return [(received, _letter(received)) for received in islice(take_all(channel, self._queue), most)]

    @staticmethod
    def _put_back(channel: Channel, found: Sequence[_Found]) -> None:
        for received, _ in found:
            channel.basic_reject(received.delivery_tag, requeue=True)


def _letter(received: envelope.Received) -> DeadLetter:
    message, dead = envelope.read(received), envelope.mark_of(received).get("dead") or {}
    try:
        return DeadLetter(
            dead["id"], dead["queue"], message, dead["reason"], dead["detail"], dead["deliveries"], float(dead["at"])
        )
    except (LookupError, TypeError, ValueError):
        return DeadLetter(message.id or "stranger", QUEUE, message, "put here by something else", "", 0, 0.0)
