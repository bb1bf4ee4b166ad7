"""W7: a group and a chord of so many tasks, and a chain of a tenth of it, each called and waited for."""

from __future__ import annotations

import time
import traceback

from harness.measurement import Answer, Question
from harness.tally import Tally
from systems.system import System

_CHAIN = 10
"""What the number of tasks is divided by for the chain."""


def measure(system: System, question: Question) -> Answer:
    Tally.create(system.setup.tally_path)
    answer = Answer()
    worker = system.start_worker()
    try:
        system.trip(question.seconds)
        for name, run in system.flows().items():
            number = max(question.number // (_CHAIN if name == "chain" else 1), 2)
            begin = time.perf_counter()
            run(number, question.seconds)
            answer.values[name] = (time.perf_counter() - begin) * 1000
    except Exception as error:
        state = worker.problem() or "the worker is up"
        answer.problems.append(f"{error!r}\n{state}\n{traceback.format_exc(limit=-4)}")
    finally:
        problem = worker.stop()
    if problem:
        answer.problems.append(problem)
    return answer
