"""What a worker costs its Redis server: three connections at any concurrency, and next to nothing while it is idle."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import psutil
import pytest
import redis

from celeriac import Celeriac
from servers.redis_server import RedisServer, own_redis
from worker_process import WorkerProcess, until

__all__ = ["own_redis"]

WIDTH = 40
LONG = bool(os.environ.get("LONG_TESTS"))
WATCHED, SLACK = (120.0, 0) if LONG else (20.0, 3)
"""Seconds for which an idle worker is watched, and commands by which so short a look may differ from the rate."""

APP = """
import os, time
from celeriac import Celeriac

app = Celeriac("idle", broker=os.environ["URL"] + "/0", backend=os.environ["URL"] + "/1")

@app.task(name="wait")
def wait(seconds):
    time.sleep(seconds)
"""


@pytest.fixture
def app(own_redis: RedisServer) -> Iterator[Celeriac]:
    with Celeriac("idle", broker=own_redis.url, backend=own_redis.url) as app:
        yield app


@pytest.fixture
def behind(own_redis: RedisServer) -> Iterator[redis.Redis]:
    with own_redis.client() as client:
        yield client


def connections(behind: redis.Redis) -> int:
    """But for ours, which comes through the socket."""
    return sum(not client["addr"].startswith("/") for client in behind.client_list())


def commands(behind: redis.Redis) -> int:
    """All that the server has carried out, those of scripts among them, but for this question."""
    stats = cast("dict[str, Any]", behind.info("commandstats"))
    return sum(each["calls"] for name, each in stats.items() if name != "cmdstat_info")


@pytest.mark.timeout(180)
def test_a_worker_has_three_connections_and_is_quiet_while_idle(
    own_redis: RedisServer, app: Celeriac, behind: redis.Redis, tmp_path: Path
) -> None:
    (tmp_path / "idle_shop.py").write_text(APP)
    options = ("-P", "threads", "-c", str(WIDTH))
    environment = {"PYTHONPATH": str(tmp_path), "URL": own_redis.url.removesuffix("/0")}
    for _ in range(3 * WIDTH):
        app.send_task("wait", (0.2,))
    app.close()
    with WorkerProcess(tmp_path, *options, app="idle_shop", **environment) as worker:
        until(lambda: cast(int, behind.hlen("unacked")) >= WIDTH, "all its threads are busy")
        assert connections(behind) == 3
        until(lambda: not behind.exists("unacked", "celery", "celery\x06\x169"), "all is done")
        time.sleep(1)  # the last acknowledgement is behind it
        process = psutil.Process(worker.pid)
        begin, used = commands(behind), sum(process.cpu_times()[:2])
        time.sleep(WATCHED)
        sent = commands(behind) - begin
        assert sent < 0.5 * WATCHED + SLACK, f"{sent} commands in {WATCHED:g} s"
        cpu = sum(process.cpu_times()[:2]) - used
        assert cpu < 0.01 * WATCHED, f"{cpu:.2f} s of {WATCHED:g} s"
        print(f"{sent / WATCHED:.2f} commands a second, {100 * cpu / WATCHED:.2f} % CPU")
        assert connections(behind) == 3
        assert worker.stop() == 0
