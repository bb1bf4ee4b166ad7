"""Celery and we on one Redis: each side's client with the other side's worker."""

from __future__ import annotations

import socket
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from celeriac.control import Control
from servers.redis_server import RedisServer
from servers.shop_workers import Shops, open_shops
from worker_process import until

PATIENCE = 10

from_each_side = pytest.mark.parametrize("side", ["celery", "ours"])


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


@from_each_side
def test_arguments_arrive_and_results_come_back(shops: Shops, side: str) -> None:
    assert get(shops.call(side, "add", 1, kwargs={"y": 2})) == 3
    many = [shops.call(side, "add", number, number) for number in range(50)]
    assert [get(result) for result in many] == [2 * number for number in range(50)]
    assert get(shops.call(side, "write", "Grüße 🥬\n\x00")) == "Grüße 🥬\n\x00"


@from_each_side
def test_an_exception_comes_back_as_what_it_was(shops: Shops, side: str) -> None:
    result = shops.call(side, "divide", 1, 0)
    with pytest.raises(ZeroDivisionError, match="division by zero"):
        get(result)
    assert result.state == "FAILURE"
    assert "in divide" in result.traceback


@from_each_side
def test_a_retry_runs_where_the_task_ran(shops: Shops, side: str) -> None:
    assert get(shops.call(side, "again", 2)) == 2


@from_each_side
def test_a_countdown_is_kept(shops: Shops, side: str) -> None:
    begin = time.time()
    result = shops.call(side, "moment", countdown=0.6)
    at_once = shops.call(side, "moment")
    assert get(at_once) - begin < 0.5, "what is due later holds nobody up"
    assert 0.6 <= get(result) - begin < 3


@from_each_side
def test_what_has_expired_does_not_run(shops: Shops, side: str) -> None:
    result = shops.call(side, "write", "too late", expires=datetime.now(UTC) - timedelta(seconds=5))
    with pytest.raises(Exception, match="expired"):
        get(result)
    assert result.state == "REVOKED"
    assert "too late" not in shops.diary()


@from_each_side
def test_an_ignored_result_is_not_kept(shops: Shops, side: str) -> None:
    result = shops.call(side, "write", f"ignored {side}", ignore_result=True)
    until(lambda: f"ignored {side}" in shops.diary(), "it runs")
    get(shops.call(side, "add", 1, 1))
    with shops.server.client() as client:
        assert not client.exists(f"celery-task-meta-{result.id}")


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


def test_each_sides_control_reaches_the_workers_of_both(shops: Shops) -> None:
    names = {f"{name}@{socket.gethostname()}" for name in ("ours", "theirs")}
    assert Control(shops.ours).ping(timeout=1.0) == {name: {"ok": "pong"} for name in names}
    answers: dict[str, Any] = {}
    for answer in shops.celery.control.ping(timeout=1.0):
        answers.update(answer)
    assert answers == {name: {"ok": "pong"} for name in names}
    tasks = shops.celery.control.inspect(timeout=1.0).registered()
    assert tasks.keys() == names
    assert all("shop.add" in registered for registered in tasks.values())


def test_each_side_revokes_at_the_other(shops: Shops) -> None:
    shops.clear_diary()
    results = [shops.call(side, "write", f"revoked {side}", countdown=0.8) for side in ("celery", "ours")]
    shops.celery.control.revoke(results[0].id)
    Control(shops.ours).revoke(results[1].id)
    for result in results:
        with pytest.raises(Exception, match="revoked"):
            get(result)
    assert shops.diary() == []


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
