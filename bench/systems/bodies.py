"""The tasks, the same for all systems: each makes tasks of its own from `FUNCTIONS`, `COROUTINES` or both."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from systems.setup import Setup

setup = Setup.from_environment()


def count() -> int:
    """Count itself."""
    setup.tally.hit()
    return 1


def echo(value: int) -> int:
    return value


def late(number: int, due: float) -> None:
    """Note how late it is, then count itself."""
    setup.late[number] = time.time() - due
    setup.tally.hit()


def weigh(data: str) -> int:
    """Take a large argument and count itself."""
    setup.tally.hit()
    return len(data)


def add(values: list[int]) -> int:
    """The end of a chord."""
    return sum(values)


def step(value: int) -> int:
    """A link of a chain."""
    return value + 1


async def nap(seconds: float) -> None:
    """Sleep, then count itself."""
    await asyncio.sleep(seconds)
    setup.tally.hit()


async def count_in_loop() -> int:
    return count()


async def echo_in_loop(value: int) -> int:
    return value


async def late_in_loop(number: int, due: float) -> None:
    late(number, due)


async def weigh_in_loop(data: str) -> int:
    return weigh(data)


FUNCTIONS: Mapping[str, Callable[..., Any]] = {body.__name__: body for body in (count, echo, late, weigh, add, step)}
COROUTINES: Mapping[str, Callable[..., Awaitable[Any]]] = {
    "count": count_in_loop,
    "echo": echo_in_loop,
    "late": late_in_loop,
    "weigh": weigh_in_loop,
    "nap": nap,
}
