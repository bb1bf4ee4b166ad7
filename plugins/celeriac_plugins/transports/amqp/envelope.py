"""A message as AMQP's basic properties and a body, the way Celery writes it.

Celery's message *is* an AMQP message: its headers are the table of headers, its properties are properties. Two things
are added. A header ``x-celeriac`` where a message has a history: ``2;1700000000.25;-`` says that two deliveries have
begun, when it is due, and (-) that its sender gave no delivery mode. And a message which AMQP cannot express (a header
of more than 64 bits, one with the name of ours or of a broker's, a property that the protocol does not have) travels
whole in its body, in our own packing; only workers of ours read that.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from celeriac.message import UNREADABLE, Message, pack, unpack

from .layouts import Layouts, Nested, Parts, Text
from .wire import Inexpressible, Malformed, read_short, read_table, short, table, walk

HISTORY: Final = "x-celeriac"
WRAPPED: Final = "application/x-celeriac-message"
_PERSISTENT: Final = 2
_FLAGS: Final = struct.Struct(">H")
_U64: Final = struct.Struct(">Q")
_DEATHS: Final = ("x-death", "x-first-death-", "x-last-death-", "x-delivery-count", "x-acquired-count")
"""Headers that brokers add on the way."""


class History(NamedTuple):
    """What has happened to a message so far."""

    begun: int = 0
    """Deliveries that have begun."""
    due: float | None = None
    """Nobody is to see it before."""


FRESH: Final = History()


class Envelope(NamedTuple):
    """What goes into the content of a publish."""

    properties: bytes
    body: bytes


Table = Callable[[Mapping[str, Any]], bytes]


def write(message: Message, history: History, most: int, table: Table = table) -> Envelope:
    """The content for a message; its properties take `most` bytes at most. `table` writes the headers.

    Raises:
        EncodeError: a header or property holds something other than plain values.
    """
    try:
        properties = _properties(message, history, table)
    except Inexpressible:
        properties = b""
    if properties and len(properties) <= most:
        return Envelope(properties, message.body)
    return Envelope(_wrapping(message, history), pack(message))


def _wrapping(message: Message, history: History) -> bytes:
    outer = Message({}, {"priority": int(message.priority)}, b"", WRAPPED, "binary")
    return _properties(outer, history, table)


def _properties(message: Message, history: History, table: Table) -> bytes:
    own, headers = message.properties, message.headers
    _check_headers(tuple(headers))
    mark = "" if "delivery_mode" in own else "-"
    if mark or history is not FRESH:
        due = "" if history.due is None else repr(history.due)
        headers = {**headers, HISTORY: f"{history.begun};{due};{mark}"}
    flags, others = _order(tuple(own))
    mode = own.get("delivery_mode", _PERSISTENT)
    if type(mode) is not int or mode not in (1, 2):
        raise Inexpressible("a delivery mode is 1 or 2")
    parts = [flags, _content_is(message.content_type, message.content_encoding), table(headers), bytes((mode,))]
    parts += [put(own[name]) for name, put in others]
    return b"".join(parts)


@lru_cache(100)
def _order(names: tuple[str, ...]) -> tuple[bytes, tuple[tuple[str, Callable[[Any], bytes]], ...]]:
    """The flags of a message with these properties, and how to write those that not all have.

    Raises:
        Inexpressible
    """
    if not _KNOWN.issuperset(names):
        raise Inexpressible("AMQP has no such property")
    flags = _CONTENT_TYPE | _CONTENT_ENCODING | _HEADERS | _DELIVERY_MODE
    found = [each for each in _OTHERS if each[0] in names]
    return _FLAGS.pack(flags | sum(flag for _, flag, _ in found)), tuple((name, put) for name, _, put in found)


@lru_cache(1000)
def _check_headers(names: tuple[str, ...]) -> None:
    """Raises Inexpressible for names that would be taken for the message's history, or for a broker's."""
    for name in names:
        if name == HISTORY or name.startswith(_DEATHS):
            raise Inexpressible(f"the header {name!r} would not come back")


@lru_cache(100)
def _content_is(content_type: str, encoding: str) -> bytes:
    return short(content_type) + short(encoding)


def _octet(value: Any) -> bytes:
    if type(value) is not int or not 0 <= value <= 255:
        raise Inexpressible("a priority is 0 to 255")
    return bytes((value,))


def _text(value: Any) -> bytes:
    if type(value) is not str:
        raise Inexpressible("this property is text")
    return short(value)


def _time(value: Any) -> bytes:
    if type(value) is not int or not 0 <= value < 2**63:
        raise Inexpressible("a timestamp is a number of seconds")
    return _U64.pack(value)


_CONTENT_TYPE, _CONTENT_ENCODING, _HEADERS, _DELIVERY_MODE = 1 << 15, 1 << 14, 1 << 13, 1 << 12
_OTHERS: Final[tuple[tuple[str, int, Callable[[Any], bytes]], ...]] = (
    ("priority", 1 << 11, _octet),
    ("correlation_id", 1 << 10, _text),
    ("reply_to", 1 << 9, _text),
    ("expiration", 1 << 8, _text),
    ("message_id", 1 << 7, _text),
    ("timestamp", 1 << 6, _time),
    ("type", 1 << 5, _text),
    ("app_id", 1 << 3, _text),
    ("cluster_id", 1 << 2, _text),
)
"""In the order of the specification. `user_id` (1 << 4) is not sent: the broker would check it against the login."""
_KNOWN: Final = {"delivery_mode", *(name for name, _, _ in _OTHERS)}
_ALL: Final = (
    ("content_type", 15), ("content_encoding", 14), ("headers", 13), ("delivery_mode", 12), ("priority", 11),
    ("correlation_id", 10), ("reply_to", 9), ("expiration", 8), ("message_id", 7), ("timestamp", 6), ("type", 5),
    ("user_id", 4), ("app_id", 3), ("cluster_id", 2),
)  # fmt: skip


class Reader:
    """Reads contents, and remembers how properties looked. Not thread-safe."""

    def __init__(self) -> None:
        self._layouts = Layouts(_in_full)

    def read(self, properties: bytes, body: bytes) -> tuple[Message, History]:
        """The message in a content, and its history; what cannot be read is an UNREADABLE message."""
        try:
            fields, headers, history = self._layouts.read(properties)
        except (Malformed, ValueError, IndexError, struct.error):
            return Message({}, {}, body, UNREADABLE, "binary"), FRESH
        content_type = fields.pop("content_type", "")
        encoding = fields.pop("content_encoding", "")
        if content_type == WRAPPED:
            return unpack(body), history
        return Message(headers, fields, body, content_type, encoding), history

    def headers(self, properties: bytes) -> Mapping[str, Any]:
        """Just the headers, as they came; empty where they cannot be read."""
        try:
            return _fields(properties)[1]
        except (Malformed, ValueError, IndexError, struct.error):
            return {}


def _fields(data: bytes) -> tuple[dict[str, Any], dict[str, Any], list[Text], int]:
    """The properties, the headers, the places of the properties that are texts, and of the table of headers."""
    (flags,) = _FLAGS.unpack_from(data, 0)
    at, table_at = 2, 0
    fields: dict[str, Any] = {}
    headers: dict[str, Any] = {}
    texts: list[Text] = []
    for name in _names(flags):
        if name == "headers":
            table_at = at
            headers, at = read_table(data, at)
        elif name in ("delivery_mode", "priority"):
            fields[name] = data[at]
            at += 1
        elif name == "timestamp":
            (fields[name],) = _U64.unpack_from(data, at)
            at += 8
        else:
            start = at + 1
            fields[name], at = read_short(data, at)
            texts.append(Text(False, name, start, at))
    return fields, headers, texts, table_at


def _in_full(data: bytes) -> tuple[Parts, bool]:
    """What is in these properties, and whether the next ones may look like them: not if they tell of a fate of their
    own."""
    fields, headers, texts, table_at = _fields(data)
    number = len(headers)
    special = [name for name in headers if _is_special(name)]
    history = _history(headers, special, fields)
    nested: list[Nested] = []
    places = list(walk(data, table_at + 4, table_at + 4 + _size(data, table_at))) if table_at else []
    for name, at, end in places:
        if name in headers and data[at] == _TEXT:
            texts.append(Text(True, name, at + 5, end))
        elif name in headers and data[at] in _NESTED:
            nested.append(Nested(name, at))
    texts.sort(key=lambda it: it.start)
    is_usual = history.due is None and special in ([], [HISTORY]) and len(places) == number
    return Parts(fields, headers, history, texts, nested), is_usual


def _size(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "big")


_TEXT: Final = ord("S")
_NESTED: Final = (ord("A"), ord("F"))  # lists and tables


@lru_cache(100)
def _names(flags: int) -> tuple[str, ...]:
    """The properties that are there."""
    return tuple(name for name, bit in _ALL if flags >> bit & 1)


def _is_special(header: str) -> bool:
    return header == HISTORY or header.startswith(_DEATHS)


def _history(headers: dict[str, Any], special: list[str], properties: dict[str, Any]) -> History:
    """Take from headers and properties what their sender did not put there."""
    mark = headers.get(HISTORY)
    for name in special:
        del headers[name]
    if mark is None:
        return FRESH
    if type(mark) is not str:
        raise Malformed(f"the header {HISTORY} is no text")
    begun, due, flags = mark.split(";")
    if flags:
        properties.pop("delivery_mode", None)
    return History(int(begun), float(due) if due else None)
