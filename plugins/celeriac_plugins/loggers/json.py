"""Logs for machines: one JSON object a line."""

from __future__ import annotations

import json
import logging
import math
from datetime import UTC, datetime

from celeriac_plugins._shared.root_handler import RootHandlerLogger, bound

_DEPTH = 8
_OWN = frozenset({*vars(logging.makeLogRecord({})), "asctime", "message", "taskName"})
"""What every record has; all else came in by ``extra``."""


class JsonLogger(RootHandlerLogger):
    """Each object has ``time`` (ISO 8601, UTC), ``level``, ``logger``, ``message`` and ``pid``; where there is one,
    ``task``, ``task_id``, ``exception`` (the traceback) and ``stack``; and the plain values of ``extra``, under their
    own names or, when one of ours is the same, with ``extra_`` before it."""

    capabilities = frozenset({"structured"})

    def formatter(self, color: bool) -> logging.Formatter:  # noqa: ARG002 (colours are for people)
        return _Formatter()


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        task, task_id = bound.get()
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "task": task,
            "task_id": task_id,
            "pid": record.process,
            "exception": self.formatException(record.exc_info) if record.exc_info else record.exc_text,
            "stack": self.formatStack(record.stack_info) if record.stack_info else None,
        }
        extra = {
            (f"extra_{name}" if name in line else name): value
            for name, value in vars(record).items()
            if name not in _OWN and _is_plain(value)
        }
        # escapes keep it one line for every reader, and writable in every encoding
        return json.dumps({name: value for name, value in line.items() if value is not None} | extra)


def _is_plain(value: object, depth: int = _DEPTH) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return depth > 0 and all(isinstance(key, str) and _is_plain(each, depth - 1) for key, each in value.items())
    if isinstance(value, list | tuple):
        return depth > 0 and all(_is_plain(each, depth - 1) for each in value)
    return value is None or isinstance(value, str | int)
