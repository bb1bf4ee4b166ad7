"""Times in texts."""

from __future__ import annotations

from datetime import datetime

from celeriac_contrib.celery.absent import absent

__all__ = ("parse_iso8601",)


def parse_iso8601(datestring: str) -> datetime:
    """The time that a text says.

    Raises:
        ValueError: it says none.
    """
    return datetime.fromisoformat(datestring)


__getattr__ = absent(__name__)
