"""Dead letters: kept with their evidence, found again, replayed or dropped."""

from __future__ import annotations

from functools import partial

import pytest

from celeriac.message import Message, Publication
from celeriac.specs.transport import Transport
from celeriac.testing.clock import ManualClock
from celeriac.testing.suite.transport.background import Background
from celeriac.testing.suite.transport.clauses import (
    PATIENCE,
    TransportClauses,
    names,
    send,
    take,
    take_now,
    take_one,
)

MESSAGE = Message(
    {"id": "one", "task": "shop.pay", "nested": {"a": [1, None]}, "Schlüssel": "ß"},
    {"priority": 4, "correlation_id": "one"},
    bytes(range(256)),
    "application/data",
    "binary",
)


class DeadLetterClauses(TransportClauses):
    def bury(self, transport: Transport, *sent: str, queue: str = "q") -> list[str]:
        """Send, take and bury one by one; returns the ids of the dead letters."""
        self.needs("dead-letter")
        for name in sent:
            send(transport, name, queue=queue)
            transport.dead_letter([(take_one(transport, queue), f"reason {name}", "")])
        found = {letter.message.id: letter.id for letter in transport.dead_letters()}
        return [found[name] for name in sent]

    def test_a_dead_letter_keeps_its_message_and_its_evidence(self, transport: Transport, clock: ManualClock) -> None:
        self.needs("dead-letter")
        transport.publish([Publication("q", MESSAGE)], timeout=PATIENCE)
        transport.reject(take(transport, 1))
        clock.advance(7)
        detail = "Traceback (most recent call last):\n  …\nValueError: 'ß' \x00\n"
        transport.dead_letter([(take_one(transport), "worker lost: signal 9 (SIGKILL)", detail)])
        (letter,) = transport.dead_letters()
        assert (letter.queue, letter.message, letter.deliveries) == ("q", MESSAGE, 2)
        assert (letter.reason, letter.detail) == ("worker lost: signal 9 (SIGKILL)", detail)
        assert letter.at == pytest.approx(clock.time(), abs=0.001)

    def test_a_dead_letter_is_delivered_no_more(self, transport: Transport, clock: ManualClock) -> None:
        self.bury(transport, "a")
        self.counted(transport)
        clock.advance(self.lease * 2)
        assert take_now(transport) == []

    def test_a_batch_of_several_queues_is_buried_at_once(self, transport: Transport) -> None:
        self.needs("dead-letter")
        for queue in ("a", "ü/..", "c"):
            send(transport, queue, queue=queue)
        transport.dead_letter([(each, "r", "d") for each in take(transport, 3, "a", "ü/..", "c")])
        assert {each.queue: each.message.id for each in transport.dead_letters()} == {q: q for q in ("a", "ü/..", "c")}

    def test_a_stale_token_does_not_bury(self, transport: Transport) -> None:
        self.needs("dead-letter")
        send(transport, "a")
        delivery = take_one(transport)
        transport.reject([delivery])
        transport.dead_letter([(delivery, "r", "")])
        assert transport.dead_letters() == []
        assert names(take_now(transport)) == ["a"]

    def test_dead_letters_are_listed_newest_first(self, transport: Transport, clock: ManualClock) -> None:
        for name in "abcde":
            self.bury(transport, name)
            clock.advance(1)
        listed = [letter.message.id for letter in transport.dead_letters()]
        assert listed == list("edcba")
        assert [letter.message.id for letter in transport.dead_letters(limit=2)] == ["e", "d"]
        assert [letter.message.id for letter in transport.dead_letters(limit=2, offset=3)] == ["b", "a"]
        assert transport.dead_letters(limit=10, offset=5) == []

    def test_a_dead_letter_is_found_by_its_id_and_by_its_task_id(self, transport: Transport) -> None:
        first, second, _ = self.bury(transport, "a", "b", "c")
        assert [letter.message.id for letter in transport.find_dead([second])] == ["b"]
        assert [letter.id for letter in transport.find_dead(["a"])] == [first]
        assert {letter.message.id for letter in transport.find_dead([first, "c", "never"])} == {"a", "c"}
        assert transport.find_dead([]) == []

    def test_all_dead_letters_of_a_task_id_are_found(self, transport: Transport) -> None:
        self.needs("dead-letter")
        for _ in range(2):
            send(transport, "a")
            transport.dead_letter([(take_one(transport), "r", "")])
        assert len({letter.id for letter in transport.find_dead(["a"])}) == 2

    def test_one_that_is_named_twice_is_found_once(self, transport: Transport) -> None:
        (dead,) = self.bury(transport, "a")
        assert len(transport.find_dead([dead, "a", dead])) == 1

    def test_a_replayed_message_is_as_it_was_and_counts_anew(self, transport: Transport) -> None:
        self.needs("dead-letter")
        transport.publish([Publication("ü/..", MESSAGE)], timeout=PATIENCE)
        transport.reject(take(transport, 1, "ü/.."))
        transport.dead_letter([(take_one(transport, "ü/.."), "r", "d")])
        (letter,) = transport.dead_letters()
        assert transport.replay([letter.id]) == 1
        assert transport.dead_letters() == []
        delivery = take_one(transport, "ü/..")
        assert (delivery.message, delivery.queue, delivery.count) == (MESSAGE, "ü/..", 1)

    def test_a_replay_ends_the_wait_of_a_receiver(self, transport: Transport) -> None:
        (dead,) = self.bury(transport, "a")
        waiting = Background(lambda: transport.receive(["q"], 1, timeout=None))
        assert waiting.running(after=0.05)
        transport.replay([dead])
        assert names(waiting.result()) == ["a"]

    def test_a_dead_letter_is_replayed_once(self, transport: Transport, other: Transport) -> None:
        dead = self.bury(transport, "a", "b")
        replays = [Background(partial(each.replay, dead)) for each in (transport, other)]
        assert sum(each.result() for each in replays) == 2
        assert transport.replay(dead) == 0
        assert sorted(names(take_now(transport))) == ["a", "b"]

    def test_unknown_dead_letters_are_passed_over(self, transport: Transport) -> None:
        (dead,) = self.bury(transport, "a")
        assert transport.replay(["never", "", "../x"]) == 0
        assert transport.drop_dead(["never", "", "../x"]) == 0
        assert transport.replay(["never", dead]) == 1

    def test_a_dropped_dead_letter_is_gone(self, transport: Transport) -> None:
        first, second = self.bury(transport, "a", "b")
        assert transport.drop_dead([first]) == 1
        assert transport.drop_dead([first]) == 0
        assert [letter.id for letter in transport.dead_letters()] == [second]
        assert transport.replay([first]) == 0
        assert take_now(transport) == []

    def test_purge_leaves_dead_letters(self, transport: Transport) -> None:
        self.bury(transport, "a")
        assert transport.purge("q") == 0
        assert len(transport.dead_letters()) == 1

    def test_a_message_may_die_again_after_its_replay(self, transport: Transport) -> None:
        (first,) = self.bury(transport, "a")
        transport.replay([first])
        transport.dead_letter([(take_one(transport), "again", "")])
        (letter,) = transport.dead_letters()
        assert (letter.reason, letter.deliveries) == ("again", 1)

    def test_the_oldest_dead_letters_beyond_the_limit_are_dropped(
        self, transport: Transport, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(self.driver, "dead_letter_limit", 3)
        for name in "abcde":
            self.bury(transport, name)
            clock.advance(1)
        assert [letter.message.id for letter in transport.dead_letters()] == ["e", "d", "c"]

    def test_dead_letters_survive_the_end_of_their_worker(
        self, transport: Transport, address: str, clock: ManualClock
    ) -> None:
        self.needs("durable")
        self.bury(transport, "a")
        before = transport.dead_letters()
        transport.close()
        again = self.make(address, clock=clock)
        try:
            assert again.dead_letters() == before
        finally:
            again.close()
