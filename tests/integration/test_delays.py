"""A delay of any length costs the worker no memory."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import psutil

from worker_process import WorkerProcess, until

MANY = 100_000
TOMORROW = 86_400.0
MB = 1_000_000


def test_a_hundred_thousand_tasks_due_tomorrow_do_not_move_the_workers_memory(shop: ModuleType, tmp_path: Path) -> None:
    with WorkerProcess(tmp_path, "-P", "prefork", "-c", "1") as worker:
        assert shop.add.delay(1, 2).get(timeout=30) == 3
        process = psutil.Process(worker.pid)
        before = process.memory_info().rss

        shop.app.send_batch((shop.add.s(1, 1).set(countdown=TOMORROW) for _ in range(MANY)), size=5000)
        for number in range(50):
            assert shop.add.delay(number, 1).get(timeout=30) == number + 1

        until(lambda: shop.app.transport.counts("celery").delayed == MANY, "all to wait in the broker")
        assert process.memory_info().rss - before < 5 * MB

        # A short delay among them is met.
        assert shop.add.apply_async((20, 22), countdown=0.2).get(timeout=10) == 42
