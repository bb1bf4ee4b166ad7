"""What killed processes leave in Redis, ours and Celery's, and what `litter` makes of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, cast

import pytest
import redis
from celery import Celery
from kombu import Connection
from kombu.pidbox import Mailbox

from celeriac.message import Message, Publication
from celeriac.specs.transport import Litter, TransportOptions
from celeriac_plugins.transports.redis import RedisTransport
from family import Family
from servers.redis_server import RedisServer, redis_server, shared_redis
from worker_process import until

__all__ = ["redis_server", "shared_redis"]

SEP = "\x06\x16"
LIFE = 2
"""Seconds of life of a box in these tests."""
MESSAGES = {b"q\x06\x169", b"unacked", b"unacked_index", b"celeriac.leases", b"celeriac.queues"}
"""The keys of messages that wait or are held, and of their queue."""


@pytest.fixture
def transport(redis_server: RedisServer) -> Iterator[RedisTransport]:
    transport = RedisTransport(TransportOptions(redis_server.url))
    yield transport
    transport.close()


@pytest.fixture
def behind(redis_server: RedisServer) -> Iterator[redis.Redis]:
    with redis_server.client() as client:
        yield client


def keys(behind: redis.Redis) -> set[bytes]:
    return set(cast("list[bytes]", behind.keys()))


def members(behind: redis.Redis, exchange: str) -> list[str]:
    found = cast("set[bytes]", behind.smembers(f"_kombu.binding.{exchange}"))
    return sorted(member.decode().rpartition(SEP)[2] for member in found)


def found(transport: RedisTransport) -> list[tuple[str, str]]:
    return [(each.kind, each.name) for each in transport.litter()]


def leave_unread(behind: redis.Redis, name: str, seconds: int) -> None:
    """A list that was last touched that long ago."""
    behind.lpush(name, "a reply")
    behind.restore(name, 0, cast("bytes", behind.dump(name)), replace=True, idletime=seconds)


# our own


LISTEN = """
import signal
from celeriac.specs.transport import TransportOptions
from celeriac_plugins.transports.redis import RedisTransport, subscription

subscription.BOX_LIFE = int(argv[1])

def child(number, ready):
    transport = RedisTransport(TransportOptions(argv[0], lease=2))
    if number < 300:  # a worker
        listener = transport.subscribe(["celery.pidbox"])
        transport.receive(["q"], 1, 0.01)
    else:
        listener = transport.subscribe(["celeryev", f"reply.celery.pidbox.{number}"])
    ready()
    signal.pause()
"""


def test_of_200_killed_workers_and_20_killed_monitors_no_key_is_left(
    transport: RedisTransport, behind: redis.Redis, redis_server: RedisServer
) -> None:
    with Family(LISTEN, redis_server.url, str(LIFE)) as family:
        family.start(0, 1)
        family.kill(0, 1)
        before = keys(behind)
        transport.publish([Publication("q", Message({"id": str(number)}, {}, b"x")) for number in range(50)], 5)
        family.start(100, 300)
        family.start(300, 320)
        there = keys(behind)
        family.kill(100, 320)
    boxes = {b"reply.celery.pidbox.%d" % number for number in range(300, 320)}
    assert boxes <= there
    assert there - before - boxes <= MESSAGES
    until(lambda: not keys(behind) & boxes, "the boxes are gone", timeout=2 * LIFE)

    def settle() -> bool:
        transport.ack(transport.receive(["q"], 50, 0))
        return not behind.exists("unacked", "q")

    until(settle, "what they held has come back", timeout=7)
    assert keys(behind) - before <= {b"celeriac.queues"}, "one for all"
    assert [key for key in keys(behind) if cast(int, behind.ttl(key)) < 0] == []
    assert transport.litter() == []


def test_a_living_box_is_tended(
    transport: RedisTransport, behind: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("celeriac_plugins.transports.redis.subscription.BOX_LIFE", LIFE)
    listener = transport.subscribe(["reply.celery.pidbox.1"])
    end = time.monotonic() + 1.5 * LIFE
    while time.monotonic() < end:
        assert listener.receive(0.3) == []
        assert behind.exists("reply.celery.pidbox.1")
    listener.close()
    assert not behind.exists("reply.celery.pidbox.1")


# Celery's


@pytest.fixture
def celery_worker(redis_server: RedisServer) -> Iterator[str]:
    """A Celery worker as far as it hears remote control; the name of its queue."""
    with Connection(redis_server.url) as connection:
        node = Mailbox("celery", type="fanout").Node("living@host", channel=connection.default_channel)
        node.handlers["ping"] = lambda state, **_: {"ok": "pong"}
        consumer = node.listen(callback=lambda body, message: node.handle_message(body, message))
        stopping = threading.Event()

        def hear() -> None:
            while not stopping.is_set():
                with suppress(TimeoutError):
                    connection.drain_events(timeout=0.1)

        thread = threading.Thread(target=hear)
        thread.start()
        yield "living@host.celery.pidbox"
        stopping.set()
        thread.join()
        consumer.channel.close()


def bind(behind: redis.Redis, exchange: str, *queues: str) -> None:
    behind.sadd(f"_kombu.binding.{exchange}", *(f"{SEP}{SEP}{queue}" for queue in queues))


def test_of_celerys_workers_the_dead_are_told_from_the_living(
    transport: RedisTransport, behind: redis.Redis, celery_worker: str
) -> None:
    bind(behind, "celery.pidbox", "dead@host.celery.pidbox", "dead@other.celery.pidbox")
    litter = transport.litter()
    assert [each.name for each in litter] == [
        "celery.pidbox -> dead@host.celery.pidbox",
        "celery.pidbox -> dead@other.celery.pidbox",
    ]
    assert transport.sweep_litter(litter) == 2
    assert members(behind, "celery.pidbox") == [celery_worker]


def test_while_one_who_listens_does_not_answer_nobody_counts_as_dead(
    transport: RedisTransport, behind: redis.Redis, celery_worker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("celeriac_plugins.transports.redis.roll_call._PATIENCE", 0.3)
    bind(behind, "celery.pidbox", "perhaps@host.celery.pidbox")
    with behind.pubsub() as busy:
        busy.psubscribe("/0.celery.pidbox")
        until(lambda: busy.get_message(timeout=1), "it listens")
        assert transport.litter() == []
    until(lambda: found(transport), "it has gone, so now it is known")


def test_bindings_of_an_exchange_to_which_nobody_listens_are_litter(
    transport: RedisTransport, behind: redis.Redis
) -> None:
    bind(behind, "celeryev", "celeryev.1", "celeryev.2", "a-queue-of-tasks")
    with behind.pubsub() as monitor:
        monitor.psubscribe("/0.celeryev/*")
        until(lambda: monitor.get_message(timeout=1), "it listens")
        assert transport.litter() == [], "one of them is alive, and nobody can say which"
    until(lambda: len(found(transport)) == 2, "nobody listens")
    assert transport.sweep_litter(transport.litter()) == 2
    assert members(behind, "celeryev") == ["a-queue-of-tasks"]


def test_bindings_for_replies_are_litter_when_kombus_time_for_them_is_over(
    transport: RedisTransport, behind: redis.Redis
) -> None:
    exchange = "reply.celery.pidbox"
    bind(behind, exchange, "1.reply.celery.pidbox", "2.reply.celery.pidbox")
    behind.sadd(f"_kombu.binding_permanent.{exchange}", f"{SEP}{SEP}2.reply.celery.pidbox")
    assert transport.litter() == [], "age is no proof"
    behind.zadd("_kombu.binding_deadlines", {exchange: time.time() * 1000 + 60_000})
    assert transport.litter() == []
    behind.zadd("_kombu.binding_deadlines", {exchange: time.time() * 1000 - 1})
    assert found(transport) == [("binding", f"{exchange} -> 1.reply.celery.pidbox")]


def test_only_lists_that_nobody_reads_are_litter(transport: RedisTransport, behind: redis.Redis) -> None:
    names = ["1.reply.celery.pidbox", "reply.celery.pidbox.2", "w@h.celery.pidbox", "celeryev.3"]
    names.append("celeriac.reply.7")  # by a Celery worker, to a client of ours that has gone
    for name in (*names, "orders", "p.pidbox"):
        leave_unread(behind, name, seconds=3600)
    leave_unread(behind, "4.reply.celery.pidbox", seconds=10)
    leave_unread(behind, "5.reply.celery.pidbox", seconds=3600)
    behind.expire("5.reply.celery.pidbox", 60)
    behind.zadd("celeriac.queues", {"p.pidbox": time.time()})
    bind(behind, "reply.celery.pidbox", "1.reply.celery.pidbox", "6.reply.celery.pidbox")
    litter = transport.litter()
    assert {each.name for each in litter} == set(names)
    assert all(each.age is not None and each.age >= 3600 for each in litter)
    assert transport.sweep_litter(litter) == 5
    assert members(behind, "reply.celery.pidbox") == ["6.reply.celery.pidbox"], "its binding goes with it"


def test_a_large_message_that_is_held_is_no_litter_whatever_its_queue_is_called(
    transport: RedisTransport, behind: redis.Redis
) -> None:
    queue, body = "tasks.pidbox", b"x" * 100_000
    transport.publish([Publication(queue, Message({"id": name, "task": "t"}, {}, body)) for name in "ab"], 5)
    transport.receive([queue], 1, 5)
    transport.receive([queue], 1, 5)
    (apart,) = cast("list[bytes]", behind.keys("celeriac.held.*"))
    behind.restore(apart, 0, cast("bytes", behind.dump(apart)), replace=True, idletime=3600)
    assert found(transport) == []


def test_what_has_come_into_use_meanwhile_is_not_swept(transport: RedisTransport, behind: redis.Redis) -> None:
    leave_unread(behind, "1.reply.celery.pidbox", seconds=3600)
    litter = transport.litter()
    behind.lpush("1.reply.celery.pidbox", "another reply")
    assert transport.sweep_litter(litter) == 0
    assert behind.llen("1.reply.celery.pidbox") == 2
    assert transport.sweep_litter([Litter("q", "queue", "not found by us")]) == 0


def test_an_entry_of_an_index_without_its_message_is_litter(transport: RedisTransport, behind: redis.Redis) -> None:
    transport.publish([Publication("q", Message({"id": "a"}, {}, b"x"))], 5)
    held = transport.receive(["q"], 1, 0)
    behind.zadd("unacked_index", {"stray": 1})
    assert found(transport) == [("index entry", "stray")]
    assert transport.sweep_litter(transport.litter()) == 1
    assert behind.zrange("unacked_index", 0, -1) == behind.zrange("celeriac.leases", 0, -1) == behind.hkeys("unacked")
    transport.ack(held)


# a question of ours, answered by Celery


def test_a_question_of_ours_leaves_no_binding(
    redis_server: RedisServer, behind: redis.Redis, celery_worker: str
) -> None:
    from celeriac import Celeriac
    from celeriac.control import Control

    with Celeriac("shop", broker=redis_server.url) as app:
        assert Control(app).ping(timeout=0.5).keys() == {"living@host"}
    assert members(behind, "reply.celery.pidbox") == []
    assert [key for key in keys(behind) if b"reply" in key] == []


def test_a_question_of_celery_is_answered_where_it_asks(redis_server: RedisServer, behind: redis.Redis) -> None:
    transport = RedisTransport(TransportOptions(redis_server.url))
    listener = transport.subscribe(["celery.pidbox"])
    app: Any = Celery("shop", broker=redis_server.url, set_as_current=False)

    def answer() -> None:
        import json

        ((_, payload),) = listener.receive(10)
        transport.broadcast(json.loads(payload)["reply_to"]["routing_key"], b'{"ours@host": {"ok": "pong"}}')

    thread = threading.Thread(target=answer)
    thread.start()
    assert app.control.ping(timeout=0.5) == [{"ours@host": {"ok": "pong"}}]
    thread.join()
    app.close()
    app.pool.force_close_all()
    transport.close()
