"""Receiving: the broker pushes, up to as many messages as were asked for and are held.

There is one connection and one channel for all receives of an object. Each queue has two consumers: one for the queue
and one for its lane, in which messages come back that somebody had taken before; the lane is emptied first. What comes
more than was asked for waits here, for the next receive.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from itertools import count
from typing import Final

from celeriac.errors import TransportDown
from celeriac.message import Delivery
from celeriac.specs.transport import TransportOptions
from celeriac_plugins._shared.forks import tell_of_forks

from .asking import MOST, Asking, ask_for_a_sign, ask_nothing
from .dial import dial
from .giving_back import GivingBack
from .intake import Intake
from .line import PATIENCE, Line
from .link import ChannelClosed
from .place import Place
from .posting import Posting
from .queues import Queues
from .session import Session
from .settling import Settling
from .sorting import Sorting

_SILENCE: Final = 3.0
"""Seconds without a word from the broker after which who waits for messages asks for one."""
_NEGLECTED: Final = 0.5
"""Seconds without a receive after which what was pushed in advance is given back."""


class Receiving:
    """The receives of one transport."""

    def __init__(
        self, place: Place, line: Line, queues: Queues, posting: Posting, settling: Settling, options: TransportOptions
    ) -> None:
        self._place = place
        self._line = line
        self._queues = queues
        self._posting = posting
        self._settling = settling
        self._now = options.clock.time
        self.heartbeat = max(place.heartbeat or options.lease / 3, 1.0)
        # However soon the broker is to notice that we are gone (decision 8), we wait for one that stands still.
        self._patience = 2 * max(self.heartbeat, options.lease / 3)
        self._start_afresh()
        tell_of_forks(self)

    def _start_afresh(self) -> None:
        self._settling.start_afresh()
        self._lock = self._settling.lock
        self._sorting = Sorting(self._settling, self._queues, self._now)
        self._asking = Asking(self._settling, self._sorting)
        self._giving_back = GivingBack(self._settling, self._sorting, self._asking, self._posting)
        self._turns = count()
        self._wakes: deque[None] = deque()
        self._waiting = 0
        self._wanted = 0
        self._left = time.monotonic()
        """When the last receive returned."""
        self._closed = False

    # receiving

    def receive(self, queues: Sequence[str], limit: int, timeout: float | None) -> list[Delivery]:
        if limit < 1 or not queues:
            raise ValueError("receive takes one queue or more, and a limit of 1 or more")
        names = tuple(dict.fromkeys(queues))
        deadline = None if timeout is None else time.monotonic() + timeout
        limit = min(limit, MOST)
        with self._lock:
            self._waiting += 1
            self._wanted += limit
        try:
            return self._receive(names, limit, timeout, deadline)
        except TransportDown:
            raise
        except (OSError, ChannelClosed) as error:
            raise self._line.down(error) from error
        finally:
            with self._lock:
                self._waiting -= 1
                self._wanted -= limit
                self._left = time.monotonic()

    def _receive(
        self, queues: tuple[str, ...], limit: int, timeout: float | None, deadline: float | None
    ) -> list[Delivery]:
        while True:
            intake = self._connected()
            self._sorting.take_in(intake)
            self._declare(queues)
            if timeout is not None and timeout <= 0:
                found = self._take(intake, queues, limit)
                if len(found) < limit:
                    self._asking.get(intake, self._in_turn(queues), limit - len(found))
                    found += self._take(intake, queues, limit - len(found))
                return found
            found = self._take_in_order(intake, queues, limit)
            if found or self._take_wake() or self._closed:
                return found
            if not self._wait(intake, queues, deadline):
                return self._take(intake, queues, limit)

    def _wait(self, intake: Intake, queues: tuple[str, ...], deadline: float | None) -> bool:
        """Until there is something to do; False when the deadline comes first. After a time without a word the broker
        is asked whether it is there: a connection that is dead delivers nothing, and says nothing either."""
        link = intake.link
        while True:
            doubt = max(link.heard + _SILENCE, time.monotonic())
            due = self._first_due(intake)
            try:
                return link.wait_for(
                    partial(self._is_over, intake, queues), min(it for it in (doubt, due, deadline) if it is not None)
                )
            except TimeoutError:
                now = time.monotonic()
                if due is not None and now >= due:
                    return True
                if deadline is not None and now >= deadline:
                    return False
            if time.monotonic() - link.heard >= _SILENCE:
                ask_for_a_sign(intake)

    def _first_due(self, intake: Intake) -> float | None:
        """When the first of those that are held until they are due is so, by the monotonic clock."""
        early = intake.early
        return time.monotonic() + max(early[0].due - self._now(), 0.0) if early else None

    def _take_in_order(self, intake: Intake, queues: tuple[str, ...], limit: int) -> list[Delivery]:
        """What is here, and room for more is made. What came back through a lane waits for what the queue itself
        may have of higher priority."""
        if intake.number_of(queues) < limit:
            self._asking.to_push(intake, queues, self._wanted)
        if any(intake.ready.get((queue, True)) for queue in queues):
            self.barrier()
        return self._take(intake, queues, limit)

    def _is_over(self, intake: Intake, queues: tuple[str, ...]) -> bool:
        channel = intake.channel
        return bool(
            channel.delivered
            or self._wakes
            or channel.cancelled
            or channel.closed
            or self._closed
            or intake.number_of(queues)
        )

    def _declare(self, queues: tuple[str, ...]) -> None:
        def work(session: Session, deadline: float) -> None:
            for queue in queues:
                self._queues.declare(session, queue, deadline)

        if not self._queues.knows(queues):
            self._line.use(work)

    def _connected(self) -> Intake:
        with self._lock:
            if self._closed:
                raise TransportDown(f"{self._place.shown} was closed by this process; make a new object")
            intake = self._settling.intake
            if intake is not None:
                intake.link.pump()
            if intake is not None and intake.is_gone:
                error = intake.link.error or intake.channel.closed
                had_some = bool(self._settling.holdings.held)
                intake.link.close(0)
                self._settling.intake = intake = None
                self._settling.holdings.end_session()
                self._line.distrust()
                if had_some:
                    raise self._line.down(error or ConnectionError("the connection was lost"))
            if intake is None:
                deadline = time.monotonic() + PATIENCE
                link = dial(self._place, self.heartbeat, deadline)
                link.patience = self._patience
                try:
                    intake = self._settling.intake = Intake(link, deadline, self._give_back_neglected)
                except BaseException:
                    link.close(0)
                    raise
            return intake

    # what is here

    def barrier(self) -> None:
        """Until what the broker has pushed so far has arrived."""
        intake = self._settling.intake
        if intake is not None and not intake.is_gone:
            with suppress(OSError, ChannelClosed):
                ask_nothing(intake, PATIENCE)
            self._sorting.take_in(intake)

    def _take(self, intake: Intake, queues: tuple[str, ...], limit: int) -> list[Delivery]:
        """Up to `limit` of what is here, of each queue in turn."""
        self._sorting.take_in(intake)
        found: list[Delivery] = []
        with self._lock:
            left = [queue for queue in self._in_turn(queues) if intake.number_of((queue,))]
            while left and len(found) < limit:
                share = max((limit - len(found)) // len(left), 1)
                for queue in left:
                    found += intake.pop(queue, min(share, limit - len(found)))
                left = [queue for queue in left if intake.number_of((queue,))]
        return found

    def _in_turn(self, queues: tuple[str, ...]) -> tuple[str, ...]:
        if len(queues) == 1:
            return queues
        start = next(self._turns) % len(queues)
        return queues[start:] + queues[:start]

    def waiting_here(self, queue: str) -> list[Delivery]:
        """What was pushed in advance."""
        intake = self._settling.intake
        if intake is None or intake.is_gone:
            return []
        with self._lock:
            return [each for is_lane in (True, False) for each in intake.ready.get((queue, is_lane), ())]

    def drop_waiting(self, queue: str) -> int:
        """Acknowledge what was pushed in advance, unseen; how many there were."""
        with self._lock:
            waiting = self.waiting_here(queue)
            self._settling.acknowledge(waiting)
            if self._settling.intake is not None:
                self._settling.intake.ready.pop((queue, True), None)
                self._settling.intake.ready.pop((queue, False), None)
        return len(waiting)

    # ending

    def wake(self) -> None:
        """Takes no lock: signal handlers call it."""
        if len(self._wakes) < max(self._waiting, 1):
            self._wakes.append(None)
        intake = self._settling.intake
        if intake is not None:
            intake.link.bell.ring()

    def _take_wake(self) -> bool:
        try:
            self._wakes.pop()
        except IndexError:
            return False
        return True

    def close(self) -> None:
        self._closed = True
        intake = self._settling.intake
        if intake is None:
            return
        intake.link.bell.ring()
        if not intake.is_gone:
            self._giving_back.all_of(intake, self._is_wanted)
        intake.link.close()
        with self._lock:
            self._settling.intake = None
            self._settling.holdings.end_session()

    def _give_back_neglected(self, intake: Intake) -> None:
        """Called now and then by a thread of the intake's own. What was pushed in advance while tasks were fast must
        not wait here behind a slow one: others may be idle."""
        if self._waiting or time.monotonic() - self._left < _NEGLECTED or intake.is_gone:
            return
        intake.link.pump()
        if intake.channel.delivered or intake.early or any(intake.ready.values()):
            self._giving_back.all_of(intake, self._is_wanted)

    def _is_wanted(self) -> bool:
        """Whether somebody receives just now."""
        return bool(self._waiting) and not self._closed

    def before_fork(self) -> None:
        """Nothing to let go of: a socket that a child inherits and drops is no less open in its parent."""

    def after_fork(self, *, child: bool) -> None:
        if child:
            if self._settling.intake is not None:
                self._settling.intake.link.drop()
            self._start_afresh()
