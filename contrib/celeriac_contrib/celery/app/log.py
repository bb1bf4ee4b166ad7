"""Logging: Celery's entry to it. Celeriac configures its own loggers and nobody else's."""

from __future__ import annotations

import logging
from typing import Any

from celeriac_contrib.celery.absent import absent

__all__ = ("TaskFormatter", "Logging")


class TaskFormatter(logging.Formatter):
    """Gives each record the name and id of the task that writes it, as ``task_name`` and ``task_id``."""

    def __init__(self, fmt: str | None = None, *args: Any, use_color: bool = False, **kwargs: Any) -> None:
        super().__init__(fmt, *args, **kwargs)

    def format(self, record: logging.LogRecord) -> str:
        from celeriac.context import current

        context = current.get()
        record.__dict__.setdefault("task_name", context.task if context is not None else "???")
        record.__dict__.setdefault("task_id", context.id if context is not None else "???")
        return super().format(record)


class Logging:
    """``app.log``."""

    already_setup = False

    def __init__(self, app: Any) -> None:
        self.app = app

    def setup(self, loglevel: Any = None, logfile: Any = None, **_kw: Any) -> bool:
        """Nothing, and False: the worker's command line sets logging up, or whoever listens to `setup_logging`."""
        return self.setup_logging_subsystem(loglevel, logfile)

    def setup_logging_subsystem(
        self, loglevel: Any = None, logfile: Any = None, format: Any = None, colorize: Any = None, **_kw: Any
    ) -> bool:
        """Ask who listens to `setup_logging` to do it; whether somebody has."""
        from celeriac_contrib.celery import signals

        given = {"loglevel": loglevel, "logfile": logfile, "format": format, "colorize": colorize}
        return bool(signals.setup_logging.send(sender=None, **given))

    def get_default_logger(self, name: str = "celery", **_kw: Any) -> logging.Logger:
        return logging.getLogger(name)

    def setup_task_loggers(self, *_args: Any, **_kw: Any) -> logging.Logger:
        from celeriac_contrib.celery.utils.log import task_logger

        return task_logger

    def redirect_stdouts(self, *_args: Any, **_kw: Any) -> None:
        """Nothing: standard output is left alone."""


__getattr__ = absent(__name__)
