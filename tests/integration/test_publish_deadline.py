"""A publish ends within its deadline, whatever the broker does: on the first call and on the thousandth.

To add a broker: its URL for a port, and a fixture of its server, in `BROKERS`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from celeriac import Celeriac
from celeriac.errors import TransportDown
from servers.ports import free_port
from servers.rabbitmq_server import own_rabbitmq
from servers.redis_server import own_redis
from servers.silent_server import black_hole, full_backlog

__all__ = ["own_rabbitmq", "own_redis"]

PASSWORD = "sesame"
DEADLINE = 1.5

BROKERS = {
    "redis": ("redis://user:{password}@127.0.0.1:{port}/0", "own_redis"),
    "amqp": ("amqp://user:{password}@127.0.0.1:{port}//", "own_rabbitmq"),
}


@pytest.fixture(params=BROKERS)
def broker(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def server(broker: str, request: pytest.FixtureRequest) -> Any:
    """A server that this test may stop: it has `url`, `pause` and `resume`, `kill` and `start`."""
    return request.getfixturevalue(BROKERS[broker][1])


@contextmanager
def app_on(url: str, **settings: Any) -> Iterator[Celeriac]:
    with Celeriac("shop", broker=url, backend="memory://", task_publish_timeout=DEADLINE, **settings) as app:
        app.task(name="add")(lambda x, y: x + y)
        yield app


def one(app: Celeriac) -> None:
    app.tasks["add"].delay(1, 2)


def many(app: Celeriac) -> None:
    app.send_batch((app.tasks["add"].s(number, 2) for number in range(1000)), size=100)


def ends_in_time(app: Celeriac, deadline: float = DEADLINE, call: Callable[[Celeriac], None] = one) -> None:
    begun = time.monotonic()
    with pytest.raises(TransportDown) as caught:
        call(app)
    assert time.monotonic() - begun <= 1.1 * deadline
    error: BaseException | None = caught.value
    while error is not None:
        assert PASSWORD not in str(error)
        error = error.__cause__


@contextmanager
def closed_port() -> Iterator[int]:
    yield free_port()


@pytest.mark.parametrize("nobody", [closed_port, black_hole, full_backlog])
def test_the_first_call_to_nobody(broker: str, nobody: Any) -> None:
    with nobody() as port, app_on(BROKERS[broker][0].format(password=PASSWORD, port=port)) as app:
        ends_in_time(app)
        ends_in_time(app)


def test_the_default_deadline_is_5_seconds() -> None:
    with black_hole() as port, app_on(BROKERS["redis"][0].format(password=PASSWORD, port=port)) as app:
        app.conf.update({"task_publish_timeout": Celeriac().conf.task_publish_timeout}, "default")
        ends_in_time(app, 5.0)


def test_one_call_may_have_a_deadline_of_its_own(broker: str) -> None:
    with black_hole() as port, app_on(BROKERS[broker][0].format(password=PASSWORD, port=port)) as app:
        begun = time.monotonic()
        with pytest.raises(TransportDown):
            app.tasks["add"].apply_async((1, 2), publish_timeout=0.3)
        assert time.monotonic() - begun < DEADLINE


def test_the_thousandth_call_to_a_server_that_stands_still_or_is_gone(server: Any) -> None:
    with app_on(server.url) as app:
        for number in range(999):
            app.tasks["add"].delay(number, 0)
        for fault, end in ((server.pause, server.resume), (server.kill, server.start)):
            fault()
            ends_in_time(app)
            ends_in_time(app, call=many)
            end()
            app.tasks["add"].delay(1000, 0)
        assert app.transport.counts("celery").ready >= 1001
