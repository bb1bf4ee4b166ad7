"""Celery and we on one Redis: what is particular to Redis. `celery_matrix` has the rest, for every broker."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from celeriac.control import Control
from servers.redis_server import RedisServer
from servers.shop_workers import Shops, open_shops
from worker_process import until

PATIENCE = 10


@pytest.fixture(scope="module")
def shops() -> Iterator[Shops]:
    with tempfile.TemporaryDirectory(prefix="celeriac-redis-") as folder:
        server = RedisServer(Path(folder))
        try:
            yield from open_shops(server, Path(folder), prefix="")
        finally:
            server.stop()


@pytest.fixture
def prefixed_shops() -> Iterator[Shops]:
    with tempfile.TemporaryDirectory(prefix="celeriac-redis-") as folder:
        server = RedisServer(Path(folder))
        try:
            yield from open_shops(server, Path(folder), prefix="shop:")
        finally:
            server.stop()


def get(result: Any) -> Any:
    return result.get(timeout=PATIENCE)


@pytest.mark.parametrize(("side", "low", "high"), [("celery", 9, 0), ("ours", 0, 9)])
def test_the_urgent_overtake_those_that_wait(shops: Shops, side: str, low: int, high: int) -> None:
    """Each side in its own numbers: for Celery on Redis 0 is the most urgent, for us 9 on every transport."""
    shops.clear_diary()
    blocker = shops.call(side, "block", 0.7, priority=high)
    until(lambda: shops.diary() == ["blocking"], "the worker is busy")
    results = [shops.call(side, "write", f"low {number}", priority=low) for number in range(4)]
    results += [shops.call(side, "write", f"high {number}", priority=high) for number in range(4)]
    for result in (blocker, *results):
        get(result)
    expected = [f"{level} {number}" for level in ("high", "low") for number in range(4)]
    seen = shops.diary()[1:]
    if side == "ours":  # Celery's worker takes one more than it runs
        seen.remove("low 0")
        expected.remove("low 0")
    assert seen == expected


def test_at_the_end_nothing_is_left_that_has_no_end(shops: Shops) -> None:
    get(shops.call("celery", "add", 1, 1))
    with shops.server.client() as client:
        until(lambda: not client.exists("unacked", "ours", "theirs"), "everything is settled")
        keys: Any = client.keys()
        endless = {key.decode() for key in keys if client.ttl(key) == -1}
        assert {key for key in endless if not key.startswith("_kombu.binding")} <= {"diary"}, "Celery's bindings stay"


def test_both_sides_meet_under_a_prefix(prefixed_shops: Shops) -> None:
    for side in ("celery", "ours"):
        assert get(prefixed_shops.call(side, "add", 1, 2)) == 3
        assert get(prefixed_shops.call(side, "again", 1)) == 1
    assert len(prefixed_shops.celery.control.ping(timeout=0.5)) == 2
    assert len(Control(prefixed_shops.ours).ping(timeout=0.5)) == 2
    with prefixed_shops.server.client() as client:
        keys: Any = client.keys()
        assert [key for key in keys if not key.startswith(b"shop:")] == []
