"""The rpc result backend over each transport that carries replies: the contract, and what is particular to it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, cast

import pytest

from celeriac import Celeriac
from celeriac.errors import (
    BackendDown,
    ConfigurationError,
    Reject,
    ResultTimeout,
    TaskFailed,
    TaskRevoked,
    TransportDown,
    UnsupportedCapability,
)
from celeriac.message import Message
from celeriac.specs.backend import BackendOptions, Record, ResultBackend
from celeriac.specs.transport import Transport, TransportOptions
from celeriac.states import STARTED, SUCCESS
from celeriac.testing import ManualClock, start_worker
from celeriac.testing.suite import BackendSuite
from celeriac.testing.suite.transport.background import Background
from celeriac_plugins.backends.rpc import RpcBackend, kept
from celeriac_plugins.transports.amqp import AmqpTransport
from celeriac_plugins.transports.memory import MemoryTransport
from celeriac_plugins.transports.redis import RedisTransport
from celeriac_plugins.transports.sqlite import SqliteTransport
from servers.rabbitmq_server import RabbitServer, own_rabbitmq, rabbitmq_url, shared_rabbitmq
from servers.redis_server import RedisServer, own_redis, redis_server, shared_redis
from servers.silent_server import black_hole
from worker_process import until

__all__ = ["own_rabbitmq", "own_redis", "rabbitmq_url", "redis_server", "shared_rabbitmq", "shared_redis"]


class Peer(RpcBackend):
    """A process with a transport of its own. What it stores is meant for itself, unless the record says otherwise."""

    def __init__(self, options: BackendOptions, transport: Transport) -> None:
        self.transport = transport
        super().__init__(options)

    def store(self, batch: Sequence[Record]) -> None:
        own = self.reply_to(10) if batch else ""
        super().store([Record(each.id, each.state, each.payload, each.reply_to or own or "") for each in batch])

    def close(self) -> None:
        super().close()
        self.transport.close()


class Prompt(Peer):
    """Looks at once what has come, so that results are as old as their store."""

    def store(self, batch: Sequence[Record]) -> None:
        super().store(batch)
        self.fetch([])


def make(url: str, kind: type[Peer] = Peer, **options: Any) -> Peer:
    kinds: dict[str, type[Transport]] = {"memory": MemoryTransport, "redis": RedisTransport, "amqp": AmqpTransport}
    transport = kinds[url.partition(":")[0]](TransportOptions(url))
    return kind(BackendOptions("rpc://", transport=lambda: transport, **options), transport)


def record(name: str, state: str = SUCCESS, result: Any = None, reply_to: str = "") -> Record:
    """As the kernel writes it."""
    document = {"task_id": name, "status": state, "result": result, "traceback": None, "children": []}
    return Record(name, state, json.dumps(document).encode(), reply_to)


class RpcSuite(BackendSuite):
    driver = RpcBackend

    def make(self, url: str, **options: Any) -> ResultBackend:
        return make(url, Prompt if "clock" in options else Peer, **options)


class TestOverMemory(RpcSuite):
    url = "memory://{path}"


class TestOverRedis(RpcSuite):
    url = "redis://127.0.0.1:1/0"

    @pytest.fixture
    def place(self, redis_server: RedisServer) -> str:
        return redis_server.url


class TestOverAmqp(RpcSuite):
    url = "amqp://127.0.0.1:1//"

    @pytest.fixture
    def place(self, rabbitmq_url: str) -> str:
        return rabbitmq_url


@pytest.fixture(params=["memory", "redis", "amqp"])
def url(request: pytest.FixtureRequest) -> str:
    if request.param == "redis":
        return cast(RedisServer, request.getfixturevalue("redis_server")).url
    return cast(str, request.getfixturevalue("rabbitmq_url")) if request.param == "amqp" else "memory://rpc"


# who gets what


def test_each_process_gets_the_results_of_its_own_calls_only(url: str) -> None:
    one, two, worker = make(url), make(url), make(url)
    addresses = [peer.reply_to(10) or "" for peer in (one, two)]
    assert len(set(addresses)) == 2
    worker.store([record(name, reply_to=address) for name, address in zip("ab", addresses, strict=True)])
    assert one.wait(["a", "b"], 10).keys() == {"a"}
    assert two.wait(["a", "b"], 10).keys() == {"b"}
    assert (one.fetch(["b"]), two.fetch(["a"]), worker.fetch(["a", "b"])) == ({}, {}, {})
    for peer in (one, two, worker):
        peer.close()


def test_a_result_that_nobody_wants_to_hear_goes_nowhere(url: str) -> None:
    transport = make(url).transport
    backend = RpcBackend(BackendOptions("rpc://", transport=lambda: transport))
    backend.store([record("a")])
    assert backend.fetch(["a"]) == {}
    backend.close()
    transport.close()


def test_a_result_for_a_process_that_has_gone_disturbs_nobody(url: str) -> None:
    gone, here, worker = make(url), make(url), make(url)
    addresses = [peer.reply_to(10) or "" for peer in (gone, here)]
    gone.close()
    worker.store([record(name, reply_to=address) for name, address in zip("ab", addresses, strict=True)])
    assert here.wait(["b"], 10).keys() == {"b"}
    here.close()
    worker.close()


def test_a_result_that_came_before_anyone_waited_is_there(url: str) -> None:
    client, worker = make(url), make(url)
    address = client.reply_to(10) or ""
    for number in range(50):
        worker.store([record(f"a{number}", reply_to=address)])
    assert client.wait(["a49"], 10).keys() == {"a49"}
    assert len(client.fetch([f"a{number}" for number in range(50)])) == 50
    client.close()
    worker.close()


def test_states_on_the_way_are_seen(url: str) -> None:
    client, worker = make(url), make(url)
    worker.store([record("a", STARTED, reply_to=client.reply_to(10) or "")])
    until(lambda: client.fetch(["a"]), "it is there")
    assert client.fetch(["a"])["a"].state == STARTED
    assert client.wait(["a"], 0) == {}
    client.close()
    worker.close()


def test_what_a_celery_worker_sends_is_understood() -> None:
    backend = make("memory://celery")
    body = record("a", "PROGRESS", 1).payload
    messages = [
        Message({}, {"correlation_id": "a"}, body),
        Message({}, {}, record("b", "FAILURE").payload),
        Message({}, {"correlation_id": "c"}, b"\x80\x04pickled", "application/x-python-serialize", "binary"),
        Message({}, {}, b"neither"),
    ]
    backend.transport.reply([(backend.reply_to(1) or "", message) for message in messages], 60)
    found = backend.fetch(["a", "b", "c", "neither", ""])
    assert {name: each.state for name, each in found.items()} == {"a": "PROGRESS", "b": "FAILURE", "c": SUCCESS}
    assert found["a"].payload == body
    backend.close()


def test_the_newest_results_are_kept_when_nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MOST", 10)
    backend = make("memory://bound")
    backend.store([record(f"a{number}") for number in range(30)])
    assert backend.fetch([f"a{number}" for number in range(30)]).keys() == {f"a{number}" for number in range(20, 30)}
    backend.close()


def test_who_calls_and_never_asks_lets_nothing_pile_up_at_the_broker(redis_server: RedisServer) -> None:
    backend = make(redis_server.url)
    for number in range(2500):
        backend.store([record(f"a{number}")])  # asks for the address, as a call does
    with redis_server.client() as client:
        length = cast(int, client.llen(backend.reply_to(1) or ""))
    assert length <= 1001
    assert len(backend.fetch([f"a{number}" for number in range(2500)])) == 2500
    backend.close()


# waiting


def test_many_who_wait_share_one_queue_and_a_reader_that_leaves_hands_over(url: str) -> None:
    client, worker = make(url), make(url)
    address = client.reply_to(10) or ""
    first = Background(lambda: client.wait(["a"], 0.3))
    others = [Background(lambda name=name: client.wait([name], None)) for name in "bcd"]
    assert first.result() == {}
    for name, other in zip("bcd", others, strict=True):
        worker.store([record(name, reply_to=address)])
        assert other.result().keys() == {name}
    client.close()
    worker.close()


def test_looking_does_not_wait_for_who_waits(url: str) -> None:
    client, worker = make(url), make(url)
    address = client.reply_to(10) or ""
    waiting = Background(lambda: client.wait(["never"], None))
    assert waiting.running(after=0.1)
    worker.store([record("a", reply_to=address)])
    begin = time.monotonic()
    until(lambda: client.fetch(["a"]), "it is seen")
    assert time.monotonic() - begin < 5
    client.nudge()
    assert waiting.result() == {}
    client.close()
    worker.close()


def test_closing_ends_the_waits_and_later_ones_are_refused(url: str) -> None:
    client = make(url)
    waiting = Background(lambda: client.wait(["a"], None))
    assert waiting.running(after=0.1)
    client.close()
    assert waiting.result() == {}
    with pytest.raises(BackendDown, match="closed"):
        client.wait(["a"], None)


def test_a_transport_that_was_replaced_is_not_waited_at(redis_server: RedisServer) -> None:
    transports = [RedisTransport(TransportOptions(redis_server.url)) for _ in range(2)]
    backend = RpcBackend(BackendOptions("rpc://", transport=lambda: transports[0]))
    old = backend.reply_to(5)
    waiting = Background(lambda: backend.wait(["a"], None))
    assert waiting.running(after=0.1)
    transports.pop(0).close()
    until(lambda: backend.reply_to(5) != old, "there is another queue")
    backend.store([record("a", reply_to=backend.reply_to(5) or "")])
    assert waiting.result().keys() == {"a"}
    backend.close()
    transports[0].close()


# what is at the broker


def keys(server: RedisServer) -> list[str]:
    with server.client() as client:
        return sorted(key.decode() for key in cast("list[bytes]", client.keys()))


def test_on_redis_the_queue_is_a_list_with_an_end_and_goes_with_the_process(redis_server: RedisServer) -> None:
    backend = make(redis_server.url, expires=1000)
    assert keys(redis_server) == []
    address = backend.reply_to(10)
    assert keys(redis_server) == [address]
    with redis_server.client() as client:
        assert 990 < cast(int, client.ttl(address or "")) <= 1000
        backend.store([record("a")])
        client.expire(address or "", 500)
        backend.fetch(["a"])
        assert 990 < cast(int, client.ttl(address or "")) <= 1000, "looking begins its life anew"
    backend.close()
    assert keys(redis_server) == []


def test_on_redis_nothing_is_made_for_one_of_ours_that_has_gone(redis_server: RedisServer) -> None:
    gone, worker = make(redis_server.url), make(redis_server.url)
    address = gone.reply_to(10) or ""
    gone.close()
    RpcBackend.store(worker, [record("a", reply_to=address)])
    assert keys(redis_server) == []
    worker.close()


def test_on_redis_what_is_sent_to_a_celery_client_has_an_end(redis_server: RedisServer) -> None:
    worker = make(redis_server.url, expires=1000)
    RpcBackend.store(worker, [record("a", reply_to="0f7d8e")])
    with redis_server.client() as client:
        assert (client.llen("0f7d8e"), 990 < cast(int, client.ttl("0f7d8e")) <= 1000) == (1, True)
    worker.close()


def test_on_redis_no_connection_is_open_before_someone_waits(redis_server: RedisServer) -> None:
    with redis_server.client() as client:
        others = {each["id"] for each in client.client_list()}
        backend = make(redis_server.url)
        backend.store([record("a")])
        assert backend.fetch(["a"]).keys() == {"a"}
        assert len({each["id"] for each in client.client_list()} - others) == 1, "the one for orders"
        waiting = [Background(lambda: backend.wait(["b"], None)) for _ in range(5)]
        until(lambda: len({each["id"] for each in client.client_list()} - others) == 2, "one more, for all")
        backend.store([record("b")])
        assert [each.result().keys() for each in waiting] == [{"b"}] * 5
        backend.close()


def test_on_rabbitmq_the_queue_has_an_end_and_goes_with_the_process(
    shared_rabbitmq: RabbitServer, rabbitmq_url: str
) -> None:
    backend, worker = make(rabbitmq_url, expires=1000), make(rabbitmq_url)
    address = backend.reply_to(10) or ""
    found = shared_rabbitmq.queues(rabbitmq_url)
    assert found.keys() == {address}
    assert found[address]["arguments"] == {"x-expires": 1_000_000}
    backend.close()
    until(lambda: shared_rabbitmq.queues(rabbitmq_url) == {}, "it goes with the process")
    worker.store([record("a", reply_to=address), record("b", reply_to="0f7d8e")])
    worker.close()
    assert shared_rabbitmq.queues(rabbitmq_url).keys() <= {worker.reply_to}, "and nothing is made in its place"


def test_on_rabbitmq_a_connection_that_breaks_takes_no_result_along(
    shared_rabbitmq: RabbitServer, rabbitmq_url: str
) -> None:
    client, worker = make(rabbitmq_url), make(rabbitmq_url)
    address = client.reply_to(10) or ""
    assert client.wait(["a"], 0.05) == {}
    worker.store([record("a", reply_to=address)])
    shared_rabbitmq.cut()
    until(lambda: _reached(lambda: client.wait(["a"], 5)), "the result is there")
    assert client.fetch(["a"]).keys() == {"a"}
    client.close()
    worker.close()


def test_on_rabbitmq_who_waits_notices_that_the_broker_says_nothing_any_more(
    shared_rabbitmq: RabbitServer, rabbitmq_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("celeriac_plugins.transports.amqp.replies.PATIENCE", 0.5)
    transport = AmqpTransport(TransportOptions(rabbitmq_url, lease=1.0))
    backend = RpcBackend(BackendOptions("rpc://", transport=lambda: transport))
    assert backend.wait(["a"], 0.05) == {}
    shared_rabbitmq.pause()
    try:
        with pytest.raises(BackendDown, match="in time"):
            Background(lambda: backend.wait(["a"], None)).result()
    finally:
        shared_rabbitmq.resume()
    until(lambda: _reached(lambda: backend.wait(["a"], 0.05) == {}), "it is there again")
    backend.close()
    transport.close()


def _reached(call: Any) -> bool:
    try:
        return bool(call())
    except (BackendDown, TransportDown):
        return False


@pytest.mark.parametrize("kind", ["redis", "amqp"])
def test_who_waits_when_the_broker_dies_is_told_and_may_wait_again(kind: str, request: pytest.FixtureRequest) -> None:
    server: Any = request.getfixturevalue("own_redis" if kind == "redis" else "own_rabbitmq")
    client, worker = make(server.url), make(server.url)
    address = client.reply_to(10) or ""
    waiters = [Background(lambda: client.wait(["a"], None)) for _ in range(3)]
    assert waiters[0].running(after=0.3)
    server.kill()
    for waiter in waiters:
        with pytest.raises(BackendDown, match=str(server.port)):
            waiter.result()
    with pytest.raises(BackendDown):
        RpcBackend.store(worker, [record("a", reply_to=address)])
    server.start()
    waiting = Background(lambda: client.wait(["a"], None))
    until(lambda: _stored(worker, record("a", reply_to=address)) and not waiting.running(after=0.1), "it comes")
    assert waiting.result().keys() == {"a"}
    client.close()
    worker.close()


def _stored(worker: Peer, what: Record) -> bool:
    try:
        RpcBackend.store(worker, [what])
    except BackendDown:
        return False
    return True


# in an app


class Shop:
    """An app whose results come back through the broker."""

    settings: ClassVar[dict[str, Any]] = {"result_backend": "rpc://"}

    @classmethod
    def make(cls, url: str) -> Celeriac:
        app = Celeriac("shop", broker=url, **cls.settings)

        @app.task(name="add")
        def add(x: int, y: int) -> int:
            return x + y

        @app.task(name="fail")
        def fail() -> None:
            raise ValueError("no")

        @app.task(name="again", bind=True, max_retries=3)
        def again(self: Any) -> int:
            if self.request.retries < 2:
                raise self.retry(countdown=0)
            return int(self.request.retries)

        @app.task(name="refuse")
        def refuse() -> None:
            raise Reject("not today", requeue=False)

        @app.task(name="progress", bind=True)
        def progress(self: Any) -> str:
            app.store_state(self.request.id, "PROGRESS", {"done": 1})
            return "done"

        return app


@pytest.fixture
def client(url: str) -> Iterator[Celeriac]:
    """A client whose calls are run by a worker of another app."""
    client, app = Shop.make(url), Shop.make(url)
    with start_worker(app, clock=ManualClock(time.time()), broker_url=url, **Shop.settings):
        yield client
    client.close()
    app.close()


def test_results_come_back(client: Celeriac) -> None:
    results = [client.tasks["add"].delay(number, 1) for number in range(20)]
    assert [result.get(timeout=10) for result in results] == list(range(1, 21))
    assert client.tasks["again"].delay().get(timeout=10) == 2
    assert client.tasks["progress"].delay().get(timeout=10) == "done"
    failed = client.tasks["fail"].delay()
    with pytest.raises(ValueError, match="no"):
        failed.get(timeout=10)
    assert failed.state == "FAILURE"
    assert "ValueError: no" in (failed.traceback or "")


def test_the_results_of_what_follows_come_back_as_well(client: Celeriac) -> None:
    add: Any = client.tasks["add"]
    assert (add.s(1, 1) | add.s(1) | add.s(1)).delay().get(timeout=10) == 4
    callback = add.s(10).set(task_id="callback")
    assert add.apply_async((1, 1), link=callback).get(timeout=10) == 2
    assert client.AsyncResult("callback").get(timeout=10) == 12
    last = (add.s(1, 1) | client.tasks["fail"].si() | add.s(1)).delay()
    with pytest.raises(ValueError, match="no"):
        last.get(timeout=10)


def test_who_waits_for_a_dead_letter_is_told(client: Celeriac) -> None:
    with pytest.raises(TaskFailed, match="not today"):
        client.tasks["refuse"].delay().get(timeout=10)


def test_who_waits_for_what_has_expired_is_told(client: Celeriac) -> None:
    with pytest.raises(TaskRevoked, match="expired"):
        client.tasks["add"].apply_async((1, 1), expires=-10).get(timeout=10)


async def _sum(results: list[Any]) -> int:
    return sum([await result for result in results])


def test_results_are_awaited(client: Celeriac) -> None:
    import asyncio

    assert asyncio.run(_sum([client.tasks["add"].delay(1, number) for number in range(10)])) == 55


def test_a_result_is_for_who_has_called(client: Celeriac, url: str) -> None:
    stranger = Shop.make(url)
    result = client.tasks["add"].delay(1, 1)
    assert result.get(timeout=10) == 2
    with pytest.raises(ResultTimeout):
        stranger.AsyncResult(result.id).get(timeout=0.2)
    stranger.close()


def test_a_call_says_where_its_result_goes_and_others_do_not() -> None:
    app = Shop.make("memory://says")
    build = app.caller.build
    address = build("add").message.reply_to
    assert address.startswith("celeriac.reply.")
    assert build("fail").message.reply_to == address, "one queue for a process"
    assert build("add", options={"reply_to": "elsewhere"}).message.reply_to == "elsewhere"
    app.close()
    kept_elsewhere = Celeriac("shop", broker="memory://says", backend="memory://")
    assert "reply_to" not in kept_elsewhere.caller.build("add").message.properties
    kept_elsewhere.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_has_an_address_of_its_own(redis_server: RedisServer) -> None:
    app = Shop.make(redis_server.url)
    mine = app.caller.build("add").message.reply_to
    out, back = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(back, app.caller.build("add").message.reply_to.encode())
        app.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    theirs = os.read(out, 1000).decode()
    assert theirs.startswith("celeriac.reply.")
    assert theirs != mine == app.caller.build("add").message.reply_to
    assert keys(redis_server) == [mine], "the child's went with it"
    for end in (out, back):
        os.close(end)
    app.close()


def test_chords_are_refused_and_the_error_says_what_to_use() -> None:
    app = Shop.make("memory://chords")
    add: Any = app.tasks["add"]
    from celeriac import chord, group

    for workflow in (chord([add.s(1, 1)], add.s(1)), group(add.s(1, 1), add.s(2, 2)) | add.s(1)):
        with pytest.raises(UnsupportedCapability, match="redis://"):
            workflow.delay()
    assert app.transport.counts("celery").ready == 0
    app.close()


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_the_first_call_ends_at_its_deadline_when_the_broker_says_nothing(scheme: str) -> None:
    with black_hole() as port:
        app = Celeriac("shop", broker=f"{scheme}://127.0.0.1:{port}/", backend="rpc://", task_publish_timeout=0.4)
        begin = time.monotonic()
        with pytest.raises(TransportDown):
            app.send_task("add", (1, 1))
        assert time.monotonic() - begin < 3
        app.close()


# refusals


def test_a_transport_that_carries_no_replies_is_refused_and_the_error_says_what_to_use(tmp_path: Any) -> None:
    app = Celeriac("shop", broker=f"sqlite://{tmp_path}/q.db", backend="rpc://")
    with pytest.raises(ConfigurationError, match=r"SqliteTransport.*redis://"):
        app.send_task("add")
    app.close()
    transport = SqliteTransport(TransportOptions(f"sqlite://{tmp_path}/q.db"))
    for refused in (lambda: transport.listen_for_replies(1, 1), lambda: transport.reply([], 1)):
        with pytest.raises(UnsupportedCapability, match="SqliteTransport"):
            refused()
    transport.close()


def test_an_address_in_the_url_is_refused() -> None:
    transport = MemoryTransport(TransportOptions("memory://"))
    with pytest.raises(ConfigurationError, match="broker_url"):
        RpcBackend(BackendOptions("rpc://user:secret@host//", transport=lambda: transport))
    RpcBackend(BackendOptions("rpc", transport=lambda: transport))
    with pytest.raises(ConfigurationError, match="transport"):
        RpcBackend(BackendOptions("rpc://"))
    transport.close()
