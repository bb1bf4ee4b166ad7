"""A moment in the life of one app, to which functions are connected with Celery's word:
``@app.on_after_configure.connect``."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

logger = logging.getLogger("celeriac.app")


class Moment:
    """Who is to be called when it comes. Receivers get the app as ``sender``, and more as keywords."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._receivers: list[Callable[..., Any]] = []

    def connect(self, receiver: F) -> F:
        """Call the function when the moment comes; a decorator. One that is connected already is not called twice."""
        if receiver not in self._receivers:
            self._receivers.append(receiver)
        return receiver

    def disconnect(self, receiver: Callable[..., Any]) -> bool:
        """Call it no more. False: it was not connected."""
        if receiver not in self._receivers:
            return False
        self._receivers.remove(receiver)
        return True

    def send(self, sender: Any, **arguments: Any) -> None:
        """Call the receivers in the order in which they were connected. One that fails is logged and does not stop the
        others."""
        for receiver in list(self._receivers):
            try:
                receiver(sender=sender, **arguments)
            except Exception:
                logger.exception("%r, connected to %s, failed", receiver, self.name)

    def __bool__(self) -> bool:
        return bool(self._receivers)

    def __repr__(self) -> str:
        return f"<Moment {self.name}: {len(self._receivers)} receivers>"
