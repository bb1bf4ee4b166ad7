"""W6: tasks that are due at their own moments, evenly over some seconds; how late each begins."""

from __future__ import annotations

import time

from harness.measurement import Answer, Question
from harness.rows.waiting import Late, counted, quantiles
from harness.tally import Notes, Tally
from systems.system import System

_A_SECOND = 500
"""Tasks that are due in each second."""
_AHEAD = 2.0
"""Seconds between sending and the first moment."""


def measure(system: System, question: Question) -> Answer:
    tally, answer = Tally.create(system.setup.tally_path), Answer()
    notes = Notes.create(system.setup.late_path, question.number)
    system.fill(1)
    worker = system.start_worker()
    try:
        counted(tally, 1, question.seconds, worker)
        first = time.time() + _AHEAD
        system.call_when_due([first + number / _A_SECOND for number in range(question.number)])
        if time.time() > first:
            answer.problems.append(f"sending took {time.time() - first + _AHEAD:.1f} s: some were due before")
        counted(tally, 1 + question.number, _AHEAD + question.number / _A_SECOND + question.seconds, worker, 0.02)
    except Late as late:
        answer.problems.append(str(late))
    finally:
        problem = worker.stop()
    seconds = notes.written()
    if seconds:
        answer.values = {"done": len(seconds), "early": sum(it < 0 for it in seconds), **quantiles(seconds, 1000)}
    if problem:
        answer.problems.append(problem)
    return answer
