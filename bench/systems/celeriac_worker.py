"""Our worker, started by its command line."""

from __future__ import annotations

import sys

from harness.workers import ProcessWorker, Worker
from systems.celeriac_system import CeleriacSystem


class CeleriacWorker(CeleriacSystem):
    def start_worker(self) -> Worker:
        pool, concurrency = self.setup.options["pool"], str(self.setup.options["concurrency"])
        command = [sys.executable, "-m", "celeriac", "-A", "systems.celeriac_app", "worker"]
        return ProcessWorker([*command, "-P", pool, "-c", concurrency, "-l", "warning"], self.setup.log)
