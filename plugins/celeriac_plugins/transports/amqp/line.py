"""The connection for orders: what is asked of the broker, and what is published.

It is another connection than the one that receives: a broker that is short of memory stops reading from who publishes,
and acknowledgements must get through.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from threading import Lock, RLock
from typing import Final, TypeVar

from celeriac.errors import TransportDown
from celeriac_plugins._shared.forks import tell_of_forks

from .dial import dial
from .link import ChannelClosed, Reply
from .place import Place
from .session import Session

T = TypeVar("T")

PATIENCE: Final = 5.0
"""Seconds within which the broker must answer where the caller has no deadline of its own."""
_FRESH: Final = 0.5
"""Seconds since a sign of life after which a connection is not trusted when another one is lost."""
_USUAL_FRAME: Final = 131_064


class Line:
    """Nothing is opened before the first order. Thread-safe."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._start_afresh()
        self._closed = False
        tell_of_forks(self)

    def _start_afresh(self) -> None:
        self._session: Session | None = None
        self._connecting = Lock()
        self._ordering = RLock()

    # orders

    def use(self, work: Callable[[Session, float], T], timeout: float = PATIENCE) -> T:
        """Do something with the connection.

        Raises:
            TransportDown: not done within `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        try:
            session = self._connected(deadline)
        except TransportDown:
            raise
        except (OSError, ChannelClosed) as error:
            raise self.down(error) from error
        return self.within(session, work, deadline)

    def within(self, session: Session, work: Callable[[Session, float], T], deadline: float) -> T:
        """Go on with a connection that was used before.

        Raises:
            TransportDown
        """
        try:
            return work(session, deadline)
        except TransportDown:
            raise
        except TimeoutError as error:
            session.link.fail(error)  # it may be dead: the next one is made anew
            raise self.down(error) from error
        except (OSError, ChannelClosed) as error:
            raise self.down(error) from error

    def down(self, error: Exception) -> TransportDown:
        return TransportDown(f"{self.place.shown}: {str(error) or type(error).__name__}")

    def distrust(self) -> None:
        """The other connection is gone: give up this one as well, unless the broker was heard of on it just now. It may
        be as dead, and has no heartbeat to tell; another one costs little."""
        session = self._session
        if session is not None and time.monotonic() - session.link.heard > _FRESH:
            session.link.fail(ConnectionError("the connection was given up, as another one was lost"))

    def order(self, build: Callable[[int], Sequence[bytes]], timeout: float = PATIENCE) -> list[Reply]:
        """The replies to the methods that `build` makes for a channel's number.

        Raises:
            TransportDown
        """
        return self.use(lambda session, deadline: self.ask(session, build, deadline), timeout)

    def ask(self, session: Session, build: Callable[[int], Sequence[bytes]], deadline: float) -> list[Reply]:
        """Raises ChannelClosed, OSError; the channel is a new one after a refusal."""
        with self._ordering:
            try:
                return session.orders.ask(build(session.orders.number), deadline)
            except ChannelClosed:
                session.orders = session.link.open_channel(deadline)
                raise

    def _connected(self, deadline: float) -> Session:
        if self._closed:
            raise TransportDown(f"{self.place.shown} was closed by this process; make a new object")
        session = self._session
        if session is not None:
            session.link.pump()
            if session.link.error is None and session.posts.closed is None:
                return session
        if not self._connecting.acquire(timeout=max(deadline - time.monotonic(), 0)):
            raise TimeoutError("another thread is connecting, and has not succeeded in time")
        try:
            if self._session is not None and self._session is not session:
                return self._session
            if session is not None:
                session.link.close(0)
            self._session = None
            link = dial(self.place, 0, deadline)
            try:
                self._session = Session(link, deadline)
            except BaseException:
                link.close(0)
                raise
            return self._session
        finally:
            self._connecting.release()

    def touch(self) -> None:
        """Connect.

        Raises:
            TransportDown
        """
        self.use(lambda _session, _deadline: None)

    @property
    def largest_properties(self) -> int:
        """Bytes that a message's properties may have: they travel in one frame."""
        return (self._session.link.frame_max if self._session is not None else _USUAL_FRAME) - 12

    @property
    def session(self) -> Session | None:
        """The present connection, whether it is still up or not."""
        return self._session

    # life

    def close(self) -> None:
        self._closed = True
        with self._connecting:
            if self._session is not None:
                self._session.link.close()
                self._session = None

    def before_fork(self) -> None:
        """Nothing to let go of: a socket that a child inherits and drops is no less open in its parent."""

    def after_fork(self, *, child: bool) -> None:
        if child:
            if self._session is not None:
                self._session.link.drop()
            self._start_afresh()
