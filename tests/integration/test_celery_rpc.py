"""Results that go straight back to who has called (``rpc://``): each side's client with the other side's worker."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import celery
import pytest
from celery import Celery

import celeriac
from celeriac import Celeriac
from servers.rabbitmq_server import RabbitServer, shared_rabbitmq
from servers.redis_server import RedisServer
from servers.shop_workers import Shops, open_shops
from worker_process import until

__all__ = ["shared_rabbitmq"]

PATIENCE = 15
SETTINGS = {
    "result_backend": "rpc://",
    "result_backend_transport_options": {},
    "accept_content": ["json", "pickle", "yaml", "msgpack"],
}

from_each_side = pytest.mark.parametrize("side", ["celery", "ours"])


@pytest.fixture(scope="module", params=["redis", "rabbitmq"])
def rabbitmq(request: pytest.FixtureRequest) -> RabbitServer | None:
    """The broker, where it is not the Redis that has the diary."""
    if request.param == "redis":
        return None
    return cast(RabbitServer, request.getfixturevalue("shared_rabbitmq"))


@pytest.fixture(scope="module")
def broker(rabbitmq: RabbitServer | None) -> str | None:
    return rabbitmq.new_vhost() if rabbitmq is not None else None


@pytest.fixture(scope="module")
def shops(broker: str | None) -> Iterator[Shops]:
    with tempfile.TemporaryDirectory(prefix="celeriac-rpc-") as folder:
        server = RedisServer(Path(folder))
        try:
            one_child = ("-P", "prefork", "-c", "1")
            yield from open_shops(server, Path(folder), broker=broker, pool=one_child, settings=SETTINGS)
        finally:
            server.stop()


@contextmanager
def another_client(shops: Shops, side: str) -> Iterator[Any]:
    """Of the named side: what sends to the other side's worker."""
    url = shops.ours.conf.broker_url
    if side == "ours":
        with Celeriac("another", broker=url, backend="rpc://") as app:
            yield lambda name, *args: app.send_task(f"shop.{name}", args, queue="theirs")
        return
    other = Celery("another", broker=url, backend="rpc://", set_as_current=False)
    yield lambda name, *args: other.send_task(f"shop.{name}", args, queue="ours")
    other.backend.remove_pending_result = lambda result: result
    other.backend.result_consumer.stop()
    other.close()


def get(result: Any) -> Any:
    return result.get(timeout=PATIENCE)


@from_each_side
def test_values_come_back(shops: Shops, side: str) -> None:
    assert get(shops.call(side, "add", 1, kwargs={"y": 2})) == 3
    many = [shops.call(side, "add", number, number) for number in range(50)]
    assert [get(result) for result in many] == [2 * number for number in range(50)]
    assert get(shops.call(side, "echo", {"Grüße": ["🥬\n\x00", 1.5, None]})) == {"Grüße": ["🥬\n\x00", 1.5, None]}


@from_each_side
def test_an_exception_comes_back_with_its_traceback(shops: Shops, side: str) -> None:
    result = shops.call(side, "divide", 1, 0)
    with pytest.raises(ZeroDivisionError, match="division by zero"):
        get(result)
    assert result.state == "FAILURE"
    assert "in divide" in result.traceback


@from_each_side
def test_a_result_that_came_before_it_was_asked_for_is_there(shops: Shops, side: str) -> None:
    early, late = shops.call(side, "add", 1, 1), shops.call(side, "add", 2, 2)
    assert get(late) == 4
    until(early.ready, "it is seen without waiting for it")
    assert get(early) == 2


@from_each_side
def test_a_retry_answers_as_well(shops: Shops, side: str) -> None:
    assert get(shops.call(side, "again", 2)) == 2


@from_each_side
def test_the_last_step_of_a_chain_answers_who_has_called_it(shops: Shops, side: str) -> None:
    """The steps run at both sides."""
    here, there = ("ours", "theirs") if side == "celery" else ("theirs", "ours")
    chain = (
        shops.signature(side, "add", 1, 1, queue=here)
        | shops.signature(side, "add", 10, queue=there)
        | shops.signature(side, "add", 100, queue=here)
    )
    assert get(chain.apply_async()) == 112


ENDS: dict[str, tuple[str, tuple[Any, ...], dict[str, Any], tuple[str, str]]] = {
    "an exception of the task's own": ("close", ("noon", 2), {}, ("FAILURE", "ShopClosed")),
    "no retry is left": ("give_up", (1,), {}, ("FAILURE", "ShopClosed")),
    "expired": ("write", ("too late",), {"expires": 0.1, "countdown": 0.3}, ("REVOKED", "TaskRevoked")),
    "the hard limit": ("nap", (30,), {"time_limit": 0.6}, ("FAILURE", "TimeLimitExceeded")),
    "the soft limit": ("nap", (30,), {"soft_time_limit": 1, "time_limit": 20}, ("FAILURE", "SoftTimeLimitExceeded")),
}


@from_each_side
def test_every_end_comes_back_as_what_it_was(shops: Shops, side: str) -> None:
    """Side by side, as each takes its time; the class by its name, as each side has its own."""
    results = {end: shops.call(side, task, *args, **options) for end, (task, args, options, _) in ENDS.items()}
    found = {}
    for end, result in results.items():
        with pytest.raises(Exception) as raised:
            get(result)
        found[end] = (result.state, type(raised.value).__name__.replace("RevokedError", "Revoked"))
    assert found == {end: expected for end, (*_, expected) in ENDS.items()}


@from_each_side
def test_what_is_revoked_before_it_starts_comes_back_as_revoked(shops: Shops, side: str) -> None:
    result = shops.call(side, "write", "revoked", countdown=2)
    result.revoke()
    with pytest.raises(Exception, match="revoked"):
        get(result)
    assert result.state == "REVOKED"


@from_each_side
def test_what_is_due_later_comes_back_later(shops: Shops, side: str) -> None:
    begin = time.time()
    later, at_once = shops.call(side, "moment", countdown=1.5), shops.call(side, "moment")
    assert get(at_once) - begin < 1.5
    assert 1.5 <= get(later) - begin < 5


@from_each_side
def test_values_come_back_in_every_serializer_and_compressed(shops: Shops, side: str) -> None:
    value = {"Grüße": ["🥬\n", 1.5, None, True]}
    ways = [{"serializer": name} for name in ("json", "pickle", "yaml", "msgpack")]
    ways += [{"compression": name} for name in ("gzip", "bzip2", "zstd")]
    results = [shops.call(side, "echo", value, **way) for way in ways]
    assert [get(result) for result in results] == [value] * len(ways)


@from_each_side
def test_the_members_of_a_group_at_both_workers_answer_who_has_called_them(shops: Shops, side: str) -> None:
    group = {"celery": celery.group, "ours": celeriac.group}[side]
    members = [shops.signature(side, "add", n, n, queue=("ours", "theirs")[n % 2]) for n in range(10)]
    assert get(group(members).apply_async()) == [2 * n for n in range(10)]


@from_each_side
def test_an_ignored_result_does_not_come(shops: Shops, side: str) -> None:
    shops.clear_diary()
    result = shops.call(side, "write", "ignored", ignore_result=True)
    until(lambda: shops.diary() == ["ignored"], "it runs")
    assert get(shops.call(side, "add", 1, 1)) == 2
    assert result.state == "PENDING"


@from_each_side
def test_two_clients_get_their_own_results_only(shops: Shops, side: str) -> None:
    with another_client(shops, side) as call:
        mine = [shops.call(side, "add", number, 1) for number in range(10)]
        theirs = [call("add", number, 100) for number in range(10)]
        assert [get(result) for result in theirs] == [number + 100 for number in range(10)]
        assert [get(result) for result in mine] == [number + 1 for number in range(10)]
        app = shops.app(side)
        assert {app.AsyncResult(result.id).state for result in theirs} == {"PENDING"}


@from_each_side
def test_a_client_that_has_gone_disturbs_nobody(
    shops: Shops, side: str, rabbitmq: RabbitServer | None, broker: str | None
) -> None:
    """Only Celery's worker on Redis makes a queue for it, which `celeriac gc` removes (see test_redis_garbage)."""
    shops.clear_diary()
    if side == "ours":
        with another_client(shops, side) as call:
            get(call("add", 1, 1))
            call("block", 0.5)
            until(lambda: shops.diary() == ["blocking"], "its task runs")
    else:
        shops.call(side, "write", "gone", reply_to="gone")
        until(lambda: shops.diary() == ["gone"], "its task runs")
    assert get(shops.call(side, "add", 1, 1)) == 2, "the worker goes on"
    if rabbitmq is not None:
        queues = rabbitmq.queues(broker or "")
        assert "gone" not in queues
        assert [name for name in queues if name.startswith("celeriac.reply.")] == _own(shops)
    elif side == "celery":
        with shops.server.client() as client:
            assert 0 < cast(int, client.ttl("gone")) <= 86_400, "it cannot be told from a client that waits"


def _own(shops: Shops) -> list[str]:
    address = shops.ours.caller.address()
    return [address] if address else []
