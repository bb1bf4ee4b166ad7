"""Workers of Celery and ours on one and the same queue, clients of both, SIGKILL for any of them: the books balance.

The long form, with ten thousand tasks: ``MIXED_CLUSTER=10000 pytest tests/integration/test_mixed_cluster.py -s``.
"""

from __future__ import annotations

import importlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import kombu.pools
import pytest

from celeriac.control import Control
from celeriac.specs.transport import QueueCounts
from servers.rabbitmq_server import RabbitServer, shared_rabbitmq
from servers.redis_server import RedisServer, redis_server, shared_redis
from servers.shop_workers import QUIET, SHOPS, logs, shop_environment
from worker_process import until

TASKS = int(os.environ.get("MIXED_CLUSTER", "1500"))
KILLS = max(TASKS // 400, 4)
"""Evenly over the work, so that each one hits workers that hold something."""
BROKERS = ["redis", "rabbitmq"]
__all__ = ["redis_server", "shared_rabbitmq", "shared_redis"]
SETTINGS = {
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    "task_default_queue": "mixed",
    "worker_lease": 5.0,
    "task_ignore_result": True,
}
VISIBILITY = {"broker_transport_options": {"visibility_timeout": 5}}
COMMANDS = {
    "celery": ("celery", "-A", "celery_shop", "worker", "-P", "prefork", "-c", "2", "-Q", "mixed", *QUIET),
    "ours": ("celeriac", "-A", "celeriac_shop", "worker", "-P", "prefork", "-c", "2", "-Q", "mixed"),
}


@dataclass
class Cluster:
    """Two workers of each kind, and both clients."""

    folder: Path
    celery: Any
    ours: Any
    environment: dict[str, str]
    workers: list[tuple[str, int, subprocess.Popen[bytes]]] = field(default_factory=list)
    started: int = 0
    ids: dict[str, int] = field(default_factory=dict)
    """The number of each task that was published."""

    @property
    def is_redis(self) -> bool:
        return self.environment["SHOP_BROKER"].startswith("redis")

    def start(self, kind: str) -> None:
        self.started += 1
        with (self.folder / f"{kind}-{self.started}.log").open("wb") as log:
            command = [sys.executable, "-m", *COMMANDS[kind], "-n", f"{kind}-{self.started}@%h"]
            worker = subprocess.Popen(
                command, cwd=self.folder, stdout=log, stderr=log, env=self.environment, start_new_session=True
            )
        self.workers.append((kind, self.started, worker))

    def stop_fetching(self, place: int) -> None:
        """Before a Celery worker is killed. kombu pops a message and notes that it is held in two steps; what it is
        killed between them with is lost, with and without us, and is not what is tested here."""
        kind, number, _ = self.workers[place]
        name = f"{kind}-{number}@{socket.gethostname()}"
        self.celery.control.cancel_consumer("mixed", destination=[name], reply=True, limit=1, timeout=10)
        time.sleep(1.2)  # kombu's last pop waits for a second

    def kill(self, place: int) -> None:
        """SIGKILL, to a worker and its children at once."""
        _, _, worker = self.workers.pop(place)
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()

    def publish(self, number: int) -> None:
        """Most are short, and some so long that a killed worker holds one of them."""
        seconds = 2.5 if number % 50 < 2 else 0.005
        app = self.celery if number % 2 else self.ours
        result = app.tasks["shop.book"].apply_async((number, seconds), queue="mixed")
        self.ids[result.id] = number

    def executed(self, what: str = "end") -> Counter[int]:
        """How often each task has ended; with "begin", has begun."""
        path = Path(self.environment["SHOP_BOOK"])
        lines = path.read_text().splitlines() if path.exists() else []
        return Counter(int(number) for kind, _, number in (line.partition(" ") for line in lines) if kind == what)

    def dead(self) -> set[int]:
        """Those whose holders were killed as often as a message is delivered; with many kills it comes to that."""
        letters = self.ours.transport.dead_letters()
        assert all("never settled" in letter.reason for letter in letters), letters
        return {self.ids[letter.message.id] for letter in letters}


@pytest.fixture(params=BROKERS)
def broker(request: pytest.FixtureRequest) -> str | None:
    """A URL, or None for the Redis of the test."""
    if request.param == "redis":
        return None
    server: RabbitServer = request.getfixturevalue("shared_rabbitmq")
    return server.new_vhost()


@pytest.fixture
def cluster(
    redis_server: RedisServer, broker: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Cluster]:
    environment = shop_environment(redis_server, broker, "", SETTINGS | (VISIBILITY if broker is None else {})) | {
        "SHOP_BOOK": str(tmp_path / "book")
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(str(SHOPS))
    for name in ("shop_tasks", "celery_shop", "celeriac_shop"):
        sys.modules.pop(name, None)
    celery, ours = importlib.import_module("celery_shop").app, importlib.import_module("celeriac_shop").app
    whole = {**os.environ, "C_FORCE_ROOT": "1", "PYTHONPATH": str(SHOPS)}
    cluster = Cluster(tmp_path, celery, ours, whole)
    try:
        for kind in ("celery", "ours", "celery", "ours"):
            cluster.start(kind)
        yield cluster
    finally:
        while cluster.workers:
            cluster.kill(0)
        ours.close()
        celery.close()
        kombu.pools.reset()


@pytest.mark.timeout(600)
def test_every_task_is_run_whoever_is_killed(cluster: Cluster) -> None:
    chance = random.Random(TASKS)
    published, kills = 0, Counter[str]()
    everything = set(range(TASKS))

    def turn() -> bool:
        """Publish some, kill and replace one when it is time; True when all is published, killed and run."""
        nonlocal published
        for number in range(published, min(published + 25, TASKS)):
            cluster.publish(number)
        published = min(published + 25, TASKS)
        executed = cluster.executed()
        if kills.total() < KILLS and len(executed) > (kills.total() + 1) * TASKS / (KILLS + 1):
            kind = ("celery", "ours")[kills.total() % 2]
            place = chance.choice([place for place, (of, _, _) in enumerate(cluster.workers) if of == kind])
            if kind == "celery" and cluster.is_redis:
                cluster.stop_fetching(place)
            cluster.kill(place)
            cluster.start(kind)
            kills[kind] += 1
        missing = everything - executed.keys()
        return kills.total() == KILLS and (not missing or missing <= cluster.dead())

    until(lambda: len(Control(cluster.ours).ping(0.3)) == 4, f"all workers answer\n{logs(cluster.folder)[-3000:]}")
    begin = time.monotonic()
    try:
        until(turn, f"all {TASKS} tasks run", 30 + TASKS / 40)
    except AssertionError:
        pytest.fail(_books(cluster, everything))
    doubles = cluster.executed().total() - len(cluster.executed())
    cut = cluster.executed("begin").total() - cluster.executed().total()
    took = time.monotonic() - begin
    books = f"{cut} runs cut off, {doubles} run twice, {len(cluster.dead())} dead"
    print(f"\n{TASKS} tasks, {dict(kills)} killed, {books}, {took:.0f} s")
    assert cut, "whoever was killed was at work"

    transport = cluster.ours.transport
    until(lambda: transport.counts("mixed") == QueueCounts(), "nothing waits, nothing is held", 40)
    executed = cluster.executed()
    assert executed.keys() | cluster.dead() == everything
    assert executed.total() - len(executed) <= kills.total() * 20, "twice runs only what a killed worker held"


def _books(cluster: Cluster, everything: set[int]) -> str:
    """What is missing, and where it might be."""
    missing = sorted(everything - cluster.executed().keys())
    transport = cluster.ours.transport
    return (
        f"{len(missing)} of {len(everything)} not run: {missing[:10]}; {transport.counts('mixed')}; "
        f"dead letters {transport.dead_letters()}\n{logs(cluster.folder)}"
    )
