"""The app of the integration tests, imported by them and by their workers."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

from celeriac import Celeriac

PLACE = os.environ.get("SHOP_PLACE", "/nonexistent")
app = Celeriac("shop", broker=f"sqlite://{PLACE}/queue.db", backend=f"sqlite://{PLACE}/queue.db")


def note(text: str) -> None:
    """Add a line to the diary, in one write: it survives any kill that comes after."""
    descriptor = os.open(f"{PLACE}/diary", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, f"{text}\n".encode())
    finally:
        os.close(descriptor)


@app.task
def add(x: int, y: int) -> int:
    return x + y


@app.task
def work(number: int, seconds: float) -> int:
    note(f"begin {number} {os.getpid()}")
    time.sleep(seconds)
    note(f"end {number} {os.getpid()}")
    return number


@app.task
async def awork(number: int, seconds: float) -> int:
    import asyncio

    note(f"begin {number} {os.getpid()}")
    await asyncio.sleep(seconds)
    note(f"end {number} {os.getpid()}")
    return number


@app.task
def poison() -> None:
    note(f"poison {os.getpid()}")
    os.kill(os.getpid(), signal.SIGKILL)


@app.task(bind=True)
def where(self: Any) -> dict[str, Any]:
    return {"pid": os.getpid(), "count": self.request.delivery_count}


@app.task
def too_long() -> None:
    note("too long")
    time.sleep(60)


@app.task
def total(values: list[int]) -> int:
    note(f"total {len(values)}")
    return sum(values)
