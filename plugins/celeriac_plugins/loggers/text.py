"""Logs for people, in Celery's look."""

from __future__ import annotations

import logging

from celeriac_plugins._shared.root_handler import RootHandlerLogger, bound

_COLORS = {
    logging.DEBUG: "\x1b[34m",
    logging.WARNING: "\x1b[33m",
    logging.ERROR: "\x1b[31m",
    logging.CRITICAL: "\x1b[1;31m",
}
_PLAIN = "\x1b[0m"


class TextLogger(RootHandlerLogger):
    """``[2026-01-02 03:04:05,678: INFO/MainProcess] shop.tasks.pay[0199…]: paid``; the time is local."""

    def formatter(self, color: bool) -> logging.Formatter:
        return _Formatter(color)


class _Formatter(logging.Formatter):
    def __init__(self, color: bool) -> None:
        super().__init__()
        self._color = color

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's name)
        task, task_id = bound.get()
        who = f"{task or ''}[{task_id or ''}]: " if task or task_id else ""
        text = f"{who}{record.message}"
        color = _COLORS.get(record.levelno) if self._color else None
        return (
            f"[{self.formatTime(record)}: {record.levelname}/{record.processName}] "
            f"{f'{color}{text}{_PLAIN}' if color else text}"
        )
