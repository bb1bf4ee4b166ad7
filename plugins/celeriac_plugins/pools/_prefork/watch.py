"""What is looked for in each child from time to time: limits, requests behind a long one, killed ones that live on."""

from __future__ import annotations

import logging
import math
import signal
import time

import msgspec

from celeriac.errors import TimeLimitExceeded
from celeriac.specs.pool import PoolOptions, Request
from celeriac_plugins.pools._prefork.crew import STUCK, TICK, Crew
from celeriac_plugins.pools._prefork.handle import ChildHandle
from celeriac_plugins.pools._prefork.roster import Roster

_FAREWELL = 10.0
"""Seconds that a child which was told to end has for `Runner.process_stopping`."""

_log = logging.getLogger("celeriac.pool.prefork")


class Watch:
    """Belongs to the supervisor; everything is called with its lock held."""

    def __init__(self, options: PoolOptions, crew: Crew, roster: Roster) -> None:
        self._heartbeat = options.heartbeat
        self._crew = crew
        self._roster = roster

    def collect(self, child: ChildHandle) -> None:
        """Report what has ended in this child."""
        try:
            self._crew.collect(child)
        except msgspec.MsgspecError as error:
            _log.error("child process %d sent what is no outcome (%s), so it is killed", child.pid, error)
            self._roster.kill(child, signal.SIGKILL)
        if child.leaves_when_idle:
            self._crew.changed = True

    def look_after(self, child: ChildHandle, now: float) -> float:
        """Do what is due for this child; returns the seconds until the next look at it."""
        if child.doom is not None or child.told:
            if now - child.ending_since >= (_FAREWELL if child.doom is None else self._heartbeat):
                self._roster.kill(child, signal.SIGKILL)
            return self._heartbeat
        if not child.sent:
            return self._heartbeat
        if len(child.sent) > 1:
            self.collect(child)
            self._relieve(child, now)
        return min(self._hold_to_limit(child, now), TICK if len(child.sent) > 1 else math.inf)

    def _relieve(self, child: ChildHandle, now: float) -> None:
        """What waits behind a long one goes elsewhere."""
        since = child.record.since
        if child.running() is not None and now - since > STUCK:
            self._crew.pace.add(1, now - since)
            self._crew.take_back(child)

    def _hold_to_limit(self, child: ChildHandle, now: float) -> float:
        since, key = child.record.since, child.running()
        if key is None:  # not begun, or just ended
            limits = [request.time_limit for request in child.sent.values() if request.time_limit is not None]
            return min(limits, default=math.inf)
        request = child.sent[key]
        limit = request.time_limit
        if limit is None:
            return math.inf
        if now - since < limit:
            return since + limit - now
        error = TimeLimitExceeded(f"the task ran past its time limit of {limit:g} s; its process was killed")
        if self.end(child, request, error, signal.SIGKILL):
            _log.error("task %s[%s] ran past its time limit of %g s", request.message.task, request.message.id, limit)
        return self._heartbeat

    def end(self, child: ChildHandle, request: Request, error: BaseException, signum: int) -> bool:
        """Kill the child for the sake of this request and of no other; False when that has just ended."""
        if child.doom is not None:
            return False
        self._crew.take_back(child)  # from here on it can start no other
        self.collect(child)
        if child.running() != request.key:
            return False
        child.doom = error
        child.ending_since = time.monotonic()
        child.record.doomed = True
        self._roster.kill(child, signum)
        return True
