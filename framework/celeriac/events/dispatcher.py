"""The telling side: a bounded buffer, and a thread that empties it."""

from __future__ import annotations

import atexit
import logging
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any, Self

from celeriac.errors import CeleriacError, UnsupportedCapability
from celeriac.events.event import Event, EventMaker, group_of, kind_of, write

if TYPE_CHECKING:
    from celeriac.app import Celeriac

logger = logging.getLogger("celeriac.events")

LIMIT = 10_000
"""How many events wait, at most, when the broker is away or slow."""
LINGER = 0.02
"""Seconds for which the first event waits for others to travel with."""
MOST = 200
"""How many events travel together."""
PAUSE = 0.5
"""Seconds before another try when the broker did not take them."""


class EventDispatcher:
    """Sends events. Thread-safe; nothing of it runs before the first event."""

    def __init__(
        self,
        app: Celeriac,
        hostname: str | None = None,
        *,
        enabled: bool = True,
        groups: Collection[str] = (),
        limit: int = LIMIT,
    ) -> None:
        self._app = app
        self.hostname = hostname or f"gen{os.getpid()}@{socket.gethostname()}"
        self.enabled = enabled
        self.groups = frozenset(groups)
        """The groups to send (``task``, ``worker``, of one's own); empty: all."""
        self.dropped = 0
        """How many events found no room."""
        self._make = EventMaker(self.hostname, app.lamport)
        self._waiting: deque[Event] = deque()
        self._limit = limit
        self._wanted = threading.Event()
        self._empty = threading.Event()
        self._empty.set()
        self._closing = False
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def enable(self) -> None:
        """Begin to send.

        Raises:
            UnsupportedCapability: the transport has no fan-out.
        """
        if not self._app.transport.supports("fan-out"):
            raise UnsupportedCapability("the transport has no fan-out, so events cannot be sent; leave them off")
        self.enabled = True

    def disable(self) -> None:
        """Send no more; what waits still goes out."""
        self.enabled = False

    def send(self, type: str, *, at: float | None = None, **fields: Any) -> None:
        """Send an event of that type; `at` is its Unix time, if it is not now. Never waits, never fails: where there is
        no room, the event is dropped."""
        if self.enabled and (not self.groups or group_of(type) in self.groups):
            self.put(self._make(type, fields, at))

    def put(self, event: Event) -> None:
        """Take an event on that is made already, whether enabled or not."""
        if len(self._waiting) >= self._limit:
            self.dropped += 1
            return
        self._waiting.append(event)
        if not self._wanted.is_set():
            self._empty.clear()
            self._wanted.set()
        if self._thread is None:
            self._start()

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until all events are with the broker; False when that took longer than `timeout` seconds."""
        return self._empty.wait(timeout)

    def close(self, timeout: float = 2.0) -> None:
        """Send what waits, for `timeout` seconds at most, and end the thread."""
        if self._thread is not None and self._thread is not threading.current_thread():
            self.flush(timeout)
            self._closing = True
            self._wanted.set()
            self._thread.join(timeout)
            self._thread = None
            self._closing = False
            atexit.unregister(self.close)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="celeriac-events", daemon=True)
                self._thread = thread
                thread.start()
                atexit.register(self.close)  # a script that ends after its calls has told of them

    def _run(self) -> None:
        failing = False
        while not self._closing:
            self._wanted.wait()
            if not self._closing:
                time.sleep(LINGER)
            self._wanted.clear()
            while self._waiting and not self._closing:
                try:
                    self._send_some()
                    failing = False
                except UnsupportedCapability as error:
                    logger.warning("events are dropped: %s", error)
                    self.enabled = False
                    self._waiting.clear()
                except Exception as error:
                    if not failing:
                        foreign = None if isinstance(error, CeleriacError) else error
                        logger.warning("cannot send events: %s; trying again", error, exc_info=foreign)
                    failing = True
                    time.sleep(PAUSE)
            if not self._waiting and not self._wanted.is_set():
                self._empty.set()

    def _send_some(self) -> None:
        transport = self._app.transport
        if not transport.supports("fan-out"):
            raise UnsupportedCapability("the transport has no fan-out")
        batch = [self._waiting[index] for index in range(min(len(self._waiting), MOST))]
        sent = 0
        try:
            for together in _runs(batch):
                alone = len(together) == 1
                kind = kind_of(together[0]["type"]) if alone else "task.multi"
                transport.announce(kind, write(together[0] if alone else together))
                sent += len(together)
        finally:
            for _ in range(sent):
                self._waiting.popleft()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def _runs(events: list[Event]) -> Iterator[list[Event]]:
    """Events of tasks that follow one another travel together, as Celery's do; others alone."""
    run: list[Event] = []
    for event in events:
        if group_of(event["type"]) == "task":
            run.append(event)
            continue
        if run:
            yield run
            run = []
        yield [event]
    if run:
        yield run
