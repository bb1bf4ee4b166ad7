"""A worker of Celery and one of ours, on one Redis, with the same tasks on queues of their own."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from celeriac.control import Control
from servers.redis_server import RedisServer
from worker_process import until

SHOPS = Path(__file__).parent / "shops"


@dataclass(frozen=True)
class Shops:
    """Both apps, as clients; their workers run."""

    server: RedisServer
    celery: Any
    ours: Any

    def call(self, side: str, name: str, *args: Any, **options: Any) -> Any:
        """Send from the named side to the worker of the other one."""
        app, queue = (self.celery, "ours") if side == "celery" else (self.ours, "theirs")
        return app.tasks[f"shop.{name}"].apply_async(args, queue=queue, **options)

    def diary(self) -> list[str]:
        with self.server.client() as client:
            lines: Any = client.lrange("diary", 0, -1)
            return [line.decode() for line in lines]

    def clear_diary(self) -> None:
        with self.server.client() as client:
            client.delete("diary")


def start_worker(folder: Path, log: str, *command: str, **environment: str) -> subprocess.Popen[bytes]:
    with (folder / log).open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=folder,
            stdout=output,
            stderr=output,
            env={**os.environ, **environment},
        )


def open_shops(server: RedisServer, folder: Path, prefix: str) -> Iterator[Shops]:
    """Starts both workers, waits until both answer, and ends them."""
    environment = {"SHOP_URL": server.url, "SHOP_PREFIX": prefix}
    theirs = ("celery", "-A", "celery_shop", "worker", "-P", "solo", "-Q", "theirs", "-n", "theirs@%h")
    ours = ("celeriac", "-A", "celeriac_shop", "worker", "-P", "solo", "-n", "ours@%h")
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat")
    workers = [
        start_worker(folder, "theirs.log", *theirs, *quiet, PYTHONPATH=str(SHOPS), **environment),
        start_worker(folder, "ours.log", *ours, PYTHONPATH=str(SHOPS), **environment),
    ]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.syspath_prepend(str(SHOPS))
        for name in ("shop_tasks", "celery_shop", "celeriac_shop"):
            sys.modules.pop(name, None)
        celery = importlib.import_module("celery_shop").app
        app = importlib.import_module("celeriac_shop").app
        try:

            def both_answer() -> bool:
                assert all(worker.poll() is None for worker in workers), logs(folder)
                return len(Control(app).ping(timeout=0.3)) == 2

            until(both_answer, f"both workers answer\n{logs(folder)}")
            yield Shops(server, celery, app)
        finally:
            app.close()
            celery.close()
            celery.backend.result_consumer.stop()
            celery.backend.client.connection_pool.disconnect()
            celery.pool.force_close_all()
            for worker in workers:
                worker.terminate()
            for worker in workers:
                worker.wait(20)


def logs(folder: Path) -> str:
    return "\n".join(path.read_text(errors="replace") for path in folder.glob("*.log"))
