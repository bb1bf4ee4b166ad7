"""In which order messages come, within a queue and between queues."""

from __future__ import annotations

from celeriac.message import Publication
from celeriac.specs.transport import Transport
from celeriac.testing.suite.transport.clauses import (
    PATIENCE,
    TransportClauses,
    message,
    names,
    send,
    take,
    take_now,
    take_one,
)


class OrderClauses(TransportClauses):
    def test_messages_come_in_the_order_of_publishing(self, transport: Transport) -> None:
        self.needs("order")
        send(transport, "a", "b", "c")
        send(transport, "d")
        send(transport, "e", "f")
        assert names(take(transport, 6)) == list("abcdef")

    def test_the_order_holds_over_several_receives(self, transport: Transport) -> None:
        self.needs("order")
        expected = [f"{number:03}" for number in range(60)]
        send(transport, *expected)
        assert names(delivery for _ in range(6) for delivery in take(transport, 10)) == expected

    def test_two_objects_that_publish_in_turn_keep_the_order(self, transport: Transport, other: Transport) -> None:
        self.needs("order")
        for number in range(10):
            send((transport, other)[number % 2], str(number))
        assert names(take(transport, 10)) == [str(number) for number in range(10)]

    def test_higher_priority_comes_first(self, transport: Transport) -> None:
        self.needs("priority")
        for priority in (0, 9, 5, 1, 8):
            send(transport, str(priority), priority=priority)
        assert names(take(transport, 5)) == ["9", "8", "5", "1", "0"]

    def test_the_order_within_a_priority_is_kept(self, transport: Transport) -> None:
        self.needs("priority", "order")
        for number in range(5):
            batch = [Publication("q", message(f"{priority}-{number}", priority)) for priority in (3, 7)]
            transport.publish(batch, timeout=PATIENCE)
        assert names(take(transport, 10)) == [f"{priority}-{number}" for priority in (7, 3) for number in range(5)]

    def test_a_late_urgent_message_overtakes_those_that_wait(self, transport: Transport) -> None:
        self.needs("priority")
        send(transport, "a", "b", "c", priority=2)
        assert names(take(transport, 1)) == ["a"]
        send(transport, "urgent", priority=9)
        assert names(take(transport, 3)) == ["urgent", "b", "c"]

    def test_no_priority_is_the_lowest_and_others_are_brought_into_range(self, transport: Transport) -> None:
        self.needs("priority")
        send(transport, "none")
        send(transport, "one", priority=1)
        send(transport, "over", priority=300)
        send(transport, "nine", priority=9)
        send(transport, "under", priority=-4)
        assert names(take(transport, 5)) == ["over", "nine", "one", "none", "under"]

    def test_a_message_that_was_given_back_keeps_its_priority(self, transport: Transport) -> None:
        self.needs("priority")
        send(transport, "low", priority=1)
        delivery = take_one(transport)
        send(transport, "high", priority=9)
        transport.reject([delivery])
        assert names(take(transport, 2)) == ["high", "low"]

    def test_a_full_queue_does_not_starve_another(self, transport: Transport) -> None:
        send(transport, *(f"a{number}" for number in range(100)), queue="a")
        send(transport, "b0", "b1", "b2", queue="b")
        received = names(delivery for _ in range(8) for delivery in take(transport, 5, "a", "b"))
        assert {"b0", "b1", "b2"} <= set(received), "of 40 messages received, the 3 of the short queue are some"

    def test_a_queue_that_is_refilled_all_the_time_does_not_starve_another(self, transport: Transport) -> None:
        for queues in (("a", "b"), ("b", "a")):
            send(transport, "b0", "b1", queue="b")
            received: list[str] = []
            for number in range(20):
                send(transport, f"a{number}", queue="a", priority=9)
                received += names(take(transport, 1, *queues))
            assert {"b0", "b1"} <= set(received)
            take_now(transport, "a", "b")

    def test_messages_of_several_queues_keep_the_order_of_each(self, transport: Transport) -> None:
        self.needs("order")
        for number in range(10):
            send(transport, f"a{number}", queue="a")
            send(transport, f"b{number}", queue="b")
        received = names(take(transport, 20, "a", "b"))
        assert [name for name in received if name[0] == "a"] == [f"a{number}" for number in range(10)]
        assert [name for name in received if name[0] == "b"] == [f"b{number}" for number in range(10)]
