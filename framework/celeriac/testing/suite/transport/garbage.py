"""What dead processes have left behind, and what is none of it."""

from __future__ import annotations

import pytest

from celeriac.specs.transport import QueueCounts, Transport
from celeriac.testing.clock import ManualClock
from celeriac.testing.suite.transport.clauses import TransportClauses, names, send, take, take_now, take_one


class GarbageClauses(TransportClauses):
    def leave_litter(self, address: str) -> None:  # noqa: ARG002 (for those who replace it)
        """Put at the broker what a process leaves there that is killed. Replace it: how that is done, only the author
        knows."""
        pytest.skip(f"{type(self).__name__}.leave_litter is not given, so nothing is there to be found")

    def test_messages_are_no_litter_wherever_they_are(self, transport: Transport, clock: ManualClock) -> None:
        self.needs("garbage")
        for queue in ("q", "other", "celeryev", "a.pidbox.b"):
            send(transport, *"abcdef", queue=queue)
        held = take(transport, 4)
        transport.delay([(held[0], clock.time() + 10)])
        transport.dead_letter([(held[1], "reason", "")])
        assert transport.litter() == []
        transport.sweep_litter(transport.litter())
        assert transport.counts("q") == QueueCounts(ready=2, held=2, delayed=1)
        for queue in ("other", "celeryev", "a.pidbox.b"):
            assert names(take_now(transport, queue)) == list("abcdef")
        assert len(transport.dead_letters()) == 1
        assert transport.renew(held[2:]) == []

    def test_what_the_living_use_is_no_litter(self, transport: Transport, other: Transport) -> None:
        self.needs("garbage", "fan-out")
        topics = ["celery.pidbox", "celeryev", "reply.celery.pidbox.1"]
        listener = transport.subscribe(topics)
        send(other, "a")
        take_one(other)
        assert other.litter() == []
        for topic in topics:
            other.broadcast(topic, b"hello")
        heard: list[tuple[str, bytes]] = []
        while len(heard) < len(topics) and (more := listener.receive(5.0)):
            heard += more
        assert sorted(heard) == sorted((topic, b"hello") for topic in topics)
        listener.close()
        assert other.litter() == []

    def test_litter_is_found_and_swept(self, transport: Transport, address: str) -> None:
        self.needs("garbage")
        self.leave_litter(address)
        send(transport, *"abc")
        take_one(transport)
        found = transport.litter()
        assert found
        assert len({(each.kind, each.name) for each in found}) == len(found), "each has a name of its own"
        assert all(each.why for each in found)
        assert transport.sweep_litter(found[:1]) == 1
        assert [each.name for each in transport.litter()] == [each.name for each in found[1:]]
        assert transport.sweep_litter(found) == len(found) - 1, "what has gone already does not count"
        assert transport.litter() == []
        assert transport.counts("q") == QueueCounts(ready=2, held=1)
