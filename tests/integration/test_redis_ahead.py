"""A worker whose pool runs tasks in its own thread asks Redis for the next messages while it runs the last ones."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from celeriac import Celeriac
from celeriac.worker import Worker
from servers.redis_server import RedisServer, redis_server, shared_redis
from worker_process import until

__all__ = ["redis_server", "shared_redis"]

FAST, MANY = 400, 2000


class Shop:
    """An app whose tasks are fast, but for the one that waits until it is let go."""

    def __init__(self, url: str) -> None:
        self.app = app = Celeriac("ahead", broker=url, backend=url)
        self.runs: list[int] = []
        self.holds, self.go = threading.Event(), threading.Event()

        @app.task(name="count")
        def count(number: int) -> None:
            self.runs.append(number)

        @app.task(name="hold")
        def hold() -> None:
            self.holds.set()
            assert self.go.wait(30)

        self.count, self.hold = count, hold

    def counts(self) -> tuple[int, int]:
        found = self.app.transport.counts("celery")
        return found.ready, found.held

    @contextmanager
    def worker(self) -> Iterator[Worker]:
        worker = Worker(self.app, pool="solo", grace=20.0)
        thread = threading.Thread(target=lambda: worker.run(signals=False))
        thread.start()
        try:
            yield worker
        finally:
            self.go.set()
            worker.stop()
            thread.join()


@pytest.fixture
def shop(redis_server: RedisServer) -> Iterator[Shop]:
    shop = Shop(redis_server.url)
    yield shop
    shop.app.close()


def test_each_task_runs_once_and_all_are_settled(shop: Shop) -> None:
    shop.app.send_batch(shop.count.s(number) for number in range(MANY))
    with shop.worker():
        until(lambda: len(shop.runs) >= MANY and shop.counts() == (0, 0), "all run and settled")
    assert sorted(shop.runs) == list(range(MANY))


def test_a_task_that_turns_out_long_keeps_nothing_that_was_asked_for_ahead(shop: Shop) -> None:
    shop.app.send_batch(shop.count.s(number) for number in range(FAST))
    shop.hold.delay()
    shop.app.send_batch(shop.count.s(number) for number in range(FAST, MANY))
    with shop.worker():
        assert shop.holds.wait(20)
        until(lambda: shop.counts() == (MANY - FAST, 1), "the rest is back", 5)


def test_a_stopped_worker_gives_back_at_once_what_it_had_asked_for(shop: Shop) -> None:
    shop.app.send_batch(shop.count.s(number) for number in range(MANY))
    with shop.worker() as worker:
        until(lambda: worker.ahead_since is not None or len(shop.runs) == MANY, "asked ahead")
        worker.stop()
        until(lambda: not worker.inflight and worker.ahead_since is None, "given back")
    ready, held = shop.counts()
    assert (ready + len(shop.runs), held) == (MANY, 0)
    with shop.worker():
        until(lambda: len(shop.runs) >= MANY, "the rest has run", 20)
    assert sorted(shop.runs) == list(range(MANY))
