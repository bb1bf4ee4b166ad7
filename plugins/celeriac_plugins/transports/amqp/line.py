"""The connection for orders: publishing with confirms, declaring and counting queues.

The broker confirms what it has taken (on disk, or on the replicas of a quorum queue); until then a publish is not done.
Threads publish side by side on one channel, each waits for its own confirms only. It is another connection than the one
that receives: a broker that is short of memory stops reading from who publishes, and acknowledgements must get through.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from threading import Lock, RLock
from typing import Final, NamedTuple, TypeVar

from celeriac.errors import TransportDown
from celeriac_plugins._shared.forks import tell_of_forks

from . import ladder, methods
from .dial import dial
from .envelope import Envelope
from .link import ChannelClosed, Link, Reply
from .names import DEAD, DELAYED, lane_name, queue_name
from .place import Place
from .wire import content, read_short

T = TypeVar("T")

PATIENCE: Final = 5.0
"""Seconds within which the broker must answer where the caller has no deadline of its own."""
HOLD: Final = 0.2
"""Seconds, the last ones of a delay, in which a message is not in the ladder but in its queue, or held by a worker."""
LANE_STAY: Final = 30_000
"""Milliseconds after which what nobody of ours has fetched goes on into the queue itself, to Celery's workers."""
LANE_LIFE: Final = 86_400_000
"""Milliseconds after which a lane that is not used goes. It is empty long before that."""
_FRESH: Final = 0.5
"""Seconds since a sign of life after which a connection is not trusted when another one is lost."""
_TRIES: Final = 3
"""Times that a message is published whose queue turns out to be gone."""
_USUAL_FRAME: Final = 131_064
_OTHERWISE_MADE: Final = 406
_NOT_FOUND: Final = 404


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


class _Publish:
    """What one caller waits for."""

    __slots__ = ("left", "refused")

    def __init__(self, number: int) -> None:
        self.left = number
        self.refused = 0


class _Confirms:
    """Which publishes the broker has not answered yet. Changed under the link's lock, or by who writes."""

    def __init__(self) -> None:
        self._next = 1
        self._open: dict[int, _Publish] = {}

    def expect(self, number: int) -> _Publish:
        """Before so many messages are written."""
        publish = _Publish(number)
        first, self._next = self._next, self._next + number
        self._open.update(dict.fromkeys(range(first, self._next), publish))
        return publish

    def take(self, tag: int, multiple: bool, refused: bool) -> None:
        for each in self._upto(tag) if multiple else (tag,):
            publish = self._open.pop(each, None)
            if publish is not None:
                publish.left -= 1
                publish.refused += refused

    def _upto(self, tag: int) -> list[int]:
        found = []
        for number in self._open:  # in the order of writing
            if number > tag:
                break
            found.append(number)
        return found


class UnderWay(NamedTuple):
    """What was written, and is not known to have arrived."""

    session: Session
    posts: Sequence[Post]
    publish: _Publish


class Session:
    """A connection, and what was declared on it."""

    def __init__(self, link: Link, deadline: float) -> None:
        self.link = link
        self.orders = link.open_channel(deadline)
        self.posts = link.open_channel(deadline)
        self.confirms = _Confirms()
        self.posts.on_confirm = self.confirms.take
        self.posts.ask([methods.confirm_select(self.posts.number)], deadline)
        self.writing = Lock()
        self.declared: set[str] = set()
        self.bound: set[str] = set()
        self.exchanges: set[str] = set()
        self.levels = 0
        """How many levels of the ladder of delays are known to be there."""


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
        return self._do(session, work, deadline)

    def _do(self, session: Session, work: Callable[[Session, float], T], deadline: float) -> T:
        """Raises TransportDown."""
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

    # queues

    def declare_dead(self, session: Session, deadline: float) -> None:
        """Make the queue of dead letters, which has no lane."""
        if DEAD not in session.declared:
            self._make(session, DEAD, {}, deadline)
            session.declared.add(DEAD)

    def declare(self, session: Session, queue: str, deadline: float) -> None:
        """Make the queue and its lane, unless they are known to be there."""
        if queue in session.declared:
            return
        if queue == DEAD:
            self.declare_dead(session, deadline)
            return
        name, lane, arguments = queue_name(queue), lane_name(queue), self.place.arguments
        back = {"x-message-ttl": LANE_STAY, "x-expires": LANE_LIFE, "x-dead-letter-exchange": ""}
        back |= {"x-dead-letter-routing-key": name}
        priority = {key: value for key, value in arguments.items() if key == "x-max-priority"}
        self._make(session, name, arguments, deadline)
        self._make(session, lane, {**back, **priority}, deadline)
        session.declared.add(queue)

    def _make(self, session: Session, name: str, arguments: Mapping[str, object], deadline: float) -> None:
        try:
            self.ask(session, lambda channel: [methods.queue_declare(channel, name, arguments)], deadline)
        except ChannelClosed as error:
            if error.code != _OTHERWISE_MADE:
                raise
            # It is there, and was declared with other arguments: by somebody who had the say. Use it as it is.
            self.ask(session, lambda channel: [methods.queue_declare(channel, name, {}, passive=True)], deadline)

    def knows(self, queues: Iterable[str]) -> bool:
        """Whether these were declared on the present connection."""
        session = self._session
        return session is not None and session.link.error is None and session.declared.issuperset(queues)

    def forget(self, queue: str) -> None:
        """It may be gone: make it again before its next use."""
        if self._session is not None:
            self._session.declared.discard(queue)
            self._session.bound.discard(queue)

    @property
    def used(self) -> list[str]:
        """The queues that were used through the present connection."""
        return sorted(self._session.declared - {DEAD}) if self._session is not None else []

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

    def _open_delays(self, session: Session, queues: Iterable[str], seconds: float, deadline: float) -> None:
        """Make what messages for these queues need that are delayed by up to so many seconds."""
        for queue in dict.fromkeys(queues):
            self.declare(session, queue, deadline)
            self._bind_delays(session, queue, deadline)
        self._raise_ladder(session, ladder.level_for(seconds), deadline)

    def _bind_delays(self, session: Session, queue: str, deadline: float) -> None:
        """Make the queue's exit from the ladder."""
        if queue in session.bound:
            return
        name, key = queue_name(queue), ladder.exit_key(queue)
        self.ask(
            session,
            lambda channel: [ladder.exit_exchange(channel), methods.queue_bind(channel, name, DELAYED, key)],
            deadline,
        )
        session.bound.add(queue)

    def _raise_ladder(self, session: Session, level: int, deadline: float) -> None:
        if session.levels > level:
            return
        last = ladder.last_made(level)
        try:
            self.ask(session, lambda channel: [methods.queue_declare(channel, last, {}, passive=True)], deadline)
        except ChannelClosed as error:
            if error.code != _NOT_FOUND:
                raise
            for each in range(session.levels, level + 1):
                self.ask(session, partial(ladder.declarations, level=each), deadline)
        session.levels = level + 1

    def ready_in(self, name: str) -> int | None:
        """How many messages are ready in a queue of that AMQP name; None if there is no such queue."""

        def work(session: Session, deadline: float) -> int | None:
            try:
                (reply,) = self.ask(
                    session, lambda channel: [methods.queue_declare(channel, name, {}, passive=True)], deadline
                )
            except ChannelClosed as error:
                if error.code == _NOT_FOUND:
                    return None
                raise
            _, at = read_short(reply.arguments, 0)
            return int.from_bytes(reply.arguments[at : at + 4], "big")

        return self.use(work)

    # publishing

    def post(self, posts: Sequence[Post], timeout: float) -> None:
        """Publish all, and wait until the broker has them.

        Raises:
            TransportDown: it has not confirmed them in time; some may have arrived.
        """
        if posts:
            self.use(lambda session, deadline: self._finish(self._begin(session, posts, deadline), deadline), timeout)

    def begin(self, posts: Sequence[Post], timeout: float) -> UnderWay:
        """Publish all without waiting for the broker; `finish` does that.

        Raises:
            TransportDown: they could not be written in time.
        """
        return self.use(lambda session, deadline: self._begin(session, posts, deadline), timeout)

    def finish(self, under_way: UnderWay, timeout: float) -> None:
        """Wait until the broker has what was begun.

        Raises:
            TransportDown: it has not confirmed them in time; some may have arrived.
        """
        deadline = time.monotonic() + timeout
        under_way.session.link.pump()  # what has come meanwhile counts, however little time is left
        self._do(under_way.session, lambda _, deadline: self._finish(under_way, deadline), deadline)

    def _begin(self, session: Session, posts: Sequence[Post], deadline: float) -> UnderWay:
        for queue in dict.fromkeys([post.queue for post in posts]):
            self.declare(session, queue, deadline)
        return self._write(session, posts, deadline, mandatory=True)

    def _finish(self, under_way: UnderWay, deadline: float) -> None:
        left = self._wait(under_way, deadline)
        for _ in range(_TRIES - 1):
            if not left:
                return
            left = self._wait(self._begin(under_way.session, left, deadline), deadline)
        if left:
            raise TransportDown(f"{self.place.shown}: queue {left[0].queue!r} goes as soon as it is made")

    def post_late(self, posts: Sequence[LatePost], now: Callable[[], float], timeout: float) -> None:
        """Publish all into the ladder of delays, and wait until the broker has them. `now` tells the Unix time.

        Raises:
            TransportDown: it has not confirmed them in time; some may have arrived.
        """

        def work(session: Session, deadline: float) -> None:
            left = list(posts)
            for _ in range(_TRIES):
                longest = max(post.due for post in left) - now() - HOLD
                self._open_delays(session, [post.queue for post in left], longest, deadline)
                at = now()  # what had to be made has taken its time
                entered = [Post(it.queue, *ladder.entry(it.queue, it.due - at - HOLD), it.envelope) for it in left]
                returned = set(map(id, self._post(session, entered, deadline, mandatory=True)))
                left = [late for late, post in zip(left, entered, strict=True) if id(post) in returned]
                if not left:
                    return
                session.levels = 0
            raise TransportDown(f"{self.place.shown}: the queues of delays go as soon as they are made")

        if posts:
            self.use(work, timeout)

    def post_to_anyone(self, posts: Sequence[Post]) -> None:
        """Publish to queues that may have gone: what none takes is dropped.

        Raises:
            TransportDown
        """
        self.use(lambda session, deadline: self._post(session, posts, deadline, mandatory=False))

    def shout(self, exchange: str, kind: str, durable: bool, post: Post) -> None:
        """Publish to an exchange, whoever is bound to it, and perhaps nobody.

        Raises:
            TransportDown
        """

        def work(session: Session, deadline: float) -> None:
            if exchange not in session.exchanges:
                declare_exchange = methods.exchange_declare
                self.ask(
                    session, lambda channel: [declare_exchange(channel, exchange, kind, durable=durable)], deadline
                )
                session.exchanges.add(exchange)
            self._post(session, [post], deadline, mandatory=False)

        self.use(work)

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
            raise TransportDown(f"{self.place.shown}: the broker could not take {publish.refused} messages")
        return self._returned(session, posts) if channel.returned else ()

    def _wait_for_room(self, link: Link, deadline: float) -> None:
        try:
            link.wait_for(lambda: link.blocked is None, deadline)
        except TimeoutError:
            raise TransportDown(f"{self.place.shown}: {_blocked(link.blocked or '')}") from None

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


@lru_cache(1000)
def _publishing(channel: int, exchange: str, key: str, mandatory: bool) -> bytes:
    return methods.basic_publish(channel, exchange, key, mandatory=mandatory)


def _blocked(reason: str) -> str:
    return f"the broker takes no messages at present ({reason}); free some memory or disk on it"
