"""How far a task has come, printed for as long as it runs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from celeriac import states
from celeriac.cli import output

if TYPE_CHECKING:
    from celeriac.result import AsyncResult

LOOK = 0.25
"""Seconds between two looks; the end is seen at once."""


def follow(result: AsyncResult[Any], timeout: float | None) -> bool:
    """Print each new state on standard error, until the task has ended; False when that took more than `timeout`
    seconds."""
    deadline = None if timeout is None else time.monotonic() + timeout
    last = None
    while True:
        state, info = result.state, result.info
        if state in states.READY_STATES:
            return True
        if (state, info) != last:
            last = (state, info)
            click.echo(output.text(_line(state, info)), err=True)
        left = LOOK if deadline is None else min(LOOK, deadline - time.monotonic())
        if left <= 0:
            click.echo(f"Error: task {result.id} was not ready within {timeout} s", err=True)
            return False
        result.app.backend.driver.wait([result.id], left)


def _line(state: str, info: Any) -> str:
    """``PROGRESS 3/12 25.0% half asleep``: what `Task.progress` has stored; other states as they are."""
    if not isinstance(info, dict) or "done" not in info:
        return state if info is None else f"{state} {output.plain(info)}"
    total, percent, message = info.get("total"), info.get("percent"), info.get("message")
    parts = [state, f"{info['done']}/{total}" if total is not None else str(info["done"])]
    parts += [f"{percent}%"] if percent is not None else []
    parts += [str(message)] if message else []
    return " ".join(parts)
