"""A worker of each side for each broker: every test of these files runs from both sides."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from servers.rabbitmq_server import RabbitServer, shared_rabbitmq
from servers.redis_server import RedisServer
from servers.shop_workers import Shops, open_shops

__all__ = ["shared_rabbitmq"]

BROKERS = ["redis", "rabbitmq"]


@pytest.fixture(scope="module")
def redis_of_module() -> Iterator[RedisServer]:
    """Results and diary, and for one of the brokers the queues."""
    with tempfile.TemporaryDirectory(prefix="celeriac-matrix-") as folder:
        server = RedisServer(Path(folder))
        yield server
        server.stop()


@pytest.fixture(scope="module", params=BROKERS)
def broker(request: pytest.FixtureRequest) -> str | None:
    """The URL of a broker of this module's own; None is the Redis that has the results."""
    if request.param == "redis":
        return None
    server: RabbitServer = request.getfixturevalue("shared_rabbitmq")
    return server.new_vhost()


@pytest.fixture(scope="module")
def settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    """For both sides alike; a module that needs others has a fixture of this name."""
    return {}


@pytest.fixture(scope="module")
def shops(redis_of_module: RedisServer, broker: str | None, settings: dict[str, Any]) -> Iterator[Shops]:
    with tempfile.TemporaryDirectory(prefix="celeriac-matrix-") as folder:
        yield from open_shops(
            redis_of_module, Path(folder), broker=broker, pool=("-P", "prefork", "-c", "2"), settings=settings
        )


@pytest.fixture(params=["celery", "ours"])
def side(request: pytest.FixtureRequest) -> str:
    """Whose client calls; the worker is the other one's."""
    name: str = request.param
    return name
