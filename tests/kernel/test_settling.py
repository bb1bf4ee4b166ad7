"""Settling: what becomes of messages when something goes wrong on the way."""

from __future__ import annotations

import time
from typing import Any

import pytest

from celeriac import Celeriac
from celeriac.errors import ConfigurationError
from celeriac.specs.compressor import Compressor
from celeriac.testing import WorkerInTest, start_worker


class Reversed(Compressor):
    content_type = "application/x-reversed"

    def compress(self, data: bytes) -> bytes:
        return data[::-1]

    def decompress(self, data: bytes, max_size: int) -> bytes:
        return data[::-1]


@pytest.mark.parametrize("pool", ["solo", "threads"])
def test_at_most_once_loses_nothing_that_has_not_started(app: Celeriac, pool: str) -> None:
    """What is held behind a long task is given back, though it was acknowledged when it was received."""

    @app.task(name="slow")
    def slow() -> None:
        time.sleep(0.6)

    with start_worker(app, pool=pool, delivery="at_most_once") as worker:
        for number in range(150):
            app.tasks["note"].delay(number)
        worker.drain()
        slow.delay()
        for number in range(150, 300):
            app.tasks["note"].delay(number)
        deadline = time.monotonic() + 10
        while len(app.ran) < 300 and time.monotonic() < deadline:  # type: ignore[attr-defined]
            time.sleep(0.01)

    assert sorted(entry[1][0] for entry in app.ran) == list(range(300))  # type: ignore[attr-defined]


def test_a_worker_in_a_test_is_drained_when_what_was_acknowledged_before_its_run_has_ended(app: Celeriac) -> None:
    ended: list[int] = []

    @app.task(name="slow")
    def slow(number: int) -> None:
        time.sleep(0.05)
        ended.append(number)
        if number:
            app.tasks["slow"].delay(number - 1)

    with start_worker(app, delivery="at_most_once") as worker:
        slow.delay(3)
        worker.drain()
        assert ended == [3, 2, 1, 0]


def test_at_most_once_does_not_run_a_rejected_task_forever_nor_bury_what_is_gone(app: Celeriac) -> None:
    with start_worker(app, delivery="at_most_once") as worker:
        result = app.tasks["rejected"].delay()
        result.get(timeout=5, propagate=False)
        worker.drain()

        assert result.failed()
        assert app.tasks["add"].delay(1, 2).get(timeout=5) == 3


def test_a_callback_to_a_queue_that_does_not_exist_fails_its_task_and_blocks_nobody(app: Celeriac) -> None:
    with start_worker(app, task_queues=["celery"], task_create_missing_queues=False):
        result = app.tasks["add"].apply_async((1, 2), link=app.tasks["add"].s(3).set(queue="nope"))

        with pytest.raises(ConfigurationError, match="'nope' is not in task_queues"):
            result.get(timeout=5)
        assert app.tasks["add"].delay(1, 2).get(timeout=5) == 3


def test_an_outcome_that_cannot_be_settled_harms_no_other_and_ends_in_a_dead_letter(
    app: Celeriac, worker: WorkerInTest, caplog: pytest.LogCaptureFixture
) -> None:
    driver = app.backend.driver
    real = driver.store

    def store(batch: Any) -> None:
        if any(b"poisoned" in record.payload for record in batch):
            raise RuntimeError("a fault of the driver's own")
        real(batch)

    driver.store = store  # type: ignore[method-assign]

    @app.task(name="poisoned")
    def poisoned() -> str:
        return "poisoned"

    others = [app.tasks["add"].delay(number, 1) for number in range(5)]
    poisoned.delay()
    others += [app.tasks["add"].delay(number, 1) for number in range(5, 10)]

    assert [other.get(timeout=5) for other in others] == [number + 1 for number in range(10)]
    worker.drain()
    (letter,) = worker.dead_letters()
    assert letter.message.task == "poisoned"
    assert "an outcome cannot be settled" in caplog.text


def test_a_child_inherits_its_parents_priority_when_the_setting_says_so(app: Celeriac) -> None:
    with start_worker(app, task_inherit_parent_priority=True):
        outer = app.tasks["calls_another"].apply_async(priority=9)
        inner = app.AsyncResult(outer.get(timeout=5)).get(timeout=5)
        assert inner["priority"] == 9

    with start_worker(app):
        outer = app.tasks["calls_another"].apply_async(priority=9)
        assert app.AsyncResult(outer.get(timeout=5)).get(timeout=5)["priority"] != 9


def test_a_compressor_may_be_named_by_module_and_attribute(app: Celeriac) -> None:
    with start_worker(app, task_compression=f"{__name__}:Reversed"):
        assert app.tasks["add"].delay(1, 2).get(timeout=5) == 3


def test_callbacks_published_a_second_time_have_the_ids_of_the_first(app: Celeriac) -> None:
    from celeriac.context import Context
    from celeriac.worker.follow import after_success

    embed = {"callbacks": [app.tasks["add"].s(1), app.tasks["add"].s(1)], "chain": None}
    context = Context("add", "the-id", [], {}, called_directly=False, embed=embed)

    first = [publication.message.id for publication in after_success(app, context, 1)]
    second = [publication.message.id for publication in after_success(app, context, 1, again=True)]

    assert first == second
    assert len(set(first)) == 2


def test_a_retry_waits_in_the_worker_where_the_transport_keeps_no_delays(app: Celeriac) -> None:
    with start_worker(app) as worker:
        app.transport.capabilities -= {"delay"}
        result = app.tasks["automatic"].delay()
        for delay in (2, 4, 8):
            worker.drain()
            seen = list(app.ran)  # type: ignore[attr-defined]
            worker.advance(delay - 0.5)
            worker.drain()
            assert app.ran == seen, "too early"  # type: ignore[attr-defined]
            worker.advance(0.5)
        assert result.get(timeout=5) == "up"
        assert worker.dead_letters() == []
