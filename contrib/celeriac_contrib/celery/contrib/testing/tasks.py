"""A task to see whether a worker works."""

from __future__ import annotations

from celeriac_contrib.celery.app import shared_task


@shared_task(name="celery.ping")  # type: ignore[untyped-decorator]
def ping() -> str:
    """Answers."""
    return "pong"
