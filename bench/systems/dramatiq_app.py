"""Dramatiq as it comes, with results in Redis."""

from __future__ import annotations

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import GroupCallbacks
from dramatiq.rate_limits.backends import RedisBackend as Counters
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

from systems import bodies

setup = bodies.setup
broker = RedisBroker(url=setup.redis) if setup.broker == "redis" else RabbitmqBroker(url=setup.rabbitmq)
broker.add_middleware(GroupCallbacks(Counters(url=setup.redis)))
if setup.results:
    broker.add_middleware(Results(backend=RedisBackend(url=setup.redis), store_results=True))
dramatiq.set_broker(broker)
actors = {name: dramatiq.actor(body) for name, body in bodies.FUNCTIONS.items()}
