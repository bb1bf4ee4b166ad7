"""D10, pain row 6: wherever a worker is killed while it calls a chord's body, the body runs, once."""

from __future__ import annotations

import importlib
import os
import time
from pathlib import Path
from typing import Any

import pytest

from celeriac import chord
from servers.redis_server import RedisServer, own_redis, redis_server, shared_redis
from worker_process import WorkerProcess, until

__all__ = ["own_redis", "redis_server", "shared_redis"]

STEPS = (
    "before the result is stored",
    "before the member is counted",
    "before the body is published",
    "before the join is closed",
    "before the member is acknowledged",
)
LONG = os.environ.get("LONG_TESTS") == "1"
"""With the leases that workers have by themselves; else with shorter ones."""
PATIENCE = 30.0


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("where", ["sqlite", "redis"])
def test_d10_the_body_runs_within_thirty_seconds_of_a_kill(
    where: str, step: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {} if LONG else {"CHORD_LEASE": "2", "CHORD_FAST": "1"}
    if where == "redis":
        server: RedisServer = request.getfixturevalue("redis_server")
        settings["CHORD_URL"] = server.url
    shop = shop_of(tmp_path, settings, monkeypatch)
    members = [shop.member.s(number).set(task_id=f"m{number}") for number in range(5)]
    with WorkerProcess(tmp_path, "-P", "solo", app="chord_shop", CHORD_KILL=step, **settings) as worker:
        result = chord(members)(shop.body.s())
        until(lambda: worker.process.poll() is not None, "the worker dies", 20)
        killed = time.monotonic()
    with WorkerProcess(tmp_path, "-P", "solo", app="chord_shop", **settings) as worker:
        assert result.get(timeout=PATIENCE + 10) == sum(range(5))
        assert time.monotonic() - killed < PATIENCE + 5  # a Python has to start as well
        until(lambda: not shop.app.transport.counts("celery").held, "all is settled", PATIENCE + 10)
        assert worker.stop() == 0
    assert (tmp_path / "diary").read_text() == "body\n"
    shop.app.close()


def shop_of(place: Path, settings: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("SHOP_PLACE", str(place))
    for name, value in settings.items():
        if name != "CHORD_FAST":
            monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    return importlib.reload(importlib.import_module("chord_shop"))
