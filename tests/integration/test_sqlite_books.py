"""The books of a SQLite queue: whatever receivers do with what they hold, and whenever they are killed, each message
that was published is acknowledged, by one of them, and none is left. The long form is asked for by ``LONG_TESTS=1``.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from pathlib import Path

import pytest

from celeriac.message import Message, Publication
from celeriac.specs.transport import QueueCounts, TransportOptions
from celeriac_plugins.transports.sqlite import SqliteTransport
from family import Family

LONG = bool(os.environ.get("LONG_TESTS"))
BATCHES, KILLS = (8000, 400) if LONG else (400, 20)
RECEIVERS, LEASE = 3, 2.0
QUEUES = ("a", "b", "c")

RECEIVE = """
import os, random, time
from celeriac.specs.transport import TransportOptions
from celeriac_plugins.transports.sqlite import SqliteTransport

def child(number, ready):
    diary = os.open(argv[1], os.O_WRONLY | os.O_APPEND)
    transport = SqliteTransport(TransportOptions(argv[0], lease=float(argv[2])))
    chance, held = random.Random(number), []

    def note(what, deliveries):
        os.write(diary, "".join(f"{what} {each.message.id}\\n" for each in deliveries).encode())

    ready()
    while True:
        held += transport.receive(chance.sample("abc", chance.randint(1, 3)), chance.choice([1, 3, 20, 100]), 0.05)
        lost = transport.renew(held)
        held = [each for each in held if each not in lost]
        chance.shuffle(held)
        some, held = held[: len(held) // 2 + 1], held[len(held) // 2 + 1 :]
        what = chance.random()
        if what < 0.6:
            note("begins", some)
            transport.ack(some)
            note("ended", some)
        elif what < 0.75:
            transport.reject(some, started=chance.random() < 0.5)
        elif what < 0.9:
            transport.delay([(each, time.time() + chance.random() / 2) for each in some], started=False)
        # Else they are dropped, and come back when their leases have ended.
"""


def publish(transport: SqliteTransport, number: int) -> list[str]:
    """A batch of any size, of any priorities, to any queues, some of it later."""
    batch: list[Publication] = []
    for at in range(random.choice([1, 1, 2, 5, 30, 60])):
        properties = {"priority": random.randrange(10)} if random.random() < 0.6 else {}
        message = Message({"id": f"{number}-{at}", "task": "t"}, properties, b"x" * random.choice([10, 500, 5000]))
        due = time.time() + random.random() if random.random() < 0.3 else None
        batch.append(Publication(random.choice(QUEUES), message, due))
    transport.publish(batch, 10)
    return [each.message.id for each in batch]


@pytest.mark.timeout(600 if LONG else 60)
def test_each_message_is_acknowledged_and_none_is_left(tmp_path: Path) -> None:
    url, diary = f"sqlite://{tmp_path / 'queue.db'}", tmp_path / "diary"
    diary.touch()
    transport = SqliteTransport(TransportOptions(url, lease=LEASE))
    published: list[str] = []
    with Family(RECEIVE, url, str(diary), str(LEASE), patience=600) as family:
        family.start(0, RECEIVERS)
        living = list(range(RECEIVERS))
        for number in range(BATCHES):
            published += publish(transport, number)
            if number % (BATCHES // KILLS) == 0:
                victim = living.pop(random.randrange(RECEIVERS))
                family.kill(victim, victim + 1)
                living.append(RECEIVERS + number)
                family.start(living[-1], living[-1] + 1)
        for number in living:
            family.kill(number, number + 1)
    lines = [line.split() for line in diary.read_text().splitlines()]
    begun = {name for what, name in lines if what == "begins"}
    ended = Counter(name for what, name in lines if what == "ended")
    left = drain(transport)
    assert begun | left.keys() == set(published), "nothing is lost"
    assert max((ended + left).values()) == 1, "each has one holder at a time, and is gone when that one is done with it"
    assert [transport.counts(queue) for queue in QUEUES] == [QueueCounts()] * 3
    transport.close()


def drain(transport: SqliteTransport) -> Counter[str]:
    found: Counter[str] = Counter()
    quiet = time.monotonic()
    while time.monotonic() < quiet + LEASE + 1.5:
        batch = transport.receive(QUEUES, 1000, 0.1)
        transport.ack(batch)
        found.update(each.message.id for each in batch)
        if batch:
            quiet = time.monotonic()
    return found
