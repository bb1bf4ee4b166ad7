"""A worker of Celery and one of ours on one broker, with the same tasks on queues of their own."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kombu.pools
import kombu.serialization
import pytest
from kombu.exceptions import SerializerNotInstalled

from celeriac.control import Control
from servers.redis_server import RedisServer
from worker_process import until

SHOPS = Path(__file__).parent / "shops"
QUIET = ("--without-gossip", "--without-mingle", "--without-heartbeat")
NO_SETTINGS: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Shops:
    """Both apps, as clients; their workers run. `server` has the diary, and the results."""

    server: RedisServer
    celery: Any
    ours: Any

    def call(self, side: str, name: str, *args: Any, **options: Any) -> Any:
        """Send from the named side to the worker of the other one."""
        app, queue = (self.celery, "ours") if side == "celery" else (self.ours, "theirs")
        return app.tasks[f"shop.{name}"].apply_async(args, **{"queue": queue, **options})

    def app(self, side: str) -> Any:
        """The client of the named side."""
        return self.celery if side == "celery" else self.ours

    def signature(self, side: str, name: str, *args: Any, immutable: bool = False, **options: Any) -> Any:
        """A call from the named side, that goes to the worker of the other one, unless `queue` says otherwise."""
        options = {"queue": "ours" if side == "celery" else "theirs", **options}
        return self.app(side).signature(f"shop.{name}", args, immutable=immutable).set(**options)

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
            env={**os.environ, "C_FORCE_ROOT": "1", **environment},
        )


def shop_environment(
    server: RedisServer, broker: str | None, prefix: str, settings: Mapping[str, Any]
) -> dict[str, str]:
    """What the shops' modules read; `settings` are for both apps."""
    options = {"global_keyprefix": prefix} if prefix else {}
    whole = {
        "result_backend": server.url,
        "result_backend_transport_options": options,
        "broker_transport_options": options if broker is None else {},
        **settings,
    }
    return {"SHOP_DIARY": server.url, "SHOP_BROKER": broker or server.url, "SHOP_SETTINGS": json.dumps(whole)}


def open_shops(
    server: RedisServer,
    folder: Path,
    prefix: str = "",
    *,
    broker: str | None = None,
    pool: tuple[str, ...] = ("-P", "solo"),
    settings: Mapping[str, Any] = NO_SETTINGS,
) -> Iterator[Shops]:
    """Starts both workers, waits until both answer, and ends them. Without `broker`, `server` is it."""
    environment = shop_environment(server, broker, prefix, settings)
    theirs = ("celery", "-A", "celery_shop", "worker", *pool, "-Q", "theirs", "-n", "theirs@%h")
    ours = ("celeriac", "-A", "celeriac_shop", "worker", *pool, "-n", "ours@%h")
    workers = [
        start_worker(folder, "theirs.log", *theirs, *QUIET, PYTHONPATH=str(SHOPS), **environment),
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
            celery.backend.remove_pending_result = lambda result: result  # results unsubscribe whenever they go
            app.close()
            celery.close()
            celery.backend.result_consumer.stop()
            if hasattr(celery.backend, "client"):  # not with rpc://
                celery.backend.client.connection_pool.disconnect()
            celery.pool.force_close_all()
            kombu.pools.reset()  # it would hand out closed ones to the next app with this URL
            with suppress(SerializerNotInstalled):  # kombu would read whatever has no type as signed
                kombu.serialization.unregister("auth")
            workers[0].send_signal(signal.SIGQUIT)  # Celery's quick way
            workers[1].send_signal(signal.SIGTERM)
            for worker in workers:
                worker.wait(20)


def logs(folder: Path) -> str:
    return "\n".join(path.read_text(errors="replace") for path in folder.glob("*.log"))
