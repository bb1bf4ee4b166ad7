"""One listener to broadcasts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from celeriac.clock import Clock
from celeriac.errors import TransportDown
from celeriac.specs.transport import Subscription
from celeriac_plugins._shared.pidbox import with_return

from . import envelope, methods
from .dial import dial
from .line import PATIENCE, Line
from .link import Channel, ChannelClosed, Delivered, Link
from .listener import Listener
from .place import Place
from .wire import read_short

if TYPE_CHECKING:
    from .fan_out import Address

SENT: Final = "x-celeriac-sent"
"""The header that says when a broadcast of ours was sent; Celery's have none."""
TOPIC: Final = "x-celeriac-topic"
_KEPT: Final = 60.0


class AmqpSubscription(Listener, Subscription):
    """A connection of its own, with an exclusive queue. It subscribes anew after the connection was lost."""

    def __init__(
        self,
        place: Place,
        line: Line,
        heartbeat: float,
        clock: Clock,
        topics: Sequence[str],
        bindings: Sequence[Address],
    ) -> None:
        super().__init__()
        self._place = place
        self._line = line
        self._heartbeat = heartbeat
        self._clock = clock
        self._topics = set(topics)
        self._bindings = bindings
        self._reader = envelope.Reader()
        self._open()

    def receive(self, timeout: float | None) -> list[tuple[str, bytes]]:
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._reading:
            while not self._closed:
                link, channel = self._open()
                try:
                    link.pump()
                    link.wait_for(lambda c=channel: bool(c.delivered or self._called or self._closed), deadline)  # type: ignore[misc]
                except TimeoutError:
                    return []
                except OSError as error:
                    self._drop()
                    if self._closed:
                        return []
                    raise self._line.down(error) from error
                heard = self._heard(channel)
                if heard or self._called:
                    self._called = False
                    return heard
        return []

    def _open(self) -> tuple[Link, Channel]:
        if self._link is not None and self._channel is not None and self._link.error is None:
            return self._link, self._channel
        self._drop()
        deadline = time.monotonic() + PATIENCE
        try:
            link = dial(self._place, self._heartbeat, deadline)
            try:
                channel = self._listen(link, deadline)
            except BaseException:
                link.close(0)
                raise
        except (OSError, ChannelClosed) as error:
            raise error if isinstance(error, TransportDown) else self._line.down(error) from error
        self._link, self._channel = link, channel
        return link, channel

    def _listen(self, link: Link, deadline: float) -> Channel:
        channel = link.open_channel(deadline)
        number, queue = channel.number, f"celeriac.listener.{uuid4()}"
        frames = [methods.queue_declare(number, queue, {"x-message-ttl": round(_KEPT * 1000)}, exclusive=True)]
        for address in self._bindings:
            exchange, kind, key = address
            frames.append(methods.exchange_declare(number, exchange, kind, durable=address.is_durable))
            frames.append(methods.queue_bind(number, queue, exchange, key))
        frames.append(methods.basic_consume(number, queue, "1", no_ack=True))
        channel.ask(frames, deadline)
        return channel

    def _heard(self, channel: Channel) -> list[tuple[str, bytes]]:
        heard: list[tuple[str, bytes]] = []
        while channel.delivered:
            delivered = channel.delivered.popleft()
            headers = self._reader.headers(delivered.properties)
            sent = headers.get(SENT)
            if isinstance(sent, float) and sent <= self._clock.time() - _KEPT:
                continue
            topic = headers.get(TOPIC) or self._topic_of(delivered)
            if topic in self._topics:
                heard.append((topic, delivered.body if SENT in headers else with_return(delivered.body)))
        return heard

    def _topic_of(self, delivered: Delivered) -> str:
        """Of a message that Celery sent."""
        exchange, at = read_short(delivered.origin, 0)
        key, _ = read_short(delivered.origin, at)
        return key if key in self._topics else exchange

    # ending

    def close(self) -> None:
        if self._closed:
            return
        self._end()
