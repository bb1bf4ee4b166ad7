"""An app with tasks of every sort, and a worker around it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from celeriac import Celeriac, Ignore, Reject
from celeriac.testing import WorkerInTest, start_worker


class Broken(Exception):
    """Takes two arguments and keeps none, so that it cannot be rebuilt from what is stored."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__()

    def __str__(self) -> str:
        raise RuntimeError("not even a text")


@pytest.fixture
def app() -> Iterator[Celeriac]:
    app = Celeriac("shop", broker="memory://kernel-tests", backend="memory://kernel-tests")
    app.ran = []  # type: ignore[attr-defined]
    ran: list[Any] = app.ran  # type: ignore[attr-defined]

    @app.task(name="add")
    def add(x: int, y: int) -> int:
        ran.append(("add", x, y))
        return x + y

    @app.task(name="aadd")
    async def aadd(x: int, y: int) -> int:
        import asyncio

        await asyncio.sleep(0)
        return x + y

    @app.task(name="total")
    def total(values: list[int]) -> int:
        ran.append(("total", sorted(values)))
        return sum(values)

    @app.task(name="note")
    def note(*args: Any, **kwargs: Any) -> None:
        ran.append(("note", args, kwargs))

    @app.task(name="fail")
    def fail(text: str = "no") -> None:
        ran.append("fail")
        raise ValueError(text)

    @app.task(name="fail_oddly")
    def fail_oddly() -> None:
        raise Broken("a", "b")

    @app.task(name="unencodable")
    def unencodable() -> Any:
        return object()

    @app.task(name="always_again", bind=True, max_retries=2, default_retry_delay=10)
    def always_again(self: Any) -> None:
        ran.append(self.request.retries)
        raise self.retry(exc=KeyError("still not"))

    @app.task(name="automatic", bind=True, autoretry_for=(OSError,), max_retries=3, retry_backoff=2, retry_jitter=False)
    def automatic(self: Any) -> str:
        ran.append(self.request.retries)
        if self.request.retries < 3:
            raise OSError("down")
        return "up"

    @app.task(name="ignored")
    def ignored() -> None:
        raise Ignore

    @app.task(name="rejected")
    def rejected() -> None:
        raise Reject("not mine")

    @app.task(name="again")
    def again() -> None:
        ran.append("again")
        raise Reject("later", requeue=True)

    @app.task(name="context", bind=True)
    def context(self: Any) -> dict[str, Any]:
        request = self.request
        return {
            "id": request.id,
            "root_id": request.root_id,
            "parent_id": request.parent_id,
            "retries": request.retries,
            "queue": request.queue,
            "headers": {"tenant": request.headers.get("tenant")},
            "priority": request.priority,
            "called_directly": request.called_directly,
            "hostname": request.hostname,
        }

    @app.task(name="calls_another", bind=True)
    def calls_another(self: Any) -> str:
        return context.delay().id

    yield app
    app.close()


@pytest.fixture
def worker(app: Celeriac) -> Iterator[WorkerInTest]:
    with start_worker(app) as worker:
        yield worker
