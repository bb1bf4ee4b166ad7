"""Our app, as a user writes it."""

from __future__ import annotations

import asyncio
import time

from celeriac import Celeriac
from systems.setup import Setup

setup = Setup.from_environment()
url = "memory://bench" if setup.broker == "memory" else f"sqlite://{setup.folder}/celeriac.db"
app = Celeriac("bench", broker=url, backend=url, task_ignore_result=not setup.results)


@app.task
def count() -> int:
    setup.tally.hit()
    return 1


@app.task
async def count_in_loop() -> int:
    setup.tally.hit()
    return 1


@app.task
def echo(value: int) -> int:
    return value


@app.task
async def echo_in_loop(value: int) -> int:
    return value


@app.task
def late(number: int, due: float) -> None:
    setup.late[number] = time.time() - due
    setup.tally.hit()


@app.task
async def nap(seconds: float) -> None:
    await asyncio.sleep(seconds)
    setup.tally.hit()
