"""What loggers share that differ in the look of a line only: one handler, put on and taken off."""

from __future__ import annotations

import logging
import os
import sys
from abc import abstractmethod
from contextvars import ContextVar
from logging.handlers import WatchedFileHandler
from typing import Any, NamedTuple

from celeriac.errors import ConfigurationError
from celeriac.specs.logger import ROOT, Logger, LoggerOptions

bound: ContextVar[tuple[str | None, str | None]] = ContextVar("celeriac_bound", default=(None, None))
"""The name and the id of the task that logs. A context variable, not state of ours: it follows threads and awaits."""


class _Found(NamedTuple):
    handler: logging.Handler
    level: int
    propagate: bool


class RootHandlerLogger(Logger):
    """Subclasses say how a record looks."""

    def __init__(self, options: LoggerOptions) -> None:
        super().__init__(options)
        self._installed: _Found | None = None

    @abstractmethod
    def formatter(self, color: bool) -> logging.Formatter:
        """What turns a record into text."""

    def install(self) -> None:
        if self._installed is not None:
            return
        root = logging.getLogger(ROOT)
        handler = self._handler()
        self._installed = _Found(handler, root.level, root.propagate)
        root.addHandler(handler)
        root.setLevel(self.options.level)
        root.propagate = False

    def bind(self, task: str | None, task_id: str | None) -> None:
        bound.set((task, task_id))

    def uninstall(self) -> None:
        if self._installed is None:
            return
        handler, level, propagate = self._installed
        self._installed = None
        root = logging.getLogger(ROOT)
        root.removeHandler(handler)
        root.setLevel(level)
        root.propagate = propagate
        handler.close()

    def _handler(self) -> logging.Handler:
        handler: logging.StreamHandler[Any]
        if self.options.filename is None:
            handler = logging.StreamHandler(self.options.stream or sys.stderr)
        else:
            try:
                handler = WatchedFileHandler(self.options.filename, encoding="utf-8", errors="backslashreplace")
            except OSError as error:
                raise ConfigurationError(
                    f"the log file {self.options.filename!r} cannot be opened: {error.strerror or error}"
                ) from error
        handler.setFormatter(self.formatter(self._color(handler.stream)))
        return handler

    def _color(self, stream: object) -> bool:
        if self.options.color is not None:
            return self.options.color
        is_terminal = getattr(stream, "isatty", None)
        return bool(is_terminal and is_terminal() and not os.environ.get("NO_COLOR"))
