"""Celery's solo worker, started by its command line."""

from __future__ import annotations

import sys

from harness.workers import ProcessWorker, Worker
from systems.celery_system import CelerySystem


class CeleryWorker(CelerySystem):
    def start_worker(self) -> Worker:
        command = [sys.executable, "-m", "celery", "-A", "systems.celery_app", "worker", "-P", "solo", "-c", "1"]
        return ProcessWorker(
            [*command, "-l", "warning", "--without-gossip", "--without-mingle", "--without-heartbeat"],
            self.setup.environment(),
            self.setup.folder / "worker.log",
        )
