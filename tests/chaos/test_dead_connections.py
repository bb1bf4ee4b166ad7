"""A connection can be dead without either end being told: drivers find out by themselves, and lose nothing."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from celeriac.message import Delivery, Message, Publication
from celeriac.specs.transport import TransportOptions
from celeriac_plugins.transports.amqp import AmqpTransport
from celeriac_plugins.transports.redis import RedisTransport
from chaos.brokers import BROKERS, Networked

SOON = 10.0


@pytest.fixture
def broker() -> Iterator[Networked]:
    with tempfile.TemporaryDirectory(prefix="celeriac-chaos-") as folder:  # a short path, for the server's socket
        networked = BROKERS["redis"](Path(folder))
        assert isinstance(networked, Networked)
        yield networked
        networked.close()


@pytest.fixture
def transport(broker: Networked) -> Iterator[RedisTransport]:
    made = RedisTransport(TransportOptions(broker.url))
    yield made
    made.close()


@pytest.fixture
def witness(broker: Networked) -> Iterator[RedisTransport]:
    """Past the line."""
    made = RedisTransport(TransportOptions(broker.safe_url))
    yield made
    made.close()


def publication(task_id: str) -> Publication:
    return Publication("q", Message({"id": task_id, "task": "t"}, {}, b"[]", "application/json", "utf-8"))


def swallow_what_is(broker: Networked) -> None:
    """The connections of now are dead, new ones are well."""
    broker.line.swallow()
    broker.line.restore()


def test_a_worker_that_waits_on_a_dead_connection_hears_of_a_new_message(
    broker: Networked, transport: RedisTransport, witness: RedisTransport
) -> None:
    assert transport.receive(["q"], 1, 0.2) == []
    swallow_what_is(broker)
    witness.publish([publication("1")], SOON)
    began = time.monotonic()

    found: list[Delivery] = []
    while not found and time.monotonic() < began + SOON:
        try:
            found = transport.receive(["q"], 1, began + SOON - time.monotonic())
        except ConnectionError as error:
            assert "dead" in str(error)

    assert [delivery.message.id for delivery in found] == ["1"]


def test_a_publish_on_a_dead_connection_ends_long_before_its_deadline(
    broker: Networked, transport: RedisTransport
) -> None:
    transport.publish([publication("1")], SOON)
    swallow_what_is(broker)
    began = time.monotonic()

    with pytest.raises(ConnectionError, match="dead"):
        transport.publish([publication("2")], 60.0)

    assert time.monotonic() - began < SOON
    transport.publish([publication("2")], SOON)


def test_a_server_that_is_merely_slow_is_waited_for(broker: Networked, transport: RedisTransport) -> None:
    """Nobody is answered then: to hang up would leave behind what it is about to hand out."""
    transport.publish([publication("1")], SOON)
    assert broker.line.connections == 1
    broker.server.pause()
    try:
        waiting = threading.Timer(2.0, broker.server.resume)
        waiting.start()
        transport.publish([publication("2")], SOON)
    finally:
        waiting.join()

    assert transport.counts("q").ready == 2


def test_connecting_is_tried_again_where_the_first_attempt_was_swallowed(
    broker: Networked, transport: RedisTransport
) -> None:
    broker.line.swallow()
    mending = threading.Timer(0.5, broker.line.restore)
    mending.start()
    began = time.monotonic()

    transport.publish([publication("1")], 60.0)

    mending.join()
    assert time.monotonic() - began < SOON


def test_what_rabbitmq_pushed_in_advance_is_received_after_the_connection_was_lost() -> None:
    """Nobody runs it yet, so nobody but the next receive can settle it."""
    with tempfile.TemporaryDirectory(prefix="celeriac-chaos-") as folder:
        broker = BROKERS["amqp"](Path(folder))
        assert isinstance(broker, Networked)
        transport = AmqpTransport(TransportOptions(broker.url))
        try:
            sent = {str(number) for number in range(10)}
            transport.publish([publication(task_id) for task_id in sorted(sent)], SOON)
            found = {delivery.message.id for delivery in transport.receive(["q"], 5, SOON)}
            found |= {delivery.message.id for delivery in transport.receive(["q"], 1, SOON)}
            assert found < sent
            broker.line.reset()

            began = time.monotonic()
            while found < sent and time.monotonic() - began < SOON:
                with suppress(ConnectionError):
                    found |= {delivery.message.id for delivery in transport.receive(["q"], 5, 1.0)}
            assert found == sent
        finally:
            transport.close()
            broker.close()
