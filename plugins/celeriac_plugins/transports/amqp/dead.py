"""Dead letters: a queue of messages that will not be delivered again, each with its evidence.

A queue of AMQP can only be looked through by taking everything out and putting it back. Who does so holds a lock (a
queue that only one connection may have), so that others wait instead of seeing half of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Final, TypeVar
from uuid import uuid4

import msgspec

from celeriac.clock import Clock
from celeriac.errors import TransportDown
from celeriac.message import Delivery, Message, pack, unpack
from celeriac.specs.transport import DeadLetter

from . import envelope, methods
from .envelope import FRESH
from .line import Line
from .link import GET_OK, Channel, ChannelClosed
from .names import DEAD, DEAD_LOCK, queue_name
from .posting import Post, Posting
from .queues import Queues
from .session import Session

T = TypeVar("T")

_TYPE: Final = "application/x-celeriac-dead-letter"
_PATIENCE: Final = 30.0
"""Seconds: there may be many."""
_LOCKED: Final = 405

_Buried = tuple[str, str, str, str, int, float, bytes]
"""Id, queue, reason, detail, deliveries, time, packed message."""

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(_Buried).decode

_Found = list[tuple[DeadLetter, int]]
"""Oldest first, each with its number on the channel through which we look."""


class DeadLetters:
    def __init__(self, line: Line, queues: Queues, posting: Posting, clock: Clock) -> None:
        self._line = line
        self._queues = queues
        self._posting = posting
        self._clock = clock
        self._mine = Lock()

    def posts(self, batch: Sequence[tuple[Delivery, str, str]]) -> list[Post]:
        """What is published instead of these messages."""
        now = self._clock.time()
        return [_post(delivery, reason, detail, now) for delivery, reason, detail in batch]

    def trim(self, limit: int) -> None:
        """Drop the oldest ones beyond the limit."""
        number = self._queues.ready_in(DEAD) or 0
        if number > limit:
            self._look(lambda found, _: (None, [tag for _, tag in found[: max(len(found) - limit, 0)]]))

    def newest(self, limit: int, offset: int) -> list[DeadLetter]:
        if limit < 1:
            return []
        letters = self._look(lambda found, _: ([letter for letter, _ in reversed(found)], []))
        return letters[offset : offset + limit]

    def find(self, ids: Sequence[str]) -> list[DeadLetter]:
        names = {name for name in ids if name}

        def work(found: _Found, _: Session) -> tuple[list[DeadLetter], list[int]]:
            return [letter for letter, _ in found if letter.id in names or letter.message.id in names], []

        return self._look(work) if names else []

    def replay(self, ids: Sequence[str]) -> int:
        """Publish first, drop then: what is interrupted is there twice rather than not at all."""
        names = set(ids)

        def work(found: _Found, _: Session) -> tuple[int, list[int]]:
            chosen = [(letter, tag) for letter, tag in found if letter.id in names]
            most = self._line.largest_properties
            self._posting.post(
                [
                    Post(each.queue, "", queue_name(each.queue), envelope.write(each.message, FRESH, most))
                    for each, _ in chosen
                ],
                _PATIENCE,
            )
            return len(chosen), [tag for _, tag in chosen]

        return self._look(work) if names else 0

    def drop(self, ids: Sequence[str]) -> int:
        names = set(ids)

        def work(found: _Found, _: Session) -> tuple[int, list[int]]:
            tags = [tag for letter, tag in found if letter.id in names]
            return len(tags), tags

        return self._look(work) if names else 0

    # looking through

    def _look(self, work: Callable[[_Found, Session], tuple[T, list[int]]]) -> T:
        """What `work` makes of all dead letters; those whose numbers it returns are dropped."""

        def look(session: Session, deadline: float) -> T:
            with self._mine, self._lock(session, deadline):
                self._queues.declare_dead(session, deadline)
                channel = session.link.open_channel(deadline)
                try:
                    result, done = work(list(_all(channel, deadline)), session)
                    frames = b"".join([methods.basic_ack(channel.number, tag) for tag in done])
                    session.link.send(frames, deadline)
                    return result
                finally:
                    with suppress(OSError, ChannelClosed):
                        session.link.close_channel(channel, deadline)

        return self._line.use(look, _PATIENCE)

    @contextmanager
    def _lock(self, session: Session, deadline: float) -> Iterator[None]:
        while True:
            try:
                self._line.ask(session, lambda to: [methods.queue_declare(to, DEAD_LOCK, {}, exclusive=True)], deadline)
                break
            except ChannelClosed as error:
                if error.code != _LOCKED:
                    raise
            if time.monotonic() > deadline:
                raise TransportDown(f"{self._line.place.shown}: another process looks through the dead letters")
            time.sleep(0.02)
        try:
            yield
        finally:
            with suppress(OSError, ChannelClosed):
                self._line.ask(session, lambda to: [methods.queue_delete(to, DEAD_LOCK)], deadline)


def _all(channel: Channel, deadline: float) -> Iterator[tuple[DeadLetter, int]]:
    number = 1
    while number:
        replies = channel.ask([methods.basic_get(channel.number, DEAD)] * min(number, 500), deadline)
        got = [reply for reply in replies if reply.kind == GET_OK]
        for reply in got:
            tag = int.from_bytes(reply.arguments[:8], "big")
            letter = _letter(reply.body)
            if letter is not None:
                yield letter, tag
        number = int.from_bytes(got[-1].arguments[-4:], "big") if len(got) == len(replies) else 0


def _letter(body: bytes) -> DeadLetter | None:
    """None for what somebody else has put there; it stays."""
    try:
        name, queue, reason, detail, deliveries, at, packed = _unpack(body)
    except (msgspec.MsgspecError, ValueError):
        return None
    return DeadLetter(name, queue, unpack(packed), reason, detail, deliveries, at)


def _post(delivery: Delivery, reason: str, detail: str, now: float) -> Post:
    message = delivery.message
    name = str(uuid4())
    text = detail.encode("utf-8", "replace").decode()
    body = _pack((name, delivery.queue, reason, text, delivery.count, now, pack(message)))
    headers = {"id": message.id, "task": message.task, "queue": delivery.queue[:200], "reason": reason[:1000]}
    content = Message(headers, {"delivery_mode": 2, "message_id": name}, body, _TYPE, "binary")
    return Post(DEAD, "", DEAD, envelope.write(content, FRESH, 100_000))
