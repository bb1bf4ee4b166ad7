"""Publishing with confirms.

The broker confirms what it has taken (on disk, or on the replicas of a quorum queue); until then a publish is not done.
Threads publish side by side on one channel, each waits for its own confirms only.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from celeriac.errors import TransportDown

from . import ladder, methods
from .envelope import Envelope
from .line import Line
from .link import Link
from .queues import Queues
from .session import Publish, Session
from .wire import content

HOLD: Final = 0.2
"""Seconds, the last ones of a delay, in which a message is not in the ladder but in its queue, or held by a worker."""
_TRIES: Final = 3
"""Times that a message is published whose queue turns out to be gone."""


class Post(NamedTuple):
    """One message on its way."""

    queue: str
    """The queue that it is meant for, as its users call it."""
    exchange: str
    key: str
    envelope: Envelope


class LatePost(NamedTuple):
    """One that is to be delivered later: `due` is a Unix time."""

    queue: str
    due: float
    envelope: Envelope


class UnderWay(NamedTuple):
    """What was written, and is not known to have arrived."""

    session: Session
    posts: Sequence[Post]
    publish: Publish


class Posting:
    """Thread-safe."""

    def __init__(self, line: Line, queues: Queues) -> None:
        self._line = line
        self._queues = queues

    def post(self, posts: Sequence[Post], timeout: float) -> None:
        """Publish all, and wait until the broker has them.

        Raises:
            TransportDown: it has not confirmed them in time; some may have arrived.
        """
        if posts:
            self._line.use(
                lambda session, deadline: self._finish(self._begin(session, posts, deadline), deadline), timeout
            )

    def begin(self, posts: Sequence[Post], timeout: float) -> UnderWay:
        """Publish all without waiting for the broker; `finish` does that.

        Raises:
            TransportDown: they could not be written in time.
        """
        return self._line.use(lambda session, deadline: self._begin(session, posts, deadline), timeout)

    def finish(self, under_way: UnderWay, timeout: float) -> None:
        """Wait until the broker has what was begun.

        Raises:
            TransportDown: it has not confirmed them in time; some may have arrived.
        """
        deadline = time.monotonic() + timeout
        under_way.session.link.pump()  # what has come meanwhile counts, however little time is left
        self._line.within(under_way.session, lambda _, deadline: self._finish(under_way, deadline), deadline)

    def _begin(self, session: Session, posts: Sequence[Post], deadline: float) -> UnderWay:
        for queue in dict.fromkeys([post.queue for post in posts]):
            self._queues.declare(session, queue, deadline)
        return self._write(session, posts, deadline, mandatory=True)

    def _finish(self, under_way: UnderWay, deadline: float) -> None:
        left = self._wait(under_way, deadline)
        for _ in range(_TRIES - 1):
            if not left:
                return
            left = self._wait(self._begin(under_way.session, left, deadline), deadline)
        if left:
            raise TransportDown(f"{self._line.place.shown}: queue {left[0].queue!r} goes as soon as it is made")

    def post_late(self, posts: Sequence[LatePost], now: Callable[[], float], timeout: float) -> None:
        """Publish all into the ladder of delays, and wait until the broker has them. `now` tells the Unix time.

        Raises:
            TransportDown: it has not confirmed them in time; some may have arrived.
        """

        def work(session: Session, deadline: float) -> None:
            left = list(posts)
            for _ in range(_TRIES):
                longest = max(post.due for post in left) - now() - HOLD
                self._queues.open_delays(session, [post.queue for post in left], longest, deadline)
                at = now()  # what had to be made has taken its time
                entered = [Post(it.queue, *ladder.entry(it.queue, it.due - at - HOLD), it.envelope) for it in left]
                returned = set(map(id, self._post(session, entered, deadline, mandatory=True)))
                left = [late for late, post in zip(left, entered, strict=True) if id(post) in returned]
                if not left:
                    return
                session.levels = 0
            raise TransportDown(f"{self._line.place.shown}: the queues of delays go as soon as they are made")

        if posts:
            self._line.use(work, timeout)

    def post_to_anyone(self, posts: Sequence[Post]) -> None:
        """Publish to queues that may have gone: what none takes is dropped.

        Raises:
            TransportDown
        """
        self._line.use(lambda session, deadline: self._post(session, posts, deadline, mandatory=False))

    def shout(self, exchange: str, kind: str, durable: bool, post: Post) -> None:
        """Publish to an exchange, whoever is bound to it, and perhaps nobody.

        Raises:
            TransportDown
        """

        def work(session: Session, deadline: float) -> None:
            if exchange not in session.exchanges:
                declare_exchange = methods.exchange_declare
                self._line.ask(
                    session, lambda channel: [declare_exchange(channel, exchange, kind, durable=durable)], deadline
                )
                session.exchanges.add(exchange)
            self._post(session, [post], deadline, mandatory=False)

        self._line.use(work)

    def _post(self, session: Session, posts: Sequence[Post], deadline: float, *, mandatory: bool) -> Sequence[Post]:
        """Publish them; those that no queue took are returned, to be published again once it was declared anew."""
        return self._wait(self._write(session, posts, deadline, mandatory=mandatory), deadline)

    def _write(self, session: Session, posts: Sequence[Post], deadline: float, *, mandatory: bool) -> UnderWay:
        link = session.link
        if link.blocked is not None:
            self._wait_for_room(link, deadline)
        number, most = session.posts.number, link.frame_max
        parts: list[bytes] = []
        for post in posts:
            parts.append(_publishing(number, post.exchange, post.key, mandatory))
            parts.append(content(number, post.envelope.properties, post.envelope.body, most))
        data = b"".join(parts)
        with session.writing:
            with link.changed:
                publish = session.confirms.expect(len(posts))
            link.send(data, deadline)
        return UnderWay(session, posts, publish)

    def _wait(self, under_way: UnderWay, deadline: float) -> Sequence[Post]:
        """Until all are confirmed; those that no queue took."""
        session, posts, publish = under_way
        link, channel = session.link, session.posts
        try:
            link.wait_for(lambda: publish.left <= 0 or channel.closed is not None, deadline)
        except TimeoutError:
            if link.blocked is not None:
                raise TimeoutError(_blocked(link.blocked)) from None
            raise
        if channel.closed is not None:
            raise channel.closed
        if publish.refused:
            raise TransportDown(f"{self._line.place.shown}: the broker could not take {publish.refused} messages")
        return self._returned(session, posts) if channel.returned else ()

    def _wait_for_room(self, link: Link, deadline: float) -> None:
        try:
            link.wait_for(lambda: link.blocked is None, deadline)
        except TimeoutError:
            raise TransportDown(f"{self._line.place.shown}: {_blocked(link.blocked or '')}") from None

    def _returned(self, session: Session, posts: Sequence[Post]) -> list[Post]:
        with session.link.changed:  # another thread may just take in more of them
            come = session.posts.returned
            returned = {(reply.properties, reply.body) for reply in come}
            again = [post for post in posts if post.envelope in returned]
            done = {tuple(post.envelope) for post in again}
            come[:] = [reply for reply in come if (reply.properties, reply.body) not in done]
        for post in again:
            session.declared.discard(post.queue)
            session.bound.discard(post.queue)
        return again


@lru_cache(1000)
def _publishing(channel: int, exchange: str, key: str, mandatory: bool) -> bytes:
    return methods.basic_publish(channel, exchange, key, mandatory=mandatory)


def _blocked(reason: str) -> str:
    return f"the broker takes no messages at present ({reason}); free some memory or disk on it"
