"""W5: from exec to the first body, with one task waiting; then what the worker takes while it has nothing to do."""

from __future__ import annotations

import time

from harness.measurement import Answer, Question
from harness.rows.waiting import Late, counted
from harness.tally import Tally
from systems.system import System

_REST, _IDLE = 2.0, 2.0
"""Seconds to come to rest, and seconds of idling that are looked at."""


def measure(system: System, question: Question) -> Answer:
    tally, answer = Tally.create(system.setup.tally_path), Answer()
    system.fill(1)
    worker = system.start_worker()
    try:
        span = counted(tally, 1, question.seconds, worker, pause=0.005)
        answer.values["first_ms"] = (span.first - worker.began) * 1000
        time.sleep(_REST)
        cpu, begin = worker.cpu(), time.perf_counter()
        time.sleep(_IDLE)
        answer.values["idle_cpu"] = (worker.cpu() - cpu) / (time.perf_counter() - begin) * 100
        answer.values |= worker.memory()
    except Late as late:
        answer.problems.append(str(late))
    finally:
        problem = worker.stop()
    if problem:
        answer.problems.append(problem)
    return answer
