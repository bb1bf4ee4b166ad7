"""The listening side: events of our workers and of Celery's."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from celeriac.control import Control
from celeriac.errors import DecodeError, TransportError, UnsupportedCapability
from celeriac.events.event import Event, read

if TYPE_CHECKING:
    from celeriac.app import Celeriac
    from celeriac.specs.transport import Subscription

logger = logging.getLogger("celeriac.events")

PAUSE = 1.0


class EventReceiver:
    """Hears every event that is sent after it has begun to listen.

    ::

        receiver = app.events.Receiver(handlers={"task-failed": alarm, "*": print})
        receiver.capture(timeout=60)

    A handler is called with the event; the one named ``*`` with those that have none of their own.
    """

    def __init__(self, app: Celeriac, handlers: Mapping[str, Callable[[Event], object]] | None = None) -> None:
        self._app = app
        self.handlers = dict(handlers or {})
        self.should_stop = False
        self._subscription: Subscription | None = None
        self._heard: deque[Event] = deque()
        """Events that came together with others, and that nobody has asked for yet."""

    def listen(self, wakeup: bool = True) -> None:
        """Begin to listen, if it has not begun; with `wakeup`, ask all workers to say that they are there.

        Raises:
            UnsupportedCapability: the transport has no fan-out.
            TransportDown: the broker cannot be reached.
        """
        if self._subscription is None:
            transport = self._app.find_broker()
            if not transport.supports("fan-out"):
                raise UnsupportedCapability("the transport has no fan-out, so events cannot be heard")
            self._subscription = transport.watch()
            if wakeup:
                self.wakeup_workers()

    def capture(self, limit: int | None = None, timeout: float | None = None, wakeup: bool = True) -> None:
        """Call the handlers, until there were `limit` events, `timeout` seconds are over, or `stop` is called."""
        for _ in self.itercapture(limit, timeout, wakeup):
            pass

    def itercapture(
        self, limit: int | None = None, timeout: float | None = None, wakeup: bool = True
    ) -> Iterator[Event]:
        """The same, and each event is yielded after its handler was called."""
        self.listen(wakeup)
        deadline = None if timeout is None else time.monotonic() + timeout
        count = 0
        while not self.should_stop and (limit is None or count < limit):
            if not self._heard:
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    return
                self._heard.extend(self._receive(left))
                continue
            event = self._heard.popleft()
            self.process(event["type"], event)
            yield event
            count += 1

    def process(self, type: str, event: Event) -> None:
        """Call the handler of an event. The app's logical clock is later than the event's from then on."""
        clock = event.get("clock")
        if isinstance(clock, int):
            self._app.lamport.adjust(clock)
        handler = self.handlers.get(type) or self.handlers.get("*")
        if handler is not None:
            handler(event)

    def wakeup_workers(self) -> None:
        """Ask all workers for a heartbeat, so that one who has come late knows them."""
        Control(self._app).broadcast("heartbeat")

    def stop(self) -> None:
        """Make `capture` end. Safe from any thread, and from a signal handler."""
        self.should_stop = True
        if self._subscription is not None:
            self._subscription.wake()

    def close(self) -> None:
        """Stop listening."""
        self.stop()
        if self._subscription is not None:
            self._subscription.close()
            self._subscription = None

    def _listening(self) -> Subscription:
        self.listen()
        assert self._subscription is not None
        return self._subscription

    def _leave(self) -> None:
        """Listen at another broker from now on; of a single one, the subscription connects anew by itself."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            with suppress(TransportError):
                subscription.close()

    def _receive(self, timeout: float | None) -> list[Event]:
        try:
            payloads = self._listening().receive(timeout)
        except TransportError as error:
            logger.warning("cannot hear events: %s; trying again", error)
            time.sleep(PAUSE if timeout is None else min(PAUSE, timeout))
            if len(self._app.brokers) > 1:
                self._leave()
            return []
        events: list[Event] = []
        for _, payload in payloads:
            try:
                events += read(payload, self._app.codec, self._app.codec.accepted(self._app.conf.accept_content))
            except DecodeError as error:
                logger.warning("an event cannot be read: %s", error)
        now = time.time()
        for event in events:
            event["local_received"] = now
        return events
