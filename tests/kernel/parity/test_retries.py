"""B3, B4: when a task runs again, and how often."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from celeriac import Celeriac, RetryPolicy, states
from celeriac.errors import ConfigurationError, MaxRetriesExceeded
from celeriac.retry import policy_of_options
from celeriac.testing import WorkerInTest, start_worker


class Flaky(Exception):
    """Stands for a server that is down."""


class Worse(Flaky):
    """One kind of it."""


def run_to_the_end(worker: WorkerInTest, step: float = 1000.0, times: int = 12) -> None:
    for _ in range(times):
        worker.drain()
        worker.advance(step)
    worker.drain()


def starts(app: Celeriac, **options: Any) -> tuple[Any, list[float]]:
    """A task that always fails, and the times at which it began."""
    began: list[float] = []

    @app.task(name="flaky", **options)
    def flaky(kind: str = "Flaky") -> None:
        began.append(app.clock.time())
        raise {"Flaky": Flaky, "Worse": Worse, "KeyError": KeyError}[kind]("down")

    return flaky, began


# B3


def test_b3_a_task_that_always_retries_runs_max_retries_plus_one_times_and_raises_the_given_exc(
    app: Celeriac, worker: WorkerInTest
) -> None:
    ran: list[int] = []

    @app.task(bind=True, max_retries=4, default_retry_delay=1)
    def again(self: Any) -> None:
        ran.append(self.request.retries)
        raise self.retry(exc=KeyError("still not"))

    result = again.delay()
    run_to_the_end(worker, 1)

    assert ran == [0, 1, 2, 3, 4]
    with pytest.raises(KeyError, match="still not"):
        result.get(timeout=5)


def test_b3_without_exc_it_ends_as_maxretriesexceeded(app: Celeriac, worker: WorkerInTest) -> None:
    @app.task(bind=True, max_retries=1)
    def again(self: Any) -> None:
        raise self.retry(countdown=1)

    result = again.delay()
    run_to_the_end(worker, 1, 3)

    with pytest.raises(MaxRetriesExceeded):
        result.get(timeout=5)


def test_b3_max_retries_of_none_is_without_end(app: Celeriac, worker: WorkerInTest) -> None:
    ran: list[int] = []

    @app.task(bind=True, max_retries=None)
    def again(self: Any) -> str:
        ran.append(self.request.retries)
        if self.request.retries < 20:
            raise self.retry(countdown=1)
        return "at last"

    result = again.delay()
    run_to_the_end(worker, 1, 25)

    assert result.get(timeout=5) == "at last"
    assert ran == list(range(21))


def test_b3_max_retries_of_one_retry_wins_over_that_of_the_task(app: Celeriac, worker: WorkerInTest) -> None:
    ran: list[int] = []

    @app.task(bind=True, max_retries=1)
    def again(self: Any) -> None:
        ran.append(self.request.retries)
        raise self.retry(countdown=1, max_retries=3)

    again.delay()
    run_to_the_end(worker, 1, 6)

    assert ran == [0, 1, 2, 3]


def test_b3_throw_false_publishes_the_retry_and_goes_on(app: Celeriac, worker: WorkerInTest) -> None:
    ran: list[Any] = []

    @app.task(bind=True)
    def again(self: Any) -> str:
        if self.request.retries:
            ran.append("second")
            return "second"
        control = self.retry(countdown=5, throw=False)
        ran.append(("first", control.when))
        return "first"

    result = again.delay()
    assert result.get(timeout=5) == "first"
    worker.drain()
    assert ran == [("first", worker.clock.time() + 5)]
    worker.advance(5)
    worker.drain()

    assert ran[1:] == ["second"]
    # The first end is final, as every end is.
    assert app.AsyncResult(result.id).get(timeout=5) == "first"


def test_b3_a_retry_may_change_arguments_queue_priority_expiry_and_headers(app: Celeriac) -> None:
    ran: list[Any] = []

    @app.task(bind=True)
    def again(self: Any, x: int, *, y: int = 0) -> None:
        request = self.request
        ran.append((x, y, request.queue, request.priority, request.headers.get("tenant"), request.expires is not None))
        if not request.retries:
            raise self.retry(
                (x + 1,), {"y": 7}, countdown=0, queue="slow", priority=4, headers={"tenant": "acme"}, expires=60
            )

    with start_worker(app, queues=["celery", "slow"]) as worker:
        again.delay(1)
        worker.drain()

    assert ran == [(1, 0, "celery", 0, None, False), (2, 7, "slow", 4, "acme", True)]


def test_b3_an_option_that_a_retry_cannot_have_is_an_error_that_names_it(app: Celeriac, worker: WorkerInTest) -> None:
    @app.task(bind=True)
    def again(self: Any, **options: Any) -> None:
        raise self.retry(countdown=0, **options)

    with pytest.raises(ConfigurationError, match="no option 'quue'; did you mean 'queue'"):
        again.delay(quue="slow").get(timeout=5)
    with pytest.raises(ConfigurationError, match="cannot change 'task_id'"):
        again.delay(task_id="other").get(timeout=5)


# B4: Celery's options


def test_b4_with_jitter_off_delays_are_factor_times_powers_of_two_up_to_the_maximum(
    app: Celeriac, worker: WorkerInTest
) -> None:
    flaky, began = starts(
        app, autoretry_for=(Flaky,), max_retries=5, retry_backoff=3, retry_backoff_max=20, retry_jitter=False
    )

    result = flaky.delay()
    run_to_the_end(worker, 1.0, 70)

    assert [round(after - before) for before, after in pairwise(began)] == [3, 6, 12, 20, 20]
    with pytest.raises(Flaky):
        result.get(timeout=5)


def test_b4_with_jitter_on_delays_fall_between_0_and_that() -> None:
    app = Celeriac("jitter", broker="memory://")

    @app.task(autoretry_for=(Flaky,), retry_backoff=3, retry_backoff_max=20)
    def flaky() -> None: ...

    policy = policy_of_options(flaky)
    for retries, most in enumerate((3, 6, 12, 20, 20)):
        waits = [policy.wait(retries) for _ in range(200)]
        assert 0 <= min(waits) < most / 2 < max(waits) <= most
    assert RetryPolicy(factor=1, jitter=False).wait(10_000) == 600


def test_b4_dont_autoretry_for_and_retry_kwargs(app: Celeriac, worker: WorkerInTest) -> None:
    flaky, began = starts(
        app, autoretry_for=(Flaky,), dont_autoretry_for=(Worse,), retry_kwargs={"max_retries": 2, "countdown": 7}
    )

    flaky.delay("Worse")
    flaky.delay("KeyError")
    worker.drain()
    assert len(began) == 2
    flaky.delay()
    run_to_the_end(worker, 7, 5)

    assert [after - began[2] for after in began[2:]] == [0, 7, 14]


# B4: one policy, wherever it is given


STEADY = RetryPolicy(attempts=3, exponential=False, factor=10, jitter=False, retry_for=Flaky, not_for=Worse)


@pytest.mark.parametrize("where", ["task", "call", "setting", "message in a chain"])
def test_b4_one_policy_serves_task_call_and_configuration(where: str) -> None:
    app = Celeriac("shop", broker="memory://", task_retry_policy=STEADY if where == "setting" else None)
    flaky, began = starts(app, **({"retry_policy": STEADY} if where == "task" else {}))
    options: dict[str, Any] = {"task_retry_policy": STEADY} if where == "call" else {}
    with start_worker(app) as worker:
        if where == "message in a chain":

            @app.task(name="first")
            def first() -> str:
                return "Flaky"

            (first.s() | flaky.s().set(task_retry_policy=STEADY)).delay()
        else:
            flaky.apply_async(("Worse",), **options)
            worker.drain()
            assert len(began) == 1
            began.clear()
            flaky.apply_async(**options)
        run_to_the_end(worker, 5, 10)

    assert [after - began[0] for after in began] == [0, 10, 20]


def test_b4_raise_self_retry_follows_the_policy_that_it_is_given_and_else_the_tasks(
    app: Celeriac, worker: WorkerInTest
) -> None:
    began: dict[str, list[float]] = {"given": [], "own": []}

    @app.task(bind=True, retry_policy=RetryPolicy(attempts=2, exponential=False, factor=3, jitter=False))
    def again(self: Any, which: str) -> None:
        began[which].append(app.clock.time())
        raise self.retry(policy=STEADY if which == "given" else None)

    again.delay("given")
    again.delay("own")
    run_to_the_end(worker, 1, 40)

    assert {which: [at - times[0] for at in times] for which, times in began.items()} == {
        "given": [0, 10, 20],
        "own": [0, 3],
    }


def test_b4_a_deadline_ends_the_retries(app: Celeriac, worker: WorkerInTest) -> None:
    flaky, began = starts(
        app, retry_policy=RetryPolicy(attempts=None, exponential=False, factor=10, jitter=False, deadline=35)
    )

    result = flaky.delay()
    run_to_the_end(worker, 5, 20)

    assert [round(after - began[0]) for after in began] == [0, 10, 20, 30]
    assert result.state == states.FAILURE


def test_b4_the_policy_of_a_call_wins_over_the_tasks_which_wins_over_the_configurations(app: Celeriac) -> None:
    flaky, began = starts(app, autoretry_for=(Flaky,), max_retries=1, default_retry_delay=1)
    anything = {"attempts": 5, "exponential": False, "factor": 1, "jitter": False}
    with start_worker(app, task_retry_policy=anything) as worker:
        flaky.delay()
        run_to_the_end(worker, 1, 8)
        assert len(began) == 2
        flaky.apply_async(task_retry_policy=RetryPolicy(attempts=1))
        run_to_the_end(worker, 1, 8)

    assert len(began) == 3


def test_b4_a_policy_that_cannot_be_is_refused() -> None:
    app = Celeriac("shop", broker="memory://")

    @app.task
    def idle() -> None: ...

    with pytest.raises(ConfigurationError, match="no 'attemps'; did you mean 'attempts'"):
        idle.apply_async(task_retry_policy={"attemps": 3})
    with pytest.raises(ConfigurationError, match="at least 1 attempt"):
        RetryPolicy(attempts=0)
