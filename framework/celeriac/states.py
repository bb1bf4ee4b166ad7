"""The states of a task, with Celery's names and meaning."""

from __future__ import annotations

from typing import Final

PENDING: Final = "PENDING"
"""Nothing is known of the task: not sent, not started, or its result has expired."""
QUEUED: Final = "QUEUED"
"""It was called, and nothing more is known; stored where ``task_track_queued`` is on."""
UNKNOWN: Final = "UNKNOWN"
"""What PENDING is called where ``task_track_queued`` is on: nobody has called it, or its result has expired."""
RECEIVED: Final = "RECEIVED"
STARTED: Final = "STARTED"
SUCCESS: Final = "SUCCESS"
FAILURE: Final = "FAILURE"
REVOKED: Final = "REVOKED"
REJECTED: Final = "REJECTED"
RETRY: Final = "RETRY"
IGNORED: Final = "IGNORED"

READY_STATES: Final = frozenset({SUCCESS, FAILURE, REVOKED})
"""Final states: a record in one of them is never overwritten by another state."""
UNREADY_STATES: Final = frozenset({PENDING, UNKNOWN, QUEUED, RECEIVED, STARTED, REJECTED, RETRY})
EXCEPTION_STATES: Final = frozenset({RETRY, FAILURE, REVOKED})
"""States whose result is an exception."""
PROPAGATE_STATES: Final = frozenset({FAILURE, REVOKED})
"""States whose exception `get()` raises again."""
PRECEDENCE: Final = (SUCCESS, FAILURE, None, REVOKED, STARTED, RECEIVED, REJECTED, RETRY, QUEUED, PENDING)
"""The most telling state first; states of a task's own stand in the place of None."""


def precedence(state: str) -> int:
    """The place of a state in `PRECEDENCE`: of two that are told of a task, the one with the lower number counts."""
    try:
        return PRECEDENCE.index(state)
    except ValueError:
        return PRECEDENCE.index(None)


ALL_STATES: Final = READY_STATES | UNREADY_STATES | EXCEPTION_STATES
