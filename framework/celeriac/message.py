"""A message as it travels: Celery's protocol 2, its body still encoded.

`headers` carry what admission needs (task, id, eta, expires, retries, timelimit …); `properties` what a broker needs
(correlation_id, reply_to, priority, delivery_mode); `body` is the serialized ``(args, kwargs, embed)``. The source of
the format is Celery's "Message Protocol" reference, version 2.
"""

from __future__ import annotations

from typing import Any

import msgspec

from celeriac.errors import EncodeError

UNREADABLE = "application/x-celeriac-unreadable"
"""Content type of a message whose stored bytes were no message; its body holds those bytes."""

MIN_PRIORITY, MAX_PRIORITY = 0, 9


class Message(msgspec.Struct, array_like=True, gc=False):
    """One message. Treat it as immutable once it is published or received."""

    headers: dict[str, Any]
    properties: dict[str, Any]
    body: bytes
    content_type: str = "application/json"
    content_encoding: str = "utf-8"

    @property
    def id(self) -> str:
        """The task id, or an empty text for what is no task message."""
        value = self.headers.get("id")
        return value if isinstance(value, str) else ""

    @property
    def task(self) -> str:
        """The task's name, or an empty text for what is no task message."""
        value = self.headers.get("task")
        return value if isinstance(value, str) else ""

    @property
    def reply_to(self) -> str:
        """The address of who wants to hear of the result, or an empty text."""
        value = self.properties.get("reply_to")
        return value if isinstance(value, str) else ""

    @property
    def priority(self) -> int:
        """0 to 9, on every transport 9 is the most urgent; what is absent or out of range is brought into it."""
        return priority_of(self.properties)


def priority_of(properties: dict[str, Any]) -> int:
    """`Message.priority` of a message with these properties."""
    value = properties.get("priority")
    return min(max(value, MIN_PRIORITY), MAX_PRIORITY) if isinstance(value, int) else MIN_PRIORITY


class Publication(msgspec.Struct, array_like=True, gc=False):
    """A message and where it goes. `due` is the Unix time before which no worker may see it."""

    queue: str
    message: Message
    due: float | None = None
    also: tuple[str, ...] = ()
    """More queues that get the message; the kernel makes publications of them, transports see none."""


class Delivery:
    """A message that a worker holds under a lease."""

    __slots__ = ("count", "message", "queue", "source", "token")

    def __init__(self, message: Message, queue: str, count: int, token: object) -> None:
        self.message = message
        self.queue = queue
        self.count = count
        """Which delivery of this message it is, from 1; over 1 means that an earlier holder did not settle it."""
        self.token = token
        """The transport's own handle: it names this holding, not just the message, so that a holder whose lease ran
        out cannot settle what another worker holds by now."""
        self.source = ""
        """The URL of the broker that it came from, where there are several; the worker's to set."""

    def __repr__(self) -> str:
        return f"<Delivery {self.message.task or '?'}[{self.message.id}] from {self.queue!r}, number {self.count}>"


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Message)


def pack(message: Message) -> bytes:
    """The message as bytes, for transports that have no envelope of their own.

    Raises:
        EncodeError: a header or property holds something other than plain values.
    """
    try:
        return _encoder.encode(message)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise EncodeError(f"headers and properties take plain values only: {error}") from error


def unpack(data: bytes) -> Message:
    """The message in `data`; bytes that hold none come back as the body of an UNREADABLE message, never as an error.

    A transport must hand on whatever it holds: it is the worker that dead-letters it, with the evidence.
    """
    try:
        return _decoder.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return Message({}, {}, data, UNREADABLE, "binary")
