"""Tasks that run for longer than their lease, and than Celery's visibility time-out, run once all the same.

The long form is asked for by ``LONG_TESTS=1``.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import redis

from celeriac import Celeriac
from celeriac.control import Control
from servers.redis_server import RedisServer, own_redis
from worker_process import until

__all__ = ["own_redis"]

LONG = bool(os.environ.get("LONG_TESTS"))
LEASE, SPAN, TASKS, WORKERS = (5, 20, 100, 3) if LONG else (2, 4, 30, 2)
"""The lease and the visibility time-out; seconds that a task runs, or is due later; how many of each; workers."""

OURS = """
import os, time, redis
from celeriac import Celeriac

URL = {url!r}
app = Celeriac("span", broker=URL, backend=URL, worker_lease={lease}, result_expires=600)
app.conf.update(broker_transport_options={{"visibility_timeout": {lease}}})

def note(name):
    with redis.Redis.from_url(URL) as client:
        client.rpush("runs", name)
        client.hset("pids", name, os.getpid())

@app.task(name="hold")
def hold(name, seconds):
    note(name)
    time.sleep(seconds)
"""

THEIRS = """
from celery import Celery

app = Celery("span", broker={url!r}, backend={url!r})
app.conf.update(
    broker_transport_options={{"visibility_timeout": {lease}}},
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
)

@app.task(name="echo")
def echo(text):
    return text
"""


@contextmanager
def running(folder: Path, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "workers.log").open("ab") as log:
        process = subprocess.Popen([sys.executable, "-m", *command], cwd=folder, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def worker(folder: Path, name: str) -> Any:
    return running(folder, "celeriac", "-A", "ours", "worker", "-P", "threads", "-c", str(TASKS), "-n", name)


@pytest.fixture
def app(own_redis: RedisServer, tmp_path: Path) -> Iterator[Celeriac]:
    for name, text in (("ours", OURS), ("theirs", THEIRS)):
        (tmp_path / f"{name}.py").write_text(text.format(url=own_redis.url, lease=LEASE))
    with Celeriac("span", broker=own_redis.url, backend=own_redis.url) as app:
        app.conf.update(broker_transport_options={"visibility_timeout": LEASE})
        yield app


@pytest.fixture
def behind(own_redis: RedisServer) -> Iterator[redis.Redis]:
    with own_redis.client() as client:
        yield client


def runs(behind: redis.Redis) -> Counter[str]:
    return Counter(name.decode() for name in cast("list[bytes]", behind.lrange("runs", 0, -1)))


@pytest.mark.timeout(240)
def test_what_runs_or_is_due_after_many_leases_runs_once(app: Celeriac, behind: redis.Redis, tmp_path: Path) -> None:
    celery = ("celery", "-A", "theirs", "worker", "-P", "solo", "-Q", "theirs", "-n", "theirs@%h")
    with ExitStack() as stack:
        for number in range(WORKERS):
            stack.enter_context(worker(tmp_path, f"ours{number}"))
        stack.enter_context(running(tmp_path, *celery))
        until(lambda: len(Control(app).ping(timeout=0.5)) == WORKERS + 1, "all are up")
        assert app.send_task("echo", ("hello",), queue="theirs").get(timeout=10) == "hello"
        results = [app.send_task("hold", (f"long {number}", SPAN)) for number in range(TASKS)]
        results += [app.send_task("hold", (f"late {number}", 0), countdown=SPAN) for number in range(TASKS)]
        for result in results:
            result.get(timeout=4 * SPAN)
        until(lambda: not behind.exists("unacked"), "everything is acknowledged")
        time.sleep(LEASE + 1)  # whatever would come again, would come now
        assert app.send_task("echo", ("still here",), queue="theirs").get(timeout=10) == "still here"
    found = runs(behind)
    assert found.total() == len(found) == 2 * TASKS
    print(
        f"{TASKS} of {SPAN} s and {TASKS} due after {SPAN} s, lease {LEASE} s, {WORKERS} workers: {found.total()} runs"
    )


def test_what_a_killed_worker_held_runs_again_once_within_the_lease_and_a_little(
    app: Celeriac, behind: redis.Redis, tmp_path: Path
) -> None:
    with worker(tmp_path, "one"), worker(tmp_path, "two"):
        until(lambda: len(Control(app).ping(timeout=0.5)) == 2, "both are up")
        result = app.send_task("hold", ("held", LEASE + 1))
        until(lambda: behind.hexists("pids", "held"), "it runs")
        os.kill(int(cast(bytes, behind.hget("pids", "held"))), signal.SIGKILL)
        killed = time.monotonic()
        until(lambda: runs(behind)["held"] == 2, "it runs again", timeout=LEASE + 5)
        print(f"again after {time.monotonic() - killed:.1f} s")
        result.get(timeout=4 * LEASE + 5)
    assert runs(behind) == {"held": 2}
