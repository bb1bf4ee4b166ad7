"""Whether the worker is alive, and whether it is ready: two questions that a supervisor asks for different ends.

Not alive means: restart it, nothing else helps. That never depends on the broker. Not ready means: it does not consume
now (the broker is away, or it stops).
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from celeriac.worker.worker import Worker


class Health:
    """Answers from what the worker's threads show of themselves, without asking anybody."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._patience: float = worker.app.conf.worker_stall_timeout

    def report(self) -> dict[str, Any]:
        """What the probes say, as plain values. ``live`` and ``ready`` are the verdicts; ``problems`` gives reasons."""
        worker = self._worker
        now = time.monotonic()
        stuck, absent = self.stuck(now), self._absent(now)
        return {
            "live": not stuck,
            "ready": not stuck and not absent,
            "problems": [*stuck, *absent],
            "hostname": worker.hostname,
            "pid": os.getpid(),
            "last_fetch_age_seconds": worker.pulse.fetch_age(),
            "held": len(worker.inflight),
        }

    def stuck(self, now: float) -> list[str]:
        """Threads that should have come round within ``worker_stall_timeout``. A worker that stops is left in peace:
        it has a deadline of its own."""
        worker, found = self._worker, []
        if worker.stopping:
            return []
        silence = worker.pulse.silence(now)
        if silence > self._patience:
            found.append(f"the loop that receives has not come round for {silence:.0f} s")
        settling = now - max(worker.settlement.came_round, worker.pulse.begun)
        if worker.settlement.is_busy and settling > self._patience:
            found.append(f"settling what has run has not come round for {settling:.0f} s")
        housekeeping = now - worker.pulse.housekeeping
        if housekeeping > self._patience:
            found.append(f"the thread that renews leases has not come round for {housekeeping:.0f} s")
        return found

    def neglected(self) -> list[str]:
        """Messages that wait though they should be delivered here: seen twice, half a ``worker_stall_timeout``
        apart."""
        if self._worker.pulse.vain_looks < 2:
            return []
        return [f"messages wait, slots are free, and none was delivered for {self._patience:.0f} s or more"]

    def _absent(self, now: float) -> list[str]:
        """Why the worker does not consume, other than for being stuck."""
        worker = self._worker
        if worker.stopping:
            return ["the worker stops"]
        lost = worker.reconnection.lost
        if lost is not None:
            return [f"the broker has not answered for {now - lost:.1f} s"]
        if worker.settlement.waits_to:
            return [f"broker or result store are away: the worker cannot {worker.settlement.waits_to}"]
        if worker.pulse.fetched is None:
            return ["the worker starts"]
        silence = worker.pulse.silence(now)
        if silence > self._patience / 2:
            return [f"no receive has come back for {silence:.1f} s"]
        return self.neglected()
