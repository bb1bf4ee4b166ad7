"""Publishing: one message after another on a line of its own, until its time is up."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from celeriac.errors import EncodeError, TransportDown, UnsupportedCapability
from celeriac.message import Message, Publication
from celeriac.specs.transport import TransportOptions

from . import envelope, sqs
from .line import Channel, Line
from .place import Place

_LOOKS: Final = 3
"""SQS asks a part of its servers only: one look that finds nothing does not mean that there is nothing."""


def put(channel: Channel, queue: str, message: Message, mark: Mapping[str, Any], more: Mapping[str, Any]) -> None:
    """Publish to one of kombu's queues, by the default exchange, as Celery does."""
    declared: set[str] = channel.__dict__.setdefault("celeriac_declared", set())
    if queue not in declared:
        channel.queue_declare(queue)
        declared.add(queue)
    channel.basic_publish(envelope.write(channel, message, mark, more), exchange="", routing_key=queue)


def take_all(channel: Channel, queue: str) -> Iterator[envelope.Received]:
    """Everything out of one of kombu's queues, one by one, not acknowledged yet."""
    channel.Message = envelope.Received
    channel.queue_declare(queue)
    looks = 0
    while looks < _LOOKS:
        received = channel.basic_get(queue)
        looks = 0 if received else looks + 1
        if received:
            yield received


class Sending:
    """The publishing of one transport. Its line is free for other short errands as well."""

    def __init__(self, place: Place, options: TransportOptions) -> None:
        self._place = place
        self._now = options.clock.time
        self.line = Line(place, "celeriac-kombu-sending", restores=True)

    def publish(self, batch: Sequence[Publication], timeout: float) -> None:
        self._check(batch)
        end = time.monotonic() + timeout
        # All are written before the first is sent: one that cannot be written stops the batch.
        waiting = [(self._place.queue(each.queue), envelope.copy(each.message), each.due) for each in reversed(batch)]

        def send(channel: Channel) -> None:
            while waiting:
                if time.monotonic() > end:
                    raise self._half_done(len(waiting), len(batch), timeout)
                self._send(channel, *waiting[-1])
                waiting.pop()

        try:
            self.line.do(send, timeout)
        except TransportDown:
            left = end - time.monotonic()
            if left <= 0:
                raise
            self.line.do(send, left)  # the connection may have been cut while it was idle; go on where it ended

    def _send(self, channel: Channel, queue: str, message: Message, due: float | None) -> None:
        wait = 0 if due is None else due - self._now()
        try:
            if wait > 0:
                put(channel, queue, message, {"due": due}, sqs.delay(wait))
            else:
                put(channel, queue, message, {}, {})
        except Exception as error:
            if not sqs.is_too_large(error):
                raise
            raise EncodeError(
                f"{message.task or 'the message'} takes {len(message.body)} bytes, and with its envelope more than SQS "
                "carries; store the value elsewhere and send where it is"
            ) from error

    def _check(self, batch: Sequence[Publication]) -> None:
        late = [each for each in batch if each.due is not None]
        if late and "delay" not in self._place.habits.capabilities:
            raise UnsupportedCapability(
                f"{self._place.shown} cannot delay messages: no countdown, eta or delayed retry"
            )
        for each in late:
            if not sqs.can_delay(each.queue):
                raise UnsupportedCapability(
                    f"queue {each.queue!r}: SQS delays no message of a FIFO queue; use a standard queue for it"
                )

    def _half_done(self, left: int, number: int, timeout: float) -> TransportDown:
        return TransportDown(
            f"{self._place.shown}: {number - left} of {number} messages were published within {timeout:.3g} s; "
            "give more time (task_publish_timeout), or send less at a time"
        )
