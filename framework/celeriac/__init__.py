"""Celeriac: a distributed task queue. Celery's protocol, nothing lost by default, every part a plugin.

::

    from celeriac import Celeriac

    app = Celeriac("hello")

    @app.task
    def add(x: int, y: int) -> int:
        return x + y

Names are imported when they are first used: ``import celeriac`` alone loads no driver and scans nothing.
"""

from __future__ import annotations

# Checkers know this name. To import `typing` takes as long as to start Python, which probes do every few seconds.
TYPE_CHECKING = False

__version__ = "0.1.0"

_HOMES = {
    "AsyncResult": "result",
    "Celeriac": "app",
    "Context": "context",
    "Exchange": "exchanges",
    "GroupResult": "result",
    "Ignore": "errors",
    "Queue": "exchanges",
    "Reject": "errors",
    "Retry": "errors",
    "RetryPolicy": "retry",
    "Signature": "canvas",
    "SoftTimeLimitExceeded": "errors",
    "Task": "task",
    "Unique": "unique",
    "ResultSet": "result",
    "StampingVisitor": "canvas",
    "allow_join_result": "result",
    "chain": "canvas",
    "chord": "canvas",
    "current_app": "current",
    "crontab": "schedules",
    "denied_join_result": "result",
    "every": "schedules",
    "get_task_logger": "log",
    "group": "canvas",
    "hookimpl": "specs.lifecycle",
    "shared_task": "current",
    "signature": "canvas",
}

if TYPE_CHECKING:
    from typing import Any

    from celeriac.app import Celeriac
    from celeriac.canvas import Signature, StampingVisitor, chain, chord, group, signature
    from celeriac.context import Context
    from celeriac.current import current_app, shared_task
    from celeriac.errors import Ignore, Reject, Retry, SoftTimeLimitExceeded
    from celeriac.exchanges import Exchange, Queue
    from celeriac.log import get_task_logger
    from celeriac.result import AsyncResult, GroupResult, ResultSet, allow_join_result, denied_join_result
    from celeriac.retry import RetryPolicy
    from celeriac.schedules import crontab, every
    from celeriac.specs.lifecycle import hookimpl
    from celeriac.task import Task
    from celeriac.unique import Unique

__all__ = [
    "AsyncResult",
    "Celeriac",
    "Context",
    "Exchange",
    "GroupResult",
    "Ignore",
    "Queue",
    "Reject",
    "ResultSet",
    "Retry",
    "RetryPolicy",
    "Signature",
    "SoftTimeLimitExceeded",
    "StampingVisitor",
    "Task",
    "Unique",
    "__version__",
    "allow_join_result",
    "chain",
    "chord",
    "crontab",
    "denied_join_result",
    "current_app",
    "every",
    "get_task_logger",
    "group",
    "hookimpl",
    "shared_task",
    "signature",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'celeriac' has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(f"celeriac.{_HOMES[name]}"), name)
    return value
