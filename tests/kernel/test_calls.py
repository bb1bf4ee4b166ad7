"""Calling tasks and what comes back."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from celeriac import Celeriac, states
from celeriac.errors import (
    ConfigurationError,
    EncodeError,
    MaxRetriesExceeded,
    NotRegistered,
    ResultTimeout,
    TaskFailed,
    TaskRevoked,
)
from celeriac.testing import WorkerInTest


def test_a_call_runs_in_the_worker_and_its_value_comes_back(app: Celeriac, worker: WorkerInTest) -> None:
    add = app.tasks["add"]

    assert add.delay(4, 4).get(timeout=5) == 8
    assert add.apply_async((4, 4)).wait(timeout=5) == 8
    assert add(4, 4) == 8
    assert add.apply((4, 4)).get() == 8
    assert app.send_task("add", (1,), {"y": 2}).get(timeout=5) == 3


def test_a_coroutine_task_runs_and_calls_and_results_are_awaitable(app: Celeriac, worker: WorkerInTest) -> None:
    async def main() -> list[int]:
        first = await app.tasks["aadd"].adelay(1, 2)
        many = [await app.tasks["add"].adelay(i, i) for i in range(5)]
        return [await first, *(await asyncio.gather(*many))]

    assert asyncio.run(main()) == [3, 0, 2, 4, 6, 8]


def test_awaiting_with_a_timeout_ends_in_resulttimeout(app: Celeriac, worker: WorkerInTest) -> None:
    async def main() -> None:
        await app.AsyncResult("no-such-id").aget(timeout=0.05)

    with pytest.raises(ResultTimeout, match="no-such-id"):
        asyncio.run(main())


def test_wrong_arguments_are_refused_in_the_producer_and_nothing_is_sent(app: Celeriac, worker: WorkerInTest) -> None:
    with pytest.raises(TypeError, match="add.*missing a required argument: 'y'"):
        app.tasks["add"].delay(1)
    with pytest.raises(TypeError, match="too many"):
        app.tasks["add"].delay(1, 2, 3)

    worker.drain()

    assert app.ran == []  # type: ignore[attr-defined]


def test_arguments_that_cannot_be_serialized_are_refused_in_the_producer(app: Celeriac) -> None:
    with pytest.raises(EncodeError, match="object"):
        app.tasks["note"].delay(object())


def test_a_misspelt_call_option_names_the_nearest(app: Celeriac) -> None:
    with pytest.raises(ConfigurationError, match="no option 'countdwn'; did you mean 'countdown'"):
        app.tasks["note"].apply_async(countdwn=3)  # type: ignore[call-arg]


def test_countdown_and_eta_wait_in_the_broker(app: Celeriac, worker: WorkerInTest) -> None:
    soon = app.tasks["add"].apply_async((1, 1), countdown=60)
    at = app.tasks["add"].apply_async(
        (2, 2), eta=datetime.fromtimestamp(worker.clock.time(), UTC) + timedelta(seconds=120)
    )

    worker.advance(59)
    worker.drain()
    assert app.ran == []  # type: ignore[attr-defined]
    assert soon.state == states.PENDING

    worker.advance(1)
    assert soon.get(timeout=5) == 2
    worker.advance(60)
    assert at.get(timeout=5) == 4


def test_an_expired_task_is_revoked_and_does_not_run(app: Celeriac, worker: WorkerInTest) -> None:
    result = app.tasks["add"].apply_async((1, 1), countdown=60, expires=30)

    worker.advance(61)

    with pytest.raises(TaskRevoked, match="expired"):
        result.get(timeout=5)
    assert result.state == states.REVOKED
    assert app.ran == []  # type: ignore[attr-defined]


def test_higher_priority_runs_first(app: Celeriac) -> None:
    from celeriac.testing import start_worker

    with start_worker(app, queues=["celery"]) as worker:
        gate = worker.clock.time() + 10
        for priority in (0, 9, 3):
            app.tasks["note"].apply_async((priority,), priority=priority, eta=datetime.fromtimestamp(gate, UTC))
        worker.advance(10)
        worker.drain()

    assert [entry[1][0] for entry in app.ran] == [9, 3, 0]  # type: ignore[attr-defined]


def test_request_tells_what_was_sent(app: Celeriac, worker: WorkerInTest) -> None:
    result = app.tasks["context"].apply_async(headers={"tenant": "acme"}, priority=7)

    seen = result.get(timeout=5)

    assert seen["id"] == seen["root_id"] == result.id
    assert seen["parent_id"] is None
    assert seen["headers"] == {"tenant": "acme"}
    assert seen["priority"] == 7
    assert seen["queue"] == "celery"
    assert seen["called_directly"] is False
    assert seen["hostname"].startswith("celeriac@")


def test_a_task_called_by_a_task_knows_its_parent_and_root(app: Celeriac, worker: WorkerInTest) -> None:
    outer = app.tasks["calls_another"].delay()
    inner = app.AsyncResult(outer.get(timeout=5)).get(timeout=5)

    assert inner["parent_id"] == inner["root_id"] == outer.id


def test_failure_brings_the_exception_and_the_remote_traceback(app: Celeriac, worker: WorkerInTest) -> None:
    result = app.tasks["fail"].delay("no such order")

    with pytest.raises(ValueError, match="no such order") as caught:
        result.get(timeout=5)

    assert "in fail" in "".join(caught.value.__notes__)
    assert result.failed()
    assert result.state == states.FAILURE
    assert isinstance(result.result, ValueError)
    assert "raise ValueError(text)" in (result.traceback or "")
    assert isinstance(result.get(propagate=False), ValueError)


def test_an_exception_that_cannot_be_rebuilt_is_a_taskfailed_with_its_name(app: Celeriac, worker: WorkerInTest) -> None:
    with pytest.raises(TaskFailed, match="Broken"):
        app.tasks["fail_oddly"].delay().get(timeout=5)


def test_a_result_that_cannot_be_serialized_fails_the_task(app: Celeriac, worker: WorkerInTest) -> None:
    with pytest.raises(EncodeError, match="object"):
        app.tasks["unencodable"].delay().get(timeout=5)


def test_an_unregistered_name_is_refused_with_the_nearest(app: Celeriac) -> None:
    with pytest.raises(NotRegistered, match="did you mean 'total'"):
        app.find_task("totl")


def test_get_without_a_result_times_out(app: Celeriac, worker: WorkerInTest) -> None:
    with pytest.raises(ResultTimeout):
        app.AsyncResult("nobody").get(timeout=0.01)
    assert app.AsyncResult("nobody").state == states.PENDING


def test_waiting_inside_a_task_is_refused(app: Celeriac, worker: WorkerInTest) -> None:
    @app.task(name="waits")
    def waits() -> Any:
        return app.tasks["add"].delay(1, 1).get(timeout=1)

    with pytest.raises(RuntimeError, match="waits for another task"):
        waits.delay().get(timeout=5)


def test_retry_runs_max_retries_plus_one_times_then_raises_the_given_error(app: Celeriac, worker: WorkerInTest) -> None:
    result = app.tasks["always_again"].delay()

    worker.drain()
    assert result.state == states.RETRY
    for _ in range(2):
        worker.advance(10)
        worker.drain()

    with pytest.raises(KeyError, match="still not"):
        result.get(timeout=5)
    assert app.ran == [0, 1, 2]  # type: ignore[attr-defined]


def test_automatic_retries_back_off_exponentially(app: Celeriac, worker: WorkerInTest) -> None:
    result = app.tasks["automatic"].delay()
    worker.drain()

    for delay in (2, 4, 8):
        worker.advance(delay - 0.5)
        worker.drain()
        before = list(app.ran)  # type: ignore[attr-defined]
        worker.advance(0.5)
        worker.drain()
        assert len(app.ran) == len(before) + 1, f"did not run {delay} s after the last try"  # type: ignore[attr-defined]

    assert result.get(timeout=5) == "up"


def test_a_direct_call_that_retries_raises_its_error(app: Celeriac) -> None:
    with pytest.raises(KeyError):
        app.tasks["always_again"]()

    @app.task(name="bare", bind=True)
    def bare(self: Any) -> None:
        raise self.retry()

    with pytest.raises(MaxRetriesExceeded):
        bare()


def test_ignore_stores_no_state(app: Celeriac, worker: WorkerInTest) -> None:
    result = app.tasks["ignored"].delay()
    worker.drain()

    assert result.state == states.PENDING
    assert worker.dead_letters() == []


def test_reject_is_a_dead_letter_with_its_reason(app: Celeriac, worker: WorkerInTest) -> None:
    result = app.tasks["rejected"].delay()

    with pytest.raises(TaskFailed, match="not mine"):
        result.get(timeout=5)
    (letter,) = worker.dead_letters()
    assert "rejected by the task: not mine" in letter.reason
    assert letter.message.id == result.id


def test_reject_with_requeue_runs_again_up_to_the_cap(app: Celeriac, worker: WorkerInTest) -> None:
    app.tasks["again"].delay()
    worker.drain()

    assert app.ran == ["again"] * 3  # type: ignore[attr-defined]
    assert len(worker.dead_letters()) == 1


def test_ignored_results_are_not_stored(app: Celeriac, worker: WorkerInTest) -> None:
    result = app.tasks["add"].apply_async((1, 1), ignore_result=True)
    worker.drain()

    assert app.ran == [("add", 1, 1)]  # type: ignore[attr-defined]
    assert result.state == states.PENDING


def test_forget_deletes_the_result(app: Celeriac, worker: WorkerInTest) -> None:
    result = app.tasks["add"].delay(1, 1)
    result.get(timeout=5)

    result.forget()

    assert result.state == states.PENDING


def test_update_state_is_seen_while_the_task_runs(app: Celeriac, worker: WorkerInTest) -> None:
    import threading

    go_on = threading.Event()

    @app.task(name="slow", bind=True)
    def slow(self: Any) -> str:
        self.update_state(state="PROGRESS", meta={"done": 3})
        go_on.wait(5)
        return "done"

    result = slow.delay()
    while result.state != "PROGRESS":
        pass
    assert result.info == {"done": 3}
    go_on.set()
    assert result.get(timeout=5) == "done"


def test_a_call_is_eager_when_the_setting_says_so(app: Celeriac) -> None:
    app.conf.task_always_eager = True

    assert app.tasks["add"].delay(1, 2).get() == 3
    assert app.tasks["fail"].delay().failed()
    assert app.tasks["automatic"].delay().get() == "up"
    app.conf.task_eager_propagates = True
    with pytest.raises(ValueError, match="no"):
        app.tasks["fail"].delay()


def test_a_batch_of_calls_is_published_together(app: Celeriac, worker: WorkerInTest) -> None:
    add = app.tasks["add"]

    results = app.send_batch((add.s(i, 1) for i in range(1200)), size=500)

    assert [result.get(timeout=10) for result in results] == [i + 1 for i in range(1200)]


def test_send_batch_checks_nothing_twice_and_keeps_order_of_ids(app: Celeriac, worker: WorkerInTest) -> None:
    results = app.send_batch([app.tasks["note"].s(i) for i in range(50)])
    worker.drain()

    assert len({result.id for result in results}) == 50
    assert [entry[1][0] for entry in app.ran] == list(range(50))  # type: ignore[attr-defined]


def test_a_retry_may_bring_new_arguments(app: Celeriac, worker: WorkerInTest) -> None:
    @app.task(name="halves", bind=True, default_retry_delay=0)
    def halves(self: Any, number: int) -> int:
        if number > 1:
            raise self.retry(args=(number // 2,))
        return self.request.retries  # type: ignore[no-any-return]

    assert halves.delay(8).get(timeout=5) == 3
