"""``celeriac gc``, on a transport that can look and on one that cannot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
import redis

from celeriac.message import Message, Publication
from celeriac.specs.transport import TransportOptions
from celeriac_plugins.transports.redis import RedisTransport
from servers.redis_server import RedisServer, redis_server, shared_redis

__all__ = ["redis_server", "shared_redis"]

BINDINGS = "_kombu.binding.celeryev"
BOX = "1.reply.celery.pidbox"


@pytest.fixture
def behind(redis_server: RedisServer) -> Iterator[redis.Redis]:
    """A server with a binding and a queue that are left behind, and a message that waits."""
    with redis_server.client() as client:
        client.sadd(BINDINGS, "#\x06\x16\x06\x16celeryev.1")
        client.lpush(BOX, "a reply")
        client.restore(BOX, 0, cast("bytes", client.dump(BOX)), replace=True, idletime=3600)
        transport = RedisTransport(TransportOptions(redis_server.url))
        transport.publish([Publication("q", Message({"id": "a"}, {}, b"x"))], 5)
        transport.close()
        yield client


def test_a_dry_run_shows_and_removes_nothing(behind: redis.Redis, redis_server: RedisServer, read: Any) -> None:
    shown = read("-b", redis_server.url, "gc", "--dry-run")
    assert shown["removed"] == 0
    assert {(each["kind"], each["name"]) for each in shown["found"]} == {
        ("queue", BOX),
        ("binding", "celeryev -> celeryev.1"),
    }
    assert all(each["why"] for each in shown["found"])
    assert behind.exists(BINDINGS, BOX) == 2


def test_it_removes_what_it_has_found_and_no_message(
    behind: redis.Redis, redis_server: RedisServer, run: Any, read: Any
) -> None:
    result = run("-b", redis_server.url, "gc")
    assert "2 found, 2 removed" in result.stderr
    assert BOX in result.stdout
    assert behind.exists(BINDINGS, BOX) == 0
    assert behind.llen("q\x06\x169") == 1
    assert read("-b", redis_server.url, "gc") == {"found": [], "removed": 0}


def test_only_what_is_old_enough(behind: redis.Redis, redis_server: RedisServer, read: Any) -> None:
    found = read("-b", redis_server.url, "gc", "-n", "--older-than", "7200")["found"]
    assert [each["kind"] for each in found] == ["binding"], "its age is not known, and does not matter"
    assert len(read("-b", redis_server.url, "gc", "-n", "--older-than", "3000")["found"]) == 2


def test_a_transport_that_cannot_look_is_refused(app: Any, run: Any) -> None:
    result = run("-A", "hello", "gc")
    assert result.exit_code == 2
    assert "does not look for what dead processes have left behind" in result.stderr
