"""A message is held by one receiver at a time."""

from __future__ import annotations

from collections import Counter
from functools import partial

from celeriac.specs.transport import Transport
from celeriac.testing.suite.transport.background import Background
from celeriac.testing.suite.transport.clauses import TransportClauses, names, send, take, take_now


class ReceiveClauses(TransportClauses):
    def test_no_more_than_the_limit_is_received(self, transport: Transport) -> None:
        send(transport, *"abcde")
        assert len(take_now(transport, limit=2)) <= 2
        assert len(transport.receive(["q"], 1, timeout=None)) == 1
        take(transport, 1)

    def test_only_the_queues_asked_for_are_received_from(self, transport: Transport) -> None:
        send(transport, "a", queue="a")
        send(transport, "b", queue="b")
        assert take_now(transport, "c") == []
        assert names(take_now(transport, "b", "c")) == ["b"]

    def test_a_queue_that_nobody_ever_used_is_empty(self, transport: Transport) -> None:
        assert take_now(transport, "never") == []

    def test_deliveries_name_their_queues(self, transport: Transport) -> None:
        for queue in "abc":
            send(transport, queue, queue=queue)
        assert {each.queue: each.message.id for each in take(transport, 3, "a", "b", "c")} == {q: q for q in "abc"}

    def test_a_held_message_is_received_by_nobody_else(self, transport: Transport, other: Transport) -> None:
        send(transport, "a", "b")
        take(transport, 2)
        assert take_now(transport) == []
        assert take_now(other) == []

    def test_a_second_object_sees_what_the_first_published(self, transport: Transport, other: Transport) -> None:
        send(transport, "a")
        assert names(take(other, 1)) == ["a"]

    def test_many_receivers_get_each_message_exactly_once(self, transport: Transport, other: Transport) -> None:
        sent = [f"{number:03}" for number in range(300)]

        def drain(receiver: Transport) -> list[str]:
            received: list[str] = []
            while batch := receiver.receive(["q"], 7, timeout=0.2):
                received += names(batch)
                receiver.ack(batch)
            return received

        drains = [Background(partial(drain, each)) for each in (transport, other) * 3]
        for start in range(0, 300, 30):
            send(transport, *sent[start : start + 30])
        received = Counter(name for each in drains for name in each.result())
        received.update(names(take_now(transport)))
        assert received == Counter(sent)
