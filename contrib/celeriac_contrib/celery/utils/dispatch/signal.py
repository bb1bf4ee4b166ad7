"""A signal: functions that are called when something happens."""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable
from typing import Any

from celeriac_contrib.celery.absent import absent

__all__ = ("Signal",)

logger = logging.getLogger("celeriac.celery.signals")


class _Receiver:
    """A function that is connected: by whom it wants to be called, and how it is held."""

    __slots__ = ("key", "sender", "take")

    def __init__(self, key: Any, sender: Any, take: Callable[[], Any]) -> None:
        self.key = key
        self.sender = sender
        self.take = take


class Signal:
    """``task_prerun.connect(function)``; receivers get ``signal``, ``sender`` and the signal's own arguments.

    A receiver that fails is logged, and stops neither the others nor the task.
    """

    receivers: list[_Receiver]

    def __init__(self, providing_args: Any = None, use_caching: bool = False, name: str | None = None) -> None:
        self.providing_args = set(providing_args or ())
        self.use_caching = use_caching
        self.name = name
        self.receivers = []
        self.lock = threading.Lock()
        self.heard: Callable[[Signal], None] | None = None
        """Called when somebody listens: only then the event is looked for."""

    def connect(self, *args: Any, **kwargs: Any) -> Any:
        """Have the function called: ``connect(f)``, ``connect(f, sender=…, weak=False, dispatch_uid=…)``, or a
        decorator with or without options."""
        if args and callable(args[0]):
            return self._connected(args[0], **{**dict(zip(("sender", "weak"), args[1:], strict=False)), **kwargs})
        return lambda function: self._connected(function, **kwargs)

    def _connected(
        self, function: Any, sender: Any = None, weak: bool = True, dispatch_uid: Any = None, retry: bool = False
    ) -> Any:
        if isinstance(sender, (list, tuple, set)):
            for each in sender:
                self._connected(function, each, weak, dispatch_uid, retry)
            return function
        called = _persistent(function) if retry else function
        take = _weakly(called) if weak and not retry else lambda: called
        key = (dispatch_uid or _identity(function), _identity(sender))
        with self.lock:
            if any(receiver.key == key and receiver.take() is not None for receiver in self.receivers):
                return function
            self.receivers.append(_Receiver(key, sender, take))
        if self.heard is not None:
            self.heard(self)
        return function

    def disconnect(
        self, receiver: Any = None, sender: Any = None, weak: Any = None, dispatch_uid: Any = None
    ) -> bool:  # fmt: skip
        """Call it no more. False: it was not connected."""
        key = (dispatch_uid or _identity(receiver), _identity(sender))
        with self.lock:
            before = len(self.receivers)
            self.receivers = [each for each in self.receivers if each.key != key]
            return len(self.receivers) < before

    def has_listeners(self, sender: Any = None) -> bool:
        """Whether anybody would be called."""
        return bool(self._live_receivers(sender))

    def _live_receivers(self, sender: Any) -> list[Any]:
        found = []
        for receiver in list(self.receivers):
            if receiver.sender is None or _is_same(receiver.sender, sender):
                function = receiver.take()
                if function is not None:
                    found.append(function)
        return found

    def send(self, sender: Any, **named: Any) -> list[tuple[Any, Any]]:
        """Call them; each with what it returned, or its error."""
        if not self.receivers:
            return []
        answers = []
        for function in self._live_receivers(sender):
            try:
                answer = function(signal=self, sender=sender, **named)
            except Exception as error:
                logger.exception("Signal handler %r raised: %r", function, error)
                answer = error
            answers.append((function, answer))
        return answers

    send_robust = send

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.name}>"


def _identity(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    if hasattr(value, "__self__") and hasattr(value, "__func__"):
        return id(value.__self__), id(value.__func__)
    return _name_of(value) or id(value)


def _name_of(value: Any) -> str | None:
    """A task is the same by any of its objects: its proxy, or the one of another app."""
    from celeriac.task import Task

    return f"task {value.name}" if isinstance(value, Task) else None


def _is_same(wanted: Any, sender: Any) -> bool:
    return wanted is sender or _identity(wanted) == _identity(sender)


def _weakly(function: Any) -> Callable[[], Any]:
    if hasattr(function, "__self__") and hasattr(function, "__func__"):
        return weakref.WeakMethod(function)
    try:
        return weakref.ref(function)
    except TypeError:
        return lambda: function


def _persistent(function: Any) -> Any:
    """A receiver that is tried again a few times, as ``connect(retry=True)`` asks."""
    import time

    def tried(*args: Any, **kwargs: Any) -> Any:
        for pause in (0.1, 0.2, 0.4):
            try:
                return function(*args, **kwargs)
            except Exception:
                logger.exception("Signal handler %r failed and is tried again", function)
                time.sleep(pause)
        return function(*args, **kwargs)

    return tried


__getattr__ = absent(__name__)
