"""Several brokers (A11): the first one is not there, or goes away, or each of them in turns."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from celeriac import Celeriac
from celeriac.cli.root import cli
from celeriac.control import Control
from celeriac.errors import TransportDown
from celeriac.specs.transport import QueueCounts
from celeriac_plugins.transports.redis import RedisTransport
from servers.ports import free_port
from servers.rabbitmq_server import RabbitServer, own_rabbitmq
from servers.redis_server import RedisServer, own_redis, redis_server, shared_redis
from worker_process import WorkerProcess, until
from working import wait_until, working

__all__ = ["own_rabbitmq", "own_redis", "redis_server", "shared_redis"]

Server = RedisServer | RabbitServer


def closed_port() -> str:
    """A URL at which nobody listens."""
    return f"redis://127.0.0.1:{free_port()}/0"


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

    with app:
        with working(app, pool=pool):
            fatal.delay()
            wait_until(lambda: app.brokers.url == following, 20)
            assert add.delay(3, 4).get(timeout=20) == 7
        assert app.transport.counts("celery") == QueueCounts()


def test_a11_what_cannot_be_acknowledged_before_its_run_does_not_run_until_it_comes_back(
    redis_server: RedisServer, own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    acknowledge = RedisTransport.ack
    urls = [own_redis.url, redis_server.url]
    app = Celeriac("shop", broker=urls, backend=redis_server.url, worker_lease=1)
    add = app.task(name="add")(lambda x, y: x + y)
    runs: list[int] = []
    once = app.task(name="once", delivery="at_most_once")(runs.append)

    def too_late(transport: RedisTransport, batch: Any) -> None:
        if transport.options.url == own_redis.url and not failures:
            failures.append(batch)
            own_redis.kill()
            time.sleep(0.1)
        acknowledge(transport, batch)

    failures: list[Any] = []
    monkeypatch.setattr(RedisTransport, "ack", too_late)
    with app, working(app):
        once.delay(7)
        wait_until(lambda: failures, 20)
        assert add.delay(3, 4).get(timeout=20) == 7
        assert runs == []
        own_redis.start()
        app.fail_over(app.transport)  # as if the other one did not answer
        wait_until(lambda: runs, 20)
        time.sleep(1.5)
        assert runs == [7]


def test_a11_who_asks_workers_or_looks_at_queues_finds_the_broker_that_answers(redis_server: RedisServer) -> None:
    urls = f"{closed_port()};{redis_server.url}"
    with Celeriac("shop", broker=redis_server.url, backend=redis_server.url) as app, working(app):
        assert app.task(name="add")(lambda x, y: x + y).delay(1, 2).get(timeout=20) == 3
        with Celeriac("other", broker=urls) as other:
            assert len(Control(other).ping()) == 1
        for words in (("status",), ("queue", "list")):
            found = CliRunner().invoke(cli, ["-b", urls, *words, "--json"])
            assert found.exit_code == 0, found.output
            assert len(json.loads(found.stdout)) == 1
    nobody = CliRunner().invoke(cli, ["-b", f"{closed_port()};{closed_port()}", "queue", "list"])
    assert nobody.exit_code == 1
    assert "cannot be reached" in nobody.stderr


def test_a11_who_hears_events_hears_them_from_the_next_broker(
    redis_server: RedisServer, own_redis: RedisServer
) -> None:
    heard: list[Any] = []
    with (
        Celeriac("monitor", broker=[own_redis.url, redis_server.url]) as monitor,
        Celeriac("shop", broker=redis_server.url) as app,
    ):
        receiver = monitor.events.Receiver(handlers={"mine-one": heard.append})
        receiver.listen()
        thread = threading.Thread(target=receiver.capture)
        thread.start()
        own_redis.kill()

        def is_heard() -> bool:
            app.events.send("mine-one", number=1)
            time.sleep(0.05)
            return bool(heard)

        wait_until(is_heard, 20)
        receiver.stop()
        thread.join(10)
        assert not thread.is_alive()
        receiver.close()


class Caller:
    """Calls a task every few milliseconds, whichever broker is there."""

    def __init__(self, app: Celeriac) -> None:
        self.published: set[int] = set()
        self.refused: set[int] = set()
        self._app = app
        self._numbers = count()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopping.wait(0.005):
            self.call()

    def call(self) -> int:
        number = next(self._numbers)
        try:
            self._app.send_task("shop.work", (number, 0.002))
            self.published.add(number)
        except TransportDown:
            self.refused.add(number)
        return number

    def has_published(self, more: int) -> Callable[[], bool]:
        """Whether it has done so since this was asked for."""
        before = len(self.published)
        return lambda: len(self.published) >= before + more

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()


@pytest.fixture
def other_redis(tmp_path: Path) -> Iterator[RedisServer]:
    (tmp_path / "other").mkdir()
    server = RedisServer(tmp_path / "other", keep=True)
    yield server
    server.stop()


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("second", "pool"), [("other_redis", "solo"), ("other_redis", "prefork"), ("own_rabbitmq", "threads")]
)
def test_a11_the_books_balance_while_two_brokers_die_in_turns(
    redis_server: RedisServer,
    own_redis: RedisServer,
    second: str,
    pool: str,
    tmp_path: Path,
    diary: Callable[[], list[str]],
    request: pytest.FixtureRequest,
) -> None:
    """What lies at one of them is received when the worker comes back to it."""
    brokers: list[Server] = [own_redis, request.getfixturevalue(second)]
    urls = ";".join(broker.url for broker in brokers)
    environment = {"SHOP_URL": urls, "SHOP_RESULTS": redis_server.url, "CELERIAC_WORKER_LEASE": "2"}

    def executed() -> set[int]:
        return {int(line.split()[1]) for line in diary() if line.startswith("end")}

    def leave(broker: Server) -> None:
        """Of the two, the worker uses the other one from now on."""
        broker.kill()
        number = caller.call()
        until(lambda: number in executed(), f"a task runs without {broker.url}")
        broker.start()

    app = Celeriac("client", broker=urls, backend=redis_server.url)
    with app, WorkerProcess(tmp_path, "-P", pool, "-c", "2", app="redis_shop", **environment) as worker:
        caller = Caller(app)
        try:
            until(executed, "the worker works")
            for broker in brokers * 2:
                until(caller.has_published(50), "calls go on")
                leave(broker)
        finally:
            caller.stop()
        for one, other in (brokers, reversed(brokers)):
            leave(one)
            with Celeriac("look", broker=other.url) as look:
                until(lambda look=look: look.transport.counts("celery") == QueueCounts(), "all that is there is done")  # type: ignore[misc]
        assert caller.published <= executed()
        assert worker.stop() == 0
    assert not (executed() - caller.published - caller.refused)
