"""A worker inside a test: the real path (encode, queue, admit, run, settle) in memory, with a clock to move."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from celeriac.ids import new_id
from celeriac.testing.clock import ManualClock

if TYPE_CHECKING:
    from celeriac.app import Celeriac
    from celeriac.specs.transport import DeadLetter
    from celeriac.worker import Worker


class WorkerInTest:
    """The handle that `start_worker` gives."""

    def __init__(self, app: Celeriac, worker: Worker, clock: ManualClock) -> None:
        self.app = app
        self.worker = worker
        self.clock = clock

    def advance(self, seconds: float) -> None:
        """Move the clock: what is due by then runs, what has expired by then does not."""
        self.clock.advance(seconds)

    def drain(self, timeout: float = 10.0) -> None:
        """Wait until nothing is ready, nothing is held, and the hooks have heard of all that has ended; what is delayed
        stays.

        Raises:
            TimeoutError: that took longer than `timeout` seconds of real time.
        """
        deadline = time.monotonic() + timeout
        while not self._idle():
            if time.monotonic() > deadline:
                raise TimeoutError(f"the worker was still busy after {timeout} s")
            time.sleep(0.001)

    def dead_letters(self) -> list[DeadLetter]:
        """What could not be run, newest first."""
        return self.app.transport.dead_letters()

    def _idle(self) -> bool:
        # What is acknowledged before its run is with the worker alone, so that has to be idle before and after the look
        # at the queues, and to have done nothing in between.
        done = self._done_if_resting()
        counts = [self.app.transport.counts(queue) for queue in self.worker.queues]
        is_empty = not any(count.ready or count.held for count in counts)
        return done is not None and is_empty and self._done_if_resting() == done

    def _done_if_resting(self) -> int | None:
        """How many tasks the worker has settled; None when it is at work."""
        worker = self.worker
        done = sum(worker.settlement.counts.values())
        return None if len(worker.inflight) or worker.settlement.is_busy else done


@contextmanager
def start_worker(
    app: Celeriac,
    *,
    pool: str = "solo",
    concurrency: int = 1,
    queues: Iterable[str] | None = None,
    clock: ManualClock | None = None,
    **settings: Any,
) -> Iterator[WorkerInTest]:
    """Run a worker of the app in a thread for as long as the block lasts.

    ::

        with start_worker(app) as worker:
            result = remind.apply_async(("ada",), countdown=3600)
            worker.advance(3600)
            assert result.get(timeout=1) == "reminded ada"

    Meanwhile the app uses a memory transport and result store of its own and the clock that stands still until it is
    moved; afterwards it is as it was. `settings` hold during the block. An error of the worker's own is raised at the
    end of the block.
    """
    from celeriac.worker import Worker

    clock = clock or ManualClock()
    space = f"memory://test-{new_id()}"
    overrides = {"broker_url": space, "result_backend": space, "task_unknown_delay": 0.0, **settings}
    with app.borrowed(clock, overrides):
        worker = Worker(app, pool=pool, concurrency=concurrency, queues=queues, grace=5.0)
        errors: list[BaseException] = []

        def run() -> None:
            try:
                worker.run(signals=False)
            except BaseException as error:  # handed over to the test's own thread
                errors.append(error)

        clock.on_advance(worker.wake)
        thread = threading.Thread(target=run, name="celeriac-worker-in-test", daemon=True)
        thread.start()
        while not worker.ready.wait(0.01) and thread.is_alive():
            pass
        try:
            if thread.is_alive():
                yield WorkerInTest(app, worker, clock)
        finally:
            worker.stop()
            thread.join(10.0)
        if errors:
            raise errors[0]
