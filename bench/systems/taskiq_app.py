"""Taskiq on a list in Redis, or on RabbitMQ; results in Redis."""

from __future__ import annotations

from systems import bodies

setup = bodies.setup
if setup.broker == "redis":
    from taskiq_redis import ListQueueBroker

    broker = ListQueueBroker(setup.redis)
else:
    from taskiq_aio_pika import AioPikaBroker

    broker = AioPikaBroker(setup.rabbitmq, qos=setup.options["concurrency"])
if setup.results:
    from taskiq_redis import RedisAsyncResultBackend

    broker = broker.with_result_backend(RedisAsyncResultBackend(setup.redis, prefix_str="result"))
tasks = {name: broker.register_task(body, task_name=name) for name, body in bodies.COROUTINES.items()}
