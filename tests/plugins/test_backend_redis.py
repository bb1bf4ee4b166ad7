"""The Redis result backend: the contract, and what is particular to Redis."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any, cast

import kombu.serialization
import pytest
import redis
from celery import Celery

from celeriac.errors import BackendDown, BackendError, ConfigurationError
from celeriac.specs.backend import Arrival, BackendOptions, Record, ResultBackend
from celeriac.specs.transport import TransportOptions
from celeriac.states import FAILURE, STARTED, SUCCESS
from celeriac.testing.clock import ManualClock
from celeriac.testing.suite import BackendSuite
from celeriac.testing.suite.transport.background import Background
from celeriac.testing.suite.transport.clauses import send
from celeriac_plugins.backends.redis import RedisBackend, document
from celeriac_plugins.transports.redis import RedisTransport
from servers.redis_server import RedisServer, own_redis, redis_server, shared_redis

__all__ = ["own_redis", "redis_server", "shared_redis"]


class AgeingClock(ManualClock):
    """The server keeps the time of what expires, so moving the clock takes the same span from every life there."""

    def __init__(self, server: RedisServer) -> None:
        super().__init__()
        self._server = server

    def advance(self, seconds: float) -> None:
        with self._server.client() as client:
            for key in client.scan_iter():
                left = client.pttl(key)
                if left >= 0:
                    client.pexpire(key, max(left - int(seconds * 1000), 0))
        super().advance(seconds)


class TestRedisBackend(BackendSuite):
    driver = RedisBackend
    url = "redis://127.0.0.1:1/0"
    option = "global_keyprefix"

    @pytest.fixture
    def place(self, redis_server: RedisServer) -> str:
        return redis_server.url

    @pytest.fixture
    def clock(self, redis_server: RedisServer) -> ManualClock:
        return AgeingClock(redis_server)

    def test_sweep_removes_what_has_expired_and_counts_it(self, backend: ResultBackend, clock: ManualClock) -> None:
        pytest.skip("the server lets go of what has expired by itself, so there is nothing left to count")


by_celery = pytest.mark.filterwarnings("ignore:Call to deprecated setex:DeprecationWarning")


@pytest.fixture
def backend(redis_server: RedisServer) -> Iterator[RedisBackend]:
    backend = make(redis_server.url)
    yield backend
    backend.close()


@pytest.fixture
def behind(redis_server: RedisServer) -> Iterator[redis.Redis]:
    """redis-py's client of the same server."""
    with redis_server.client() as client:
        yield client


@pytest.fixture
def celery(redis_server: RedisServer) -> Iterator[Celery]:
    """A Celery client of the same results."""
    app = Celery("shop", broker="memory://", backend=redis_server.url, set_as_current=False)
    yield app
    app.backend.result_consumer.stop()
    app.backend.client.close()
    app.backend.client.connection_pool.disconnect()


def make(url: str, **options: Any) -> RedisBackend:
    return RedisBackend(BackendOptions(url, **options))


def record(name: str, state: str = SUCCESS, result: Any = None) -> Record:
    """As the kernel writes it: Celery's document."""
    document = {"task_id": name, "status": state, "result": result, "traceback": None, "children": []}
    return Record(name, state, json.dumps(document).encode())


def until(condition: Any, what: str) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, f"not within 10 s: {what}"
        time.sleep(0.005)


def reached(call: Any) -> bool:
    try:
        call()
    except BackendDown:
        return False
    return True


def channels(behind: redis.Redis) -> set[bytes]:
    return set(cast("list[bytes]", behind.pubsub_channels()))


# with Celery


def test_celery_reads_what_we_store(backend: RedisBackend, celery: Celery, behind: redis.Redis) -> None:
    backend.store([record("a", result=[1, "ü"])])
    result = celery.AsyncResult("a")
    assert (result.state, result.get(timeout=5)) == (SUCCESS, [1, "ü"])
    assert behind.get("celery-task-meta-a") == record("a", result=[1, "ü"]).payload
    assert 86_390 < cast(int, behind.ttl("celery-task-meta-a")) <= 86_400


def test_a_celery_client_that_waits_is_woken_by_our_store(backend: RedisBackend, celery: Celery) -> None:
    waiting = Background(lambda: celery.AsyncResult("a").get(timeout=8))
    assert waiting.running(after=0.2)
    backend.store([record("a", STARTED)])
    backend.store([record("a", result=42)])
    assert waiting.result() == 42


@by_celery
def test_we_read_and_await_what_celery_stores(backend: RedisBackend, celery: Celery) -> None:
    waiting = Background(lambda: backend.wait(["a"], None))
    assert waiting.running(after=0.1)
    celery.backend.store_result("a", 42, SUCCESS)
    found = waiting.result()["a"]
    assert (found.state, json.loads(found.payload)["result"]) == (SUCCESS, 42)
    celery.backend.store_result("b", ValueError("no"), FAILURE)
    assert backend.fetch(["b"])["b"].state == FAILURE


@by_celery
def test_what_celery_has_finished_is_final_for_us(backend: RedisBackend, celery: Celery) -> None:
    celery.backend.store_result("a", 'a "status": "STARTED" text', SUCCESS)
    backend.store([record("a", STARTED)])
    assert backend.fetch(["a"])["a"].state == SUCCESS


@by_celery
def test_what_celery_has_begun_is_not_final(backend: RedisBackend, celery: Celery) -> None:
    celery.backend.store_result("a", {"status": SUCCESS}, "PROGRESS")
    backend.store([record("a", FAILURE)])
    assert backend.fetch(["a"])["a"].state == FAILURE


def test_with_a_prefix_the_keys_are_those_of_celery(redis_server: RedisServer, behind: redis.Redis) -> None:
    options = {"global_keyprefix": "shop"}
    backend = make(redis_server.url, extra=options)
    backend.store([record("a", result=1)])
    backend.join_open("g", 1, b"")
    app = Celery("shop", backend=redis_server.url, set_as_current=False)
    app.conf.result_backend_transport_options = options
    assert app.AsyncResult("a").result == 1
    assert [key for key in cast("list[bytes]", behind.keys()) if not key.startswith(b"shop_")] == []
    app.backend.client.connection_pool.disconnect()
    backend.close()


# waiting


def test_nobody_is_subscribed_but_while_somebody_waits(backend: RedisBackend, behind: redis.Redis) -> None:
    others = {client["id"] for client in behind.client_list()}

    def ours() -> int:
        return sum(client["id"] not in others for client in behind.client_list())

    backend.store([record("done")])
    backend.fetch(["a"])
    backend.wait(["a"], 0)
    assert ours() == 1, "one for orders"
    waiters = [Background(lambda: backend.wait(["a", "b"], None)) for _ in range(5)]
    until(lambda: channels(behind) == {b"celery-task-meta-a", b"celery-task-meta-b"}, "both are subscribed to")
    assert ours() == 2, "one more, however many wait"
    backend.store([record("b")])
    assert [waiter.result().keys() for waiter in waiters] == [{"b"}] * 5
    until(lambda: channels(behind) == set(), "nothing is subscribed to")
    assert backend.wait(["done"], None).keys() == {"done"}
    assert ours() == 2


def test_transport_and_backend_share_a_connection_though_their_databases_differ(
    redis_server: RedisServer, behind: redis.Redis
) -> None:
    before = {client["id"] for client in behind.client_list()}
    transport = RedisTransport(TransportOptions(redis_server.url))
    backend = make(redis_server.url.removesuffix("0") + "1")
    for name in "abc":
        send(transport, name)
        backend.store([record(name)])
    assert len({client["id"] for client in behind.client_list()} - before) == 1
    assert backend.fetch(list("abc")).keys() == set("abc")
    assert transport.counts("q").ready == 3
    with redis_server.client(db=1) as results:
        assert {key[-1:] for key in cast("list[bytes]", results.keys())} == {b"a", b"b", b"c"}
    transport.close()
    backend.store([record("d")])
    backend.close()
    until(lambda: {client["id"] for client in behind.client_list()} <= before, "the last to leave has closed it")


def test_a_database_that_there_is_not_is_an_error_and_the_others_go_on(redis_server: RedisServer) -> None:
    transport = RedisTransport(TransportOptions(redis_server.url))
    backend = make(redis_server.url.removesuffix("0") + "99")
    send(transport, "a")
    with pytest.raises(BackendDown, match="out of range"):
        backend.store([record("a")])
    assert transport.counts("q").ready == 1
    transport.close()
    backend.close()


def test_who_waits_sends_nothing(backend: RedisBackend, behind: redis.Redis) -> None:
    waiting = Background(lambda: backend.wait(["a"], None))
    until(lambda: channels(behind), "it is subscribed")
    begin = cast("dict[str, Any]", behind.info("stats"))["total_commands_processed"]
    assert waiting.running(after=0.2)
    assert cast("dict[str, Any]", behind.info("stats"))["total_commands_processed"] - begin <= 1
    backend.store([record("a")])
    assert waiting.result().keys() == {"a"}


def test_a_reader_that_leaves_hands_over(backend: RedisBackend, behind: redis.Redis) -> None:
    first = Background(lambda: backend.wait(["a"], 0.3))
    until(lambda: channels(behind), "the first is subscribed")
    others = [Background(lambda name=name: backend.wait([name], None)) for name in "bcd"]
    until(lambda: len(channels(behind)) == 4, "all are subscribed")
    assert first.result() == {}
    for name, other in zip("bcd", others, strict=True):
        backend.store([record(name)])
        assert other.result().keys() == {name}


# faults


def test_who_waits_when_the_server_dies_is_told_and_may_wait_again(own_redis: RedisServer) -> None:
    backend = make(own_redis.url)
    waiters = [Background(lambda: backend.wait(["a"], None)) for _ in range(3)]
    with own_redis.client() as client:
        until(lambda: channels(client), "they are subscribed")
    own_redis.kill()
    for waiter in waiters:
        with pytest.raises(BackendDown, match=str(own_redis.port)):
            waiter.result()
    with pytest.raises(BackendDown):
        backend.store([record("a")])
    own_redis.start()
    waiting = Background(lambda: backend.wait(["a"], None))
    assert waiting.running(after=0.1)
    backend.store([record("a")])
    assert waiting.result().keys() == {"a"}
    backend.close()


def test_when_the_connection_is_cut_one_is_told_and_the_others_wait_on(
    backend: RedisBackend, behind: redis.Redis
) -> None:
    waiters = [Background(lambda name=name: backend.wait([name], None)) for name in "abc"]
    until(lambda: len(channels(behind)) == 3, "all are subscribed")
    behind.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    until(lambda: sum(not waiter.running(after=0) for waiter in waiters) == 1, "one is told")
    until(lambda: len(channels(behind)) == 2, "the others are subscribed again")
    backend.store([record(name) for name in "abc"])
    outcomes = []
    for waiter in waiters:
        try:
            outcomes.append(len(waiter.result()))
        except BackendDown:
            outcomes.append(0)
    assert sorted(outcomes) == [0, 1, 1]


def test_a_stored_result_survives_the_server(own_redis: RedisServer) -> None:
    backend = make(own_redis.url)
    backend.store([record("a")])
    backend.join_open("g", 2, b"body")
    backend.join_arrive("g", ["a"], 10)
    own_redis.kill()
    own_redis.start()
    until(
        lambda: reached(lambda: backend.fetch(["a"])), "it is reached again"
    )  # a call may still meet the old connection
    assert backend.fetch(["a"]) == {"a": record("a")}
    assert backend.join_arrive("g", ["b"], 10) == b"body"
    backend.close()


def test_a_key_that_is_something_else_is_an_error_of_its_own(backend: RedisBackend, behind: redis.Redis) -> None:
    behind.lpush("celery-task-meta-a", "x")
    with pytest.raises(BackendError, match="WRONGTYPE") as caught:
        backend.store([record("a")])
    assert not isinstance(caught.value, BackendDown)


def test_options_of_the_transport_are_known_and_others_are_not() -> None:
    make("redis://", extra={"visibility_timeout": 60, "priority_steps": [0, 5]}).close()
    with pytest.raises(ConfigurationError, match="'visibility_timeout'"):
        make("redis://", extra={"visibility_timeuot": 60})


# keys


def test_every_key_has_an_end(backend: RedisBackend, behind: redis.Redis) -> None:
    backend.store([record("a"), Record("b", STARTED, b"no json")])
    for group in ("claimed", "closed", "open"):
        backend.join_open(group, 1, b"body")
    backend.join_arrive("claimed", ["a"], 10)
    backend.join_arrive("closed", ["a"], 10)
    backend.join_close("closed")
    keys = cast("list[bytes]", behind.keys())
    assert len(keys) == 11
    assert [key for key in keys if cast(int, behind.ttl(key)) < 0] == []


def test_a_closed_join_passes_away_even_where_results_never_expire(
    redis_server: RedisServer, behind: redis.Redis
) -> None:
    backend = make(redis_server.url, expires=None)
    backend.join_open("g", 1, b"body")
    backend.join_arrive("g", ["a"], 10)
    backend.join_close("g")
    assert [key for key in cast("list[bytes]", behind.keys()) if cast(int, behind.ttl(key)) < 0] == []
    backend.close()


# beside Celery


@pytest.mark.parametrize("serializer", ["pickle", "yaml", "msgpack", "json"])
@pytest.mark.parametrize("state", [SUCCESS, FAILURE, STARTED])
def test_a_document_shows_its_state_in_every_serializer_of_celery(serializer: str, state: str) -> None:
    misleading = {"status": "REVOKED", "text": "\nstatus: REVOKED\n"}
    for order in (("status", "result", "task_id"), ("task_id", "status", "result")):
        values = {"status": state, "result": misleading, "task_id": "0197"}
        text = kombu.serialization.dumps({name: values[name] for name in order}, serializer)[2]
        payload = text.encode() if isinstance(text, str) else text
        assert document.read("0197", payload).state == state
        assert document.write(Record("0197", state, payload)) == payload, "as Celery reads it"


def test_a_document_that_hides_its_state_is_kept_with_it() -> None:
    for payload in (b"", b"\x80", b"\x80status", b"c2lnbmVk", b"status\xa7SUCCESS"):
        assert document.read("a", document.write(Record("a", FAILURE, payload))) == Record("a", FAILURE, payload)


def test_a_group_that_celery_has_opened_is_counted_together(backend: RedisBackend, behind: redis.Redis) -> None:
    group = "celery-taskset-meta-g"
    backend.join_share("g", [Arrival("ours", 1, b"second", b"body")])
    assert backend.join_arrive("g", ["ours"], 10) is None, "nobody knows the size yet"
    behind.zadd(f"{group}.j", {b"first": 0})
    behind.set(f"{group}.s", 3)
    backend.join_share("g", [Arrival("ours", 1, b"again, another", b"body"), Arrival("last", 2, b"third", b"body")])
    assert backend.join_arrive("g", ["ours", "last"], 10) == b"body"
    assert backend.join_entries("g") == [b"first", b"second", b"third"], "one that came twice is counted once"
    backend.join_close("g")
    assert behind.get(f"{group}.c") == b"done"
    assert backend.join_arrive("g", ["last"], 10) is None


@pytest.mark.parametrize("claim", ["the token of a Celery worker", "done"])
def test_a_body_that_celery_leaves_to_us_is_ours_whoever_has_claimed_it(
    backend: RedisBackend, behind: redis.Redis, claim: str
) -> None:
    backend.join_open("g", 1, b"body")
    behind.set("celery-taskset-meta-g.c", claim)
    assert backend.join_arrive("g", ["a"], 10) is None
    assert backend.join_relayed("g", 10) == b"body"
    assert backend.join_relayed("g", 10) is None
    backend.join_close("g")
    assert backend.join_relayed("g", 10) is None
    assert backend.join_relayed("unknown", 10) is None


def test_a_body_that_celery_has_claimed_is_left_to_it(backend: RedisBackend, behind: redis.Redis) -> None:
    backend.join_open("g", 1, b"body")
    behind.set("celery-taskset-meta-g.c", "the token of a Celery worker")
    backend.join_share("g", [Arrival("a", 0, b"entry", b"body")])
    assert backend.join_arrive("g", ["a"], 10) is None
    behind.delete("celery-taskset-meta-g.c")
    assert backend.join_arrive("g", ["a"], 10) == b"body", "its claim ran out"
