"""The app whose workers the faults hit: ``celeriac -A chaos.tasks worker``. The environment names its broker."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any

from celeriac import Celeriac

DIARY = "CHAOS_DIARY"
"""The variable that names the file in which each run notes its beginning and its end."""

app = Celeriac("chaos")


@app.task(bind=True)
def work(self: Any, seconds: float, _ballast: str = "") -> None:
    began = _note("begin", self.request.id)
    time.sleep(seconds)
    _note("end", self.request.id, began)


@app.task(bind=True)
async def awork(self: Any, seconds: float, _ballast: str = "") -> None:
    began = _note("begin", self.request.id)
    await asyncio.sleep(seconds)
    _note("end", self.request.id, began)


def _note(what: str, task_id: str, began: float | None = None) -> float:
    """One line in one write, where no fault of a broker or a line reaches it, and no kill either once it is made. The
    clock is the machine's, the same for all its processes."""
    now = time.monotonic()
    descriptor = os.open(os.environ[DIARY], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, f"{what} {task_id} {now if began is None else began!r} {now!r}\n".encode())
    finally:
        os.close(descriptor)
    return now
