"""arq, polling each millisecond instead of each half second. Option: `concurrency`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from arq.connections import RedisSettings
from arq.worker import func

from systems import bodies

POLL = 0.001
"""Seconds."""

setup = bodies.setup
settings = RedisSettings.from_dsn(setup.redis)


def _with_context(body: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def run(_context: object, **arguments: Any) -> Any:
        return await body(**arguments)

    return run


class WorkerSettings:
    functions = tuple(func(_with_context(body), name=name) for name, body in bodies.COROUTINES.items())
    redis_settings = settings
    max_jobs = setup.options["concurrency"]
    poll_delay = POLL
    keep_result = 3600 if setup.results else 0
    log_results = False
