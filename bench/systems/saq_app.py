"""SAQ. Option: `concurrency`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from saq import Queue

from systems import bodies

setup = bodies.setup
queue = Queue.from_url(setup.redis, name="bench")


def _with_context(body: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def run(_context: object, **arguments: Any) -> Any:
        return await body(**arguments)

    return run


settings = {
    "queue": queue,
    "functions": [(name, _with_context(body)) for name, body in bodies.COROUTINES.items()],
    "concurrency": setup.options["concurrency"],
}
