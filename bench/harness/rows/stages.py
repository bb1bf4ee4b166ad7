"""W11: processor time and wall time of each stage of our own path, in microseconds a task.

The worker runs in this process, in a thread, with its pool `solo`; the steps that it takes once for each batch are
replaced by ones that look at the clocks before and after. Nothing else is changed, and no step is watched that is taken
for each task, so that watching costs next to nothing.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from threading import get_ident
from typing import Any

from celeriac.worker import Worker as CeleriacsWorker
from celeriac.worker.admission import Admission
from celeriac.worker.settlement import Settlement
from harness.measurement import Answer, Question
from harness.rows.waiting import Late, counted, until
from harness.tally import Tally
from harness.workers import ThreadWorker
from systems.celeriac_system import CeleriacSystem

_SETTLED_WITHIN = 10.0
_CALLS = 1000
"""Of `delay`, one by one."""


class Clocks:
    """Time by stage, each without the stages within it. Several threads may be in stages of their own."""

    def __init__(self) -> None:
        self.cpu: dict[str, float] = defaultdict(float)
        self.wall: dict[str, float] = defaultdict(float)
        self._within: dict[int, list[tuple[float, float]]] = defaultdict(lambda: [(0.0, 0.0)])

    def watch(self, owner: type, name: str, stage: str) -> None:
        """From now on calls of this method count for that stage."""
        step: Callable[..., Any] = getattr(owner, name)

        def watched(*arguments: Any, **named: Any) -> Any:
            within = self._within[get_ident()]
            within.append((0.0, 0.0))
            wall, cpu = time.perf_counter(), time.thread_time()
            try:
                return step(*arguments, **named)
            finally:
                wall, cpu = time.perf_counter() - wall, time.thread_time() - cpu
                inner_wall, inner_cpu = within.pop()
                self.wall[stage] += wall - inner_wall
                self.cpu[stage] += cpu - inner_cpu
                outer_wall, outer_cpu = within[-1]
                within[-1] = (outer_wall + wall, outer_cpu + cpu)

        setattr(owner, name, watched)


def measure(system: CeleriacSystem, question: Question) -> Answer:
    tally, clocks, answer = Tally.create(system.setup.tally_path), Clocks(), Answer()
    number = min(_CALLS, question.number // 2)
    _publish(clocks, "delay", number, lambda: [system.call("count") for _ in range(number)])
    rest = question.number - number
    _publish(clocks, "batch", rest, lambda: system.fill(rest))
    worker = CeleriacsWorker(system.app, pool="solo", concurrency=1)
    _watch(clocks, system, worker)
    thread = ThreadWorker(lambda: worker.run(signals=False), worker.stop)
    try:
        counted(tally, question.number, question.seconds, thread)
        until(lambda: not len(worker.inflight), _SETTLED_WITHIN, "all settled", thread)
    except Late as late:
        answer.problems.append(str(late))
    finally:
        problem = thread.stop()
    if problem:
        answer.problems.append(problem)
    for stage in _STAGES:
        clocks.cpu[stage] /= question.number / 1e6
        clocks.wall[stage] /= question.number / 1e6
    answer.values = {stage: clocks.cpu[stage] for stage in ("delay", "batch", *_STAGES)}
    answer.values["sum"] = sum(clocks.cpu[stage] for stage in _STAGES)
    answer.values["wall"] = sum(clocks.wall[stage] for stage in _STAGES)
    return answer


_STAGES = ("receive", "admit", "run", "settle", "store", "ack")
"""Of the worker. `receive` is the transport's; `admit` by the headers; `run` decodes, runs, catches, and encodes the
result; `store` and `ack` are the result store's and the transport's shares of settling; `settle` is what is left."""


def _publish(clocks: Clocks, stage: str, number: int, send: Callable[[], object]) -> None:
    """All of publishing happens in this thread."""
    begin = time.thread_time()
    send()
    clocks.cpu[stage] = (time.thread_time() - begin) / number * 1e6


def _watch(clocks: Clocks, system: CeleriacSystem, worker: CeleriacsWorker) -> None:
    transport, backend = type(system.app.transport), type(system.app.backend.driver)
    clocks.watch(transport, "receive", "receive")
    clocks.watch(Admission, "admit", "admit")
    clocks.watch(type(worker.pool), "submit", "run")
    clocks.watch(Settlement, "done", "settle")
    clocks.watch(backend, "store", "store")
    clocks.watch(transport, "ack", "ack")
    # `done` is bound when the pool is started, and the pool is made but not started yet.
