"""The states of a task, with Celery's names and meaning."""

from __future__ import annotations

from typing import Final

PENDING: Final = "PENDING"
"""Nothing is known of the task: not sent, not started, or its result has expired."""
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
UNREADY_STATES: Final = frozenset({PENDING, RECEIVED, STARTED, REJECTED, RETRY})
EXCEPTION_STATES: Final = frozenset({RETRY, FAILURE, REVOKED})
"""States whose result is an exception."""
PROPAGATE_STATES: Final = frozenset({FAILURE, REVOKED})
"""States whose exception `get()` raises again."""
ALL_STATES: Final = READY_STATES | UNREADY_STATES | EXCEPTION_STATES
