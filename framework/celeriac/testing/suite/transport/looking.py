"""Counting, peeking and purging."""

from __future__ import annotations

import pytest

from celeriac.specs.transport import Transport
from celeriac.testing.clock import ManualClock
from celeriac.testing.suite.transport.clauses import TransportClauses, names, send, take, take_now, take_one


class LookingClauses(TransportClauses):
    def test_an_unknown_queue_is_empty(self, transport: Transport) -> None:
        self.counted(transport, queue="never")
        assert transport.oldest("never") is None
        assert transport.purge("never") == 0

    def test_nothing_is_known_of_a_broker_that_is_empty(self, transport: Transport) -> None:
        self.needs("census")
        assert transport.queues() == []
        assert transport.peek("never", 10) == []

    def test_ready_held_and_delayed_messages_are_counted(self, transport: Transport, clock: ManualClock) -> None:
        self.needs("census")
        send(transport, *"abcdef")
        a, b, *_ = take(transport, 3)
        transport.delay([(a, clock.time() + 10)])
        self.counted(transport, ready=3, held=2, delayed=1)
        transport.ack([b])
        self.counted(transport, ready=3, held=1, delayed=1)
        clock.advance(11)
        self.counted(transport, ready=4, held=1)

    def test_counts_are_those_of_one_queue(self, transport: Transport) -> None:
        send(transport, "a", queue="a")
        send(transport, "b", "c", queue="b")
        self.counted(transport, queue="a", ready=1)
        self.counted(transport, queue="b", ready=2)

    def test_queues_are_listed_in_order(self, transport: Transport) -> None:
        self.needs("census")
        for queue in ("b", "c", "a"):
            send(transport, queue, queue=queue)
        assert transport.queues() == ["a", "b", "c"]

    def test_a_queue_with_only_held_or_delayed_messages_is_listed(
        self, transport: Transport, other: Transport, clock: ManualClock
    ) -> None:
        self.needs("census")
        send(transport, "a", "b", queue="held")
        take(transport, 2, "held")
        send(transport, "c", queue="late")
        transport.delay([(take_one(transport, "late"), clock.time() + 10)])
        assert {"held", "late"} <= set(other.queues())

    def test_peek_shows_the_next_messages_and_leaves_them(self, transport: Transport) -> None:
        self.needs("peek")
        send(transport, *"abcde")
        assert names(transport.peek("q", 3)) == list("abc")
        assert names(transport.peek("q", 100)) == list("abcde")
        assert transport.peek("q", 0) == []
        self.counted(transport, ready=5)
        delivery = take_one(transport)
        assert (delivery.message.id, delivery.count) == ("a", 1)

    def test_peek_shows_the_order_of_receiving(self, transport: Transport) -> None:
        self.needs("peek", "priority")
        for name, priority in (("a", 1), ("b", 9), ("c", 1), ("d", 4)):
            send(transport, name, priority=priority)
        shown = names(transport.peek("q", 10))
        assert shown == ["b", "d", "a", "c"]
        assert names(take(transport, 4)) == shown

    def test_peek_shows_neither_held_nor_delayed_messages(self, transport: Transport, clock: ManualClock) -> None:
        self.needs("peek", "delay")
        send(transport, "held", "ready")
        take_one(transport)
        send(transport, "late", due=clock.time() + 10)
        assert names(transport.peek("q", 10)) == ["ready"]
        clock.advance(11)
        assert sorted(names(transport.peek("q", 10))) == ["late", "ready"]

    def test_peek_shows_whole_messages(self, transport: Transport) -> None:
        self.needs("peek")
        send(transport, "a", priority=3)
        (shown,) = transport.peek("q", 1)
        assert shown == take_one(transport).message

    def test_the_oldest_ready_message_has_a_time(self, transport: Transport, clock: ManualClock) -> None:
        self.needs("census")
        start = clock.time()
        send(transport, "a")
        clock.advance(5)
        send(transport, "b")
        clock.advance(5)
        assert transport.oldest("q") == pytest.approx(start, abs=0.001)
        transport.ack([take_one(transport)])
        assert transport.oldest("q") == pytest.approx(start + 5, abs=0.001)
        transport.ack([take_one(transport)])
        assert transport.oldest("q") is None

    def test_a_held_message_is_not_the_oldest_ready_one(self, transport: Transport) -> None:
        self.needs("census")
        send(transport, "a")
        take_one(transport)
        assert transport.oldest("q") is None

    def test_a_delayed_message_is_as_old_as_its_due_time(self, transport: Transport, clock: ManualClock) -> None:
        self.needs("delay", "census")
        due = clock.time() + 10
        send(transport, "a", due=due)
        assert transport.oldest("q") is None
        clock.advance(15)
        assert transport.oldest("q") == pytest.approx(due, abs=0.001)

    def test_purge_drops_what_is_ready_and_delayed(self, transport: Transport, clock: ManualClock) -> None:
        self.needs("census")
        send(transport, "a", "b", "c")
        transport.delay([(take_one(transport), clock.time() + 10)])
        assert transport.purge("q") == 3
        clock.advance(11)
        assert take_now(transport) == []
        self.counted(transport)
        assert transport.purge("q") == 0

    def test_purge_leaves_what_is_held(self, transport: Transport) -> None:
        send(transport, "a", "b", "c")
        a, b = take(transport, 2)
        assert transport.purge("q") == 1
        self.counted(transport, held=2)
        transport.ack([b])
        transport.reject([a])
        assert names(take_now(transport)) == names([a])

    def test_purge_leaves_other_queues(self, transport: Transport) -> None:
        send(transport, "a", queue="a")
        send(transport, "b", queue="b")
        assert transport.purge("a") == 1
        assert names(take_now(transport, "a", "b")) == ["b"]

    def test_a_purged_queue_can_be_used_again(self, transport: Transport) -> None:
        send(transport, "a")
        transport.purge("q")
        send(transport, "b")
        assert names(take(transport, 1)) == ["b"]
