"""What the gate looks at: enqueueing, throughput with results on, and round trips, a little of each in one process."""

from __future__ import annotations

import time
from collections.abc import Callable

from harness.measurement import Answer, Question
from harness.rows.waiting import Late, counted, quantiles, until
from harness.tally import Tally
from harness.workers import Worker
from systems.system import System

_ALONE = 4
"""One of so many tasks is sent by itself, the others in batches."""
_TRIPS, _WARM_TRIPS = 200, 20
_SETTLED_WITHIN = 10.0


def measure(system: System, question: Question) -> Answer:
    tally, answer = Tally.create(system.setup.tally_path), Answer()
    alone = question.number // _ALONE
    system.fill(1)
    answer.values["one by one"] = _rate(alone, lambda: [system.call("count") for _ in range(alone)])
    answer.values["batch"] = _rate(question.number, lambda: system.fill(question.number))
    worker = system.start_worker()
    try:
        span = counted(tally, 1 + alone + question.number, question.seconds, worker)
        answer.values["throughput"] = span.rate
        until(lambda: system.waiting() == 0, _SETTLED_WITHIN, "queue settled", worker)
        answer.values["round trip"] = _trips(system, worker, question.seconds)
    except Late as late:
        answer.problems.append(str(late))
    finally:
        problem = worker.stop()
    if problem:
        answer.problems.append(problem)
    return answer


def _rate(number: int, send: Callable[[], object]) -> float:
    begin = time.perf_counter()
    send()
    return number / (time.perf_counter() - begin)


def _trips(system: System, worker: Worker, seconds: float) -> float:
    """The rate that the median trip would be, so that here too more is better."""
    times = list[float]()
    for _ in range(_WARM_TRIPS + _TRIPS):
        begin = time.perf_counter()
        try:
            system.trip(seconds)
        except Exception as error:
            raise Late(f"after {len(times)} trips: {error!r}; {worker.problem() or 'the worker is up'}") from error
        times.append(time.perf_counter() - begin)
    return 1 / quantiles(times[_WARM_TRIPS:])["p50"]
