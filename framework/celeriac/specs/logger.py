"""The contract of a logger: how the log of a worker or beat looks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO

from celeriac.specs.driver import Driver

CAPABILITIES: Mapping[str, str] = {"structured": "one machine-readable record a line"}

ROOT = "celeriac"
"""The only logger that is configured. The process's root logger is never touched."""


@dataclass(frozen=True, slots=True)
class LoggerOptions:
    """What the kernel hands to a logger when it makes one."""

    level: int = 20
    """As in `logging`: 10 debug, 20 info, 30 warning, 40 error."""
    stream: IO[str] | None = None
    """Where to write; None: standard error."""
    filename: str | None = None
    """Instead of the stream: a file, appended to, that a log rotation may rename under us."""
    color: bool | None = None
    """None: when the stream is a terminal and NO_COLOR is not set."""


class Logger(Driver):
    """Configures the logger `ROOT` and everything below it (task loggers are ``celeriac.task.…``)."""

    def __init__(self, options: LoggerOptions) -> None:
        self.options = options

    @abstractmethod
    def install(self) -> None:
        """Attach our handler to `ROOT`, set its level, and stop propagation to the root logger. Again: no change."""

    @abstractmethod
    def bind(self, task: str | None, task_id: str | None) -> None:
        """From now on records of this thread (or asyncio task) carry the task's name and id; None takes it off."""

    @abstractmethod
    def uninstall(self) -> None:
        """Put `ROOT` back as `install` found it."""
