"""Broadcasts, and those who listen."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from celeriac.specs.transport import EVENTS, Subscription, Transport
from celeriac.testing.clock import ManualClock
from celeriac.testing.suite.transport.background import Background
from celeriac.testing.suite.transport.clauses import PATIENCE, TransportClauses

Heard = list[tuple[str, bytes]]


def hear(subscription: Subscription, number: int) -> Heard:
    """The next `number` broadcasts, and more if more have come."""
    heard: Heard = []
    until = time.monotonic() + PATIENCE
    while len(heard) < number and time.monotonic() < until:
        heard += subscription.receive(until - time.monotonic())
    return heard + subscription.receive(0)


class FanOutClauses(TransportClauses):
    @pytest.fixture
    def listener(self, transport: Transport) -> Iterator[Subscription]:
        """One who listens to the topics a and b."""
        self.needs("fan-out")
        listener = transport.subscribe(["a", "b"])
        yield listener
        listener.close()

    def test_a_broadcast_reaches_every_subscriber(
        self, transport: Transport, other: Transport, listener: Subscription
    ) -> None:
        second, third = transport.subscribe(["a"]), other.subscribe(["c", "a"])
        transport.broadcast("a", b"hello")
        assert [hear(each, 1) for each in (listener, second, third)] == [[("a", b"hello")]] * 3
        second.close()
        third.close()

    def test_broadcasts_come_in_order(self, transport: Transport, other: Transport, listener: Subscription) -> None:
        for number in range(10):
            (transport, other)[number % 2].broadcast("ab"[number % 2], str(number).encode())
        assert hear(listener, 10) == [("ab"[number % 2], str(number).encode()) for number in range(10)]

    def test_a_broadcast_does_not_reach_those_who_subscribe_later(
        self, transport: Transport, listener: Subscription
    ) -> None:
        transport.broadcast("a", b"early")
        late = transport.subscribe(["a"])
        transport.broadcast("a", b"late")
        assert hear(late, 1) == [("a", b"late")]
        assert hear(listener, 2) == [("a", b"early"), ("a", b"late")]
        late.close()

    def test_a_broadcast_does_not_reach_other_topics(self, transport: Transport, listener: Subscription) -> None:
        for topic in ("c", "aa", "A", "a/b", ""):
            transport.broadcast(topic, b"not for us")
        transport.broadcast("b", b"for us")
        assert hear(listener, 1) == [("b", b"for us")]

    @pytest.mark.parametrize("topic", ["a/b", "..", "task.*", "ö \n", "t" * 200], ids=repr)
    def test_a_topic_may_have_any_name(self, transport: Transport, topic: str) -> None:
        self.needs("fan-out")
        listener = transport.subscribe([topic])
        transport.broadcast(topic, b"hello")
        assert hear(listener, 1) == [(topic, b"hello")]
        listener.close()

    @pytest.mark.parametrize("payload", [b"", bytes(range(256)), b"x" * 300_000], ids=["empty", "bytes", "large"])
    def test_a_payload_arrives_byte_by_byte(self, transport: Transport, listener: Subscription, payload: bytes) -> None:
        transport.broadcast("a", payload)
        assert hear(listener, 1) == [("a", payload)]

    def test_a_broadcast_that_nobody_hears_is_no_error(self, transport: Transport) -> None:
        self.needs("fan-out")
        for _ in range(50):
            transport.broadcast("a", b"x" * 1000)

    def test_a_subscriber_that_does_not_read_blocks_nobody(self, transport: Transport, listener: Subscription) -> None:
        Background(lambda: [transport.broadcast("a", b"x") for _ in range(300)]).result()
        assert len(hear(listener, 1)) <= 300

    def test_a_broadcast_is_kept_for_a_minute_at_most(
        self, transport: Transport, listener: Subscription, clock: ManualClock
    ) -> None:
        transport.broadcast("a", b"old")
        clock.advance(90)
        transport.broadcast("a", b"new")
        assert hear(listener, 1) == [("a", b"new")]

    def test_a_subscription_waits_for_a_broadcast(self, transport: Transport, listener: Subscription) -> None:
        waiting = Background(lambda: listener.receive(None))
        assert waiting.running(after=0.05)
        transport.broadcast("a", b"hello")
        assert waiting.result() == [("a", b"hello")]

    def test_a_subscription_waits_for_its_timeout_and_no_longer(self, listener: Subscription) -> None:
        assert Background(lambda: listener.receive(0)).result() == []
        start = time.monotonic()
        assert Background(lambda: listener.receive(0.1)).result() == []
        assert time.monotonic() - start >= 0.09

    def test_wake_ends_the_wait_of_a_subscription(self, listener: Subscription) -> None:
        waiting = Background(lambda: listener.receive(None))
        assert waiting.running(after=0.05)
        listener.wake()
        assert waiting.result() == []

    def test_a_closed_subscription_hears_nothing_and_others_go_on(
        self, transport: Transport, listener: Subscription
    ) -> None:
        second = transport.subscribe(["a"])
        second.close()
        second.close()
        transport.broadcast("a", b"hello")
        assert hear(listener, 1) == [("a", b"hello")]

    def test_what_is_announced_reaches_everyone_who_watches_whatever_its_kind(
        self, transport: Transport, other: Transport, listener: Subscription
    ) -> None:
        watchers = [transport.watch(), other.watch()]
        for number, kind in enumerate(("task.failed", "worker.online", "own", "a.b.c")):
            (transport, other)[number % 2].announce(kind, kind.encode())
        transport.broadcast("a", b"not for who watches")
        for watcher in watchers:
            assert sorted(hear(watcher, 4)) == [
                (EVENTS, kind) for kind in (b"a.b.c", b"own", b"task.failed", b"worker.online")
            ]
            watcher.close()
        assert hear(listener, 1) == [("a", b"not for who watches")]

    @pytest.mark.usefixtures("listener")
    def test_broadcasts_and_queues_do_not_touch(self, transport: Transport) -> None:
        transport.broadcast("a", b"hello")
        self.counted(transport, queue="a")
        if self.supports("census"):
            assert transport.queues() == []
