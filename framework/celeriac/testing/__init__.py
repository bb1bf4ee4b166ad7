"""For the tests of those who use Celeriac: a worker in your process, a clock that you move, and conformance suites."""

from __future__ import annotations

from celeriac.testing.clock import ManualClock
from celeriac.testing.worker import WorkerInTest, start_worker

__all__ = ["ManualClock", "WorkerInTest", "start_worker"]
