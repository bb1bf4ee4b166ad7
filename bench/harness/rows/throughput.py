"""W1: tasks wait, a worker starts; the rate from the first body to the last."""

from __future__ import annotations

import time
from contextlib import suppress

from harness.measurement import Answer, Question
from harness.rows.waiting import Late, counted, until
from harness.tally import Span, Tally
from harness.workers import ProcessWorker, Worker, cpu_of
from systems.system import System

_SETTLED_WITHIN, _STORED_WITHIN, _LEFT_WITHIN = 60.0, 5.0, 0.3


def measure(system: System, question: Question) -> Answer:
    tally = Tally.create(system.setup.tally_path)
    system.fill(question.number)
    return consume(system, question, tally)


def consume(system: System, question: Question, tally: Tally) -> Answer:
    """What a worker makes of the tasks that wait."""
    answer = Answer()
    worker = system.start_worker()
    try:
        _run(system, question, tally, worker, answer)
    except Late as late:
        answer.problems.append(str(late))
    finally:
        problem = worker.stop()
    span = tally.span()
    answer.values |= {"done": span.count, "wanted": question.number, "rate": span.rate}
    if span.count > question.number:
        answer.problems.append(f"{span.count} runs of {question.number} tasks")
    if problem:
        answer.problems.append(problem)
    elif isinstance(worker, ProcessWorker) and span.count >= question.number:
        _look_for_left(system, answer)
    return answer


def _run(system: System, question: Question, tally: Tally, worker: Worker, answer: Answer) -> None:
    begin = counted(tally, 1, question.seconds, worker, pause=0.001)
    cpu, server = worker.cpu(), cpu_of(system.setup.server) if system.setup.server else None
    end = counted(tally, question.number, question.seconds, worker)
    cpu = worker.cpu() - cpu
    counted_meanwhile = end.count - begin.count
    if counted_meanwhile > end.count // 2:
        answer.values["cpu_us"] = cpu / counted_meanwhile * 1e6
        if server is not None:
            answer.values["server_us"] = (cpu_of(system.setup.server) - server) / counted_meanwhile * 1e6
    settled = _settled(system, end, worker)
    if system.sees_held:
        answer.values["settled_ms"] = settled
    answer.values["stored"] = _stored(system, question, answer)
    answer.values |= worker.memory()


def _settled(system: System, end: Span, worker: Worker) -> float:
    """Milliseconds from the last body until the broker has no message left."""
    until(lambda: system.waiting() == 0, _SETTLED_WITHIN, "queue settled", worker)
    return (time.perf_counter() - end.last) * 1000


def _stored(system: System, question: Question, answer: Answer) -> int | None:
    """How many results there are. Who deletes a message before its task runs may store the last ones a little later."""
    wanted = question.number if question.results else 0
    with suppress(Late):
        until(lambda: system.stored() in (None, wanted), _STORED_WITHIN, "results stored", pause=0.05)
    stored = system.stored()
    if stored not in (None, wanted):
        answer.problems.append(f"{stored} results are stored, not {wanted}")
    return stored


def _look_for_left(system: System, answer: Answer) -> None:
    """Whether something that has run will run again: what was not acknowledged comes back when the worker is gone."""
    with suppress(Late):
        until(lambda: system.waiting() > 0, _LEFT_WITHIN, "something left", pause=0.05)
        answer.problems.append(f"{system.waiting()} messages that had run were left in the queue")
