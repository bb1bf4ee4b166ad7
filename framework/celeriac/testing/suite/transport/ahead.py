"""Receives that were begun before their messages are wanted."""

from __future__ import annotations

import pytest

from celeriac.specs.transport import Transport
from celeriac.testing.suite.transport.clauses import TransportClauses, names, send, take, take_now


class AheadClauses(TransportClauses):
    @pytest.fixture(autouse=True)
    def _only_with_the_capability(self, request: pytest.FixtureRequest) -> None:
        if request.function.__qualname__.startswith("AheadClauses."):
            self.needs("ahead")

    def test_what_was_received_ahead_comes_with_the_next_receive_and_no_more(self, transport: Transport) -> None:
        send(transport, "a", "b", "c")
        transport.receive_ahead(["q"], 2)
        self.counted(transport, ready=1, held=2)
        assert names(take_now(transport)) == ["a", "b"]
        assert names(take_now(transport)) == ["c"]

    def test_what_was_received_ahead_is_held_by_who_receives_it(self, transport: Transport) -> None:
        send(transport, "a")
        transport.receive_ahead(["q"], 1)
        (a,) = take(transport)
        assert (a.count, transport.renew([a])) == (1, [])
        transport.ack([a])
        self.counted(transport)

    def test_receiving_ahead_of_nothing_changes_nothing(self, transport: Transport) -> None:
        transport.receive_ahead(["q"], 2)
        send(transport, "a")
        assert names(take(transport)) == ["a"]

    def test_a_second_receive_ahead_does_nothing(self, transport: Transport) -> None:
        send(transport, "a", "b")
        transport.receive_ahead(["q"], 1)
        transport.receive_ahead(["q"], 1)
        self.counted(transport, ready=1, held=1)

    def test_a_receive_of_other_queues_leaves_it_alone(self, transport: Transport) -> None:
        send(transport, "a")
        send(transport, "b", queue="other")
        transport.receive_ahead(["q"], 1)
        assert names(take(transport, 1, "other")) == ["b"]
        assert names(take(transport)) == ["a"]

    def test_what_was_received_ahead_can_be_given_back_and_was_no_delivery(self, transport: Transport) -> None:
        send(transport, "a", "b", "c")
        transport.receive_ahead(["q"], 2)
        transport.return_ahead()
        self.counted(transport, ready=3)
        taken = take(transport, 3)
        assert (names(taken), [each.count for each in taken]) == (["a", "b", "c"], [1, 1, 1])

    def test_there_need_not_be_anything_to_give_back(self, transport: Transport) -> None:
        transport.return_ahead()
        transport.receive_ahead(["q"], 2)
        transport.return_ahead()
        self.counted(transport)

    def test_what_its_owner_does_not_receive_comes_back_with_its_lease(
        self, address: str, transport: Transport
    ) -> None:
        """The owner is gone: it had begun a receive, and never came to read what that brought."""
        owner = self.make(address)
        send(transport, "a")
        owner.receive_ahead(["q"], 1)
        self.counted(transport, held=1)
        owner.close()
        self.counted(transport, held=1)

    def test_a_wake_is_not_lost_on_what_was_received_ahead(self, transport: Transport) -> None:
        transport.receive_ahead(["other"], 1)
        transport.wake()
        assert transport.receive(["q"], 1, timeout=None) == []
