"""Many tasks at a time, each in a process of its own that a crash, a limit or a kill ends alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from celeriac.errors import TaskRevoked
from celeriac.specs.pool import Outcome, Pool, PoolOptions, Request, Runner
from celeriac_plugins._shared.grace import Grace
from celeriac_plugins._shared.reporter import Reporter
from celeriac_plugins.pools._prefork.board import Board
from celeriac_plugins.pools._prefork.child import live
from celeriac_plugins.pools._prefork.crew import Crew
from celeriac_plugins.pools._prefork.supervisor import Supervisor

_RECORDS = 4096
"""Children at a time at most, those that are being replaced included."""
_FAREWELL = 1.0
"""Seconds that idle children get to end in good order, also when the grace is shorter."""


class PreforkPool(Pool):
    """Children under supervision; ``_prefork`` says how it is built.

    A child that dies, for whatever reason, is replaced. The one request that it was running is answered with the
    verdict LOST; those that waited at it go to others. Requests are handed to children ahead of time only while tasks
    take less than a millisecond, and are taken back from a child that turns out to be busy with a long one.

    `start` forks, so call it before there are threads and connections. The methods take a lock: call them from a
    thread, not from a signal handler. The exception is a second `stop`, which may come from anywhere.
    """

    capabilities = frozenset(
        {"processes", "parallel", "time-limit", "soft-time-limit", "terminate", "resize", "recycle"}
    )

    def __init__(self, options: PoolOptions) -> None:
        super().__init__(options)
        self._grace = Grace()

    def start(self, runner: Runner, done: Callable[[list[Outcome]], None]) -> None:
        self._board = Board(_RECORDS)
        self._reporter = Reporter(runner, done, "prefork")
        self._crew = Crew(self.options, self._reporter)

        def be_child(number: int, fds: list[int], nursery: int) -> None:
            live(fds, self._board.record(number), runner, self.options, nursery)

        self._supervisor = Supervisor(self.options, self._board, self._crew, be_child)
        self._supervisor.start()
        self._reporter.start()

    @property
    def width(self) -> int:
        return self._supervisor.target

    @property
    def depth(self) -> int:
        return self._crew.pace.depth

    def submit(self, batch: Sequence[Request]) -> None:
        self._supervisor.submit(batch)

    def running(self) -> list[int]:
        return self._supervisor.running()

    def withdraw(self) -> None:
        self._supervisor.withdraw()

    def terminate(self, key: int, signal: int) -> bool:
        """Signal the child that runs this; after `heartbeat` seconds without effect, SIGKILL."""
        return self._supervisor.terminate(key, TaskRevoked("terminated"), signal)

    def grow(self, number: int) -> None:
        self._supervisor.resize(number)

    def shrink(self, number: int) -> None:
        self._supervisor.resize(-number)

    def describe(self) -> dict[str, Any]:
        found = self._supervisor.describe()
        return {
            "processes": [child["pid"] for child in found["children"]],
            "max-concurrency": self.width,
            "max-tasks-per-child": self.options.max_tasks_per_child,
            "max-memory-per-child": self.options.max_memory_per_child,
            **found,
        }

    def stop(self, grace: float) -> None:
        if not self._grace.begin(grace):
            return
        self._supervisor.refuse()
        while not self._supervisor.wait_quiet(self._grace.slice()) and not self._grace.over:
            pass
        self._end_rest()
        self._grace.finish()

    def _end_rest(self) -> None:
        supervisor = self._supervisor
        supervisor.kill(busy_only=True)
        supervisor.dismiss()
        if not supervisor.wait_gone(max(_FAREWELL, self._grace.left)):
            supervisor.kill(busy_only=False)
            supervisor.wait_gone(_FAREWELL)
        supervisor.close()
        self._reporter.close()
        self._board.close()
