"""Results on their way to who has called: queues, named by the address, that the default exchange leads to.

Ours are durable and have an end of life, so that a connection that breaks takes nothing along: RabbitMQ 4.3 takes no
transient queue that outlives its connection. What is sent to a queue that has gone, the broker drops.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import suppress
from threading import Lock
from typing import Final
from uuid import uuid4
from weakref import WeakSet

from celeriac.errors import TransportDown
from celeriac.message import Message
from celeriac.specs.transport import ReplyBox

from . import envelope, methods
from .dial import dial
from .envelope import FRESH
from .line import PATIENCE, Line
from .link import Channel, ChannelClosed, Link
from .listener import Listener
from .names import queue_name
from .place import Place
from .posting import Post, Posting
from .queues import messages_ready

_AHEAD: Final = 1000
"""Replies that the broker pushes before it hears that some were taken."""
_HEARTBEAT: Final = 60.0
"""Seconds: who does not wait does not beat, and each connection that the broker gives up stands in its log."""
_LONGEST: Final = 30 * 86_400
"""Seconds that a queue or a reply may live. The broker's own limit is 49 days."""


class Replies:
    """Sends them, and knows the boxes that listen through it."""

    def __init__(self, place: Place, line: Line, posting: Posting, patience: float) -> None:
        self._place = place
        self._line = line
        self._posting = posting
        self._patience = patience
        self._lock = Lock()
        self._boxes: WeakSet[AmqpReplyBox] = WeakSet()

    def send(self, batch: Sequence[tuple[str, Message]], life: float) -> None:
        expiration = {"expiration": str(_milliseconds(life))}
        most = self._line.largest_properties
        posts: list[Post] = []
        for address, message in batch:
            passing = Message(
                message.headers,
                {**message.properties, **expiration},
                message.body,
                message.content_type,
                message.content_encoding,
            )
            posts.append(Post("", "", queue_name(address), envelope.write(passing, FRESH, most)))
        if posts:
            self._posting.post_to_anyone(posts)

    def listen(self, life: float, timeout: float) -> AmqpReplyBox:
        box = AmqpReplyBox(self._place, self._line, self._patience, life, timeout)
        with self._lock:
            self._boxes.add(box)
        return box

    def close(self) -> None:
        with self._lock:
            boxes = list(self._boxes)
        for box in boxes:
            box.close()


class AmqpReplyBox(Listener, ReplyBox):
    """Needs no connection of its own before someone receives. That one is kept then; when nobody receives for so long
    that the broker misses our heartbeat, it gives the connection up, keeps the replies, and the next one gets them.
    Who waits asks after `patience` seconds of silence whether the broker is there."""

    def __init__(self, place: Place, line: Line, patience: float, life: float, timeout: float) -> None:
        super().__init__()
        self._place = place
        self._line = line
        self._patience = patience
        self._arguments = {"x-expires": _milliseconds(life)}
        self.address = f"celeriac.reply.{uuid4()}"
        self._reader = envelope.Reader()
        self._line.order(lambda channel: [methods.queue_declare(channel, self.address, self._arguments)], timeout)

    def receive(self, timeout: float | None) -> list[Message]:
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._reading:
            if self._closed:
                return []
            try:
                link, channel = self._open()
                if timeout is not None and timeout <= 0:
                    self._await_all(channel)
                else:
                    self._wait(link, channel, deadline)
                return self._take(link, channel)
            except (OSError, ChannelClosed) as error:
                self._drop()
                if self._closed:
                    return []
                raise error if isinstance(error, TransportDown) else self._line.down(error) from error

    def _wait(self, link: Link, channel: Channel, deadline: float | None) -> None:
        link.pump()
        while not self._is_over(channel):
            now = time.monotonic()
            left = math.inf if deadline is None else deadline - now
            if left <= 0:
                return
            try:
                link.wait_for(lambda: self._is_over(channel), now + min(left, self._patience))
            except TimeoutError:
                if left > self._patience:
                    self._barrier(channel)  # a connection that is dead does not answer
        self._called = False
        if channel.cancelled:
            raise ConnectionError("the queue of replies is gone")

    def _is_over(self, channel: Channel) -> bool:
        has_ended = channel.cancelled or channel.closed is not None
        return bool(channel.delivered or has_ended or self._called or self._closed)

    def _await_all(self, channel: Channel) -> None:
        """Until all that the queue holds has arrived, or as much as it pushes before it hears of us. The broker's queue
        and channel are processes of their own: the queue says that it has handed on everything, and the barrier that
        the channel has sent that; the queue hands on some hundreds at a time."""
        deadline = time.monotonic() + PATIENCE
        while True:
            (reply,) = channel.ask([methods.queue_declare(channel.number, self.address, self._arguments)], deadline)
            self._barrier(channel)
            if not messages_ready(reply) or len(channel.delivered) >= _AHEAD or channel.cancelled:
                return  # when the queue went meanwhile: what waits in the new one comes to the next consumer

    @staticmethod
    def _barrier(channel: Channel) -> None:
        """Until what the broker has pushed so far has arrived."""
        frame = methods.exchange_declare(channel.number, "amq.direct", "", passive=True)
        channel.ask([frame], time.monotonic() + PATIENCE)

    def _take(self, link: Link, channel: Channel) -> list[Message]:
        found: list[Message] = []
        while channel.delivered:
            delivered = channel.delivered.popleft()
            message, _ = self._reader.read(delivered.properties, delivered.body)
            message.properties.pop("expiration", None)
            found.append(message)
            last = delivered.tag
        if found:
            link.send(methods.basic_ack(channel.number, last, multiple=True), time.monotonic() + PATIENCE)
        return found

    def _open(self) -> tuple[Link, Channel]:
        if self._link is not None and self._channel is not None:
            self._link.pump()
            if self._link.error is None and self._channel.closed is None and not self._channel.cancelled:
                return self._link, self._channel
        self._drop()
        deadline = time.monotonic() + PATIENCE
        link = dial(self._place, _HEARTBEAT, deadline)
        try:
            channel = link.open_channel(deadline)
            number = channel.number
            frames = [
                methods.queue_declare(number, self.address, self._arguments),
                methods.basic_qos(number, _AHEAD),
                methods.basic_consume(number, self.address, "1"),
            ]
            channel.ask(frames, deadline)
            self._barrier(channel)
        except BaseException:
            link.close(0)
            raise
        self._link, self._channel = link, channel
        return link, channel

    # ending

    def close(self) -> None:
        if self._closed:
            return
        self._end()
        with suppress(TransportDown):
            self._line.order(lambda channel: [methods.queue_delete(channel, self.address)])


def _milliseconds(life: float) -> int:
    return round(min(max(life, 0.001), _LONGEST) * 1000)
