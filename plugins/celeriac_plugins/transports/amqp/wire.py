"""AMQP 0-9-1 on the wire: short and long strings, field tables, frames.

The source is the "Advanced Message Queuing Protocol, Version 0-9-1" specification, and for the type letters of tables
RabbitMQ's list of "AMQP 0-9-1 Errata", which is what brokers and clients really use.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

METHOD, HEADER, BODY, HEARTBEAT = 1, 2, 3, 8
END: Final = b"\xce"
EMPTY_HEARTBEAT: Final = b"\x08\x00\x00\x00\x00\x00\x00\xce"
FRAME_OVERHEAD: Final = 8
"""Bytes around the payload of a frame."""

_U8, _U32 = struct.Struct(">B"), struct.Struct(">I")
_FRAME: Final = struct.Struct(">BHI")
_METHOD_FRAME: Final = struct.Struct(">BHIHH")
_LONG: Final = struct.Struct(">cI")
_INT: Final = struct.Struct(">cq")
_FLOAT: Final = struct.Struct(">cd")
_LEAST, _MOST = -(2**63), 2**63 - 1
_DEEPEST = 60


class Inexpressible(ValueError):
    """A value that AMQP's types have no room for."""


# writing


def short(text: str) -> bytes:
    """A short string: 255 bytes at most.

    Raises:
        Inexpressible: it is longer, or no Unicode.
    """
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        raise Inexpressible(str(error)) from None
    if len(data) > 255:
        raise Inexpressible(f"{text[:40]!r}… has more than 255 bytes")
    return _U8.pack(len(data)) + data


@lru_cache(1000)  # they are the same few in every message
def _key(name: Any) -> bytes:
    if type(name) is not str:
        raise Inexpressible(f"a table's keys are text, not {type(name).__name__}")
    return short(name)


def table(fields: Mapping[str, Any]) -> bytes:
    """A field table, with its length.

    Raises:
        Inexpressible: it holds something that is no plain value, or too large.
    """
    return table_of(_pairs(fields, 0))


def table_of(pairs: bytes) -> bytes:
    """The table of fields that are written already."""
    return _U32.pack(len(pairs)) + pairs


def pair(name: Any, value: Any) -> bytes:
    """One field of a table.

    Raises:
        Inexpressible
    """
    kind = type(value)
    return _key(name) + (_write_text(value, 0) if kind is str else _value(value, kind, 0))


def _pairs(fields: Mapping[str, Any], depth: int) -> bytes:
    parts: list[bytes] = []
    for name, value in fields.items():
        parts.append(_key(name))
        kind = type(value)
        if kind is str:
            try:
                data = value.encode()
            except UnicodeEncodeError as error:
                raise Inexpressible(str(error)) from None
            parts.append(_LONG.pack(b"S", len(data)))
            parts.append(data)
        elif value is None:
            parts.append(b"V")
        else:
            parts.append(_value(value, kind, depth))
    return b"".join(parts)


def _value(value: Any, kind: type, depth: int) -> bytes:
    if depth > _DEEPEST:
        raise Inexpressible("nested too deeply")
    write = _WRITERS.get(kind)
    if write is None:
        raise Inexpressible(f"no plain value: {kind.__name__}")
    return write(value, depth)


def _write_int(value: int, _: int) -> bytes:
    if not _LEAST <= value <= _MOST:
        raise Inexpressible(f"{value} has more than 64 bits")
    return _INT.pack(b"l", value)


def _write_float(value: float, _: int) -> bytes:
    if not math.isfinite(value):
        raise Inexpressible(f"RabbitMQ knows no {value}")
    return _FLOAT.pack(b"d", value)


def _write_text(value: str, _: int) -> bytes:
    try:
        data = value.encode()
    except UnicodeEncodeError as error:
        raise Inexpressible(str(error)) from None
    return _LONG.pack(b"S", len(data)) + data


def _write_list(value: Sequence[Any], depth: int) -> bytes:
    body = b"".join([b"V" if item is None else _value(item, type(item), depth + 1) for item in value])
    return _LONG.pack(b"A", len(body)) + body


def _write_dict(value: Mapping[str, Any], depth: int) -> bytes:
    body = _pairs(value, depth + 1) if value else b""
    return _LONG.pack(b"F", len(body)) + body


_WRITERS: Final[Mapping[type, Callable[[Any, int], bytes]]] = {
    bool: lambda value, _: b"t\x01" if value else b"t\x00",
    bytes: lambda value, _: _LONG.pack(b"x", len(value)) + value,
    dict: _write_dict,
    float: _write_float,
    int: _write_int,
    list: _write_list,
    str: _write_text,
    tuple: _write_list,
    type(None): lambda _value, _depth: b"V",
}


def method(channel: int, kind: tuple[int, int], arguments: bytes = b"") -> bytes:
    """A whole frame with a method in it."""
    return _METHOD_FRAME.pack(METHOD, channel, len(arguments) + 4, *kind) + arguments + END


def content(channel: int, properties: bytes, body: bytes, most: int) -> bytes:
    """The frames that follow a publish: the header, and the body in pieces of up to `most` bytes."""
    size = len(body)
    head = _FRAME.pack(HEADER, channel, len(properties) + 12) + _CONTENT.pack(60, 0, size) + properties
    if not size:
        return head + END
    if size <= most:
        return b"".join((head, END, _FRAME.pack(BODY, channel, size), body, END))
    parts = [head, END]
    for start in range(0, size, most):
        piece = body[start : start + most]
        parts += (_FRAME.pack(BODY, channel, len(piece)), piece, END)
    return b"".join(parts)


_CONTENT: Final = struct.Struct(">HHQ")


# reading


class Malformed(ValueError):
    """Bytes that are not what the protocol says."""


def read_short(data: bytes, at: int) -> tuple[str, int]:
    """The short string at that place, and where the next thing begins."""
    end = at + 1 + data[at]
    return data[at + 1 : end].decode("utf-8", "replace"), end


def read_long(data: bytes, at: int) -> tuple[bytes, int]:
    """The long string at that place, and where the next thing begins."""
    (length,) = _U32.unpack_from(data, at)
    return data[at + 4 : at + 4 + length], at + 4 + length


def read_table(data: bytes, at: int) -> tuple[dict[str, Any], int]:
    """The table at that place, and where the next thing begins.

    Raises:
        Malformed: it is none.
    """
    try:
        (length,) = _U32.unpack_from(data, at)
        end = at + 4 + length
        if end > len(data):
            raise Malformed("a table is longer than its frame")
        return read_pairs(data, at + 4, end), end
    except (struct.error, IndexError, RecursionError, OverflowError) as error:
        raise Malformed(f"a table cannot be read: {error}") from error


def walk(data: bytes, at: int, end: int) -> Iterator[tuple[str, int, int]]:
    """Of each field between these places, in a table, its name, where its value begins (with the letter of its type)
    and ends."""
    while at < end:
        stop = at + 1 + data[at]
        name = _read_name(data[at:stop])
        _, at = value_at(data, stop)
        yield name, stop, at


def read_pairs(data: bytes, at: int, end: int) -> dict[str, Any]:
    """The fields of a table that has no length before it."""
    fields: dict[str, Any] = {}
    unpack_size = _U32.unpack_from
    while at < end:
        stop = at + 1 + data[at]
        name = _read_name(data[at:stop])
        letter = data[stop]
        if letter == 83:  # S
            (length,) = unpack_size(data, stop + 1)
            at = stop + 5 + length
            fields[name] = text_of(data[stop + 5 : at])
        elif letter == 86:  # V
            at = stop + 1
            fields[name] = None
        else:
            fields[name], at = value_at(data, stop)
    return fields


@lru_cache(1000)
def _read_name(data: bytes) -> str:
    return data[1:].decode("utf-8", "replace")


def text_of(data: bytes) -> Any:
    """A long string: text where it is UTF-8, bytes where it is not."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def value_at(data: bytes, at: int) -> tuple[Any, int]:
    """The value at that place, where its type's letter stands, and where the next thing begins."""
    letter = data[at : at + 1]
    fixed = _FIXED.get(letter)
    if fixed is not None:
        (value,) = fixed.unpack_from(data, at + 1)
        return value, at + 1 + fixed.size
    if letter == b"t":
        return data[at + 1] != 0, at + 2
    if letter == b"V":
        return None, at + 1
    if letter == b"D":
        scale, unscaled = _DECIMAL.unpack_from(data, at + 1)
        return unscaled / 10**scale, at + 6
    if letter in (b"S", b"x", b"A", b"F"):
        (length,) = _U32.unpack_from(data, at + 1)
        start, end = at + 5, at + 5 + length
        if letter == b"F":
            return read_pairs(data, start, end), end
        if letter == b"A":
            items = []
            while start < end:
                item, start = value_at(data, start)
                items.append(item)
            return items, end
        return (text_of if letter == b"S" else bytes)(data[start:end]), end
    raise Malformed(f"a table has a value of the unknown type {letter!r}")


_DECIMAL: Final = struct.Struct(">Bi")
_FIXED: Final[Mapping[bytes, struct.Struct]] = {
    letter.encode(): struct.Struct(">" + code) for letter, code in zip("bBsuIilLfdT", "bBhHiIqqfdQ", strict=True)
}
"""Numbers; a timestamp (T) stays the seconds that it is."""
