"""Several brokers (A11), over Redis: the first one is not there, or goes away."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from celeriac import Celeriac
from celeriac.specs.transport import QueueCounts
from servers.redis_server import RedisServer, own_redis, redis_server, shared_redis
from working import wait_until, working

__all__ = ["own_redis", "redis_server", "shared_redis"]


def closed_port() -> str:
    """A URL at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"redis://127.0.0.1:{taken.getsockname()[1]}/0"


def test_a11_with_the_first_redis_down_calls_and_workers_use_the_second(redis_server: RedisServer) -> None:
    app = Celeriac("shop", broker=[closed_port(), redis_server.url], backend=redis_server.url)
    add = app.task(name="add")(lambda x, y: x + y)
    with app:
        started = time.monotonic()
        result = add.delay(1, 2)
        assert time.monotonic() - started < 5
        with working(app):
            assert result.get(timeout=20) == 3


def test_a11_when_the_broker_in_use_dies_calls_and_workers_go_on_with_the_next(
    redis_server: RedisServer, own_redis: RedisServer
) -> None:
    app = Celeriac("shop", broker=[own_redis.url, redis_server.url], backend=redis_server.url)
    add = app.task(name="add")(lambda x, y: x + y)
    with app, working(app) as worker:
        assert add.delay(1, 2).get(timeout=20) == 3
        own_redis.kill()
        wait_until(lambda: worker.reconnection.lost is not None or app.brokers.url == redis_server.url, 20)
        assert add.delay(3, 4).get(timeout=20) == 7
        assert app.brokers.url == redis_server.url


@pytest.mark.parametrize("pool", ["solo", "threads"])
@pytest.mark.parametrize("kind", ["redis", "sqlite"])
def test_a11_a_task_during_which_the_broker_dies_keeps_nobody_from_the_next_broker(
    redis_server: RedisServer, own_redis: RedisServer, tmp_path: Path, kind: str, pool: str
) -> None:
    """It can be acknowledged neither at the one that is gone nor at the next one, which does not have its message."""
    following = redis_server.url if kind == "redis" else f"sqlite:///{tmp_path / 'queue.db'}"
    app = Celeriac("shop", broker=[own_redis.url, following], backend=redis_server.url, worker_lease=2)
    add = app.task(name="add")(lambda x, y: x + y)

    @app.task(name="fatal")
    def fatal() -> None:
        own_redis.kill()
        time.sleep(0.1)  # so that the acknowledgement finds the connection dead

    with app, working(app, pool=pool):
        fatal.delay()
        wait_until(lambda: app.brokers.url == following, 20)
        assert add.delay(3, 4).get(timeout=20) == 7
    assert app.transport.counts("celery") == QueueCounts()
