"""How a receive blocks, and what ends it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from celeriac.clock import SystemClock
from celeriac.specs.transport import Transport
from celeriac.testing.suite.transport.background import Background
from celeriac.testing.suite.transport.clauses import (
    PATIENCE,
    TransportClauses,
    names,
    send,
    take_now,
    take_one,
)

SHORT = 0.05
"""Seconds in which a thread that we started is most probably blocked; no clause fails when it is not."""


class WaitClauses(TransportClauses):
    @pytest.fixture
    def timed(self, address: str) -> Iterator[Transport]:
        """A transport under the real clock, with a short lease."""
        transport = self.make(address, clock=SystemClock(), lease=0.4)
        yield transport
        transport.close()

    def test_without_a_timeout_to_wait_receive_returns_at_once(self, transport: Transport) -> None:
        assert Background(lambda: transport.receive(["q"], 1, timeout=0)).result() == []

    def test_receive_waits_for_its_timeout_and_no_longer(self, transport: Transport) -> None:
        start = time.monotonic()
        assert Background(lambda: transport.receive(["q"], 1, timeout=0.15)).result() == []
        assert time.monotonic() - start >= 0.14

    def test_a_publish_ends_the_wait(self, transport: Transport) -> None:
        waiting = Background(lambda: transport.receive(["q"], 5, timeout=None))
        assert waiting.running(after=SHORT)
        send(transport, "a")
        assert names(waiting.result()) == ["a"]

    def test_a_publish_to_any_of_its_queues_ends_the_wait(self, transport: Transport) -> None:
        for queue in "ab":
            waiting = Background(lambda: transport.receive(["a", "b"], 5, timeout=None))
            assert waiting.running(after=SHORT)
            send(transport, queue, queue=queue)
            assert names(waiting.result()) == [queue]

    def test_a_publish_through_another_object_ends_the_wait(self, transport: Transport, other: Transport) -> None:
        waiting = Background(lambda: transport.receive(["q"], 5, timeout=None))
        assert waiting.running(after=SHORT)
        send(other, "a")
        assert names(waiting.result()) == ["a"]

    def test_a_publish_to_another_queue_does_not_end_the_wait(self, transport: Transport) -> None:
        waiting = Background(lambda: transport.receive(["q"], 5, timeout=None))
        send(transport, "x", queue="x")
        assert waiting.running(after=SHORT)
        send(transport, "a")
        assert names(waiting.result()) == ["a"]

    def test_two_messages_end_the_wait_of_two(self, transport: Transport) -> None:
        waiting = [Background(lambda: transport.receive(["q"], 1, timeout=None)) for _ in range(2)]
        assert all(each.running(after=SHORT) for each in waiting)
        send(transport, "a", "b")
        assert sorted(name for each in waiting for name in names(each.result())) == ["a", "b"]

    def test_a_message_given_back_ends_the_wait(self, transport: Transport) -> None:
        send(transport, "a")
        delivery = take_one(transport)
        waiting = Background(lambda: transport.receive(["q"], 5, timeout=None))
        assert waiting.running(after=SHORT)
        transport.reject([delivery])
        assert names(waiting.result()) == ["a"]

    def test_wake_ends_the_wait(self, transport: Transport) -> None:
        waiting = Background(lambda: transport.receive(["q"], 1, timeout=None))
        assert waiting.running(after=SHORT)
        transport.wake()
        assert waiting.result() == []

    def test_wake_ends_the_next_wait_when_nobody_waits(self, transport: Transport) -> None:
        transport.wake()
        assert Background(lambda: transport.receive(["q"], 1, timeout=None)).result() == []

    def test_wake_ends_one_wait_of_several(self, transport: Transport) -> None:
        waiting = [Background(lambda: transport.receive(["q"], 1, timeout=None)) for _ in range(3)]
        assert all(each.running(after=SHORT) for each in waiting)
        transport.wake()
        until = time.monotonic() + PATIENCE
        while all(each.running(after=0.01) for each in waiting):
            assert time.monotonic() < until, "wake() ended no wait"
        still = [each for each in waiting if each.running(after=SHORT)]
        assert len(still) == 2
        send(transport, "a", "b")
        assert sorted(name for each in still for name in names(each.result())) == ["a", "b"]

    def test_wake_does_not_lose_a_message(self, transport: Transport) -> None:
        waiting = Background(lambda: transport.receive(["q"], 1, timeout=None))
        transport.wake()
        send(transport, "a")
        received = names(waiting.result())
        assert received + names(take_now(transport)) == ["a"]

    def test_wake_may_come_from_a_signal_handler(self, transport: Transport) -> None:
        if threading.current_thread() is not threading.main_thread():
            pytest.skip("signal handlers run in the main thread, and this is another one")
        before = signal.signal(signal.SIGUSR1, lambda *_: transport.wake())
        timer = threading.Timer(SHORT, os.kill, (os.getpid(), signal.SIGUSR1))
        timer.start()
        try:
            start = time.monotonic()
            assert transport.receive(["q"], 1, timeout=PATIENCE) == []
            assert time.monotonic() - start < PATIENCE, "the wait went on after wake()"
        finally:
            timer.join()
            signal.signal(signal.SIGUSR1, before)

    def test_a_message_that_becomes_due_ends_the_wait(self, timed: Transport) -> None:
        self.needs("delay")
        due = time.time() + self.soon
        send(timed, "a", due=due)
        waiting = Background(lambda: timed.receive(["q"], 1, timeout=None))
        assert waiting.running(after=SHORT) or time.time() > due
        assert names(waiting.result()) == ["a"]

    def test_an_early_due_time_that_comes_in_during_the_wait_shortens_it(self, timed: Transport) -> None:
        self.needs("delay")
        send(timed, "late", due=time.time() + 1000)
        waiting = Background(lambda: timed.receive(["q"], 1, timeout=None))
        assert waiting.running(after=SHORT)
        send(timed, "early", due=time.time() + self.soon)
        assert names(waiting.result()) == ["early"]

    def test_a_lease_that_runs_out_ends_the_wait(self, timed: Transport) -> None:
        self.needs("lease")
        send(timed, "a")
        take_one(timed)
        delivery = Background(lambda: timed.receive(["q"], 1, timeout=None)).result()[0]
        assert (delivery.message.id, delivery.count) == ("a", 2)
