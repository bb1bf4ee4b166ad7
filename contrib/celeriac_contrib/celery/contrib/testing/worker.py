"""A worker inside a test's process."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celeriac.result import allow_join_result
from celeriac.worker import Worker
from celeriac_contrib.celery.absent import absent
from celeriac_contrib.celery.utils.dispatch.signal import Signal

__all__ = ("WORKER_LOGLEVEL", "TestWorkController", "start_worker", "setup_app_for_worker")

WORKER_LOGLEVEL = os.environ.get("WORKER_LOGLEVEL", "error")

test_worker_starting = Signal(name="test_worker_starting", providing_args={})
test_worker_started = Signal(name="test_worker_started", providing_args={"worker", "consumer"})
test_worker_stopped = Signal(name="test_worker_stopped", providing_args={"worker"})


class TestWorkController(Worker):
    """The worker of a test."""

    __test__ = False

    def ensure_started(self, timeout: float = 30.0) -> None:
        """Wait until it consumes.

        Raises:
            TimeoutError: it did not within `timeout` seconds.
        """
        if not self.ready.wait(timeout):
            raise TimeoutError(f"the worker did not start within {timeout} s")


@contextmanager
def start_worker(
    app: Any,
    concurrency: int = 1,
    pool: Any = "solo",
    loglevel: Any = WORKER_LOGLEVEL,
    logfile: Any = None,
    perform_ping_check: bool = True,
    ping_task_timeout: float = 10.0,
    shutdown_timeout: float = 10.0,
    **kwargs: Any,
) -> Iterator[TestWorkController]:
    """Run a worker of the app in a thread for as long as the block lasts.

    Raises:
        RuntimeError: it did not stop within `shutdown_timeout` seconds.
    """
    test_worker_starting.send(sender=app)
    setup_app_for_worker(app, loglevel, logfile)
    if perform_ping_check and "celery.ping" not in app.tasks:
        raise AssertionError(
            "celery.ping is not among the tasks; import celery.contrib.testing.tasks, or pass perform_ping_check=False"
        )
    queues = kwargs.get("queues")
    queues = queues.split(",") if isinstance(queues, str) else queues
    worker = TestWorkController(
        app,
        pool=_pool(pool),
        concurrency=concurrency,
        queues=queues,
        hostname=kwargs.get("hostname"),
        grace=shutdown_timeout,
    )
    errors: list[BaseException] = []

    def run() -> None:
        try:
            worker.run(signals=False)
        except BaseException as error:  # handed over to the test's own thread
            errors.append(error)

    thread = threading.Thread(target=run, name="celeriac-worker-in-test", daemon=True)
    thread.start()
    try:
        while not worker.ready.wait(0.01) and thread.is_alive():
            pass
        if thread.is_alive():
            test_worker_started.send(sender=app, worker=worker, consumer=None)
            if perform_ping_check:
                with allow_join_result():
                    assert app.tasks["celery.ping"].delay().get(timeout=ping_task_timeout) == "pong"
            yield worker
    finally:
        worker.stop()
        thread.join(shutdown_timeout)
        test_worker_stopped.send(sender=app, worker=worker)
    if errors:
        raise errors[0]
    if thread.is_alive():
        raise RuntimeError(f"the worker did not stop within {shutdown_timeout} s; shutdown_timeout gives it longer")


def setup_app_for_worker(app: Any, loglevel: Any = None, logfile: Any = None) -> None:
    """Make the app the current one everywhere."""
    app.finalize()
    app.set_current()
    app.set_default()


def _pool(pool: Any) -> str:
    name = pool if isinstance(pool, str) else getattr(pool, "__module__", "solo").rpartition(".")[2]
    return {"thread": "threads", "processes": "prefork"}.get(name, name)


__getattr__ = absent(__name__)
