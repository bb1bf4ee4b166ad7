"""kombu's envelope: a message as the JSON text that lies in a Redis list.

Two things differ from a message as we know it. Priority: kombu empties its lists from 0 upwards on Redis, so that 0 is
the most urgent there and 9 with us; the envelope has kombu's number. And before kombu's fields stands one of ours,
which kombu carries along unread, also when it restores a message::

    {"x-celeriac":"2;1700000000.250000;9;pm","body":"…","content-encoding":…,"headers":{…},"properties":{…}}

In it: the deliveries that have begun, the time since which the message waits, the priority step of its list, and which
of the properties were its sender's (p: priority, m: delivery_mode; f: it is a foreign message, a Celery client's).
The scripts rewrite this head without reading the rest.
"""

from __future__ import annotations

import base64
import json
import math
import os
import re
from typing import Any, Final

import msgspec
import pybase64

from celeriac.errors import EncodeError
from celeriac.message import MAX_PRIORITY, UNREADABLE, Message

_HEAD: Final = b'{"x-celeriac":"'
_RESERVED: Final = ("delivery_info", "delivery_tag", "body_encoding", "priority", "delivery_mode")
_OWN: Final = "x-celeriac-own"
_PERSISTENT: Final = 2
_HOLDERS: Final = frozenset({dict, list, tuple})
_LARGE: Final = 2048
"""Bytes from which on a body is written and read apart from its envelope: ten times as fast, for 100 KB."""
_UP_TO_BODY: Final = re.compile(rb'\{(?:"x-celeriac":"[^"\\]*",)? ?"body": ?"')
"""How envelopes begin, ours and Celery's, also with a head of ours before it."""


class _Envelope(msgspec.Struct, gc=False):
    """As it is written: the fields in their order on the wire."""

    head: str = msgspec.field(name="x-celeriac")
    body: bytes
    content_encoding: str | None = msgspec.field(name="content-encoding")
    content_type: str | None = msgspec.field(name="content-type")
    headers: dict[str, Any]
    properties: dict[str, Any]


class _Received(msgspec.Struct, gc=False):
    body: bytes = b""
    content_encoding: str | None = msgspec.field(default=None, name="content-encoding")
    content_type: str | None = msgspec.field(default=None, name="content-type")
    headers: dict[str, Any] = msgspec.field(default_factory=dict)
    properties: dict[str, Any] = msgspec.field(default_factory=dict)
    head: str = msgspec.field(default="", name="x-celeriac")


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Received).decode


def moment(since: float) -> str:
    """A time as it stands in the head."""
    return f"{since:.6f}"


def write(message: Message, queue: str, step: int, since: str, exchange: str = "", tag: str = "") -> bytes:
    """The envelope of a message that waits in the list of that priority step since that `moment`. `tag` is kombu's
    delivery tag, which no other message has; without one a random one is made.

    Raises:
        EncodeError: a header or property holds something other than plain values.
    """
    own = message.properties
    priority = own.get("priority")
    properties: dict[str, Any] = {
        **own,
        "delivery_mode": _PERSISTENT,
        "delivery_info": {"exchange": exchange, "routing_key": queue},
        "priority": MAX_PRIORITY if priority is None else MAX_PRIORITY - message.priority,
        "body_encoding": "base64",
        "delivery_tag": tag or os.urandom(16).hex(),
    }
    is_usual = len(own) == 2 and own.get("delivery_mode") == _PERSISTENT and type(own.get("correlation_id")) is str
    flags = "m" if is_usual else _flags(own, properties)
    head = f"0;{since};{step};{flags}"
    is_large = len(message.body) >= _LARGE
    body = b"" if is_large else message.body
    envelope = _Envelope(head, body, message.content_encoding, message.content_type, message.headers, properties)
    try:
        text = (
            _encode(envelope)
            if _is_simple(message.headers.values()) and (is_usual or _is_simple(own.values()))
            else _encode_slowly(envelope)
        )
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise EncodeError(f"headers and properties take plain values only: {error}") from error
    return _with_body(text, message.body) if is_large else text


def _with_body(text: bytes, body: bytes) -> bytes:
    """An envelope that was written without its body."""
    found = _UP_TO_BODY.match(text)
    assert found is not None
    return b"".join((text[: found.end()], pybase64.b64encode(body), text[found.end() :]))


def _flags(own: dict[str, Any], properties: dict[str, Any]) -> str:
    """Which of the reserved properties were the sender's; what no letter stands for is kept in `properties`."""
    flags = ""
    for name in _RESERVED:
        if name in own:
            flag = _usual(name, own[name])
            flags += flag
            if not flag:
                properties.setdefault(_OWN, {})[name] = own[name]
    return flags


def _usual(name: str, value: Any) -> str:
    """The letter that is enough to give this value back, if one is."""
    if name == "priority" and type(value) is int and 0 <= value <= MAX_PRIORITY:
        return "p"
    return "m" if name == "delivery_mode" and type(value) is int and value == _PERSISTENT else ""


def _is_simple(values: Any) -> bool:
    """Whether msgspec writes these as Python's json does: it has null for the infinities and NaN."""
    for value in values:
        kind = type(value)
        if kind is str or value is None or kind is int or kind is bool:
            continue
        if kind is float:
            if not math.isfinite(value):
                return False
        elif kind not in _HOLDERS or (value and not _is_simple(value.values() if kind is dict else value)):
            return False
    return True


def _encode_slowly(envelope: _Envelope) -> bytes:
    """As kombu does: it writes and reads ``Infinity`` and ``NaN``, and halves of surrogate pairs."""
    fields = {
        "x-celeriac": envelope.head,
        "body": base64.b64encode(envelope.body).decode(),
        "content-encoding": envelope.content_encoding,
        "content-type": envelope.content_type,
        "headers": envelope.headers,
        "properties": envelope.properties,
    }
    return json.dumps(fields, separators=(",", ":")).encode()


def read(text: bytes) -> tuple[Message, int]:
    """The message in an envelope, and how many deliveries of it had begun; UNREADABLE for what is no envelope."""
    try:
        return _read(text)
    except (msgspec.MsgspecError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return Message({}, {}, _without_head(text), UNREADABLE, "binary"), _begun(text)


def _read(text: bytes) -> tuple[Message, int]:
    try:
        received = _decode(text) if len(text) < _LARGE else _read_large(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        received = _read_slowly(text)
    if received.properties.get("body_encoding") != "base64":
        received = _read_slowly(text)
    begun, flags = 0, "f"
    if received.head:
        number, _, _, flags = received.head.split(";")
        begun = int(number)
    if not begun and received.headers.get("redelivered") is True:
        begun = 1  # by a Celery peer, which does not count
    message = Message(
        received.headers,
        _own(received.properties, flags),
        received.body,
        "application/octet-stream" if received.content_type is None else received.content_type,
        "binary" if received.content_encoding is None else received.content_encoding,
    )
    return message, begun


def _read_large(text: bytes) -> _Received:
    """Raises ValueError for a body that is not plain base64: JSON may, for one, have its slashes escaped."""
    found = _UP_TO_BODY.match(text)
    if found is None:
        return _decode(text)
    start = found.end()
    end = text.index(b'"', start)
    received = _decode(text[:start] + text[end:])
    received.body = pybase64.b64decode(memoryview(text)[start:end], validate=True)
    return received


def _own(properties: dict[str, Any], flags: str) -> dict[str, Any]:
    """The properties without what belongs to the transport, the priority in our sense."""
    properties.pop("delivery_tag", None)
    properties.pop("delivery_info", None)
    properties.pop("body_encoding", None)
    priority = properties.pop("priority", None)
    if "f" in flags:
        if isinstance(priority, int):
            properties["priority"] = MAX_PRIORITY - min(max(priority, 0), MAX_PRIORITY)
        return properties
    if "p" in flags and isinstance(priority, int):
        properties["priority"] = MAX_PRIORITY - priority
    if "m" not in flags:
        properties.pop("delivery_mode", None)
    properties.update(properties.pop(_OWN, ()))
    return properties


def _read_slowly(text: bytes) -> _Received:
    """Bodies that are not base64, and JSON that only Python's reader takes."""
    found = json.loads(text)
    properties, body = found["properties"], found.get("body") or ""
    headers = found.get("headers") or {}
    if not isinstance(properties, dict) or not isinstance(headers, dict):
        raise TypeError("headers and properties are tables")
    encoding = properties.get("body_encoding")
    raw = base64.b64decode(body, validate=True) if encoding == "base64" else body.encode()
    return _Received(
        raw, found.get("content-encoding"), found.get("content-type"), headers, properties, found.get("x-celeriac", "")
    )


def _begun(text: bytes) -> int:
    head = text[len(_HEAD) :].partition(b";")[0] if text.startswith(_HEAD) else b""
    return int(head) if head.isdigit() else 0


def _without_head(text: bytes) -> bytes:
    """Garbage as it came: the scripts put a head before whatever looks like an object."""
    if text.startswith(_HEAD):
        _, mark, rest = text.partition(b'",')
        if mark:
            return b"{" + rest
    return text


def since(text: bytes) -> float | None:
    """The time since which this message waits, if its sender wrote it down."""
    parts = text[:80].split(b";", 2)
    if len(parts) < 3 or b"x-celeriac" not in parts[0]:
        return None
    try:
        return float(parts[1])
    except ValueError:
        return None
