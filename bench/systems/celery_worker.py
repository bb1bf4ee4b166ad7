"""Celery's worker, started by its command line. Options: `pool`, `concurrency`, and those of `celery_app`."""

from __future__ import annotations

import sys

from harness.workers import ProcessWorker, Worker
from systems.celery_system import CelerySystem

_QUIET = ("-l", "warning", "--without-gossip", "--without-mingle")


class CeleryWorker(CelerySystem):
    def start_worker(self) -> Worker:
        pool, concurrency = self.setup.options["pool"], str(self.setup.options["concurrency"])
        command = [sys.executable, "-m", "celery", "-A", "systems.celery_app", "worker"]
        # On RabbitMQ an idle worker sees SIGTERM when something wakes it: its own heartbeat, each two seconds.
        silent = [] if self.setup.broker == "rabbitmq" else ["--without-heartbeat"]
        return ProcessWorker([*command, "-P", pool, "-c", concurrency, *_QUIET, *silent], self.setup.log)
