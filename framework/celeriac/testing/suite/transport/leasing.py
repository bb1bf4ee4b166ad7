"""What a receiver holds comes back when it is not renewed."""

from __future__ import annotations

from celeriac.specs.transport import Transport
from celeriac.testing.clock import ManualClock
from celeriac.testing.suite.transport.clauses import TransportClauses, names, send, take, take_now, take_one


class LeaseClauses(TransportClauses):
    def test_a_held_message_stays_held_for_its_lease(
        self, transport: Transport, other: Transport, clock: ManualClock
    ) -> None:
        self.needs("lease")
        send(transport, "a")
        delivery = take_one(transport)
        clock.advance(self.lease * 0.9)
        assert take_now(other) == []
        transport.ack([delivery])
        if self.supports("census"):
            assert transport.counts("q").held == 0  # an acknowledgement may be on its way when `ack` returns
        clock.advance(self.lease * 2)
        assert take_now(other) == []

    def test_a_held_message_comes_again_when_its_lease_runs_out(
        self, transport: Transport, other: Transport, clock: ManualClock
    ) -> None:
        self.needs("lease")
        send(transport, "a", "b")
        take(transport, 2)
        for count, receiver in ((2, other), (3, transport), (4, transport)):
            clock.advance(self.lease + 1)
            again = take(receiver, 2)
            assert sorted(names(again)) == ["a", "b"]
            assert [delivery.count for delivery in again] == [count, count]

    def test_a_renewed_message_is_held_for_another_lease_from_now(
        self, transport: Transport, other: Transport, clock: ManualClock
    ) -> None:
        self.needs("lease")
        send(transport, "a", "b")
        a, _ = take(transport, 2)
        for _ in range(3):
            clock.advance(self.lease * 0.8)
            assert transport.renew([a]) == []
        assert names(take_now(other)) == ["b"]
        clock.advance(self.lease * 0.8)
        assert take_now(other) == []
        transport.ack([a])
        self.counted(transport, held=1)

    def test_a_renewed_message_comes_again_when_the_new_lease_runs_out(
        self, transport: Transport, clock: ManualClock
    ) -> None:
        self.needs("lease")
        send(transport, "a")
        delivery = take_one(transport)
        clock.advance(self.lease / 2)
        transport.renew([delivery])
        clock.advance(self.lease + 1)
        assert take_one(transport).count == 2

    def test_renew_returns_what_is_lost(self, transport: Transport, other: Transport, clock: ManualClock) -> None:
        self.needs("lease")
        send(transport, "a", "b", "c")
        a, b, c = take(transport, 3)
        clock.advance(self.lease / 2)
        transport.renew([b])
        transport.ack([c])
        clock.advance(self.lease * 0.75)
        assert names(take_now(other)) == ["a"]
        assert transport.renew([a, b, c]) == [a, c]

    def test_a_lease_is_counted_for_each_holding(self, transport: Transport, clock: ManualClock) -> None:
        self.needs("lease")
        send(transport, "a")
        transport.reject([take_one(transport)])
        clock.advance(self.lease * 0.75)
        take_one(transport)
        clock.advance(self.lease * 0.75)
        assert take_now(transport) == [], "the lease of the second holding began with it"

    def test_a_message_whose_lease_ran_out_keeps_its_priority(self, transport: Transport, clock: ManualClock) -> None:
        self.needs("lease", "priority")
        send(transport, "high", priority=9)
        take_one(transport)
        send(transport, "low", priority=1)
        clock.advance(self.lease + 1)
        assert names(take(transport, 2)) == ["high", "low"]
