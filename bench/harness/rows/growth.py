"""W10: the memory of a worker before and after many tasks."""

from __future__ import annotations

from harness.measurement import Answer, Question
from harness.rows.waiting import Late, counted
from harness.tally import Tally
from systems.system import System

_WARM = 200
"""Tasks before the first look: everything is imported, buffers are made."""


def measure(system: System, question: Question) -> Answer:
    tally, answer = Tally.create(system.setup.tally_path), Answer()
    worker = system.start_worker()
    try:
        system.fill(_WARM)
        counted(tally, _WARM, question.seconds, worker)
        before = worker.memory()["rss"]
        system.fill(question.number)
        counted(tally, _WARM + question.number, question.seconds, worker)
        after = worker.memory()["rss"]
        answer.values = {"done": question.number, "before": before, "after": after, "growth": after - before}
    except Late as late:
        answer.problems.append(str(late))
    finally:
        problem = worker.stop()
    if problem:
        answer.problems.append(problem)
    return answer
