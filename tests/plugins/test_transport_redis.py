"""The Redis transport: the contract, and what is particular to Redis."""

from __future__ import annotations

import base64
import json
import random
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
import redis
from kombu import Connection, Exchange, Producer, Queue

from celeriac.clock import SystemClock
from celeriac.errors import ConfigurationError, TransportCorrupt, TransportDown
from celeriac.message import UNREADABLE, Delivery, Message, Publication
from celeriac.specs.transport import QueueCounts, TransportOptions
from celeriac.testing.suite import TransportSuite
from celeriac.testing.suite.another_process import AnotherProcess
from celeriac.testing.suite.transport.background import Background
from celeriac.testing.suite.transport.clauses import message, send, take
from celeriac_plugins._shared.redis_link import Link
from celeriac_plugins.transports.redis import RedisTransport, claims
from servers.redis_server import RedisServer, own_redis, redis_server, shared_redis
from servers.silent_server import black_hole

__all__ = ["own_redis", "redis_server", "shared_redis"]


class TestRedisTransport(TransportSuite):
    driver = RedisTransport
    url = "redis://127.0.0.1:1/0"
    unreachable = "redis://127.0.0.1:1/0"
    option = "visibility_timeout"

    @pytest.fixture
    def address(self, redis_server: RedisServer) -> str:
        return redis_server.url

    def leave_litter(self, address: str) -> None:
        with redis.Redis.from_url(address) as client:
            leave_unread(client, "1.reply.celery.pidbox")
            client.sadd("_kombu.binding.reply.celery.pidbox", *(f"{n}{SEP}{SEP}{n}.reply.celery.pidbox" for n in "12"))
            client.sadd("_kombu.binding.celery.pidbox", f"{SEP}{SEP}worker@host.celery.pidbox")
            client.zadd("celeriac.leases", {"a token": 1})


class TestRedisTransportHoldingApart(TestRedisTransport):
    """As if all messages were large: each claim but the first of a row moves them by plain commands."""

    @pytest.fixture(autouse=True)
    def all_are_large(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(claims, "LARGE", 1)


SEP = "\x06\x16"


def leave_unread(client: redis.Redis, name: str, seconds: int = 3600) -> None:
    """A list that was last touched that long ago."""
    client.lpush(name, "a reply")
    client.restore(name, 0, cast("bytes", client.dump(name)), replace=True, idletime=seconds)


PASSWORD = "sesame"


@pytest.fixture
def transport(redis_server: RedisServer) -> Iterator[RedisTransport]:
    transport = make(redis_server.url)
    yield transport
    transport.close()


@pytest.fixture
def behind(redis_server: RedisServer) -> Iterator[redis.Redis]:
    """redis-py's client of the same server."""
    with redis_server.client() as client:
        yield client


@pytest.fixture
def kombu_channel(redis_server: RedisServer) -> Iterator[Any]:
    """A Celery peer, as far as it touches Redis."""
    options = {"visibility_timeout": 3600, "unacked_restore_throttle": 1}
    with Connection(redis_server.url, transport_options=options) as connection:
        channel = connection.default_channel
        channel.qos.restore_at_shutdown = False
        yield channel


def make(url: str, **options: Any) -> RedisTransport:
    return RedisTransport(TransportOptions(url, **options))


def ids(deliveries: Iterable[Delivery]) -> list[str]:
    return [delivery.message.id for delivery in deliveries]


def send_by_kombu(channel: Any, name: str, priority: int | None = None, queue: str = "q", exchange: str = "") -> None:
    Producer(channel, auto_declare=False).publish(
        [[], {}, {}], exchange=exchange, routing_key=queue, priority=priority, headers={"id": name, "task": "t"}
    )


class Ahead(SystemClock):
    """The machine's clock, but some seconds ahead."""

    __slots__ = ("_ahead",)

    def __init__(self, ahead: float) -> None:
        self._ahead = ahead

    def time(self) -> float:
        return time.time() + self._ahead


# faults


def test_after_the_server_was_killed_each_call_says_so_and_the_next_one_after_its_return_works(
    own_redis: RedisServer,
) -> None:
    transport = make(own_redis.url)
    send(transport, "a", "b")
    held = take(transport, 1)
    own_redis.kill()
    for call in (
        partial(send, transport, "lost"),
        partial(transport.receive, ["q"], 1, 0),
        partial(transport.ack, held),
        partial(transport.counts, "q"),
        partial(transport.subscribe, ["t"]),
    ):
        with pytest.raises(TransportDown, match=f"127.0.0.1:{own_redis.port}"):
            call()
    own_redis.start()
    assert ids(transport.receive(["q"], 9, 1.0)) == ["b"]
    transport.ack(held)
    send(transport, "c")
    assert ids(transport.receive(["q"], 9, 1.0)) == ["c"]
    transport.close()


def test_a_blocked_receive_hears_of_the_death_of_the_server_and_goes_on_after_it(own_redis: RedisServer) -> None:
    transport = make(own_redis.url)
    waiting = Background(lambda: transport.receive(["q"], 1, None))
    assert waiting.running(after=0.1)
    own_redis.kill()
    with pytest.raises(TransportDown):
        waiting.result()
    own_redis.start()
    waiting = Background(lambda: transport.receive(["q"], 1, None))
    assert waiting.running(after=0.1)
    send(transport, "a")
    assert ids(waiting.result()) == ["a"]
    transport.close()


def test_connections_that_were_cut_while_idle_are_made_anew_unnoticed(
    transport: RedisTransport, behind: redis.Redis
) -> None:
    send(transport, "a")
    assert ids(transport.receive(["q"], 1, 0)) == ["a"]
    time.sleep(0.15)  # idle
    behind.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    send(transport, "b")
    with suppress(TransportDown):  # the other connection has not been idle for long
        transport.receive(["q"], 1, 0)
    assert ids([*transport.receive(["q"], 1, 0)]) in (["b"], [])
    assert transport.counts("q").held + transport.counts("q").ready == 2


def test_a_blocked_receive_whose_connection_is_cut_raises_once(transport: RedisTransport, behind: redis.Redis) -> None:
    waiting = Background(lambda: transport.receive(["q"], 1, None))
    assert waiting.running(after=0.1)
    behind.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    with pytest.raises(TransportDown):
        waiting.result()
    send(transport, "a")
    assert ids(transport.receive(["q"], 1, 1.0)) == ["a"]


def test_a_subscription_whose_connection_is_cut_raises_once_and_hears_again(
    transport: RedisTransport, behind: redis.Redis
) -> None:
    subscription = transport.subscribe(["t"])
    waiting = Background(lambda: subscription.receive(None))
    assert waiting.running(after=0.1)
    behind.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    with pytest.raises(TransportDown):
        waiting.result()
    assert subscription.receive(0) == []
    transport.broadcast("t", b"x")
    assert subscription.receive(5.0) == [("t", b"x")]


@pytest.mark.parametrize("connected", [True, False])
def test_a_publish_to_a_server_that_stands_still_ends_at_its_deadline(own_redis: RedisServer, connected: bool) -> None:
    transport = make(own_redis.url)
    if connected:
        send(transport, "a")
    own_redis.pause()
    for _ in range(2):
        begin = time.monotonic()
        with pytest.raises(TransportDown):
            transport.publish([Publication("q", message("b"))], timeout=0.3)
        assert 0.25 < time.monotonic() - begin < 1.0
    own_redis.resume()
    send(transport, "c")
    transport.close()


def begin_publish(transport: RedisTransport, *names: str) -> list[Callable[[float], None]]:
    """A publish of each, begun in turn."""
    return [transport.begin_publish([Publication("q", message(name))], 5.0) for name in names]


def test_publishes_that_were_begun_end_in_any_order_and_others_may_come_between(transport: RedisTransport) -> None:
    first, second, third = begin_publish(transport, "a", "b", "c")
    second(5.0)
    first(5.0)
    assert transport.counts("q").ready == 3
    send(transport, "d")
    third(5.0)
    assert ids(take(transport, 4)) == ["a", "b", "c", "d"]


def test_a_publish_that_was_begun_is_refused_at_its_end(transport: RedisTransport, behind: redis.Redis) -> None:
    (fine,) = begin_publish(transport, "a")
    fine(5.0)
    behind.set("p", "a text")
    wrong = transport.begin_publish([Publication("p", message("b", priority=9))], 5.0)
    (right,) = begin_publish(transport, "c")
    right(5.0)
    with pytest.raises(TransportCorrupt, match="WRONGTYPE"):
        wrong(5.0)
    assert ids(take(transport, 2)) == ["a", "c"]


def test_what_was_begun_on_a_connection_that_broke_is_done_if_its_reply_has_come_and_else_not_known(
    own_redis: RedisServer,
) -> None:
    transport = make(own_redis.url)
    (answered,) = begin_publish(transport, "a")
    assert transport.counts("q").ready == 1
    own_redis.pause()
    unanswered = begin_publish(transport, "b", "c")
    own_redis.kill()
    own_redis.start()
    with suppress(TransportDown):
        send(transport, "d")
    answered(5.0)
    for finish in unanswered:
        with pytest.raises(TransportDown, match=f"127.0.0.1:{own_redis.port}"):
            finish(5.0)
    send(transport, "e")
    assert "e" in ids(take(transport, 1) + transport.receive(["q"], 9, 0))
    transport.close()


def test_a_publish_that_was_begun_ends_at_the_deadline_of_its_end_when_the_server_stands_still(
    own_redis: RedisServer,
) -> None:
    transport = make(own_redis.url)
    send(transport, "a")
    own_redis.pause()
    first, second = begin_publish(transport, "b", "c")
    started = time.monotonic()
    for finish in (first, second):
        with pytest.raises(TransportDown, match=f"127.0.0.1:{own_redis.port}"):
            finish(1.0)
    assert 0.95 < time.monotonic() - started < 1.9, "the second one knows from the first"
    own_redis.resume()
    send(transport, "d")
    transport.close()


def test_a_name_that_is_not_found_in_time_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: gate.wait(5))
    transport = make("redis://broker.example:6379/0")
    begin = time.monotonic()
    with pytest.raises(TransportDown, match=r"broker\.example"):
        transport.publish([Publication("q", message("b"))], timeout=0.2)
    assert time.monotonic() - begin < 2, "the system has not answered yet"
    gate.set()
    transport.close()


def test_no_error_shows_the_password(own_redis: RedisServer) -> None:
    with own_redis.client() as client:
        client.config_set("requirepass", PASSWORD)
    for wrong in (f"redis://:not{PASSWORD}@127.0.0.1:{own_redis.port}/0", f"redis://u:{PASSWORD}@127.0.0.1:1/0"):
        transport = make(wrong)
        with pytest.raises(TransportDown) as caught:
            send(transport, "a")
        error: BaseException | None = caught.value
        while error is not None:
            assert PASSWORD not in str(error)
            error = error.__cause__
        transport.close()
    transport = make(f"redis://:{PASSWORD}@127.0.0.1:{own_redis.port}/0")
    send(transport, "a")
    transport.close()


def test_a_key_that_is_something_else_is_damage(transport: RedisTransport, behind: redis.Redis) -> None:
    behind.set("q", "a text")
    with pytest.raises(TransportCorrupt, match="WRONGTYPE"):
        send(transport, "a", priority=9)
    with pytest.raises(TransportCorrupt):
        transport.receive(["q"], 1, 0)


def test_wrong_urls_and_options_are_refused() -> None:
    for url in ("redis://h/zero", "redis://h:port/0", "redis://h/0?ssl_ca_certs=x", "rediss://h/0?ssl_cert_reqs=maybe"):
        with pytest.raises(ConfigurationError):
            make(url)
    for extra in ({"priority_steps": [3, 0]}, {"priority_steps": []}, {"visibility_timeout": 0}):
        with pytest.raises(ConfigurationError):
            make("redis://", extra=extra)


_TAKE_AND_DIE = """
transport = suite.make(argv[0])
print("begin", flush=True)
while True:
    held = transport.receive(["q"], 7, 0)
    transport.reject(held[:2])
    transport.ack(held[2:5])
"""


def test_a_killed_receiver_loses_nothing(redis_server: RedisServer, behind: redis.Redis) -> None:
    transport = make(redis_server.url)
    sent = 20_000
    for start in range(0, sent, 1000):
        send(transport, *(str(number) for number in range(start, start + 1000)))
    behind.execute_command("CONFIG", "RESETSTAT")
    for _ in range(6):
        with AnotherProcess(TestRedisTransport(), _TAKE_AND_DIE, redis_server.url) as process:
            assert process.hear() == "begin"
            time.sleep(random.uniform(0.0, 0.1))
    there = sum(cast(int, behind.llen(f"q{step}")) for step in ("", "\x06\x163", "\x06\x166", "\x06\x169"))
    held = cast(int, behind.hlen("unacked"))
    acknowledged = sent - there - held
    assert 0 < acknowledged < sent
    assert held == behind.zcard("unacked_index") == behind.zcard("celeriac.leases")
    transport.close()
    late = make(redis_server.url, clock=Ahead(40))
    left: list[str] = []
    while batch := late.receive(["q"], 1000, 0):
        left += ids(batch)
        late.ack(batch)
    assert len(left) == len(set(left)) == there + held
    late.close()


# what a Celery peer sees, and what we see of it


def test_kombu_reads_what_we_publish(transport: RedisTransport, kombu_channel: Any, behind: redis.Redis) -> None:
    properties = {"correlation_id": "a", "reply_to": "r", "delivery_mode": 2, "priority": 9}
    body = b'[[1], {}, {"chain": null}]'
    transport.publish([Publication("q", Message({"id": "a", "task": "t"}, properties, body))], 5)
    (text,) = behind.lrange("q", 0, -1)
    envelope = json.loads(text)
    assert base64.b64decode(envelope["body"]) == body
    assert envelope["properties"]["delivery_info"] == {"exchange": "", "routing_key": "q"}
    received = kombu_channel.basic_get("q")
    assert (received.decode(), received.headers["id"]) == ([[1], {}, {"chain": None}], "a")
    assert received.properties["correlation_id"] == "a"
    assert behind.hlen("unacked") == behind.zcard("unacked_index") == 1
    received.ack()
    assert behind.hlen("unacked") == behind.zcard("unacked_index") == 0


def test_we_read_what_kombu_publishes(transport: RedisTransport, kombu_channel: Any) -> None:
    Producer(kombu_channel).publish(
        [[1], {}, {}],
        exchange="",
        routing_key="q",
        headers={"id": "a", "task": "t"},
        correlation_id="a",
        reply_to="r",
        priority=3,
    )
    delivery = take(transport, 1)[0]
    assert (delivery.queue, delivery.count) == ("q", 1)
    assert delivery.message.body == b"[[1], {}, {}]"
    assert (delivery.message.content_type, delivery.message.content_encoding) == ("application/json", "utf-8")
    assert delivery.message.headers == {"id": "a", "task": "t"}
    assert delivery.message.properties == {
        "correlation_id": "a",
        "reply_to": "r",
        "delivery_mode": 2,
        "priority": 6,
    }


def test_bodies_that_are_not_base64_are_read(transport: RedisTransport, redis_server: RedisServer) -> None:
    with Connection(redis_server.url, transport_options={"body_encoding": None}) as connection:
        connection.default_channel.body_encoding = None
        send_by_kombu(connection.default_channel, "a")
    assert take(transport, 1)[0].message.body == b"[[], {}, {}]"


def test_kombu_and_we_take_the_most_urgent_first(transport: RedisTransport, kombu_channel: Any) -> None:
    for _ in range(2):
        send(transport, "low", priority=0)
        send(transport, "none")
        send(transport, "middle", priority=5)
        send(transport, "high", priority=9)
        for name, priority in (("kombu-low", 9), ("kombu-middle", 4), ("kombu-high", 0)):
            send_by_kombu(kombu_channel, name, priority)
    expected = [["high", "kombu-high"] * 2, ["middle", "kombu-middle"] * 2, ["low", "none", "kombu-low"] * 2]
    ours = ids(take(transport, 7))
    theirs = [kombu_channel.basic_get("q", no_ack=True).headers["id"] for _ in range(7)]
    assert ours + theirs == [name for level in expected for name in level]


def test_kombu_restores_what_we_held_when_we_are_gone(
    transport: RedisTransport, kombu_channel: Any, behind: redis.Redis
) -> None:
    send(transport, "a", priority=5)
    take(transport, 1)
    kombu_channel.qos.restore_visible(interval=1)
    assert behind.hlen("unacked") == 1, "not while we hold it"
    behind.zincrby("unacked_index", -3601, behind.hkeys("unacked")[0])
    kombu_channel.qos.restore_visible(interval=1)
    assert behind.hlen("unacked") == 0
    again = take(transport, 1)[0]
    assert (again.message.id, again.message.priority, again.count) == ("a", 5, 2)
    transport.reject([again])
    assert take(transport, 1)[0].count == 3


def test_we_restore_what_kombu_held_when_it_is_gone(redis_server: RedisServer, kombu_channel: Any) -> None:
    send_by_kombu(kombu_channel, "a", 3)
    assert kombu_channel.basic_get("q").headers["id"] == "a"
    early, late = make(redis_server.url, clock=Ahead(3500)), make(redis_server.url, clock=Ahead(3700))
    assert early.receive(["q"], 1, 0) == []
    assert early.counts("q").held == 1
    delivery = take(late, 1)[0]
    assert (delivery.message.id, delivery.count, delivery.message.properties["priority"]) == ("a", 2, 6)
    early.close()
    late.close()


@pytest.mark.parametrize(("kind", "bound"), [("direct", "shop.pay"), ("topic", "shop.*"), ("topic", "#.pay")])
def test_what_kombu_held_goes_back_to_the_queues_that_are_bound(
    redis_server: RedisServer, kombu_channel: Any, kind: str, bound: str
) -> None:
    exchange = Exchange("shop", kind)
    Queue("payments", exchange, routing_key=bound).bind(kombu_channel).declare()
    Queue("others", exchange, routing_key="shop.send").bind(kombu_channel).declare()
    send_by_kombu(kombu_channel, "a", queue="shop.pay", exchange="shop")
    assert kombu_channel.basic_get("payments").headers["id"] == "a"
    late = make(redis_server.url, clock=Ahead(3700))
    assert ids(late.receive(["payments", "others"], 9, 0)) == ["a"]
    assert late.receive(["payments", "others", "shop.pay"], 9, 0) == []
    late.close()


def test_what_we_renew_is_not_restored_by_kombu(
    redis_server: RedisServer, kombu_channel: Any, behind: redis.Redis
) -> None:
    transport = make(redis_server.url)
    send(transport, "a")
    held = take(transport, 1)
    (token,) = behind.hkeys("unacked")
    behind.zincrby("unacked_index", -7200, token)
    assert transport.renew(held) == []
    kombu_channel.qos.restore_visible(interval=1)
    assert behind.hexists("unacked", token)
    transport.close()


def test_a_lease_longer_than_the_time_out_of_our_peers_is_kept_by_them(
    redis_server: RedisServer, kombu_channel: Any, behind: redis.Redis
) -> None:
    transport = make(redis_server.url, lease=60, extra={"visibility_timeout": 5})
    kombu_channel.visibility_timeout = 5
    send(transport, "a", "b")
    held = take(transport, 2)
    transport.renew(held[:1])
    for _, renewed in cast("list[tuple[bytes, float]]", behind.zrange("unacked_index", 0, -1, withscores=True)):
        assert 50 < renewed - time.time() <= 56, "as if renewed when the time-out is all that is left"
    kombu_channel.qos.restore_visible(interval=1)
    assert behind.hlen("unacked") == 2
    transport.close()


def large(*names: str) -> list[Publication]:
    headers = {"task": "suite.task"}
    return [Publication("q", Message({"id": name, **headers}, {}, b"x" * 100_000)) for name in names]


def test_large_messages_are_held_in_lists_of_their_own(transport: RedisTransport, behind: redis.Redis) -> None:
    transport.publish(large(*"abcd"), 5)
    held = take(transport, 1) + take(transport, 2)
    assert ids(held) == ["a", "b", "c"]
    assert behind.hlen("unacked") == 1, "how large they are is known from the first one"
    apart = behind.keys("celeriac.held.*")
    assert len(apart) == 2
    assert transport.counts("q").held == 3
    transport.ack(held[:2])
    assert transport.counts("q").held == 1
    transport.reject(held[2:])
    assert [(each.message.id, each.count) for each in transport.receive(["q"], 9, 0)] == [("c", 2), ("d", 1)]


def test_what_a_killed_worker_held_of_large_messages_comes_back(redis_server: RedisServer) -> None:
    killed, heir = make(redis_server.url, lease=0.5), make(redis_server.url)
    killed.publish(large(*"abc"), 5)
    take(killed, 1)
    assert ids(killed.receive(["q"], 9, 0)) == ["b", "c"]
    again = take(heir, 3)
    assert [(each.message.id, each.count) for each in again] == [("a", 2), ("b", 2), ("c", 2)]
    heir.ack(again)
    assert heir.counts("q") == QueueCounts()
    killed.close()
    heir.close()


def test_of_large_messages_that_others_have_taken_in_between_nothing_stays(
    transport: RedisTransport, behind: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    transport.publish(large(*"abc"), 5)
    held = take(transport, 1)
    honest = claims.LargeClaim._lengths

    def too_many(*arguments: Any) -> dict[str, list[int]]:
        return {queue: [length and length + 2 for length in lengths] for queue, lengths in honest(*arguments).items()}

    monkeypatch.setattr(claims.LargeClaim, "_lengths", too_many)
    held += transport.receive(["q"], 9, 0)
    assert ids(held) == ["a", "b", "c"]
    assert behind.zcard("celeriac.leases") == 3
    transport.ack(held)
    assert not behind.exists("celeriac.leases")


def test_who_sleeps_since_before_a_message_was_taken_gets_it_when_the_lease_ends(redis_server: RedisServer) -> None:
    sleeper, taker = make(redis_server.url, lease=1.0), make(redis_server.url, lease=1.0)
    waiting = Background(lambda: sleeper.receive(["q"], 1, None))
    assert waiting.running(after=0.1)
    send(taker, "a", queue="other")
    taken = take(taker, 1, "other")
    send(taker, "b")
    assert ids(waiting.result()) == ["b"]
    waiting = Background(lambda: sleeper.receive(["other"], 1, None))
    assert waiting.running(after=0.5)
    assert taker.renew(taken) == []
    assert waiting.running(after=0.7), "it was renewed"
    (again,) = waiting.result()
    assert (again.message.id, again.count) == ("a", 2)
    sleeper.close()
    taker.close()


def test_a_push_by_anyone_ends_the_wait_at_once(transport: RedisTransport, kombu_channel: Any) -> None:
    waiting = Background(lambda: (transport.receive(["a", "q"], 1, None), time.monotonic()))
    assert waiting.running(after=0.1)
    begin = time.monotonic()
    send_by_kombu(kombu_channel, "a", 6)
    deliveries, end = waiting.result()
    assert ids(deliveries) == ["a"]
    assert end - begin < 1, "nobody looks before seconds have passed"


def test_word_of_a_change_right_behind_an_answer_is_not_overlooked() -> None:
    here, there = socket.socketpair()
    with here, there:
        link = Link(here)
        there.sendall(b":1\r\n>2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nq\r\n")
        assert link.call([("EXISTS", "q")], time.monotonic() + 5) == [1]
        assert link.has_more, "although the socket has no more"
        assert link.take_pushes() == [[b"invalidate", [b"q"]]]
        assert not link.has_more
        there.sendall(b">2\r\n$10\r\ninvalidate\r\n_\r\n:2\r\n")
        assert link.call([("EXISTS", "q")], time.monotonic() + 5) == [2]
        assert link.take_pushes() == [[b"invalidate", None]]


def test_no_push_is_slept_through(redis_server: RedisServer) -> None:
    sender, receiver = make(redis_server.url), make(redis_server.url, lease=300)
    many = 1500

    def receive_all() -> list[str]:
        received: list[str] = []
        while len(received) < many:
            batch = receiver.receive(["q", "p"], 3, None)
            received += ids(batch)
            receiver.ack(batch)
        return received

    receiving = Background(receive_all)
    sent = [str(number) for number in range(many)]
    for name in sent:
        send(sender, name, queue=random.choice("qp"))
        time.sleep(random.choice((0, 0, 0.0001, 0.0005)))
    assert sorted(receiving.result()) == sorted(sent)
    sender.close()
    receiver.close()


def test_where_no_worker_of_ours_is_a_task_with_an_eta_goes_out_at_once(
    transport: RedisTransport, redis_server: RedisServer
) -> None:
    late = Publication("q", message("a", eta="2099-01-01T00:00:00+00:00"), time.time() + 1000)
    transport.publish([late], 5)
    assert transport.counts("q").ready == 1, "Celery's worker waits itself"
    assert ids(take(transport, 1)) == ["a"]
    transport.publish([late], 5)
    assert transport.counts("q").delayed == 1, "the transport of ours that has received keeps it"


GARBAGE = (
    *(b"", b"\x00\xff", b"{", b"{}", b"[]", b"null", b'"text"', b'{"body": 1', b'{"a":"]', b"x,", b'x"', b"x\\", b"7"),
    b'{"x-celeriac":7,"properties":{}}',
)


@pytest.mark.parametrize("garbage", GARBAGE, ids=repr)
def test_garbage_is_handed_on_as_it_is(transport: RedisTransport, behind: redis.Redis, garbage: bytes) -> None:
    behind.lpush("q", garbage)
    delivery = take(transport, 1)[0]
    assert delivery.message == Message({}, {}, garbage, UNREADABLE, "binary")
    transport.reject([delivery])
    again = take(transport, 1)[0]
    assert again.message == delivery.message
    transport.dead_letter([(again, "no message", "")])
    (letter,) = transport.dead_letters()
    assert (letter.message, letter.queue) == (delivery.message, "q")
    assert transport.replay([letter.id]) == 1
    assert take(transport, 1)[0].message == delivery.message


# keys, connections, commands


def test_every_key_begins_with_the_prefix(redis_server: RedisServer, behind: redis.Redis) -> None:
    one, two = (make(redis_server.url, extra={"global_keyprefix": prefix}) for prefix in ("{one}:", "{two}:"))
    listener = one.subscribe(["t"])
    send(one, "a", "b", "c", priority=3)
    send(one, "d", due=time.time() + 100)
    one.dead_letter([(each, "r", "") for each in take(one, 1)])
    take(one, 1)
    assert two.receive(["q"], 9, 0) == []
    two.broadcast("t", b"to the other")
    one.broadcast("t", b"to us")
    assert listener.receive(5) == [("t", b"to us")]
    keys = cast("list[bytes]", behind.keys())
    assert len(keys) > 6
    assert [key for key in keys if not key.startswith((b"{one}:", b"{two}:"))] == []
    one.close()
    two.close()


def test_with_ten_priority_steps_each_has_its_list(redis_server: RedisServer, behind: redis.Redis) -> None:
    transport = make(redis_server.url, extra={"priority_steps": list(range(10)), "sep": ":"})
    for priority in (1, 8, 0, 9):
        send(transport, str(priority), priority=priority)
    assert set(cast("list[bytes]", behind.keys("q*"))) == {b"q", b"q:1", b"q:8", b"q:9"}
    assert ids(take(transport, 4)) == ["9", "8", "1", "0"]
    transport.close()


def test_what_is_drained_leaves_no_key_without_an_end(transport: RedisTransport, behind: redis.Redis) -> None:
    listener = transport.subscribe(["celery.pidbox", "reply.celery.pidbox.1"])
    send(transport, "a", "b", "c", "d", "e")
    transport.receive(["q"], 9, 0)
    a, b, c, d, e = transport.receive(["q"], 9, 0) or take_again(transport)
    transport.renew([a])
    transport.ack([a])
    transport.reject([b])
    transport.delay([(c, time.time() + 0.05)])
    transport.dead_letter([(d, "r", ""), (e, "r", "")])
    transport.replay([transport.dead_letters()[0].id])
    transport.drop_dead([transport.dead_letters()[0].id])
    for _ in range(3):
        transport.ack(take(transport, 1))
    listener.close()
    keys = cast("list[bytes]", behind.keys())
    assert [key for key in keys if cast(int, behind.ttl(key)) < 0] == []


def take_again(transport: RedisTransport) -> list[Delivery]:
    """What was just taken and not settled, taken again by way of the clock."""
    late = make(transport.options.url, clock=Ahead(31))
    taken = late.receive(["q"], 9, 0)
    late.close()
    return taken


def test_a_worker_that_waits_sends_no_command_and_has_two_connections(
    transport: RedisTransport, behind: redis.Redis
) -> None:
    before = clients(behind)
    send(transport, "a")
    transport.ack(take(transport, 1))
    assert len(clients(behind) - before) == 2, "one for orders, one for receiving"
    for _ in range(3):  # the worker's loop comes round without a word to the server
        begin = total_commands(behind)
        assert transport.receive(["q"], 1, 0.1) == []
    assert total_commands(behind) - begin <= 2, "but for our own questions"
    for _ in range(50):
        send(transport, "b")
        transport.ack(take(transport, 1))
    assert len(clients(behind) - before) == 2


def clients(behind: redis.Redis) -> set[str]:
    """Who is connected to the server, by id: tests before this one may have left connections that still close."""
    return {client["id"] for client in behind.client_list()}


def total_commands(behind: redis.Redis) -> int:
    stats = cast("dict[str, Any]", behind.info("commandstats"))
    return sum(each["calls"] for name, each in stats.items() if not name.startswith("cmdstat_info"))


def test_many_threads_share_one_connection_for_orders(transport: RedisTransport, behind: redis.Redis) -> None:
    before = clients(behind)
    senders = [
        Background(partial(lambda n: [send(transport, f"{n}-{i}") for i in range(30)], number)) for number in range(8)
    ]
    for sender in senders:
        sender.result()
    assert transport.counts("q").ready == 240
    assert len(clients(behind) - before) == 1


def test_a_unix_socket_will_do(own_redis: RedisServer) -> None:
    transport = make(f"redis://{own_redis.socket}?db=3")
    send(transport, "a")
    assert ids(take(transport, 1)) == ["a"]
    with own_redis.client(db=3) as client:
        assert client.hlen("unacked") == 1
    transport.close()


def test_tls_is_spoken_and_checked(tmp_path: Path) -> None:
    if not shutil.which("openssl"):
        pytest.skip("openssl makes the certificate; Debian's package is openssl")
    key, certificate = tmp_path / "k.pem", tmp_path / "c.pem"
    names = ("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1")
    files = ("-keyout", str(key), "-out", str(certificate))
    make_it = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names, *files]
    subprocess.run(make_it, check=True, capture_output=True)
    given = ["--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", certificate]
    server = RedisServer(tmp_path, *map(str, given), "--tls-auth-clients", "no", tls=True)
    try:
        url = f"rediss://127.0.0.1:{server.port}/0"
        transport = make(f"{url}?ssl_ca_certs={certificate}")
        waiting = Background(lambda: transport.receive(["q"], 1, None))
        assert waiting.running(after=0.1)
        transport.publish([Publication("q", Message({"id": "a"}, {}, b"x" * 200_000))], 5)
        assert ids(waiting.result()) == ["a"]
        listener = transport.subscribe(["t"])
        transport.broadcast("t", b"x" * 100_000)
        assert listener.receive(5) == [("t", b"x" * 100_000)]
        transport.close()
        stranger = make(url)
        with pytest.raises(TransportDown, match=r"(?i)certificate"):
            send(stranger, "a")
        stranger.close()
        trusting = make(f"{url}?ssl_cert_reqs=CERT_NONE&ssl_check_hostname=false")
        send(trusting, "b")
        trusting.close()
    finally:
        server.stop()


def test_a_connection_to_a_server_that_never_answers_leaves_no_thread_behind() -> None:
    """One that goes on after its time is up takes the interpreter from the tasks."""
    with black_hole() as port:
        transport = RedisTransport(TransportOptions(f"redis://127.0.0.1:{port}/0"))
        with pytest.raises(TransportDown):
            transport.publish([Publication("q", message("a"))], 0.3)
        until = time.monotonic() + 5
        while any(thread.name == "celeriac-redis-dial" for thread in threading.enumerate()):
            assert time.monotonic() < until, "it still tries to connect"
            time.sleep(0.01)
        transport.close()
