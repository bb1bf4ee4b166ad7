"""Messages that are published with a due time."""

from __future__ import annotations

from celeriac.message import Publication
from celeriac.specs.transport import Transport
from celeriac.testing.clock import ManualClock
from celeriac.testing.suite.transport.clauses import PATIENCE, TransportClauses, message, names, send, take, take_now


class DelayClauses(TransportClauses):
    def test_nobody_sees_a_message_before_it_is_due(self, transport: Transport, clock: ManualClock) -> None:
        self.needs("delay")
        send(transport, "a", due=clock.time() + 60)
        assert take_now(transport) == []
        clock.advance(59)
        assert take_now(transport) == []
        clock.advance(1.5)
        assert names(take_now(transport)) == ["a"]

    def test_a_due_time_in_the_past_means_now(self, transport: Transport, clock: ManualClock) -> None:
        self.needs("delay")
        send(transport, "a", due=clock.time() - 3600)
        send(transport, "b", due=0.0)
        assert sorted(names(take_now(transport))) == ["a", "b"]

    def test_messages_become_due_one_by_one(self, transport: Transport, clock: ManualClock) -> None:
        self.needs("delay")
        now = clock.time()
        dues = {"c": 30, "a": 10, "d": 40, "b": 20}
        transport.publish([Publication("q", message(name), now + due) for name, due in dues.items()], timeout=PATIENCE)
        clock.advance(5)
        for name in "abcd":
            assert take_now(transport) == []
            clock.advance(10)
            due = take_now(transport)
            assert names(due) == [name]
            transport.ack(due)

    def test_a_delay_can_be_years(self, transport: Transport, clock: ManualClock) -> None:
        self.needs("delay")
        send(transport, "a", due=clock.time() + 10 * 365 * 86_400)
        clock.advance(9 * 365 * 86_400)
        assert take_now(transport) == []
        clock.advance(2 * 365 * 86_400)
        assert names(take_now(transport)) == ["a"]

    def test_the_first_delivery_of_a_delayed_message_is_its_first(
        self, transport: Transport, clock: ManualClock
    ) -> None:
        self.needs("delay")
        send(transport, "a", due=clock.time() + 1)
        clock.advance(2)
        assert take(transport, 1)[0].count == 1

    def test_a_delayed_message_keeps_its_priority(self, transport: Transport, clock: ManualClock) -> None:
        self.needs("delay", "priority")
        send(transport, "high", priority=8, due=clock.time() + 1)
        send(transport, "low", priority=2)
        clock.advance(2)
        assert names(take(transport, 2)) == ["high", "low"]

    def test_a_batch_may_hold_due_and_later_messages(self, transport: Transport, clock: ManualClock) -> None:
        self.needs("delay")
        batch = [Publication("q", message("now")), Publication("q", message("later"), clock.time() + 9)]
        transport.publish(batch, timeout=PATIENCE)
        self.counted(transport, ready=1, delayed=1)
        assert names(take_now(transport)) == ["now"]

    def test_delayed_messages_survive_the_end_of_their_sender(
        self, transport: Transport, address: str, clock: ManualClock
    ) -> None:
        self.needs("delay", "durable")
        send(transport, "a", due=clock.time() + 60)
        transport.close()
        again = self.make(address, clock=clock)
        try:
            assert take_now(again) == []
            self.counted(again, delayed=1)
            clock.advance(61)
            assert names(take_now(again)) == ["a"]
        finally:
            again.close()

    def test_two_thousand_delayed_messages_are_not_in_the_way(self, transport: Transport, clock: ManualClock) -> None:
        self.needs("delay")
        due = clock.time() + 500
        batch = [Publication("q", message(str(number)), due + number) for number in range(2000)]
        transport.publish(batch, timeout=60)
        for number in range(50):
            send(transport, f"now-{number}")
            delivery = take(transport, 1)[0]
            assert delivery.message.id == f"now-{number}"
            transport.ack([delivery])
        self.counted(transport, delayed=2000)
        clock.advance(503.5)
        assert names(take_now(transport)) == ["0", "1", "2", "3"]
