"""Making and counting queues: each with its lane and, where something is to come late, its exit from the ladder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Final

from . import ladder, methods
from .line import Line
from .link import ChannelClosed, Reply
from .names import DEAD, DELAYED, lane_name, queue_name
from .session import Session
from .wire import read_short

LANE_STAY: Final = 30_000
"""Milliseconds after which what nobody of ours has fetched goes on into the queue itself, to Celery's workers."""
LANE_LIFE: Final = 86_400_000
"""Milliseconds after which a lane that is not used goes. It is empty long before that."""
_OTHERWISE_MADE: Final = 406
_NOT_FOUND: Final = 404


class Queues:
    """What is known to be there is known of a connection: another one asks anew. Thread-safe."""

    def __init__(self, line: Line) -> None:
        self._line = line

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
        name, lane, arguments = queue_name(queue), lane_name(queue), self._line.place.arguments
        back = {"x-message-ttl": LANE_STAY, "x-expires": LANE_LIFE, "x-dead-letter-exchange": ""}
        back |= {"x-dead-letter-routing-key": name}
        priority = {key: value for key, value in arguments.items() if key == "x-max-priority"}
        self._make(session, name, arguments, deadline)
        self._make(session, lane, {**back, **priority}, deadline)
        session.declared.add(queue)

    def _make(self, session: Session, name: str, arguments: Mapping[str, object], deadline: float) -> None:
        try:
            self._line.ask(session, lambda channel: [methods.queue_declare(channel, name, arguments)], deadline)
        except ChannelClosed as error:
            if error.code != _OTHERWISE_MADE:
                raise
            # It is there, and was declared with other arguments: by somebody who had the say. Use it as it is.
            self._line.ask(session, lambda channel: [methods.queue_declare(channel, name, {}, passive=True)], deadline)

    def knows(self, queues: Iterable[str]) -> bool:
        """Whether these were declared on the present connection."""
        session = self._line.session
        return session is not None and session.link.error is None and session.declared.issuperset(queues)

    def forget(self, queue: str) -> None:
        """It may be gone: make it again before its next use."""
        session = self._line.session
        if session is not None:
            session.declared.discard(queue)
            session.bound.discard(queue)

    @property
    def used(self) -> list[str]:
        """The queues that were used through the present connection."""
        session = self._line.session
        return sorted(session.declared - {DEAD}) if session is not None else []

    def open_delays(self, session: Session, queues: Iterable[str], seconds: float, deadline: float) -> None:
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
        self._line.ask(
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
            self._line.ask(session, lambda channel: [methods.queue_declare(channel, last, {}, passive=True)], deadline)
        except ChannelClosed as error:
            if error.code != _NOT_FOUND:
                raise
            for each in range(session.levels, level + 1):
                self._line.ask(session, partial(ladder.declarations, level=each), deadline)
        session.levels = level + 1

    def ready_in(self, name: str) -> int | None:
        """How many messages are ready in a queue of that AMQP name; None if there is no such queue."""

        def work(session: Session, deadline: float) -> int | None:
            try:
                (reply,) = self._line.ask(
                    session, lambda channel: [methods.queue_declare(channel, name, {}, passive=True)], deadline
                )
            except ChannelClosed as error:
                if error.code == _NOT_FOUND:
                    return None
                raise
            return messages_ready(reply)

        return self._line.use(work)


def messages_ready(declared: Reply) -> int:
    """How many messages wait in the queue, by the broker's answer to a declaration of it."""
    _, at = read_short(declared.arguments, 0)
    return int.from_bytes(declared.arguments[at : at + 4], "big")
