"""Acknowledging, giving back, delaying; and that only the holder of a message can do so."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from celeriac.message import Delivery
from celeriac.specs.transport import Transport
from celeriac.testing.clock import ManualClock
from celeriac.testing.suite.transport.clauses import TransportClauses, by_name, names, send, take, take_now, take_one

Settle = Callable[[Transport, list[Delivery]], object]

SETTLEMENTS: dict[str, Settle] = {
    "ack": lambda transport, batch: transport.ack(batch),
    "reject": lambda transport, batch: transport.reject(batch),
    "reject-unstarted": lambda transport, batch: transport.reject(batch, started=False),
    "delay": lambda transport, batch: transport.delay([(each, 0.0) for each in batch]),
    "dead-letter": lambda transport, batch: transport.dead_letter([(each, "stale", "") for each in batch]),
    "renew": lambda transport, batch: transport.renew(batch),
}

each_settlement = pytest.mark.parametrize("settlement", list(SETTLEMENTS))


class SettleClauses(TransportClauses):
    def settle(self, transport: Transport, settlement: str, *batch: Delivery) -> None:
        if settlement == "dead-letter":
            self.needs("dead-letter")
        SETTLEMENTS[settlement](transport, list(batch))

    def test_an_acknowledged_message_is_gone(self, transport: Transport, clock: ManualClock) -> None:
        send(transport, "a", "b", "c")
        gone = take(transport, 2)
        transport.ack(gone)
        self.counted(transport, ready=1)
        clock.advance(self.lease * 3)
        assert sorted(names(gone) + names(take_now(transport))) == ["a", "b", "c"]

    def test_each_message_of_a_batch_is_settled_for_itself(self, transport: Transport) -> None:
        send(transport, "a", "b", "c")
        a, b, c = by_name(take(transport, 3))
        transport.ack([b])
        transport.reject([a])
        self.counted(transport, ready=1, held=1)
        assert names(take_now(transport)) == ["a"]
        transport.reject([c])
        assert names(take_now(transport)) == ["c"]

    def test_what_is_given_back_comes_before_younger_messages(self, transport: Transport) -> None:
        self.needs("order")
        send(transport, "a", "b", "c", "d")
        a, b = take(transport, 2)
        transport.reject([b, a])
        send(transport, "e")
        assert names(take(transport, 5)) == list("abcde")

    def test_what_is_given_back_counts_as_delivered(self, transport: Transport) -> None:
        send(transport, "a")
        for count in (1, 2, 3):
            delivery = take_one(transport)
            assert delivery.count == count
            transport.reject([delivery])

    def test_what_never_started_does_not_count(self, transport: Transport) -> None:
        send(transport, "a")
        for _ in range(3):
            delivery = take_one(transport)
            assert delivery.count == 1
            transport.reject([delivery], started=False)
        transport.reject(take(transport, 1))
        transport.reject(take(transport, 1), started=False)
        assert take_one(transport).count == 2

    def test_a_message_is_unchanged_when_it_comes_again(self, transport: Transport) -> None:
        send(transport, "a")
        delivery = take_one(transport)
        transport.reject([delivery])
        assert take_one(transport).message == delivery.message

    def test_what_is_delayed_comes_when_it_is_due(self, transport: Transport, clock: ManualClock) -> None:
        send(transport, "a", "b")
        a, b = by_name(take(transport, 2))
        transport.delay([(a, clock.time() + 20), (b, clock.time() + 10)])
        self.counted(transport, delayed=2)
        assert take_now(transport) == []
        clock.advance(10.5)
        assert names(take_now(transport)) == ["b"]
        clock.advance(10)
        assert names(take_now(transport)) == ["a"]

    @pytest.mark.parametrize(("started", "count"), [(True, 2), (False, 1)])
    def test_a_delay_counts_when_the_message_had_started(
        self, transport: Transport, clock: ManualClock, started: bool, count: int
    ) -> None:
        send(transport, "a")
        transport.delay([(take_one(transport), clock.time() + 5)], started=started)
        clock.advance(6)
        assert take_one(transport).count == count

    def test_what_is_delayed_to_the_past_is_ready(self, transport: Transport, clock: ManualClock) -> None:
        send(transport, "a")
        transport.delay([(take_one(transport), clock.time() - 100)])
        assert names(take_now(transport)) == ["a"]

    def test_empty_batches_are_no_error(self, transport: Transport) -> None:
        for settlement in ("ack", "reject", "reject-unstarted", "delay", "renew"):
            self.settle(transport, settlement)
        assert transport.renew([]) == []

    @each_settlement
    def test_who_lost_its_lease_cannot_settle_what_another_holds(
        self, transport: Transport, other: Transport, clock: ManualClock, settlement: str
    ) -> None:
        self.needs("lease")
        send(transport, "a")
        stale = take_one(transport)
        clock.advance(self.lease + 1)
        current = take_one(other)
        self.settle(transport, settlement, stale)
        self.counted(transport, held=1)
        assert take_now(transport) == []
        other.reject([current])
        assert take_one(other).count == 3, "the present holder could settle it"

    @each_settlement
    def test_a_token_names_a_holding_and_not_just_a_message(self, transport: Transport, settlement: str) -> None:
        send(transport, "a")
        stale = take_one(transport)
        transport.reject([stale], started=False)
        current = take_one(transport)
        self.settle(transport, settlement, stale)
        self.counted(transport, held=1)
        transport.ack([current])
        self.counted(transport)

    @each_settlement
    def test_an_acknowledged_message_cannot_be_settled_again(self, transport: Transport, settlement: str) -> None:
        send(transport, "a")
        delivery = take_one(transport)
        transport.ack([delivery])
        self.settle(transport, settlement, delivery)
        self.counted(transport)
        if self.supports("dead-letter"):
            assert transport.dead_letters() == []

    @pytest.mark.parametrize("settlement", ["ack", "reject", "delay", "dead-letter"])
    def test_a_stale_token_does_not_stop_the_rest_of_its_batch(self, transport: Transport, settlement: str) -> None:
        send(transport, "a", "b", "c")
        a, b, c = by_name(take(transport, 3))
        transport.ack([b])
        self.settle(transport, settlement, a, b, c)
        if self.supports("census"):
            assert transport.counts("q").held == 0
        ready = [] if settlement in ("ack", "dead-letter") else ["a", "c"]
        assert sorted(names(take_now(transport))) == ready
