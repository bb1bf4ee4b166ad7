"""Our worker on the memory transport, in a thread of the client's process."""

from __future__ import annotations

from celeriac.worker import Worker as CeleriacsWorker
from harness.workers import ThreadWorker, Worker
from systems.celeriac_system import CeleriacSystem


class CeleriacMemory(CeleriacSystem):
    def start_worker(self) -> Worker:
        options = self.setup.options
        worker = CeleriacsWorker(self.app, pool=options["pool"], concurrency=options["concurrency"])
        return ThreadWorker(lambda: worker.run(signals=False), worker.stop)
