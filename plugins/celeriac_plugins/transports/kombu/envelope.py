"""A message as kombu carries it, written and read without trusting it.

It is Celery's, byte for byte, and has one property more, `x-celeriac`, that kombu and Celery carry along unread::

    {"begun": 1, "own": {"priority": 4}, "due": 1700000000.25, "dead": {…}}

In it: how many deliveries have begun, which of the properties that a transport fills in were the sender's own, and
where that is so the due time and the evidence of a dead letter. It is a property, not a header: Celery copies unknown
headers into the retry of a task, where they would be untrue.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final
from uuid import uuid4

from kombu.transport import virtual
from kombu.utils import json

from celeriac.errors import EncodeError
from celeriac.message import UNREADABLE, Message

MARK: Final = "x-celeriac"
_END_OF_TIME: Final = 1e12
"""Unix time; what is to wait longer than that was not written by us."""
_dumps: Any = json.dumps
_loads: Any = json.loads
_PERSISTENT: Final = 2
_USED_UP: Final = ("DelaySeconds", "delay_seconds")
"""What a sender asked of SQS for the first time that a message is put into a queue."""
_FILLED_IN: Final = ("delivery_info", "delivery_tag", "body_encoding", "priority", "delivery_mode")


class Received(virtual.Message):
    """kombu's own would decompress the body, without a bound, and lose what it cannot read."""

    def __init__(self, payload: Any, channel: Any = None, **_: Any) -> None:
        self.payload_as_it_came = payload
        table = payload if isinstance(payload, dict) else {}
        found = table.get("properties")
        properties = found if isinstance(found, dict) else {}
        info = properties.get("delivery_info")
        base: Any = super(virtual.Message, self)
        base.__init__(
            channel=channel,
            delivery_tag=str(uuid4()),  # the one that came with it is its sender's, and may be anything
            properties=properties,
            delivery_info=info if isinstance(info, dict) else {},
        )

    def serializable(self) -> Any:
        """What kombu puts back when it restores a message."""
        return dict(self.payload_as_it_came)


def copy(message: Message) -> Message:
    """The message as its reader will see it, which nobody can change from outside.

    Raises:
        EncodeError: a header or property holds something that JSON cannot.
    """
    try:
        headers, properties = _loads(_dumps([message.headers, message.properties]))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise EncodeError(f"headers and properties take plain values only: {error}") from error
    return Message(headers, properties, message.body, message.content_type, message.content_encoding)


def write(channel: Any, message: Message, mark: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """The message for `basic_publish`. `more` are properties for the broker."""
    own = {name: message.properties[name] for name in _FILLED_IN if name in message.properties}
    properties = {
        "delivery_mode": _PERSISTENT,
        **message.properties,
        **more,
        "priority": message.priority,
        MARK: {"begun": 0, **mark, "own": own},
    }
    for name in ("delivery_info", "delivery_tag", "body_encoding"):
        properties.pop(name, None)
    written: dict[str, Any] = channel.prepare_message(
        message.body,
        content_type=message.content_type,
        content_encoding=message.content_encoding,
        headers=dict(message.headers),
        properties=properties,
    )
    return written


def read(received: Received) -> Message:
    """The message; UNREADABLE for what is none."""
    try:
        return _read(received.payload_as_it_came)
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError):
        return Message({}, {}, _as_it_came(received.payload_as_it_came), UNREADABLE, "binary")


def mark_of(received: Received) -> dict[str, Any]:
    """What we wrote down with it, or nothing."""
    mark = received.properties.get(MARK)
    return mark if isinstance(mark, dict) else {}


def due(received: Received) -> float | None:
    """Until when we delayed it."""
    found = mark_of(received).get("due")
    return float(found) if isinstance(found, (int, float)) and 0 <= found < _END_OF_TIME else None


def begun(received: Received) -> int:
    """How many deliveries of it had begun before this one, as far as anybody wrote it down."""
    number = mark_of(received).get("begun")
    number = number if type(number) is int and number > 0 else 0
    raw = received.payload_as_it_came
    again = isinstance(raw, dict) and raw.get("redelivered") is True  # by a Celery peer, which does not count
    return max(number + _received_before(received), int(again))


def _received_before(received: Received) -> int:
    """SQS counts the receives of a message, this one included."""
    try:
        return max(int(received.delivery_info["sqs_message"]["Attributes"]["ApproximateReceiveCount"]) - 1, 0)
    except (LookupError, TypeError, ValueError):
        return 0


def _read(payload: Any) -> Message:
    properties, headers = dict(payload["properties"]), payload.get("headers") or {}
    if not isinstance(headers, dict):
        raise TypeError("headers are a table")
    mark = properties.pop(MARK, None)
    body, encoding = payload.get("body") or b"", properties.get("body_encoding")
    raw = body if isinstance(body, bytes) else body.encode()
    for name in ("delivery_info", "delivery_tag", "body_encoding", *_USED_UP):
        properties.pop(name, None)
    if isinstance(mark, dict):
        for name in _FILLED_IN:
            properties.pop(name, None)
        properties.update(mark["own"])
    content_type, content_encoding = payload.get("content-type"), payload.get("content-encoding")
    return Message(
        headers,
        properties,
        base64.b64decode(raw, validate=True) if encoding == "base64" else raw,
        "application/octet-stream" if content_type is None else str(content_type),
        "binary" if content_encoding is None else str(content_encoding),
    )


def _as_it_came(payload: Any) -> bytes:
    if isinstance(payload, dict):  # without what a client may have put into it that is no JSON
        payload = {name: value for name, value in payload.items() if name != "properties"}
    try:
        return bytes(_dumps(payload), "utf-8")
    except (TypeError, ValueError, RecursionError):
        return repr(payload).encode()
