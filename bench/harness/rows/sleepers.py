"""W8: coroutines that sleep; how close the worker comes to its concurrency."""

from __future__ import annotations

from harness.measurement import Answer, Question
from harness.rows.waiting import Late, counted
from harness.tally import Tally
from systems.system import System

_SECONDS = 0.1


def measure(system: System, question: Question) -> Answer:
    tally, answer = Tally.create(system.setup.tally_path), Answer()
    system.call_many("nap", [{"seconds": _SECONDS}] * question.number)
    worker = system.start_worker()
    try:
        counted(tally, question.number, question.seconds, worker)
    except Late as late:
        answer.problems.append(str(late))
    finally:
        problem = worker.stop()
    span = tally.span()
    if span.count:
        whole = span.last - span.first + _SECONDS  # they count at their end
        ideal = question.number / system.setup.options["concurrency"] * _SECONDS
        answer.values = {"done": span.count, "seconds": whole, "rate": span.count / whole, "of_ideal": ideal / whole}
    if problem:
        answer.problems.append(problem)
    return answer
