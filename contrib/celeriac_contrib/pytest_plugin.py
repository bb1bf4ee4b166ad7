"""Fixtures for the tests of those who use Celeriac: an app, and a worker whose clock is moved.

Name the plugin in a ``conftest.py``; it does not load itself::

    pytest_plugins = ["celeriac_contrib.pytest_plugin"]

Then, in a test::

    def test_the_reminder_comes_a_day_later(celeriac_app, celeriac_worker):
        @celeriac_app.task
        def remind(customer):
            return f"reminded {customer}"

        result = remind.apply_async(("ada",), countdown=86400)
        celeriac_worker.advance(86400)
        assert result.get(timeout=5) == "reminded ada"

To test the tasks of a project, replace the fixture `celeriac_app` by one that returns its app. The worker lends it a
queue, results and a clock of its own; after the test the app is as it was::

    @pytest.fixture
    def celeriac_app():
        return shop.app

How the worker runs is said by a mark, with the arguments of `celeriac.testing.start_worker`::

    @pytest.mark.celeriac(pool="threads", concurrency=4, task_max_deliveries=1)
    def test_many_at_a_time(celeriac_worker): ...
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from celeriac import Celeriac
from celeriac.testing import WorkerInTest, start_worker

__all__ = ["celeriac_app", "celeriac_worker"]

MARK = "celeriac"


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known, for ``--strict-markers``."""
    config.addinivalue_line(
        "markers", f"{MARK}(pool=…, concurrency=…, queues=…, **settings): how the worker of celeriac_worker runs"
    )


@pytest.fixture
def celeriac_app() -> Iterator[Celeriac]:
    """A fresh app, with a queue and results in memory that no other test sees."""
    space = f"memory://{uuid4()}"
    with Celeriac("test", broker=space, backend=space) as app:
        yield app


@pytest.fixture
def celeriac_worker(celeriac_app: Celeriac, request: pytest.FixtureRequest) -> Iterator[WorkerInTest]:
    """A worker of `celeriac_app` in this process, for the length of the test.

    Its `advance` moves the clock: what is due by then runs, what has expired by then does not. Its `drain` waits until
    nothing is ready and nothing runs; `dead_letters` are what could not be run.
    """
    with start_worker(celeriac_app, **_options(request.node)) as worker:
        yield worker


def _options(test: pytest.Item) -> dict[str, Any]:
    """What the marks say; one on the test itself wins over one on its class or module."""
    options: dict[str, Any] = {}
    for mark in reversed(list(test.iter_markers(MARK))):
        if mark.args:
            raise pytest.UsageError(f"mark {MARK} takes keyword arguments only, {test.nodeid} gives it {mark.args}")
        options.update(mark.kwargs)
    return options
