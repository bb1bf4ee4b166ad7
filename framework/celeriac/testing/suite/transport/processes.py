"""What holds between processes: the clauses start some, with the same driver on the same address."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from celeriac.clock import SystemClock
from celeriac.specs.transport import Transport
from celeriac.testing.suite.another_process import AnotherProcess
from celeriac.testing.suite.transport.background import Background
from celeriac.testing.suite.transport.clauses import PATIENCE, TransportClauses, names, send, take, take_now

LEASE = 300.0
"""Seconds; far longer than any clause."""

START = """
import json
from celeriac.message import Message, Publication
transport = suite.make(argv[0], lease=float(argv[1]))
def tell(what):
    print(json.dumps(what), flush=True)
"""

PUBLISH = """
transport.publish([Publication("q", Message({"id": str(n)}, {}, b"x")) for n in range(5)], timeout=10)
transport.close()
"""

DRAIN = """
print("ready", flush=True)
sys.stdin.readline()
while batch := transport.receive(["q"], 10, timeout=0.5):
    tell([each.message.id for each in batch])
    transport.ack(batch)
transport.close()
"""

HOLD = """
held = transport.receive(["q"], 3, timeout=10)
tell([each.message.id for each in held])
sys.stdin.readline()
"""

CLOSE_AND_STAY = """
held = transport.receive(["q"], 3, timeout=10)
transport.close()
tell([each.message.id for each in held])
sys.stdin.readline()
"""

BROADCAST = """
transport.broadcast("a", b"from afar")
transport.close()
"""


FORK = """
import gc, os
transport.publish([Publication("q", Message({"id": each}, {}, b"x")) for each in "abc"], timeout=10)
held = transport.receive(["q"], 1, timeout=10)
child = os.fork()
if child == 0:
    del transport, held
    gc.collect()
    os._exit(0)
os.waitpid(child, 0)
transport.ack(held)
rest = transport.receive(["q"], 9, timeout=10)
tell([each.message.id for each in held + rest])
transport.ack(rest)
transport.publish([Publication("q", Message({"id": "d"}, {}, b"x"))], timeout=10)
tell([each.message.id for each in transport.receive(["q"], 9, timeout=10)])
transport.close()
"""


class ProcessClauses(TransportClauses):
    @pytest.fixture
    def here(self, address: str) -> Iterator[Transport]:
        """The transport of this process, under the real clock, with a lease far longer than the clause."""
        self.needs("processes")
        here = self.make(address, clock=SystemClock(), lease=LEASE)
        yield here
        here.close()

    def start(self, code: str, address: str) -> AnotherProcess:
        return AnotherProcess(self, START + code, address, str(LEASE))

    def test_what_another_process_publishes_ends_the_wait(self, here: Transport, address: str) -> None:
        waiting = Background(lambda: take(here, 5))
        with self.start(PUBLISH, address) as other:
            assert other.end() == 0
        assert sorted(names(waiting.result())) == list("01234")

    def test_processes_that_drain_a_queue_get_each_message_exactly_once(self, here: Transport, address: str) -> None:
        sent = [f"{number:03}" for number in range(500)]
        send(here, *sent)
        received: Counter[str] = Counter()
        with self.start(DRAIN, address) as one, self.start(DRAIN, address) as two, self.start(DRAIN, address) as three:
            for other in (one, two, three):
                assert other.hear() == "ready"
            for other in (one, two, three):
                other.tell("go")
            for other in (one, two, three):
                while line := other.hear():
                    received.update(json.loads(line))
        assert received == Counter(sent)
        self.counted(here)

    def test_what_a_killed_process_held_comes_back_at_once(self, here: Transport, address: str) -> None:
        self.needs("owner-liveness")
        send(here, *"abcd")
        with self.start(HOLD, address) as other:
            held = json.loads(other.hear())
            rest = [name for name in "abcd" if name not in held]
            assert names(take(here, len(rest))) == rest
            assert Background(lambda: here.receive(["q"], 9, 0.7)).result() == [], "the living keep what they hold"
        back = take(here, len(held))
        assert sorted(names(back)) == sorted(held)
        assert {delivery.count for delivery in back} == {2}

    def test_what_a_killed_process_held_comes_back_after_its_lease(self, here: Transport, address: str) -> None:
        self.needs("lease")
        send(here, "a")
        with self.start(HOLD, address) as other:
            assert json.loads(other.hear()) == ["a"]
        if not self.supports("owner-liveness"):
            assert take_now(here) == []
        late = self.make(address, clock=_Ahead(LEASE + 1), lease=LEASE)
        try:
            assert names(take(late, 1)) == ["a"]
        finally:
            late.close()

    def test_what_a_closed_transport_held_stays_held_for_its_lease(self, here: Transport, address: str) -> None:
        self.needs("lease")
        send(here, "a")
        with self.start(CLOSE_AND_STAY, address) as other:
            assert json.loads(other.hear()) == ["a"]
            assert Background(lambda: here.receive(["q"], 9, timeout=0.7)).result() == []
            self.counted(here, held=1)

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
    def test_a_forked_child_that_drops_its_copy_does_no_harm(self, address: str) -> None:
        with self.start(FORK, address) as other:
            assert sorted(json.loads(other.hear())) == ["a", "b", "c"]
            assert json.loads(other.hear()) == ["d"]
            assert other.end() == 0

    def test_a_broadcast_reaches_other_processes(self, here: Transport, address: str) -> None:
        self.needs("fan-out")
        listener = here.subscribe(["a"])
        with self.start(BROADCAST, address) as other:
            assert other.end() == 0
        assert Background(lambda: listener.receive(PATIENCE)).result() == [("a", b"from afar")]
        listener.close()


class _Ahead(SystemClock):
    """The machine's clock, but some seconds ahead."""

    __slots__ = ("_ahead",)

    def __init__(self, ahead: float) -> None:
        self._ahead = ahead

    def time(self) -> float:
        return time.time() + self._ahead
