"""Exceptions as they travel: Celery's ``{"exc_type", "exc_message", "exc_module"}``, and back without any import.

The failure path must never fail itself: whatever an exception's own methods do, there is a document, and whatever a
document says, there is an exception to raise.
"""

from __future__ import annotations

import builtins
import reprlib
import sys
import traceback
from collections.abc import Collection
from typing import Any, Self

from celeriac import errors
from celeriac.errors import TaskFailed

CELERYS_NAMES: dict[str, tuple[str, str]] = {
    "ChordError": ("celery.exceptions", "ChordError"),
    "ConfigurationError": ("celery.exceptions", "ImproperlyConfigured"),
    "MaxRetriesExceeded": ("celery.exceptions", "MaxRetriesExceededError"),
    "NotRegistered": ("celery.exceptions", "NotRegistered"),
    "ResultTimeout": ("celery.exceptions", "TimeoutError"),
    "Retry": ("celery.exceptions", "Retry"),
    "SoftTimeLimitExceeded": ("billiard.exceptions", "SoftTimeLimitExceeded"),
    "TaskRevoked": ("celery.exceptions", "TaskRevokedError"),
    "TimeLimitExceeded": ("billiard.exceptions", "TimeLimitExceeded"),
    "TransportDown": ("kombu.exceptions", "OperationalError"),
    "WorkerLost": ("billiard.exceptions", "WorkerLostError"),
}
"""Errors of ours that Celery has too, by its module and name: so they stand in results, which its clients rebuild."""

_OURS = {theirs: ours for ours, (_, theirs) in CELERYS_NAMES.items()}
_THEIR_MODULES = frozenset({"celeriac.errors", "celery.exceptions", "billiard.exceptions", "kombu.exceptions"})

_BITS = 64
"""Numbers of more are not written by each serializer."""

PLAIN = (str, int, float, bool, type(None))


class ErrorInfo(str):
    """The traceback as text, with what else Celery's handlers look at: `exception`, `type`, `traceback`."""

    __slots__ = ("exception",)

    exception: BaseException | None

    def __new__(cls, traceback: str, exception: BaseException | None = None) -> Self:
        info = super().__new__(cls, traceback)
        info.exception = exception
        return info

    @property
    def type(self) -> type[BaseException] | None:
        return None if self.exception is None else type(self.exception)

    @property
    def traceback(self) -> str:
        return str(self)


def shown(value: Any, most: int) -> str:
    """The repr of a value in `most` characters at most; never fails."""
    short = reprlib.Repr()
    short.maxstring = short.maxother = short.maxlong = most
    short.maxlist = short.maxtuple = short.maxdict = short.maxset = max(most // 3, 1)
    try:
        text = short.repr(value)
    except Exception:
        text = f"<{type(value).__qualname__} without a repr>"
    text = writable(text)
    return text if len(text) <= most else f"{text[: max(most - 1, 0)]}…"


def to_document(error: BaseException) -> dict[str, Any]:
    """The exception as plain values."""
    kind = type(error)
    name, module = kind.__qualname__, kind.__module__
    if module == errors.__name__ and name in CELERYS_NAMES:
        module, name = CELERYS_NAMES[name]
    return {"exc_type": name, "exc_message": _plain_args(error), "exc_module": module}


def from_document(document: Any, packages: Collection[str] = ()) -> BaseException:
    """The exception to raise for a document.

    Only classes that are loaded already are used: the built-in ones, this package's, and those of `packages` (top-level
    names, the ones that the app's tasks live in). Everything else is a TaskFailed that names the class.
    """
    if isinstance(document, BaseException):  # Celery's, where results are pickled
        return document
    if not isinstance(document, dict) or not isinstance(document.get("exc_type"), str):
        return TaskFailed("UnknownError", str(document))
    name, module = document["exc_type"], document.get("exc_module")
    args = document.get("exc_message")
    args = list(args) if isinstance(args, (list, tuple)) else [args]
    kind = _find(name, module, packages)
    if kind is not None:
        try:
            rebuilt = kind(*args)
        except Exception:
            rebuilt = None
        if isinstance(rebuilt, kind):
            return rebuilt
    return TaskFailed(name, ", ".join(map(str, args)))


def format_traceback(error: BaseException, skip: Collection[str] = ()) -> str:
    """The traceback as text, without the frames of the files in `skip` that stand at its top."""
    try:
        tb = error.__traceback__
        while tb is not None and tb.tb_next is not None and tb.tb_frame.f_code.co_filename in skip:
            tb = tb.tb_next
        return writable("".join(traceback.format_exception(type(error), error, tb)))
    except Exception:  # an exception whose __str__ raises something that is not an Exception's business
        return f"Traceback lost: {describe(error)}\n"


def describe(error: BaseException) -> str:
    """One line: ``ValueError: no such file``."""
    name = type(error).__qualname__
    try:
        text = str(error)
    except Exception:
        text = "<its __str__ fails>"
    return writable(f"{name}: {text}" if text else name)


def writable(text: str) -> str:
    """The text without halves of surrogate pairs, which no encoding can write: they are written out."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return text


def plainer(value: Any) -> Any:
    """A document that every serializer can write, for those that cannot write this one."""
    if isinstance(value, str):
        return writable(value)
    if isinstance(value, dict):
        return {writable(str(key)): plainer(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plainer(each) for each in value]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and value.bit_length() < _BITS:
        return value
    return writable(_safe_repr(value))


def _plain_args(error: BaseException) -> list[Any]:
    try:
        args = error.args
    except Exception:
        args = ()
    return [arg if isinstance(arg, PLAIN) else _safe_repr(arg) for arg in args]


def _safe_repr(value: Any) -> str:
    try:
        return repr(value)
    except Exception:
        return f"<{type(value).__qualname__}: its __repr__ fails>"


def _find(name: str, module: Any, packages: Collection[str]) -> type[BaseException] | None:
    source: Any = None
    if module in (None, "builtins", "exceptions"):
        source = builtins
    elif module in _THEIR_MODULES:
        name, source = _OURS.get(name, name), errors
        if not hasattr(errors, name):  # one that Celery alone has: its own, or our face's, where that is loaded
            source = sys.modules.get(module)
    elif isinstance(module, str) and module.partition(".")[0] in packages:
        source = sys.modules.get(module)
    found = getattr(source, name, None) if source is not None else None
    if isinstance(found, type) and issubclass(found, Exception):
        return found
    return None
