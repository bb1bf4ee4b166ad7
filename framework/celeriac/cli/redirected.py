"""What tasks print, in the log: the settings ``worker_redirect_stdouts`` and ``worker_redirect_stdouts_level``."""

from __future__ import annotations

import io
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from celeriac.settings import Settings

NAME = "celeriac.redirected"


class LogStream(io.TextIOBase):
    """A stream that logs each line that is written to it. What the log itself prints in trouble goes to `behind`."""

    def __init__(self, level: int, behind: object) -> None:
        self._logger = logging.getLogger(NAME)
        self._level = level
        self._behind = behind
        self._local = threading.local()

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if getattr(self._local, "logs", False):
            getattr(self._behind, "write", len)(text)
            return len(text)
        *lines, rest = (getattr(self._local, "rest", "") + text).split("\n")
        self._local.rest = rest
        self._log(lines)
        return len(text)

    def flush(self) -> None:
        """A line that has not ended stays for what comes after it."""

    def _log(self, lines: list[str]) -> None:
        self._local.logs = True
        try:
            for line in lines:
                if line.strip():
                    self._logger.log(self._level, "%s", line.rstrip())
        finally:
            self._local.logs = False


@contextmanager
def redirected(conf: Settings) -> Iterator[None]:
    """For the length of a block, standard output and error lead into the log, if the settings say so."""
    if not conf.worker_redirect_stdouts:
        yield
        return
    level = logging.getLevelNamesMapping()[conf.worker_redirect_stdouts_level.upper()]
    own = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = LogStream(level, own[0]), LogStream(level, own[1])
    try:
        yield
    finally:
        sys.stdout, sys.stderr = own
