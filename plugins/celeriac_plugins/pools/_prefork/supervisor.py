"""The thread that serves nursery and children, and the lock over all that it owns."""

from __future__ import annotations

import logging
import os
import selectors
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from celeriac.specs.pool import PoolOptions, Request
from celeriac_plugins.pools._prefork.board import Board
from celeriac_plugins.pools._prefork.crew import Crew, Stopped
from celeriac_plugins.pools._prefork.handle import ChildHandle, Phase
from celeriac_plugins.pools._prefork.roster import Roster
from celeriac_plugins.pools._prefork.watch import Watch

_log = logging.getLogger("celeriac.pool.prefork")


class Supervisor:
    """Its thread waits in its selector and nowhere else; outcomes leave through the crew's reporter."""

    def __init__(
        self, options: PoolOptions, board: Board, crew: Crew, live: Callable[[int, list[int], int], None]
    ) -> None:
        self._options = options
        self._most = board.size // 2
        self._crew = crew
        self._roster = Roster(options, board, crew, live, self._on_ring)
        self._watch = Watch(options, crew, self._roster)
        self._lock = threading.Lock()
        self._turned = threading.Condition(self._lock)
        self._look_at = 0.0
        self._asleep_until = 0.0
        self._closing = False

    # for the pool, from any thread

    def start(self) -> None:
        """Fork the nursery first of all, then order the children and start the thread."""
        self._roster.open()
        self._bell, self._ring = os.pipe()
        os.set_blocking(self._bell, False)
        os.set_blocking(self._ring, False)
        self._roster.selector.register(self._bell, selectors.EVENT_READ, self._on_bell)
        self._roster.balance(time.monotonic())
        self._thread = threading.Thread(target=self._run, name="celeriac-prefork", daemon=True)
        self._thread.start()

    @property
    def target(self) -> int:
        return self._roster.target

    def submit(self, batch: Sequence[Request]) -> None:
        with self._lock:
            self._expect(self._crew.submit(batch))
            if self._crew.changed:
                self._expect(0)
            if self._asleep_until and (self._look_at < self._asleep_until or self._crew.blocked):
                self._wake()

    def running(self) -> list[int]:
        with self._lock:
            return list(self._crew.running())

    def withdraw(self) -> None:
        with self._lock:
            self._crew.withdraw()

    def terminate(self, key: int, error: BaseException, signum: int) -> bool:
        """Kill the child that runs this request, if one does, and answer it with `error`."""
        with self._lock:
            child = self._crew.running().get(key)
            if child is None or not self._watch.end(child, child.sent[key], error, signum):
                return False
            self._expect(self._options.heartbeat)
            self._wake()
            return True

    def resize(self, change: int) -> None:
        with self._lock:
            self._roster.target = min(max(self._roster.target + change, 1), self._most)
            self._crew.changed = True
            self._wake()

    def describe(self) -> dict[str, Any]:
        with self._lock:
            children = [
                {"pid": child.pid, "running": child.running(), "ended": child.record.ended}
                for child in self._crew.children.values()
                if child.pid
            ]
            return {"nursery": self._roster.nursery, "children": children}

    # the end, step by step

    def refuse(self) -> None:
        """Answer what waits, take no more, replace nobody."""
        with self._lock:
            self._roster.stopping = self._crew.refusing = True
            self._crew.withdraw()

    def wait_quiet(self, seconds: float) -> bool:
        """Wait until no request is unanswered; False when `seconds` were not enough."""
        with self._turned:
            return self._turned.wait_for(lambda: not self._crew.holding(), seconds)

    def wait_gone(self, seconds: float) -> bool:
        """Wait until no child is left; False when `seconds` were not enough."""
        with self._turned:
            return self._turned.wait_for(lambda: not self._crew.children, seconds)

    def kill(self, *, busy_only: bool) -> None:
        """Kill children; what they run is given back."""
        with self._lock:
            for child in self._crew.children.values():
                if child.sent or not busy_only:
                    child.doom = child.doom or Stopped()
                    self._roster.kill(child, signal.SIGKILL)

    def dismiss(self) -> None:
        """Tell all children to end in good order; they have nothing left to answer."""
        with self._lock:
            for child in self._crew.children.values():
                child.phase = Phase.LEAVING
            self._roster.balance(time.monotonic())

    def close(self) -> None:
        """End the thread, the children that are left and the nursery; free everything."""
        with self._lock:
            self._closing = True
            self._wake()
        self._thread.join()
        with self._lock:
            self._roster.close()
            os.close(self._bell)
            os.close(self._ring)

    # the thread

    def _run(self) -> None:
        while True:
            with self._lock:
                if self._closing:
                    return
                now = time.monotonic()
                self._asleep_until = max(self._look_at, now)
            events = self._roster.selector.select(self._asleep_until - now)
            with self._lock:
                self._asleep_until = 0.0
                try:
                    self._turn([key.data for key, _ in events])
                except Exception:
                    _log.exception("the prefork pool met an error of its own and goes on")
                    self._look_at = time.monotonic() + self._options.heartbeat
                self._turned.notify_all()

    def _turn(self, calls: list[Callable[[], None]]) -> None:
        for call in calls:
            call()
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + self._options.heartbeat
            for child in list(self._crew.children.values()):
                self._expect(self._watch.look_after(child, now))
            self._crew.changed = True  # a pause before the next birth may be over
        if self._crew.changed:
            self._expect(self._roster.balance(now))
        self._expect(self._crew.dispatch())
        if self._crew.changed:  # by what was handed out
            self._expect(0)
        for child in list(self._crew.blocked):
            self._send_rest(child)

    def _expect(self, seconds: float) -> None:
        """Look at all children in so many seconds, if not before."""
        self._look_at = min(self._look_at, time.monotonic() + seconds)

    def _wake(self) -> None:
        self._asleep_until = 0.0
        with suppress(BlockingIOError):  # it has been woken often enough
            os.write(self._ring, b"!")

    def _on_bell(self) -> None:
        os.read(self._bell, 4096)

    def _on_ring(self, child: ChildHandle) -> None:
        if self._crew.children.get(child.number) is not child:
            return  # it died in this very turn
        if not child.hear():
            self._roster.watch(child, 0)  # it has ended: the nursery will say how
        if child.phase is Phase.STARTING and child.record.ready:
            child.phase = Phase.SERVING
            self._crew.changed = True
        self._watch.collect(child)

    def _send_rest(self, child: ChildHandle) -> None:
        done = child.flush()
        if done:
            self._crew.blocked.discard(child)
        self._roster.watch(child, selectors.EVENT_READ if done else selectors.EVENT_READ | selectors.EVENT_WRITE)
