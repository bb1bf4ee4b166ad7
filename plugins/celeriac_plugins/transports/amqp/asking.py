"""Asking the broker for messages: to push them from now on, and for those that there are now."""

from __future__ import annotations

import time
from collections.abc import Iterable
from itertools import count
from typing import Final

from . import methods
from .intake import Intake
from .line import PATIENCE
from .link import GET_OK
from .names import lane_name, queue_name
from .settling import Settling
from .sorting import Sorting

MOST: Final = 2000
"""Messages that a consumer is pushed in advance, at most."""
_FEW: Final = 8
"""Up to so many, exactly as many are held as were asked for; beyond, the next ones are fetched meanwhile."""
_GETS: Final = 500
"""Questions that are asked at once."""
_PROOF: Final = 1.5
"""Seconds in which a broker that is there gives a sign of life."""


class Asking:
    """The questions of all receives of one transport."""

    def __init__(self, settling: Settling, sorting: Sorting) -> None:
        self._settling = settling
        self._sorting = sorting
        self._consumers = count(1)

    def to_push(self, intake: Intake, queues: Iterable[str], wanted: int) -> None:
        """Have the broker push from these queues, as far ahead as fits the pace of who asks: so many are wanted by all
        that receive."""
        with self._settling.lock:
            number = intake.channel.number
            frames = self._adapt(intake, wanted)
            for queue in queues:
                if queue in intake.consumed:
                    continue
                consumers = (str(next(self._consumers)), str(next(self._consumers)))
                intake.consumed[queue] = consumers
                for consumer, is_lane in zip(consumers, (True, False), strict=True):
                    intake.sources[consumer.encode()] = (queue, is_lane)
                    name = lane_name(queue) if is_lane else queue_name(queue)
                    frames.append(methods.basic_consume(number, name, consumer))
            if frames:
                intake.channel.ask(frames, time.monotonic() + PATIENCE)

    def _adapt(self, intake: Intake, asked: int) -> list[bytes]:
        """Consumers hold as many messages as they could when they were made: where that is too few or far too many,
        end them, and set how many the next ones hold."""
        early = len(intake.early)  # they keep nothing else away, unless there are many more than the tasks that run
        wanted = len(self._settling.holdings.held) - early + asked + min(early, max(asked, _FEW))
        if wanted > _FEW:
            if 2 * wanted <= intake.prefetch <= 8 * wanted:
                return []
            wanted = min(2 << wanted.bit_length(), 2 * MOST)
        if wanted == intake.prefetch:
            return []
        intake.prefetch = wanted
        return [self.cancel(intake) + methods.basic_qos(intake.channel.number, wanted)]

    def cancel(self, intake: Intake) -> bytes:
        """The frames that end all pushing."""
        number = intake.channel.number
        frames = [methods.basic_cancel(number, each) for pair in intake.consumed.values() for each in pair]
        intake.consumed.clear()
        return b"".join(frames)

    def get(self, intake: Intake, queues: Iterable[str], limit: int) -> None:
        """Take in what there is now, up to `limit`: the one question that the broker answers at once."""
        left = limit
        for queue in queues:
            for is_lane in (True, False):
                left -= self._get(intake, (queue, is_lane), left)

    def _get(self, intake: Intake, source: tuple[str, bool], limit: int) -> int:
        """Ask for up to `limit` messages; how many came."""
        queue, is_lane = source
        channel, deadline = intake.channel, time.monotonic() + PATIENCE
        frame = methods.basic_get(channel.number, lane_name(queue) if is_lane else queue_name(queue))
        got, there = 0, 1
        while there and got < limit:
            replies = channel.ask([frame] * min(there, limit - got, _GETS), deadline)
            full = [reply for reply in replies if reply.kind == GET_OK]
            with self._settling.lock:
                for reply in full:
                    tag = int.from_bytes(reply.arguments[:8], "big")
                    self._sorting.sort(intake, source, tag, reply.arguments[8] != 0, reply.properties, reply.body)
            got += len(full)
            there = int.from_bytes(full[-1].arguments[-4:], "big") if len(full) == len(replies) else 0
        return got


def ask_nothing(intake: Intake, patience: float) -> None:
    """A question whose answer comes behind all that was sent before."""
    frame = methods.exchange_declare(intake.channel.number, "amq.direct", "", passive=True)
    intake.channel.ask([frame], time.monotonic() + patience)


def ask_for_a_sign(intake: Intake) -> None:
    """Raises OSError: there is none."""
    try:
        ask_nothing(intake, _PROOF)
    except TimeoutError:
        error = ConnectionError("the broker gives no sign of life")
        intake.link.fail(error)
        raise error from None
