"""A connection of kombu's, in the hands of one thread.

kombu's connections and channels must not be shared by threads, and most of its clients wait as long as they like. So
whoever wants something of the broker hands it to the thread that has the connection, and waits no longer than it has
time. A thread that does not come back in time is left behind with its connection, and another one is made.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, Final, Generic, TypeVar

from celeriac.errors import CeleriacError, TransportDown

from .place import Place, not_installed

T = TypeVar("T")
Channel = Any
"""kombu's channels have no types of their own."""
PATIENCE: Final = 15.0
"""Seconds that kombu may take to receive, to settle or to count something."""
_MOST_LEFT: Final = 8
"""Threads of a line that may hang at once; with so many of them another one would not fare better."""


class _LateError(Exception):
    """The result is not there in time."""


class _Order(Generic[T]):
    """A step for the thread, and what becomes of it. Either somebody gets its result or it is undone."""

    def __init__(self, step: Callable[[Channel], T], undo: Callable[[Channel, T], None] | None) -> None:
        self.step = step
        self._undo = undo
        self._future: Future[T] = Future()
        self._lock = threading.Lock()
        self._late = False

    def wait(self, timeout: float) -> T:
        """Its result.

        Raises:
            _LateError: it was not done in time, and will be undone.
        """
        with suppress(TimeoutError):
            return self._future.result(max(timeout, 0))
        with self._lock:
            if self._future.done():
                return self._future.result()
            self._late = True
            raise _LateError

    @property
    def late(self) -> bool:
        return self._late

    def done(self, channel: Channel, result: T) -> None:
        with self._lock:
            if not self._late:
                self._future.set_result(result)
                return
        if self._undo is not None:
            self._undo(channel, result)

    def failed(self, error: BaseException) -> None:
        with self._lock:
            if not self._late:
                self._future.set_exception(error)


class _Hand:
    """The thread, and the connection that only it touches."""

    def __init__(self, place: Place, name: str, *, restores: bool) -> None:
        self._place = place
        self._restores = restores
        self.orders: SimpleQueue[_Order[Any] | None] = SimpleQueue()
        self._transport: Any = None
        self._channel: Channel = None
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        while (order := self.orders.get()) is not None:
            if not order.late:
                self._do(order)
            del order
        self._hang_up()

    def _do(self, order: _Order[Any]) -> None:
        try:
            channel = self._open()
            order.done(channel, order.step(channel))
        except CeleriacError as error:
            order.failed(error)
        except ImportError as error:
            order.failed(not_installed(self._place.shown, error))
        except Exception as error:
            self._hang_up()
            order.failed(self._down(error))

    def _open(self) -> Channel:
        if self._channel is None:
            # Not by way of Connection.channel, which tries again by itself, after two seconds.
            self._transport = self._place.connection().transport
            self._channel = self._transport.create_channel(self._transport.establish_connection())
        return self._channel

    def _hang_up(self) -> None:
        transport, channel, self._transport, self._channel = self._transport, self._channel, None, None
        with suppress(Exception):  # whatever it was, it is over
            if channel is not None and not self._restores:
                channel.qos.restore_at_shutdown = False
            if transport is not None:
                transport.close_connection(transport)  # kombu's virtual transports are their own connections

    def _down(self, error: Exception) -> TransportDown:
        text = self._place.hide(str(error)) or type(error).__name__
        down = TransportDown(f"{self._place.shown} cannot be used: {text}")
        if text != (str(error) or type(error).__name__):
            return down  # the cause would show a password
        down.__cause__ = error
        return down


class Line:
    """Does steps on one channel, one after another. The connection is made at the first, and anew after an error.

    When a connection is given up, kombu gives back what was received through it and not acknowledged: not when
    `restores` is false, because somebody else keeps account of that.
    """

    def __init__(self, place: Place, name: str, *, restores: bool) -> None:
        self._place = place
        self._name = name
        self._restores = restores
        self._lock = threading.Lock()
        self._hand: _Hand | None = None
        self._left: list[_Hand] = []
        self._closed = False

    def do(self, step: Callable[[Channel], T], timeout: float, undo: Callable[[Channel, T], None] | None = None) -> T:
        """What `step` returns. It may be done after its time as well; then its result goes to `undo`.

        Raises:
            TransportDown: not done within `timeout`, or kombu raised something.
        """
        end = time.monotonic() + timeout
        order = _Order(step, undo)
        with self._lock:
            if self._closed:
                raise TransportDown(f"{self._place.shown} was closed by this process; make a new object")
            hand = self._hand = self._hand or self._new_hand()
            hand.orders.put(order)
        try:
            return order.wait(end - time.monotonic())
        except _LateError:
            self._leave(hand)
            raise TransportDown(f"{self._place.shown} did not answer within {timeout:.3g} s") from None

    def _new_hand(self) -> _Hand:
        self._left = [each for each in self._left if each.thread.is_alive()]
        if len(self._left) >= _MOST_LEFT:
            raise TransportDown(f"{self._place.shown} has not answered {len(self._left)} earlier calls yet")
        return _Hand(self._place, self._name, restores=self._restores)

    def _leave(self, hand: _Hand) -> None:
        with self._lock:
            if self._hand is hand:
                self._hand = None
                self._left.append(hand)
        hand.orders.put(None)

    def close(self, patience: float) -> None:
        """Give up the connection, waiting no longer than `patience` seconds for it. A second call does nothing."""
        with self._lock:
            self._closed = True
            hand, self._hand = self._hand, None
        if hand is not None:
            hand.orders.put(None)
            hand.thread.join(patience)
