import io
import urllib.error
from collections.abc import Iterator

import pytest
import shop

from celeriac.testing import WorkerInTest, start_worker


@pytest.fixture
def worker() -> Iterator[WorkerInTest]:
    """A real worker in this process: on a queue in memory, with a clock that stands still until it is moved."""
    with start_worker(shop.app) as worker:
        yield worker


def test_a_task_is_a_function():
    assert shop.remind("ada") == "reminded ada"


@pytest.mark.usefixtures("worker")
def test_a_task_runs_in_the_worker():
    assert shop.remind.delay("ada").get(timeout=5) == "reminded ada"


def test_who_orders_is_reminded_a_day_later(worker: WorkerInTest, monkeypatch: pytest.MonkeyPatch):
    reminded = []
    monkeypatch.setattr(shop.remind, "run", reminded.append)
    shop.order("ada")
    worker.advance(86399)
    worker.drain()
    assert reminded == []
    worker.advance(2)
    worker.drain()
    assert reminded == ["ada"]


def test_a_rate_that_cannot_be_fetched_is_tried_again(worker: WorkerInTest, monkeypatch: pytest.MonkeyPatch):
    answers = [urllib.error.URLError("no route"), urllib.error.URLError("no route"), io.BytesIO(b"1.25")]

    def urlopen(*_arguments: object, **_options: object) -> io.BytesIO:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(shop.urllib.request, "urlopen", urlopen)
    result = shop.fetch_rate.delay("eur")
    for seconds in (60, 120):
        worker.drain()
        assert result.state == "RETRY"
        worker.advance(seconds)
    assert result.get(timeout=5) == 1.25
