"""One listener to kombu's fan-out exchanges; see `addresses` for how replies come."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from threading import Lock

from hiredis import HiredisError, ReplyError

from celeriac.clock import Clock
from celeriac.specs.transport import Subscription
from celeriac_plugins._shared.doorbell import Doorbell
from celeriac_plugins._shared.forks import tell_of_forks
from celeriac_plugins._shared.pidbox import REPLY, with_return
from celeriac_plugins._shared.redis_dial import dial
from celeriac_plugins._shared.redis_line import PATIENCE, Line
from celeriac_plugins._shared.redis_link import Link, readable

from . import envelope, scripts
from .keys import Keys

SENT = "x-celeriac-sent"
"""The property that says when a broadcast of ours was sent; Celery's have none."""
_KEPT = 60.0
_SILENCE = 60.0
"""Seconds without a word from the server after which it is asked whether it is there."""
BOX_LIFE = 60
"""Seconds after which a box goes that its owner does not tend any more."""


class RedisSubscription(Subscription):
    """A connection of its own. It subscribes anew after the connection was lost."""

    def __init__(
        self, line: Line, keys: Keys, clock: Clock, topics: Sequence[str], of_every_kind: bool = False
    ) -> None:
        self._line = line
        self._keys = keys
        self._clock = clock
        tail = "/*" if of_every_kind else ""
        self._topics = {(keys.channel(topic) + tail).encode("utf-8", "surrogatepass"): topic for topic in topics}
        self._subscribe, self._push = ("PSUBSCRIBE", b"pmessage") if of_every_kind else ("SUBSCRIBE", b"message")
        self._boxes = [(topic, keys.prefix + topic) for topic in self._topics.values() if topic.startswith(REPLY)]
        self._tended = 0.0
        self._bell = Doorbell()
        self._reading = Lock()
        self._closed = False
        self._called = False
        self._link: Link | None = None
        self._heard: list[tuple[str, bytes]] = []
        tell_of_forks(self)
        try:
            self._use(_nothing)
        except BaseException:
            self._bell.close()
            raise

    def receive(self, timeout: float | None) -> list[tuple[str, bytes]]:
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._reading:
            while not self._closed:
                self._use(self._hear)
                heard, self._heard = self._heard, []
                left = _SILENCE if deadline is None else deadline - time.monotonic()
                if heard or left <= 0 or self._called:
                    self._called = False
                    return heard
                self._use(partial(self._wait, seconds=min(left, _SILENCE)))
        return []

    def _use(self, work: Callable[[Link], None]) -> None:
        try:
            if self._link is None:
                self._open()
            if self._link is not None:  # else it was closed meanwhile
                work(self._link)
        except (self._line.faces.down, self._line.faces.damaged):
            raise  # from the other connection
        except (OSError, HiredisError) as error:
            self._drop()
            if not self._closed:
                raise self._line.faces.of(error, self._line.place.shown) from error
        except BaseException:
            self._drop()
            raise

    def _open(self) -> None:
        if self._closed:
            return
        deadline = time.monotonic() + PATIENCE
        link = dial(self._line.place, deadline, self._line.faces)
        try:
            link.send([(self._subscribe, *self._topics)], deadline)
            said = self._subscribe.lower().encode()
            while sum(push[0] == said for push in link.pushes) < len(self._topics):
                self._listen_for_a_while(link, deadline)
            if self._boxes:
                (reply,) = link.call([("CLIENT", "TRACKING", "ON", "OPTIN", "NOLOOP")], deadline)
                if isinstance(reply, ReplyError):
                    raise reply
                self._tend_boxes(link)
        except BaseException:
            link.close()
            raise
        self._link = link

    def _listen_for_a_while(self, link: Link, deadline: float) -> None:
        if not link.has_more and not readable((link,), deadline - time.monotonic()):
            raise TimeoutError("it did not confirm the subscription in time")
        link.listen()

    def _wait(self, link: Link, seconds: float) -> None:
        if not link.has_more:
            readable((link, self._bell), min(seconds, BOX_LIFE / 3) if self._boxes else seconds)
        self._bell.still()
        if time.monotonic() - link.used >= _SILENCE:
            link.call([("PING",)], time.monotonic() + PATIENCE)

    def _hear(self, link: Link) -> None:
        link.listen()
        pushes = link.take_pushes()
        is_due = time.monotonic() - self._tended > BOX_LIFE / 3
        if self._boxes and (is_due or any(push[0] == b"invalidate" for push in pushes)):
            self._tend_boxes(link)
        for push in pushes:
            if push[0] == self._push and push[1] in self._topics:
                self._take(self._topics[push[1]], push[-1])

    def _tend_boxes(self, link: Link) -> None:
        """Empty them, and have the server tell when something comes."""
        deadline = time.monotonic() + PATIENCE
        self._tended = time.monotonic()
        for topic, box in self._boxes:
            has_more = True
            while has_more:
                for text in reversed(link.run(scripts.TEND, [box], [BOX_LIFE], deadline)):
                    self._take(topic, text)
                _, length = link.call([("CLIENT", "CACHING", "YES"), ("LLEN", box)], deadline)
                if isinstance(length, ReplyError):
                    raise length
                has_more = length > 1  # it came before the server was asked to tell

    def _take(self, topic: str, text: bytes) -> None:
        message, _ = envelope.read(text)
        sent = message.properties.get(SENT)
        if isinstance(sent, float) and sent <= self._clock.time() - _KEPT:
            return
        self._heard.append((topic, message.body if SENT in message.properties else with_return(message.body)))

    # ending

    def wake(self) -> None:
        self._called = True
        self._bell.ring()

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._bell.ring()
        with self._reading:
            self._drop()
            self._bell.close()
        if self._boxes:
            with suppress(self._line.faces.down, self._line.faces.damaged):
                self._line.call([("DEL", *(box for _, box in self._boxes))])

    def _drop(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None

    def before_fork(self) -> None:
        """Nothing to let go of: a socket that a child inherits and drops is no less open in its parent."""

    def after_fork(self, *, child: bool) -> None:
        if child:
            self._drop()
            self._bell.close()
            self._closed = True
            self._boxes = []
            self._reading = Lock()


def _nothing(_link: Link) -> None:
    """To be connected is all."""
