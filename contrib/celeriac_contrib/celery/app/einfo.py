"""An exception with its traceback as text: what Celery hands to handlers as ``einfo``."""

from __future__ import annotations

from typing import Any


class ExceptionInfo:
    """``einfo.exception``, ``einfo.type``, ``einfo.tb``, ``str(einfo)``."""

    internal = False

    def __init__(self, exception: BaseException, traceback: str) -> None:
        self.exception = exception
        self.type = type(exception)
        self.traceback = traceback
        self.tb: Any = exception.__traceback__

    @property
    def exc_info(self) -> tuple[Any, Any, Any]:
        return self.type, self.exception, self.tb

    def __str__(self) -> str:
        return self.traceback

    def __repr__(self) -> str:
        return f"<ExceptionInfo: {self.exception!r}>"
