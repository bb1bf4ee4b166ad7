"""From construction to closing."""

from __future__ import annotations

from pathlib import Path

import pytest

from celeriac.errors import ConfigurationError, TransportDown
from celeriac.specs.transport import CAPABILITIES, Transport
from celeriac.testing.clock import ManualClock
from celeriac.testing.suite.transport.clauses import TransportClauses, message, names, send, take, take_now


class LifeClauses(TransportClauses):
    def test_its_capabilities_are_known_ones(self) -> None:
        assert self.driver.capabilities <= CAPABILITIES.keys()

    def test_an_object_declares_what_its_class_does_or_less(self, transport: Transport) -> None:
        assert transport.capabilities <= self.driver.capabilities
        assert {each for each in CAPABILITIES if transport.supports(each)} == {
            each for each in CAPABILITIES if self.supports(each)
        }

    def test_it_was_written_for_this_contract(self) -> None:
        assert self.driver.api == Transport.api
        assert issubclass(self.driver, Transport)

    def test_nothing_is_opened_before_it_is_needed(self, address: str, tmp_path: Path) -> None:
        transport = self.make(address)
        assert list(tmp_path.iterdir()) == []
        transport.close()
        assert list(tmp_path.iterdir()) == []

    def test_what_cannot_be_reached_is_an_error_only_when_it_is_needed(self, tmp_path: Path) -> None:
        if not self.unreachable:
            pytest.skip("the suite was given no unreachable URL")
        (tmp_path / "file").write_text("a plain file")
        transport = self.make(self.unreachable.format(file=tmp_path / "file"))
        with pytest.raises(TransportDown):
            send(transport, "a")
        with pytest.raises(TransportDown):
            take_now(transport)
        transport.close()

    def test_an_unknown_option_is_a_configuration_error(self, address: str) -> None:
        with pytest.raises(ConfigurationError, match="no_such_option"):
            self.make(address, extra={"no_such_option": 1})

    def test_a_misspelt_option_names_the_nearest(self, address: str) -> None:
        if not self.option:
            pytest.skip(f"the suite was given no option of {self.driver.__name__}")
        with pytest.raises(ConfigurationError, match=f"'{self.option}'"):
            self.make(address, extra={self.option + "x": 1})

    def test_it_may_be_closed_twice(self, transport: Transport) -> None:
        send(transport, "a")
        transport.close()
        transport.close()

    def test_it_may_be_closed_without_having_been_used(self, address: str) -> None:
        transport = self.make(address)
        transport.close()
        transport.close()

    def test_waiting_messages_survive_the_end_of_their_sender(
        self, transport: Transport, address: str, clock: ManualClock
    ) -> None:
        self.needs("durable", "order")
        send(transport, "a", "b", "c")
        transport.reject(take(transport, 1))
        transport.close()
        again = self.make(address, clock=clock)
        try:
            received = take(again, 3)
            assert [(each.message, each.count) for each in received] == [
                (message("a"), 2),
                (message("b"), 1),
                (message("c"), 1),
            ]
        finally:
            again.close()

    def test_what_was_held_at_the_close_comes_again_after_the_lease(
        self, transport: Transport, other: Transport, clock: ManualClock
    ) -> None:
        self.needs("lease")
        send(transport, "a")
        take(transport, 1)
        transport.close()
        assert take_now(other) == []
        clock.advance(self.lease + 1)
        assert names(take(other, 1)) == ["a"]

    def test_what_was_acknowledged_stays_so(self, transport: Transport, address: str, clock: ManualClock) -> None:
        self.needs("durable")
        send(transport, "a")
        transport.ack(take(transport, 1))
        transport.close()
        clock.advance(self.lease + 1)
        again = self.make(address, clock=clock)
        assert take_now(again) == []
        self.counted(again)
        again.close()

    def test_closing_one_object_leaves_another_alone(self, transport: Transport, other: Transport) -> None:
        send(other, "a")
        transport.close()
        assert names(take(other, 1)) == ["a"]
        send(other, "b")
        assert names(take(other, 1)) == ["b"]
