"""Ids of tasks."""

from __future__ import annotations

from celeriac.ids import new_id


def uuid() -> str:
    """A new id; they are ordered by time."""
    return new_id()
