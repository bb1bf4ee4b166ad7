"""What Celery's face costs: the same tasks through `celeriac` and through `celeriac_contrib.celery`, in turns.

    python bench/face.py

Counted is the time of the CPU, of calling and of running with results, over the memory transport: the broker's share is
the smallest there, so the face's is the largest. Both acknowledge after the run. What counts is the best round of each:
other work on the machine only ever adds to the time. The exit status is 1 when the face has less than 0.9 of the native
throughput, of tasks that are called and run.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from celeriac import Celeriac
from celeriac.ids import new_id
from celeriac.worker import Worker
from celeriac_contrib.celery import Celery

ROUNDS, TASKS = 9, 5_000
LIMIT = 0.9


def native(url: str) -> Any:
    return Celeriac("native", broker=url, backend=url, set_as_current=False)


def face(url: str) -> Any:
    return Celery("face", broker=url, backend=url, set_as_current=False, task_acks_late=True)


def measure(make: Callable[[str], Any]) -> tuple[float, float, float]:
    """Tasks called, tasks run, and tasks called and run, in a second of the CPU."""
    with make(f"memory://{new_id()}") as app:

        @app.task(name="bench.nothing")
        def nothing(number: int) -> int:
            return number

        nothing.delay(0)
        start = time.process_time()
        for number in range(TASKS):
            nothing.delay(number)
        called = TASKS / (time.process_time() - start)
        worker = Worker(app, pool="solo")
        ending = threading.Thread(target=_stop_when_done, args=(worker,))
        ending.start()
        start = time.process_time()
        worker.run(signals=False)
        ran = TASKS / (time.process_time() - start)
        ending.join()
    return called, ran, 1 / (1 / called + 1 / ran)


def _stop_when_done(worker: Worker) -> None:
    while worker.settlement.counts["succeeded"] <= TASKS:
        time.sleep(0.01)
    worker.stop()


def main() -> int:
    rounds = []
    for number in range(ROUNDS):
        order = [native, face] if number % 2 else [face, native]
        found = {make: measure(make) for make in order}
        rounds.append((found[native], found[face]))
    ratio = 0.0
    for at, name in enumerate(("called", "run", "called and run")):
        plain, ours = (max(each[side][at] for each in rounds) for side in (0, 1))
        ratio = ours / plain
        print(f"{name}: {plain:,.0f} natively, {ours:,.0f} with the face, in a second of the CPU: {ratio:.2f} of it")
    return int(ratio < LIMIT)


if __name__ == "__main__":
    sys.exit(main())
