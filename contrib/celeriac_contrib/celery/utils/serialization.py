"""Exceptions that can be written."""

from __future__ import annotations

import pickle
from base64 import b64decode as _decode
from base64 import b64encode as _encode
from typing import Any

from celeriac.errors import TaskFailed
from celeriac_contrib.celery.absent import absent

__all__ = (
    "UnpickleableExceptionWrapper",
    "subclass_exception",
    "find_pickleable_exception",
    "create_exception_cls",
    "get_pickleable_exception",
    "b64encode",
    "b64decode",
    "strtobool",
)

_TRUE = frozenset({"1", "true", "t", "yes", "y", "on"})
_FALSE = frozenset({"0", "false", "f", "no", "n", "off"})


class UnpickleableExceptionWrapper(TaskFailed):
    """Stands in for an exception that cannot be written."""


def subclass_exception(name: str, parent: type[BaseException], module: str) -> type[BaseException]:
    """A class of exceptions."""
    return type(name, (parent,), {"__module__": module})


def create_exception_cls(name: str, module: str, parent: type[BaseException] = Exception) -> type[BaseException]:
    """The same, where the class itself is not here."""
    return subclass_exception(name, parent, module)


def find_pickleable_exception(exc: BaseException, loads: Any = pickle.loads, dumps: Any = pickle.dumps) -> Any:
    """The exception as the nearest of its bases that can be written; None when none can."""
    for kind in type(exc).__mro__:
        if kind in (Exception, BaseException, object):
            return None
        try:
            return loads(dumps(kind(*exc.args)))
        except Exception:  # noqa: S112 (the next one is tried)
            continue
    return None


def get_pickleable_exception(exc: BaseException) -> BaseException:
    """The exception, or what can be written in its place."""
    try:
        pickle.loads(pickle.dumps(exc))  # noqa: S301 (what was written here)
    except Exception:
        return find_pickleable_exception(exc) or UnpickleableExceptionWrapper(type(exc).__name__, str(exc))
    return exc


def b64encode(s: str | bytes) -> str:
    """In base64."""
    return _encode(s.encode() if isinstance(s, str) else s).decode()


def b64decode(s: str | bytes) -> bytes:
    """Out of base64."""
    return _decode(s)


def strtobool(term: Any, table: Any = None) -> Any:
    """``"yes"`` as True.

    Raises:
        TypeError: the text is neither.
    """
    if not isinstance(term, str):
        return term
    word = term.lower()
    if table is not None:
        return table[word]
    if word not in _TRUE | _FALSE:
        raise TypeError(f"Cannot coerce {term!r} to type bool")
    return word in _TRUE


__getattr__ = absent(__name__)
