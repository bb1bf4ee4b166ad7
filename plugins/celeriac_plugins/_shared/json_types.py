"""The types beyond JSON's own, marked on the wire as kombu 5.3 and later mark them.

A marked value is an object of exactly two members, ``{"__type__": "datetime", "__value__": "2026-01-31T12:00:00"}``.
The names and forms are those of ``kombu.utils.json``, so that Celery reads ours and we read Celery's.
"""

from __future__ import annotations

import base64
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from celeriac.errors import DecodeError
from celeriac.specs.serializer import ExtraType
from celeriac_plugins._shared.refusals import cannot_write

MARK = b'"__type__"'
"""Bytes without this hold no marked value, and need no `restore`."""


def _bytes(value: bytes) -> tuple[str, str]:
    try:
        return "bytes", value.decode("utf-8")
    except UnicodeDecodeError:
        return "base64", base64.b64encode(value).decode("ascii")


_WRITERS: tuple[tuple[type, Callable[[Any], tuple[str, Any]]], ...] = (
    (datetime, lambda value: ("datetime", value.isoformat())),  # before date, of which it is a subclass
    (date, lambda value: ("date", value.isoformat())),
    (time, lambda value: ("time", value.isoformat())),
    (Decimal, lambda value: ("decimal", str(value))),
    (UUID, lambda value: ("uuid", {"hex": value.hex})),
    (bytes, _bytes),
)

_READERS: Mapping[str, Callable[[str], Any]] = {
    "datetime": datetime.fromisoformat,
    "date": lambda text: datetime.fromisoformat(text).date(),
    "time": time.fromisoformat,
    "decimal": Decimal,
    "uuid": UUID,
    "bytes": lambda text: text.encode("utf-8"),
    "base64": lambda text: base64.b64decode(text, validate=True),
}


def mark(value: Any) -> Any:
    """What to write in place of a value that JSON does not know.

    Raises:
        EncodeError: it is of no known type and has no ``__json__`` method.
    """
    reduce = getattr(value, "__json__", None)
    if reduce is not None:
        return reduce()
    for kind, write in _WRITERS:
        if isinstance(value, kind):
            name, plain = write(value)
            return {"__type__": name, "__value__": plain}
    if _is_lazy_text(value):
        return str(value)
    raise cannot_write("json", value)


def _is_lazy_text(value: Any) -> bool:
    """Django's translatable texts, which kombu writes too; only who loaded Django can hold one."""
    functional = sys.modules.get("django.utils.functional")
    return functional is not None and isinstance(value, functional.Promise)


def restore(value: Any) -> Any:
    """Replace the marked values inside a decoded value, in place and from the inside out.

    Raises:
        DecodeError: a mark with an unknown name, or a value that does not fit its name.
    """
    if type(value) is list:
        for index, item in enumerate(value):
            if type(item) is dict or type(item) is list:
                value[index] = restore(item)
    elif type(value) is dict:
        for key, item in value.items():
            if type(item) is dict or type(item) is list:
                value[key] = restore(item)
        if len(value) == 2 and "__type__" in value and "__value__" in value:
            return _read(value["__type__"], value["__value__"])
    return value


def _read(name: Any, plain: Any) -> Any:
    if name == "uuid" and type(plain) is dict and plain.keys() == {"hex"}:
        plain = plain["hex"]
    read = _READERS.get(name) if type(name) is str else None
    if read is None:
        raise DecodeError(f"the JSON holds a value marked as {name!r:.80}; known are {', '.join(_READERS)}")
    if type(plain) is not str:
        raise DecodeError(f"the JSON holds a value marked as {name!r} that is not written as a text: {plain!r:.80}")
    try:
        return read(plain)
    except (ValueError, ArithmeticError) as error:  # Decimal's InvalidOperation is an ArithmeticError
        raise DecodeError(f"the JSON holds a value marked as {name!r} that is none: {plain!r:.80}") from error


class Types:
    """The same with types that a user has added. Theirs come first; their decoders may raise whatever they like."""

    def __init__(self, types: Sequence[ExtraType]) -> None:
        self._types = tuple(types)
        self._readers = {extra.marker: extra.decode for extra in types}

    def mark(self, value: Any) -> Any:
        """As the function of that name."""
        for extra in self._types:
            if isinstance(value, extra.type):
                return {"__type__": extra.marker, "__value__": extra.encode(value)}
        return mark(value)

    def restore(self, value: Any) -> Any:
        """As the function of that name."""
        if type(value) is list:
            return [self.restore(item) for item in value]
        if type(value) is not dict:
            return value
        restored = {key: self.restore(item) for key, item in value.items()}
        if restored.keys() != {"__type__", "__value__"}:
            return restored
        name, plain = restored["__type__"], restored["__value__"]
        decode = self._readers.get(name) if type(name) is str else None
        if decode is None:
            return _read(name, plain)
        try:
            return decode(plain)
        except Exception as error:
            raise DecodeError(f"the JSON holds a value marked as {name!r} that is none: {plain!r:.80}") from error
