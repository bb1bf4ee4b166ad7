"""Dead letters: messages that will not be delivered again, kept with their evidence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from celeriac.clock import Clock
from celeriac.message import Delivery
from celeriac.specs.transport import DeadLetter
from celeriac_plugins._shared.redis_line import Line

from . import envelope, scripts
from .keys import Keys

_Evidence = tuple[str, str, int, float]

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(_Evidence).decode


class DeadLetters:
    def __init__(self, line: Line, keys: Keys, clock: Clock) -> None:
        self._line = line
        self._keys = keys
        self._clock = clock

    def bury(self, batch: Sequence[tuple[Delivery, str, str]], limit: int) -> None:
        keys, now = self._keys, self._clock.time()
        arguments: list[Any] = [*keys.layout, limit, now]
        for delivery, reason, detail in batch:
            arguments += (delivery.token, delivery.message.id, _pack((reason, detail, delivery.count, now)))
        self._line.run(scripts.BURY, (*keys.held, *keys.graves), arguments)

    def newest(self, limit: int, offset: int) -> list[DeadLetter]:
        if limit < 1:
            return []
        return _letters(self._line.run(scripts.NEWEST_DEAD, self._keys.graves, (offset, offset + limit - 1)))

    def find(self, ids: Sequence[str]) -> list[DeadLetter]:
        names = [name for name in dict.fromkeys(ids) if name]
        return _letters(self._line.run(scripts.FIND_DEAD, self._keys.graves, names)) if names else []

    def replay(self, ids: Sequence[str]) -> int:
        keys = self._keys
        arguments = (*keys.layout, self._clock.time(), *dict.fromkeys(ids))
        return len(self._line.run(scripts.REPLAY, (*keys.held, *keys.graves), arguments)) if ids else 0

    def drop(self, ids: Sequence[str]) -> int:
        gone: int = self._line.run(scripts.DROP_DEAD, self._keys.graves, tuple(dict.fromkeys(ids))) if ids else 0
        return gone


def _letters(found: Sequence[bytes]) -> list[DeadLetter]:
    return [_letter(name.decode(), buried) for name, buried in zip(found[::2], found[1::2], strict=True)]


def _letter(id: str, buried: bytes) -> DeadLetter:
    """The script wrote the lengths of the first three parts before the four: evidence, queue, task id, message."""
    *lengths, rest = buried.split(b":", 3)
    evidence_end = int(lengths[0])
    queue_end = evidence_end + int(lengths[1])
    reason, detail, deliveries, at = _unpack(rest[:evidence_end])
    message, _ = envelope.read(rest[queue_end + int(lengths[2]) :])
    return DeadLetter(id, rest[evidence_end:queue_end].decode(), message, reason, detail, deliveries, at)
