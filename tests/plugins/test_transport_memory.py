from __future__ import annotations

import gc
import os
import threading
import time

import pytest

from celeriac.errors import ConfigurationError
from celeriac.message import Message, Publication
from celeriac.specs.transport import QueueCounts, Subscription, TransportOptions
from celeriac.testing.suite import TransportSuite
from celeriac_plugins._shared.waiting import Waiters
from celeriac_plugins.transports.memory import MemoryTransport


class TestMemory(TransportSuite):
    driver = MemoryTransport
    url = "memory://{path}"


def make(url: str = "memory://tests") -> MemoryTransport:
    return MemoryTransport(TransportOptions(url))


def send(transport: MemoryTransport, *names: str) -> None:
    transport.publish([Publication("q", Message({"id": name}, {}, b"")) for name in names], timeout=5)


def test_transports_of_one_url_share_their_queues_and_those_of_another_do_not() -> None:
    one, same, other = make(), make(), make("memory://other")
    send(one, "a")
    assert same.counts("q") == QueueCounts(ready=1)
    assert other.counts("q") == QueueCounts()


def test_the_bare_name_of_the_driver_is_the_default_space() -> None:
    named, bare = make("memory://"), make("memory")
    send(named, "a")
    assert bare.counts("q") == QueueCounts(ready=1)


def test_a_space_ends_with_its_last_transport() -> None:
    first = make("memory://short-lived")
    send(first, "a")
    first.close()
    del first
    gc.collect()
    assert make("memory://short-lived").counts("q") == QueueCounts()


def test_a_message_is_the_one_that_was_published_whatever_becomes_of_it() -> None:
    transport = make("memory://copies")
    message = Message({"id": "a", "list": [1]}, {}, b"")
    transport.publish([Publication("q", message)], timeout=5)
    message.headers["list"].append(2)
    first = transport.receive(["q"], 1, 0)
    assert first[0].message.headers["list"] == [1]
    first[0].message.headers.clear()
    transport.reject(first)
    assert transport.receive(["q"], 1, 0)[0].message.headers == {"id": "a", "list": [1]}


def test_a_message_that_another_received_and_lost_ends_a_wait_that_began_before() -> None:
    transport = MemoryTransport(TransportOptions("memory://lost", lease=0.2))
    received: list[int] = []
    waiting = threading.Thread(
        target=lambda: received.extend(each.count for each in transport.receive(["q"], 1, timeout=10))
    )
    send(transport, "a")
    transport.receive(["q"], 1, 0)
    waiting.start()
    waiting.join(10)
    assert received == [2]


def test_an_option_is_refused_because_there_are_none() -> None:
    with pytest.raises(ConfigurationError, match=r"'lease'.*none"):
        MemoryTransport(TransportOptions("memory://", extra={"lease": 3}))


def test_a_forked_child_has_a_space_of_its_own() -> None:
    transport = make("memory://forks")
    send(transport, "a")
    with transport._space.lock:  # as another thread may hold it at the fork
        child = os.fork()
        if child == 0:
            os._exit(0 if make("memory://forks").counts("q") == QueueCounts() else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert transport.counts("q") == QueueCounts(ready=1)


def test_a_subscription_that_is_never_read_keeps_no_more_than_a_minute() -> None:
    transport = make("memory://unread")
    listener: Subscription = transport.subscribe(["a"])
    for _ in range(100):
        transport.broadcast("a", b"x")
    assert len(listener.receive(0)) == 100
    listener.close()
    transport.broadcast("a", b"x")
    assert listener.receive(0) == []
    assert transport._space.subscriptions == []


def test_closing_ends_a_wait() -> None:
    transport = make("memory://closed")
    waiting = threading.Thread(target=lambda: transport.receive(["q"], 1, None))
    waiting.start()
    transport.close()
    waiting.join(10)
    assert not waiting.is_alive()


class TestWaiters:
    def test_a_ring_between_the_look_and_the_wait_is_heard(self) -> None:
        waiters = Waiters()
        looks: list[int] = []

        def look() -> list[int]:
            looks.append(1)
            if len(looks) == 1:
                waiters.ring()  # as a signal handler may, in this very thread
                return []
            return [1]

        start = time.monotonic()
        assert waiters.wait(look, lambda: 30.0, timeout=30.0) == [1]
        assert time.monotonic() - start < 30.0

    def test_a_wake_between_the_look_and_the_wait_is_heard(self) -> None:
        waiters = Waiters()

        def look() -> list[int]:
            waiters.wake()
            return []

        assert waiters.wait(look, lambda: 30.0, timeout=None) == []

    def test_wakes_that_nobody_waits_for_do_not_add_up(self) -> None:
        waiters = Waiters()
        waiters.wake()
        waiters.wake()
        assert waiters.wait(list, lambda: 30.0, timeout=None) == []
        assert waiters.wait(list, lambda: 30.0, timeout=0.05) == []

    def test_a_look_that_fails_leaves_no_bell_behind(self) -> None:
        waiters = Waiters()

        def look() -> list[int]:
            raise ValueError

        with pytest.raises(ValueError):
            waiters.wait(look, lambda: 30.0, timeout=None)
        assert not waiters._bells
