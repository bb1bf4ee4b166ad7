"""F7, and ``rate_limit`` of B1: how many runs a worker begins."""

from __future__ import annotations

from typing import Any

import pytest

from celeriac import Celeriac
from celeriac.control import Control
from celeriac.errors import ConfigurationError
from celeriac.testing import WorkerInTest, start_worker
from celeriac.worker.rates import Rate, parse_rate


def limited(app: Celeriac, **options: Any) -> tuple[Any, list[float]]:
    began: list[float] = []

    @app.task(name="limited", **options)
    def limited(number: int) -> None:
        began.append(app.clock.time())

    return limited, began


def run_for(worker: WorkerInTest, seconds: float, step: float = 0.025) -> None:
    worker.drain()
    for _ in range(round(seconds / step)):
        worker.advance(step)
        worker.drain()


def within(began: list[float], first: float, seconds: float) -> int:
    return sum(first <= at < first + seconds for at in began)


def test_f7_a_10_per_second_task_runs_9_to_11_times_in_one_second(app: Celeriac, worker: WorkerInTest) -> None:
    task, began = limited(app, rate_limit="10/s")

    for number in range(60):
        task.delay(number)
    run_for(worker, 3)

    assert [9 <= within(began, began[0] + second, 1) <= 11 for second in (0, 1, 2 - 0.001)] == [True] * 3


def test_f7_what_is_over_the_limit_waits_in_the_broker_and_holds_no_slot(app: Celeriac, worker: WorkerInTest) -> None:
    task, began = limited(app, rate_limit="2/s")

    for number in range(20):
        task.delay(number)
    worker.drain()
    # Not more than one has run, and the one slot there is takes others at once.
    assert app.tasks["add"].delay(1, 2).get(timeout=5) == 3
    counts = app.transport.counts("celery")
    assert (counts.held, counts.ready) == (0, 0)
    assert counts.delayed + len(began) == 20
    run_for(worker, 15, 0.1)
    assert len(began) == 20


def test_f7_the_limit_is_each_tasks_own(app: Celeriac, worker: WorkerInTest) -> None:
    task, began = limited(app, rate_limit="1/h")
    task.delay(1)
    task.delay(2)
    for _ in range(20):
        app.tasks["add"].delay(1, 1)
    worker.drain()

    assert len(began) == 1
    assert worker.worker.settlement.total["add"] == 20


def test_f7_a_setting_limits_all_tasks_and_another_one_switches_limits_off(app: Celeriac) -> None:
    task, began = limited(app)
    other, others = limited(Celeriac("other"), rate_limit=0)
    del other, others
    with start_worker(app, task_default_rate_limit="60/m") as worker:
        for number in range(5):
            task.delay(number)
        worker.drain()
        assert len(began) == 1
    with start_worker(app, task_default_rate_limit="60/m", worker_disable_rate_limits=True) as worker:
        for number in range(5):
            task.delay(number)
        worker.drain()
        assert len(began) == 6


def test_f7_control_changes_a_limit_while_the_worker_runs(app: Celeriac, worker: WorkerInTest) -> None:
    task, began = limited(app)

    def set_limit(name: str, rate: Any) -> Any:
        (answer,) = Control(app).rate_limit(name, rate, reply=True, limit=1, timeout=5)
        return answer[worker.worker.hostname]

    assert set_limit("limited", "1/h") == {"ok": "new rate limit set successfully"}
    for number in range(5):
        task.delay(number)
    worker.drain()
    assert len(began) == 1
    assert set_limit("limited", 0) == {"ok": "rate limits disabled successfully"}
    run_for(worker, 6, 1)
    assert len(began) == 5
    assert set_limit("limitd", "1/s") == {"error": "unknown task"}
    assert "not 'often'" in set_limit("limited", "often")["error"]


def test_f7_late_deliveries_do_not_slow_a_task_down() -> None:
    rate = Rate(10)
    began: list[float] = []
    waiting = [0.0] * 100
    for tick in range(1000):  # a broker that looks for what is due every 30 ms
        now = tick * 0.03
        due, waiting = [at for at in waiting if at <= now], [at for at in waiting if at > now]
        for _ in due:
            again = rate.take(now)
            if again is None:
                began.append(now)
            else:
                waiting.append(again)
    assert len(began) == 100
    assert all(9 <= within(began, second, 1) <= 11 for second in range(int(began[-1])))


def test_f7_rates_are_read_as_celery_reads_them() -> None:
    assert [parse_rate(text) for text in ("10/s", "120/m", "7200/h", 5, 2.5, "3")] == [10, 2, 2, 5, 2.5, 3]
    assert [parse_rate(text) for text in (None, 0, "", "0/s")] == [None] * 4
    for wrong in ("fast", "10/d", -1, "-1/s", "nan"):
        with pytest.raises(ConfigurationError, match="a rate limit is such as"):
            parse_rate(wrong)
