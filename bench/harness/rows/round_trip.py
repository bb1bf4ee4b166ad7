"""W3: from the call to the result in hand, one at a time, with an idle worker elsewhere."""

from __future__ import annotations

import time
import traceback

from harness.measurement import Answer, Question
from harness.rows.waiting import quantiles
from harness.tally import Tally
from systems.system import System

_SECONDS = 1.5
_LONGEST = 10.0
"""Seconds until a trip is given up."""
_WARM_TRIPS, _WARM_SECONDS = 20, 0.5


def measure(system: System, question: Question) -> Answer:
    Tally.create(system.setup.tally_path)
    answer, times, patience = Answer(), list[float](), min(question.seconds, _LONGEST)
    worker = system.start_worker()
    try:
        _warm_up(system, patience)
        end = time.perf_counter() + _SECONDS
        while len(times) < question.number and (begin := time.perf_counter()) < end:
            system.trip(patience)
            times.append(time.perf_counter() - begin)
    except Exception as error:
        state = worker.problem() or "the worker is up"
        answer.problems.append(f"after {len(times)} trips: {error!r}\n{state}\n{traceback.format_exc(limit=-4)}")
    finally:
        problem = worker.stop()
    if problem:
        answer.problems.append(problem)
    if times:
        answer.values = {"trips": len(times), **quantiles(times, 1000)}
    return answer


def _warm_up(system: System, seconds: float) -> None:
    """The first trip waits for the worker to come up."""
    system.trip(seconds)
    end = time.perf_counter() + _WARM_SECONDS
    for _ in range(_WARM_TRIPS):
        if time.perf_counter() < end:
            system.trip(seconds)
