"""Celery and we on one of kombu's transports: each side's client with the other side's worker."""

from __future__ import annotations

import importlib
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from celeriac.errors import UnsupportedCapability
from servers.redis_server import RedisServer
from servers.shop_workers import QUIET, logs, start_worker
from servers.sqs_server import SqsServer
from worker_process import until

PATIENCE = 30

TASKS = """
import json, os, time
from pathlib import Path

BROKER, OPTIONS, RESULTS = json.loads(os.environ["KOMBU_SHOP"])

def add(x, y=0):
    return x + y

def divide(x, y):
    return x / y

def moment():
    return time.time()

def write(text):
    with Path("diary").open("a") as diary:
        diary.write(text + chr(10))

def again(self, times):
    if self.request.retries < times:
        raise self.retry(countdown=0.2, max_retries=times)
    return self.request.retries

def register(app, **more):
    app.conf.update(broker_transport_options=OPTIONS, result_backend=RESULTS, worker_prefetch_multiplier=1)
    for task in (add, divide, moment, write):
        app.task(name=f"shop.{task.__name__}", **more)(task)
    app.task(name="shop.again", bind=True, **more)(again)
"""
OURS = """
import kombu_tasks
from celeriac import Celeriac

app = Celeriac("shop", broker=f"kombu+{kombu_tasks.BROKER}")
app.conf.update(task_default_queue="ours")
kombu_tasks.register(app)
"""
THEIRS = """
import kombu_tasks
from celery import Celery

app = Celery("shop", broker=kombu_tasks.BROKER)
app.conf.update(task_default_queue="theirs", worker_hijack_root_logger=False, broker_connection_retry_on_startup=True)
kombu_tasks.register(app, shared=False)
"""
MODULES = {"kombu_tasks": TASKS, "kombu_ours": OURS, "kombu_theirs": THEIRS}

from_each_side = pytest.mark.parametrize("side", ["celery", "ours"])


@dataclass(frozen=True)
class Shop:
    """Both apps, as clients; their workers run in `folder`."""

    folder: Path
    redis: RedisServer
    celery: Any
    ours: Any

    def call(self, side: str, name: str, *args: Any, **options: Any) -> Any:
        """Send from the named side to the worker of the other one."""
        app, queue = (self.celery, "ours") if side == "celery" else (self.ours, "theirs")
        return app.tasks[f"shop.{name}"].apply_async(args, queue=queue, **options)

    def diary(self) -> str:
        path = self.folder / "diary"
        return path.read_text() if path.exists() else ""


@pytest.fixture(scope="module", params=["filesystem", "sqs"])
def shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    with tempfile.TemporaryDirectory(prefix="celeriac-kombu-") as name:
        folder = Path(name)
        redis = RedisServer(folder)
        sqs: list[SqsServer] = []
        try:
            broker, options = filesystem(folder) if request.param == "filesystem" else of_sqs(folder, sqs)
            yield from open_shop(folder, redis, broker, options)
        finally:
            redis.stop()
            for server in sqs:
                server.stop()


def filesystem(folder: Path) -> tuple[str, dict[str, Any]]:
    messages = folder / "messages"
    messages.mkdir()
    folders = {"data_folder_in": str(messages), "data_folder_out": str(messages), "control_folder": str(folder / "c")}
    return "filesystem://", {**folders, "polling_interval": 0.05}


def of_sqs(folder: Path, servers: list[SqsServer]) -> tuple[str, dict[str, Any]]:
    server = SqsServer(folder)
    servers.append(server)
    return server.url, {"region": server.region, "is_secure": False, "polling_interval": 0.1}


def open_shop(folder: Path, redis: RedisServer, broker: str, options: dict[str, Any]) -> Iterator[Shop]:
    """Starts both workers, waits until each has run a task, and ends them."""
    for name, text in MODULES.items():
        (folder / f"{name}.py").write_text(text)
    environment = {"KOMBU_SHOP": json.dumps([broker, options, redis.url]), "AWS_EC2_METADATA_DISABLED": "true"}
    theirs = ("celery", "-A", "kombu_theirs", "worker", "-P", "solo", "-Q", "theirs", *QUIET)
    workers = [
        start_worker(folder, "theirs.log", *theirs, **environment),
        start_worker(folder, "ours.log", "celeriac", "-A", "kombu_ours", "worker", "-P", "solo", **environment),
    ]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.syspath_prepend(str(folder))
        for name in MODULES:
            sys.modules.pop(name, None)
        shop = Shop(
            folder, redis, importlib.import_module("kombu_theirs").app, importlib.import_module("kombu_ours").app
        )
        try:
            wait_for_both(shop, workers)
            yield shop
        finally:
            close(shop)
            for worker in workers:
                worker.send_signal(signal.SIGTERM)
            for worker in workers:
                worker.wait(20)


def wait_for_both(shop: Shop, workers: list[subprocess.Popen[bytes]]) -> None:
    results = [shop.call(side, "add", 1, 1) for side in ("celery", "ours")]

    def both_are_done() -> bool:
        assert all(worker.poll() is None for worker in workers), logs(shop.folder)
        return all(result.ready() for result in results)

    try:
        until(both_are_done, "each side's worker runs the other side's task")
    except AssertionError as error:
        raise AssertionError(f"{error}\n{logs(shop.folder)}") from None


def close(shop: Shop) -> None:
    shop.ours.close()
    shop.celery.close()
    shop.celery.backend.result_consumer.stop()
    shop.celery.backend.client.connection_pool.disconnect()
    shop.celery.pool.force_close_all()


def get(result: Any) -> Any:
    return result.get(timeout=PATIENCE)


@from_each_side
def test_arguments_arrive_and_results_come_back(shop: Shop, side: str) -> None:
    assert get(shop.call(side, "add", 1, kwargs={"y": 2})) == 3
    many = [shop.call(side, "add", number, number) for number in range(20)]
    assert [get(result) for result in many] == [2 * number for number in range(20)]
    get(shop.call(side, "write", f"Grüße 🥬 {side}"))
    assert f"Grüße 🥬 {side}" in shop.diary()


@from_each_side
def test_an_exception_comes_back_as_what_it_was(shop: Shop, side: str) -> None:
    result = shop.call(side, "divide", 1, 0)
    with pytest.raises(ZeroDivisionError, match="division by zero"):
        get(result)
    assert result.state == "FAILURE"


@from_each_side
def test_an_ignored_result_is_not_kept(shop: Shop, side: str) -> None:
    result = shop.call(side, "write", f"ignored {side}", ignore_result=True)
    until(lambda: f"ignored {side}" in shop.diary(), "it runs")
    get(shop.call(side, "add", 1, 1))
    with shop.redis.client() as client:
        assert not client.exists(f"celery-task-meta-{result.id}")


@from_each_side
def test_a_retry_runs_where_the_task_ran(shop: Shop, side: str) -> None:
    assert get(shop.call(side, "again", 2)) == 2


@from_each_side
def test_a_countdown_is_kept_or_refused_where_the_broker_cannot_keep_it(shop: Shop, side: str) -> None:
    if side == "ours" and not shop.ours.transport.supports("delay"):
        with pytest.raises(UnsupportedCapability, match="delay"):
            shop.call(side, "moment", countdown=1.2)
        return
    begin = time.time()
    result = shop.call(side, "moment", countdown=1.2)
    at_once = shop.call(side, "moment")
    assert get(at_once) - begin < 1.2, "what is due later holds nobody up"
    assert get(result) - begin >= 1.2


def test_a_prefetching_worker_gives_everything_back_when_it_stops(shop: Shop) -> None:
    """What a worker of ours holds for later is in the queue again for a worker of Celery's."""
    from celeriac_plugins.transports.kombu import KombuTransport

    early = shop.ours.transport
    assert isinstance(early, KombuTransport)
    another = KombuTransport(early.options)
    shop.celery.send_task("shop.write", ["given back"], queue="between", countdown=600)
    (delivery,) = another.receive(["between"], 1, PATIENCE)
    another.delay([(delivery, time.time() + 600)], started=False)
    assert another.counts("between").ready == 0
    another.close()
    if early.supports("delay"):
        return  # the broker keeps it, and shows it in ten minutes
    assert early.counts("between").ready == 1
    assert early.purge("between") == 1
