"""AMQP 0-9-1 in as few lines as will publish, consume and acknowledge: no errors, no channels but one, no heartbeats.

https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from urllib.parse import unquote, urlsplit

_METHOD, _HEADER, _BODY, _END = 1, 2, 3, b"\xce"
_START, _TUNE, _OPENED, _CHANNEL_OPENED = (10, 10), (10, 30), (10, 41), (20, 11)
_DECLARED, _CONSUMING, _QOS_SET, _CONFIRMING = (50, 11), (60, 21), (60, 11), (85, 11)
_DELIVER, _ACK = (60, 60), (60, 80)
_CLOSING = ((10, 50), (20, 40))
_PERSISTENT = struct.pack(">HB", 1 << 12, 2)
"""Property flags, and the only property: ``delivery_mode``."""
_NO_ARGUMENTS = struct.pack(">I", 0)
_READ = 1 << 18


def short(text: str) -> bytes:
    return bytes([len(text)]) + text.encode()


def _frame(kind: int, channel: int, payload: bytes) -> bytes:
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + _END


def _publication(queue: str, body: bytes) -> bytes:
    header = struct.pack(">HHQ", 60, 0, len(body)) + _PERSISTENT
    published = _method(1, (60, 40), b"\0\0" + short("") + short(queue) + b"\0")
    return published + _frame(_HEADER, 1, header) + _frame(_BODY, 1, body)


def _method(channel: int, number: tuple[int, int], arguments: bytes) -> bytes:
    return _frame(_METHOD, channel, struct.pack(">HH", *number) + arguments)


class Line:
    """A connection with one channel."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._socket = socket.create_connection((parts.hostname or "localhost", parts.port or 5672))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""
        self._unread: list[tuple[int, bytes]] = []
        self._published = 0
        login = f"\0{parts.username}\0{parts.password}".encode()
        self.write(b"AMQP\x00\x00\x09\x01")
        self._expect(_START)
        answer = _NO_ARGUMENTS + short("PLAIN") + struct.pack(">I", len(login)) + login + short("en_US")
        self.write(_method(0, (10, 11), answer))
        channels, size, _ = struct.unpack(">HIH", self._expect(_TUNE)[:8])
        self.write(_method(0, (10, 31), struct.pack(">HIH", channels, size, 0)))
        self.write(_method(0, (10, 40), short(unquote(parts.path[1:]) or "/") + short("") + b"\0"))
        self._expect(_OPENED)
        self.write(_method(1, (20, 10), short("")))
        self._expect(_CHANNEL_OPENED)

    def write(self, data: bytes) -> None:
        self._socket.sendall(data)

    def declare(self, queue: str) -> int:
        """Make the durable queue, if need be; how many messages are ready in it."""
        self.write(_method(1, (50, 10), b"\0\0" + short(queue) + b"\x02" + _NO_ARGUMENTS))
        return self._ready(self._expect(_DECLARED))

    def look(self, queue: str) -> int:
        """How many messages are ready in a queue that is there.

        Raises:
            ConnectionError: it is not.
        """
        self.write(_method(1, (50, 10), b"\0\0" + short(queue) + b"\x01" + _NO_ARGUMENTS))
        return self._ready(self._expect(_DECLARED))

    @staticmethod
    def _ready(declared: bytes) -> int:
        (number,) = struct.unpack_from(">I", declared, 1 + declared[0])
        return int(number)

    def confirm(self) -> None:
        """Have what is published confirmed."""
        self.write(_method(1, (85, 10), b"\0"))
        self._expect(_CONFIRMING)

    def consume(self, queue: str, prefetch: int) -> None:
        self.write(_method(1, (60, 10), struct.pack(">IHB", 0, prefetch, 0)))
        self._expect(_QOS_SET)
        self.write(_method(1, (60, 20), b"\0\0" + short(queue) + short("") + b"\0" + _NO_ARGUMENTS))
        self._expect(_CONSUMING)

    def publish(self, queue: str, bodies: Sequence[bytes]) -> None:
        """Persistent messages, in one write; returns when all are confirmed."""
        self.write(b"".join(_publication(queue, body) for body in bodies))
        first, self._published = self._published, self._published + len(bodies)
        unconfirmed = set(range(first + 1, self._published + 1))
        while unconfirmed:
            for number, arguments in self._methods():
                if number == _ACK:
                    tag, multiple = struct.unpack(">QB", arguments)
                    unconfirmed -= {it for it in unconfirmed if it <= tag} if multiple else {tag}

    def acknowledge(self, tag: int) -> None:
        """This delivery and all before it."""
        self.write(_method(1, _ACK, struct.pack(">QB", tag, 1)))

    def deliveries(self) -> list[tuple[int, bytes]]:
        """What has come, tag and body; blocks until there is something. Bodies fit into one frame."""
        found, tag = list[tuple[int, bytes]](), 0
        while not found:
            for kind, payload in self._frames():
                if kind == _METHOD and struct.unpack_from(">HH", payload) == _DELIVER:
                    (tag,) = struct.unpack_from(">Q", payload, 5 + payload[4])
                elif kind == _BODY:
                    found.append((tag, payload))
        return found

    def _expect(self, wanted: tuple[int, int]) -> bytes:
        while True:
            frames = self._frames()
            for at, (kind, payload) in enumerate(frames, 1):
                number = struct.unpack_from(">HH", payload) if kind == _METHOD else None
                if number == wanted:
                    self._unread = frames[at:]
                    return payload[4:]
                if number in _CLOSING:
                    raise ConnectionError(f"the server closes: {payload[4:]!r}")

    def _methods(self) -> list[tuple[tuple[int, int], bytes]]:
        return [
            (struct.unpack_from(">HH", payload), payload[4:]) for kind, payload in self._frames() if kind == _METHOD
        ]

    def _frames(self) -> list[tuple[int, bytes]]:
        """The whole frames of one read: none when no frame of it has ended."""
        if self._unread:
            found, self._unread = self._unread, []
            return found
        data = self._socket.recv(_READ)
        if not data:
            raise ConnectionError("the server has closed the connection")
        data, at, found = self._rest + data, 0, []
        while at + 7 <= len(data):
            kind, _, size = struct.unpack_from(">BHI", data, at)
            if at + 8 + size > len(data):
                break
            found.append((kind, data[at + 7 : at + 7 + size]))
            at += 8 + size
        self._rest = data[at:]
        return found

    def close(self) -> None:
        self._socket.close()


def ready(url: str, queue: str) -> int:
    """How many messages are ready in that queue; none when it is not there."""
    line = Line(url)
    try:
        return line.look(queue)
    except ConnectionError:
        return 0
    finally:
        line.close()
