"""All children together: what waits for one, who gets what, and what becomes of it."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

import msgspec

from celeriac.errors import EncodeError
from celeriac.specs.pool import Outcome, PoolOptions, Request, Verdict
from celeriac_plugins._shared.pace import Pace
from celeriac_plugins._shared.reporter import Reporter
from celeriac_plugins.pools._prefork.handle import ChildHandle, Phase

TICK = 0.005
"""Seconds between looks at a child that holds several requests: a long one may keep the outcome before it unheard."""
STUCK = 0.05
"""Seconds in one request after which those behind it are taken back."""


class Stopped(Exception):
    """Stands for: the pool was stopped, the request is to be given back."""


class Crew:
    """Belongs to the supervisor; everything is called with its lock held."""

    def __init__(self, options: PoolOptions, reporter: Reporter) -> None:
        self._options = options
        self._reporter = reporter
        self.pace = Pace()
        self.waiting: deque[Request] = deque()
        self.children: dict[int, ChildHandle] = {}
        self.blocked: set[ChildHandle] = set()
        """Children with a frame half written."""
        self.refusing = False
        """Nothing is taken any more."""
        self.changed = True
        """There may be a child to fork or to let go."""

    def submit(self, batch: Sequence[Request]) -> float:
        """Take these, or answer them when the pool is being stopped; returns as `dispatch` does."""
        self.waiting.extend(batch)
        if self.refusing:
            self.withdraw()
        return self.dispatch()

    def dispatch(self) -> float:
        """Hand over what waits, to the least busy first; returns in how many seconds somebody should look."""
        soon = math.inf
        while self.waiting:
            window = self.pace.window
            takers = [(len(child.sent), child) for child in self.children.values() if self._room(child, window) > 0]
            if not takers:
                break
            takers.sort(key=lambda each: each[0])
            share = -(-len(self.waiting) // len(takers))
            for _, child in takers:
                count = min(share, self._room(child, window), len(self.waiting))
                if count:
                    batch = [self.waiting.popleft() for _ in range(count)]
                    soon = min(soon, self._hand_over(child, batch))
        return soon

    def _room(self, child: ChildHandle, window: int) -> int:
        if child.phase is not Phase.SERVING or child.doom is not None:
            return 0
        held = len(child.sent)
        if held and window > 1 and 0 < child.record.since < time.monotonic() - STUCK:
            return 0
        room = window - held
        most = self._options.max_tasks_per_child
        return room if most is None else min(room, most - child.taken)

    def _hand_over(self, child: ChildHandle, batch: list[Request]) -> float:
        try:
            child.send(batch)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            if len(batch) > 1:
                return min(self._hand_over(child, [request]) for request in batch)
            self._reporter.ended(batch[0], EncodeError(f"the message cannot be handed to a process: {error}"))
            return math.inf
        if not child.flush():
            self.blocked.add(child)
        most = self._options.max_tasks_per_child
        if most is not None and child.taken >= most:
            child.worn = self.changed = True
        soon = min([request.time_limit for request in batch if request.time_limit is not None], default=math.inf)
        return min(soon, TICK) if len(child.sent) > 1 else soon

    # coming back

    def collect(self, child: ChildHandle) -> None:
        """Report what has ended in this child.

        Raises:
            msgspec.MsgspecError: what came was no outcome.
        """
        outcomes = child.collect()
        if not outcomes:
            return
        self.pace.add(*child.worked())
        self._reporter.put(outcomes)
        most = self._options.max_memory_per_child
        if most is not None and child.record.memory > most:
            child.worn = self.changed = True

    def take_back(self, child: ChildHandle) -> None:
        """What this child has not started goes to others, first of all."""
        self.waiting.extendleft(reversed(child.take_back()))
        if self.refusing:
            self.withdraw()

    def bury(self, child: ChildHandle, error: BaseException) -> list[Request]:
        """The child is dead: answer what it was running, give the rest to others. Returns what it was running."""
        del self.children[child.number]
        self.blocked.discard(child)
        with suppress(msgspec.MsgspecError):  # what came before the damage counts
            self.collect(child)
        self.take_back(child)
        victims = list(child.sent.values())
        for request in victims:
            if isinstance(error, Stopped):
                self._reporter.put([Outcome(request.key, Verdict.REQUEUE, reason="the pool was stopped")])
            else:
                self._reporter.ended(request, error)
        return victims

    def withdraw(self) -> None:
        """Answer all that waits, also in the children."""
        for child in self.children.values():
            self.waiting.extend(child.take_back())
        self._reporter.put([Outcome(request.key, Verdict.UNSTARTED) for request in self.waiting])
        self.waiting.clear()

    # looking

    def holding(self) -> bool:
        """Whether a request is unanswered."""
        return bool(self.waiting) or any(child.sent for child in self.children.values())

    def running(self) -> dict[int, ChildHandle]:
        """What runs, and where."""
        found = {}
        for child in self.children.values():
            key = child.running()
            if key is not None:
                found[key] = child
        return found
