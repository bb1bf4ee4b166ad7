"""Births and deaths: keeps as many children as there should be."""

from __future__ import annotations

import logging
import math
import os
import selectors
import signal
import time
from collections.abc import Callable

from celeriac.errors import WorkerLost
from celeriac.specs.pool import PoolOptions
from celeriac_plugins.pools._prefork.board import Board
from celeriac_plugins.pools._prefork.cradle import Cradle
from celeriac_plugins.pools._prefork.crew import Crew, Stopped
from celeriac_plugins.pools._prefork.handle import ChildHandle, Phase
from celeriac_plugins.pools._prefork.orders import Kind, Note
from celeriac_plugins.pools._prefork.patience import Patience

_log = logging.getLogger("celeriac.pool.prefork")


class Roster:
    """Belongs to the supervisor; everything is called with its lock held."""

    def __init__(
        self,
        options: PoolOptions,
        board: Board,
        crew: Crew,
        live: Callable[[int, list[int], int], None],
        on_ring: Callable[[ChildHandle], None],
    ) -> None:
        self._board = board
        self._crew = crew
        self._live = live
        self._on_ring = on_ring
        self._patience = Patience()
        self._cradle: Cradle | None = None
        self.target = options.concurrency
        self.stopping = False
        """Nobody is replaced any more."""

    def open(self) -> None:
        """Fork the nursery, before anything else of ours exists."""
        self._cradle = Cradle(self._live, early=True)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self._cradle.link, selectors.EVENT_READ, self._on_report)

    def close(self) -> None:
        """Give up whoever could not be ended so far, end the nursery."""
        for child in list(self._crew.children.values()):
            self._crew.bury(child, Stopped())
            self._remove(child)
        self.selector.close()
        if self._cradle:
            self._cradle.close()
            self._cradle = None

    @property
    def nursery(self) -> int | None:
        """The process id of the nursery."""
        return self._cradle.pid if self._cradle else None

    def kill(self, child: ChildHandle, signum: int) -> None:
        """Signal a child; nothing happens when it has ended."""
        if self._cradle:
            self._cradle.kill(child.number, signum)

    def watch(self, child: ChildHandle, mask: int) -> None:
        """Listen to this child; with a mask of 0, no longer."""
        known = child.link in self.selector.get_map()
        if not mask:
            if known:
                self.selector.unregister(child.link)
        elif known:
            self.selector.modify(child.link, mask, lambda: self._on_ring(child))
        else:
            self.selector.register(child.link, mask, lambda: self._on_ring(child))

    # as many as there should be

    def balance(self, now: float) -> float:
        """Fork who is missing, let go who is too many; returns the seconds after which it should be called again."""
        self._crew.changed = False
        children = self._crew.children.values()
        for child in children:
            if child.phase is Phase.LEAVING and not child.sent and not child.told:
                child.dismiss(now)
        if self.stopping:
            return math.inf
        wait = self._patience.left(now) or self._fork_missing(now)
        serving = [child for child in children if child.phase is Phase.SERVING]
        serving.sort(key=lambda child: (not child.worn, len(child.sent)))
        for child in serving[: max(len(serving) - self.target, 0)]:
            child.phase = Phase.LEAVING
            self._crew.take_back(child)
            if not child.sent:
                child.dismiss(now)
        return wait or math.inf

    def _fork_missing(self, now: float) -> float:
        if self._cradle is None:
            try:
                self._cradle = Cradle(self._live, early=False)
            except OSError as error:
                _log.error("no process can be forked: %s", error)
                return self._patience.death(now, 0.0, worked=False)
            self.selector.register(self._cradle.link, selectors.EVENT_READ, self._on_report)
        staying = sum(not child.worn and child.phase is not Phase.LEAVING for child in self._crew.children.values())
        for _ in range(self.target - staying):
            child = ChildHandle(self._board.claim(), self._cradle, now)
            self._crew.children[child.number] = child
            self.watch(child, selectors.EVENT_READ)
        return 0.0

    # what the nursery says

    def _on_report(self) -> None:
        assert self._cradle is not None
        notes = self._cradle.reports()
        if notes is None:
            self._bury_nursery()
            return
        for note in notes:
            self._heed(note)

    def _heed(self, note: Note) -> None:
        child = self._crew.children.get(note.number)
        if child is None:
            return
        if note.kind == Kind.BORN:
            child.pid = note.value
        elif note.kind == Kind.STILLBORN:
            self._count_death(child, os.strerror(note.value))
            self._remove(child)
        else:
            how = _how(note.value)
            self._count_death(child, how)
            self._lose(child, how)

    def _count_death(self, child: ChildHandle, how: str) -> None:
        if child.told or child.doom is not None:
            return
        now = time.monotonic()
        worked = bool(child.record.ended or child.sent)
        wait = self._patience.death(now, now - child.made, worked)
        if worked:
            _log.error("child process %d ended: %s", child.pid, how)
        else:
            _log.error("child process %d ended before it ran anything: %s; next one in %g s", child.pid, how, wait)

    def _lose(self, child: ChildHandle, how: str) -> None:
        for request in self._crew.bury(child, child.doom or WorkerLost(f"worker lost: {how}")):
            _log.error("task %s[%s] ended with its process: %s", request.message.task, request.message.id, how)
        self._remove(child)

    def _remove(self, child: ChildHandle) -> None:
        self._crew.children.pop(child.number, None)
        self.watch(child, 0)
        child.close()
        self._board.free(child.record)
        self._crew.changed = True

    def _bury_nursery(self) -> None:
        assert self._cradle is not None
        _log.error("the nursery, process %d, has died and its children with it; a new one is forked", self._cradle.pid)
        self.selector.unregister(self._cradle.link)
        children = list(self._crew.children.values())
        self._cradle.bury([child.pid for child in children if child.pid])
        self._cradle = None
        now = time.monotonic()
        self._patience.death(now, 0.0, any(child.record.ended for child in children))
        for child in children:
            child.await_end()
            self._lose(child, f"{_signal_name(signal.SIGKILL)}, with the nursery")


def _how(status: int) -> str:
    """How a process ended, from its wait status."""
    if os.WIFSIGNALED(status):
        return _signal_name(os.WTERMSIG(status))
    return f"exit code {os.waitstatus_to_exitcode(status)}"


def _signal_name(number: int) -> str:
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"signal {number}"
