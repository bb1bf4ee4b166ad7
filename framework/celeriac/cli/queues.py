"""Which queues a command is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from celeriac.app import queue_names
from celeriac.cli.group import fail

if TYPE_CHECKING:
    from celeriac.app import Celeriac


def configured_queues(app: Celeriac) -> list[str]:
    """The names in ``task_queues``, or the default queue alone."""
    queues = app.conf.task_queues
    return queue_names(queues) if queues else [app.default_queue]


def choose_queues(app: Celeriac, chosen: list[str] | None, excluded: list[str]) -> list[str]:
    """The queues to consume: those chosen, or those configured, without the excluded ones.

    Raises:
        UsageError: one is not configured and must be, an excluded one is not among them, or none is left.
    """
    known = app.known_queues
    for queue in chosen or ():
        if known is not None and queue not in known:
            text = f"queue {queue!r} is not in task_queues and task_create_missing_queues is off"
            raise fail(text, known, queue)
    queues = chosen or configured_queues(app)
    for queue in excluded:
        if queue not in queues:
            raise fail(f"-X: queue {queue!r} is not among {', '.join(queues)}", queues, queue)
    left = [queue for queue in queues if queue not in excluded]
    if not left:
        raise click.UsageError("-X excludes every queue; nothing is left to consume")
    return left
