"""Time limits: enforced, or refused when the worker starts."""

from __future__ import annotations

import asyncio
import time

import pytest

from celeriac import Celeriac
from celeriac.errors import SoftTimeLimitExceeded, TimeLimitExceeded, UnsupportedCapability
from celeriac.testing import start_worker


def test_a_limit_that_the_pool_cannot_enforce_is_refused_at_start(app: Celeriac) -> None:
    @app.task(name="limited", time_limit=5)
    def limited() -> None: ...

    for pool in ("solo", "threads", "asyncio"):
        with pytest.raises(UnsupportedCapability, match=f"pool '{pool}' cannot enforce time_limit, which task limited"):
            with start_worker(app, pool=pool):
                pass


def test_a_limit_for_all_is_refused_where_some_task_would_not_have_it(app: Celeriac) -> None:
    with pytest.raises(UnsupportedCapability, match="the setting task_soft_time_limit"):
        with start_worker(app, pool="threads", task_soft_time_limit=5):
            pass


def test_children_that_do_not_exist_cannot_be_recycled(app: Celeriac) -> None:
    with pytest.raises(UnsupportedCapability, match="worker_max_tasks_per_child"):
        with start_worker(app, pool="threads", worker_max_tasks_per_child=5):
            pass


@pytest.mark.parametrize(
    ("limit", "error"), [("time_limit", TimeLimitExceeded), ("soft_time_limit", SoftTimeLimitExceeded)]
)
def test_coroutines_are_ended_at_an_await_on_the_asyncio_pool(
    app: Celeriac, limit: str, error: type[Exception]
) -> None:
    @app.task(name="sleeps", **{limit: 0.1})
    async def sleeps() -> None:
        await asyncio.sleep(60)

    with start_worker(app, pool="asyncio", concurrency=5):
        with pytest.raises(error):
            sleeps.delay().get(timeout=10)
        assert app.tasks["aadd"].delay(1, 2).get(timeout=5) == 3


def test_a_callers_limit_that_cannot_be_enforced_is_logged_and_the_task_runs(
    app: Celeriac, caplog: pytest.LogCaptureFixture
) -> None:
    with start_worker(app, pool="threads"):
        assert app.tasks["add"].apply_async((1, 2), time_limit=5).get(timeout=5) == 3

    assert "a caller set time_limit for add" in caplog.text


def test_one_long_task_does_not_keep_short_ones_waiting_behind_it(app: Celeriac) -> None:
    """What is held beyond the running task is given back when that turns out to be long."""

    @app.task(name="short")
    def short() -> None: ...

    @app.task(name="long")
    def long() -> None:
        time.sleep(1.5)

    with start_worker(app, pool="solo") as worker:
        for _ in range(200):
            short.delay()
        worker.drain()  # now the worker knows its tasks to be fast, and holds many
        long.delay()
        results = [short.delay() for _ in range(20)]
        deadline = time.monotonic() + 1.2
        while app.transport.counts("celery").held > 1 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert app.transport.counts("celery").held <= 1
        for result in results:
            result.get(timeout=5)
