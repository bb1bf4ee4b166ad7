"""The AMQP transport: the contract, and what is particular to RabbitMQ."""

from __future__ import annotations

import pytest

from celeriac.testing.clock import ManualClock
from celeriac.testing.suite import TransportSuite
from celeriac.testing.suite.transport.clauses import BrokersClock
from celeriac_plugins.transports.amqp import AmqpTransport
from servers.rabbitmq_server import own_rabbitmq, rabbitmq_url, shared_rabbitmq

__all__ = ["own_rabbitmq", "rabbitmq_url", "shared_rabbitmq"]


class TestAmqpTransport(TransportSuite):
    driver = AmqpTransport
    url = "amqp://127.0.0.1:1//"
    unreachable = "amqp://127.0.0.1:1//"
    option = "max_priority"
    extra = {"max_priority": 9}

    @pytest.fixture
    def clock(self) -> ManualClock:
        return BrokersClock()

    @pytest.fixture
    def address(self, rabbitmq_url: str) -> str:
        return rabbitmq_url
