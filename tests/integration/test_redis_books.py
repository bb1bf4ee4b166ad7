"""The books of a Redis queue, kept exactly: published = executed + queued + held, however many consumers are killed.

The long form is asked for by ``LONG_TESTS=1``.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any, cast

import pytest
import redis

from celeriac.clock import SystemClock
from celeriac.message import Message, Publication
from celeriac.specs.transport import TransportOptions
from celeriac_plugins.transports.redis import RedisTransport
from family import Family
from servers.redis_server import RedisServer, own_redis

__all__ = ["own_redis"]

LONG = bool(os.environ.get("LONG_TESTS"))
PUBLISHED, KILLS = (100_000, 1000) if LONG else (6_000, 60)
CONSUMERS, CLAIM, LEASE = 4, 8, 1.0
PACE = "0.003" if LONG else "0.002"
"""Seconds that a consumer takes for a claim, so that messages last as long as the kills do."""

CONSUME = """
import os, random, time
from celeriac.specs.transport import TransportOptions
from celeriac_plugins.transports.redis import RedisTransport

def child(number, ready):
    diary = os.open(argv[1], os.O_WRONLY | os.O_APPEND)
    transport = RedisTransport(TransportOptions(argv[0], lease=float(argv[2])))
    chance = random.Random(number)
    pace = float(argv[4])
    ready()
    while True:
        held = transport.receive(["q"], int(argv[3]), None)
        kept, rest = held[:-1] or held, held[:-1] and held[-1:]
        time.sleep(pace)
        os.write(diary, "".join(f"{each.message.id}\\n" for each in kept).encode())
        if chance.random() < 0.5:
            transport.reject(rest, started=False)
        else:
            transport.delay([(each, time.time() + 0.05) for each in rest], started=False)
        transport.ack(kept)
"""


class Ahead(SystemClock):
    """The machine's clock, but a lease ahead."""

    __slots__ = ()

    def time(self) -> float:
        return time.time() + LEASE + 1


def ids(texts: list[bytes]) -> list[str]:
    """The ids of messages as they lie in lists, in the hash of held ones, among the delayed ones."""
    return [text.partition(b'"id":"')[2].partition(b'"')[0].decode() for text in texts]


def where(client: redis.Redis) -> dict[str, list[str]]:
    """All ids that are in Redis, by place."""
    lists = [f"q{step}" for step in ("", "\x06\x163", "\x06\x166", "\x06\x169")]
    found: dict[str, Any] = {
        "queued": [text for name in lists for text in cast("list[bytes]", client.lrange(name, 0, -1))],
        "held": client.hvals("unacked"),
        "delayed": client.zrange("celeriac.delayed.q", 0, -1),
    }
    return {place: ids(texts) for place, texts in found.items()}


@pytest.mark.timeout(3600 if LONG else 120)
def test_published_is_executed_and_queued_and_held_exactly(own_redis: RedisServer, tmp_path: Path) -> None:
    own_redis.folder.joinpath("diary").touch()
    diary = own_redis.folder / "diary"
    published = [f"{number:06}" for number in range(PUBLISHED)]
    transport = RedisTransport(TransportOptions(own_redis.url, lease=LEASE))
    for start in range(0, PUBLISHED, 1000):
        batch = published[start : start + 1000]
        transport.publish([Publication("q", Message({"id": name, "task": "t"}, {}, b"x")) for name in batch], 30)
    with Family(CONSUME, own_redis.url, str(diary), str(LEASE), str(CLAIM), PACE, patience=3600) as family:
        family.start(0, CONSUMERS)
        living = list(range(CONSUMERS))
        for number in range(CONSUMERS, CONSUMERS + KILLS):
            time.sleep(random.uniform(0, 0.03))
            family.kill(victim := living.pop(random.randrange(CONSUMERS)), victim + 1)
            family.start(number, number + 1)
            living.append(number)
        for number in living:
            family.kill(number, number + 1)
    executed = Counter(diary.read_text().split())
    with own_redis.client() as client:
        places = where(client)
        held = client.hkeys("unacked")
        for index in ("unacked_index", "celeriac.leases"):
            assert sorted(cast("list[bytes]", client.zrange(index, 0, -1))) == sorted(cast("list[bytes]", held))
    there = Counter(name for names in places.values() for name in names)
    settled = set(published) - set(there)
    assert max(there.values(), default=1) == 1, "a message is in one place"
    assert settled <= executed.keys(), "nothing is lost"
    assert len(settled) + sum(map(len, places.values())) == PUBLISHED
    rest = _drain(own_redis.url)
    assert sorted(rest) == sorted(there), "what was there comes, and once"
    doubles = sum(count - 1 for count in executed.values())
    assert doubles <= (KILLS + CONSUMERS) * CLAIM, "only what a killed one had run and not acknowledged runs again"
    report = {place: len(names) for place, names in places.items()}
    print(f"{PUBLISHED} published, {KILLS} kills: {len(settled)} executed, {report}, {doubles} run twice")
    transport.close()


def _drain(url: str) -> list[str]:
    late = RedisTransport(TransportOptions(url, clock=Ahead()))
    found: list[str] = []
    while batch := late.receive(["q"], 1000, 0.1):
        found += [delivery.message.id for delivery in batch]
        late.ack(batch)
    late.close()
    return found
