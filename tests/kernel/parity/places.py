"""Where canvas tests run: the same app over memory, SQLite and Redis."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from celeriac import Celeriac
from celeriac.testing import WorkerInTest, start_worker
from servers.redis_server import RedisServer

EVERYWHERE = pytest.mark.parametrize("where", ["memory", "sqlite", "redis"])


@contextmanager
def working(
    app: Celeriac, where: str, folder: Path, request: pytest.FixtureRequest, **settings: Any
) -> Iterator[WorkerInTest]:
    """A worker of the app whose broker and results are there."""
    urls: dict[str, Any] = {}
    if where == "sqlite":
        urls = dict.fromkeys(("broker_url", "result_backend"), f"sqlite://{folder}/canvas.db")
    elif where == "redis":
        server: RedisServer = request.getfixturevalue("redis_server")
        urls = dict.fromkeys(("broker_url", "result_backend"), server.url)
    with start_worker(app, **urls, **settings) as worker:
        yield worker
