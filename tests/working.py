"""A worker on the broker that the app itself names, so that several apps can meet there."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from celeriac import Celeriac
from celeriac.worker import Worker


@contextmanager
def working(app: Celeriac, pool: str = "solo", **options: Any) -> Iterator[Worker]:
    """A worker in a thread, for as long as the block lasts."""
    worker = Worker(app, pool=pool, **options)
    thread = threading.Thread(target=worker.run, args=(False,), daemon=True)
    thread.start()
    try:
        assert worker.ready.wait(10)
        yield worker
    finally:
        worker.stop(5)
        thread.join(15)
        assert not thread.is_alive()


def wait_until(true: Callable[[], object], timeout: float = 10.0) -> None:
    """Wait for a condition, with a bound."""
    deadline = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.005)
