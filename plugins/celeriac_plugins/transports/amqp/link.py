"""One connection to RabbitMQ, spoken to frame by frame.

py-amqp is the well-kept client, but its layers cost several times what the protocol needs, so this speaks for itself:
what a task queue needs of AMQP 0-9-1 is small. One thread at a time reads, for all that wait: whoever waits
while nobody reads becomes the reader, and tells the others what came.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Condition, Event, Lock
from typing import Any, Final, NamedTuple

from celeriac_plugins._shared.doorbell import Doorbell
from celeriac_plugins._shared.plain_stream import PlainStream

from .wire import BODY, EMPTY_HEARTBEAT, HEADER, METHOD, method, read_long, read_short

_SIZE: Final = 262_144
_HEAD: Final = struct.Struct(">BHI")
_KIND: Final = struct.Struct(">HH")
_U16: Final = struct.Struct(">H")
_U64: Final = struct.Struct(">Q")
_BODY_SIZE: Final = struct.Struct(">Q")
_HEADER_FRAME: Final = struct.Struct(">BHIHHQ")
_TAG: Final = struct.Struct(">Q?")
_ENDS: Final = (0xCE, 0xCE)

CONNECTION_CLOSE, CONNECTION_CLOSE_OK = (10, 50), (10, 51)
BLOCKED, UNBLOCKED = (10, 60), (10, 61)
CHANNEL_OPEN, CHANNEL_CLOSE, CHANNEL_CLOSE_OK = (20, 10), (20, 40), (20, 41)
DELIVER, GET_OK, RETURN, CANCEL = (60, 60), (60, 71), (60, 50), (60, 30)
ACK, NACK = (60, 80), (60, 120)
_DELIVER: Final = struct.pack(">HH", *DELIVER)

Kind = tuple[int, int]


class ChannelClosed(Exception):
    """The broker refused something and closed the channel over it; a number of AMQP's, and its words."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{text} ({code})")
        self.code = code


class Delivered(NamedTuple):
    """A message that the broker pushed."""

    consumer: bytes
    tag: int
    redelivered: bool
    origin: bytes
    """Its exchange and its routing key."""
    properties: bytes
    body: bytes


class Reply(NamedTuple):
    """What came in answer to a method; with its content if it is a message."""

    kind: Kind
    arguments: bytes
    properties: bytes = b""
    body: bytes = b""


class Channel:
    """What belongs together within a connection; made by `Link.open_channel`. Its lists are changed under the link's
    lock."""

    def __init__(self, link: Link, number: int) -> None:
        self.link = link
        self.number = number
        self.calling = Lock()
        """Held by who waits for replies: they carry no name."""
        self.replies: deque[Reply] = deque()
        self.delivered: deque[Delivered] = deque()
        self.cancelled: list[bytes] = []
        """Consumers that the broker has ended: their queues are gone."""
        self.returned: list[Reply] = []
        """Messages that no queue took."""
        self.on_confirm: Callable[[int, bool, bool], None] | None = None
        """Called with a publish's number, whether it stands for all before it as well, and whether it was refused."""
        self.closed: ChannelClosed | None = None
        self._content: list[Any] = []

    def ask(self, methods: Sequence[bytes], deadline: float) -> list[Reply]:
        """Send these frames in one write and return their replies.

        Raises:
            ChannelClosed: the broker refuses one of them. OSError: the connection is gone, or the time is up.
        """
        with self.calling:
            self.replies.clear()
            self.link.send(b"".join(methods), deadline)
            self.link.wait_for(lambda: len(self.replies) >= len(methods) or self.closed is not None, deadline)
            if self.closed is not None:
                raise self.closed
            return [self.replies.popleft() for _ in methods]

    # what the link hands over, frame by frame

    def take_method(self, kind: Kind, data: bytes, at: int, end: int) -> None:
        if kind in _WITH_CONTENT:
            self._content = [kind, data[at:end]]
        elif kind in (ACK, NACK):
            if self.on_confirm is not None:
                (tag,) = _U64.unpack_from(data, at)
                self.on_confirm(tag, bool(data[at + 8] & 1), kind == NACK)
        elif kind == CHANNEL_CLOSE:
            (code,) = _U16.unpack_from(data, at)
            text, _ = read_short(data, at + 2)
            self.closed = ChannelClosed(code, text)
            self.link.answer(method(self.number, CHANNEL_CLOSE_OK))
        elif kind == CANCEL:
            self.cancelled.append(data[at + 1 : at + 1 + data[at]])
        elif kind != CHANNEL_CLOSE_OK:
            self.replies.append(Reply(kind, data[at:end]))

    def take_delivery(self, data: bytes, at: int, end: int) -> int:
        """A delivery whose three frames are here, one behind the other, as nearly all are; where the last of them ends,
        or 0 when it is to be taken frame by frame."""
        try:
            kind, number, length, _, _, size = _HEADER_FRAME.unpack_from(data, end + 1)
            properties = end + 20
            stop = end + 8 + length
            body_kind, body_number, body_length = _HEAD.unpack_from(data, stop + 1)
            body = stop + 8
            last = body + body_length
            marks = data[stop], data[last]
        except (struct.error, IndexError):
            return 0  # not all of it has come
        if marks != _ENDS or kind != HEADER or body_kind != BODY or size != body_length:
            return 0
        if not number == body_number == self.number:
            return 0
        consumer_end = at + 5 + data[at + 4]
        tag, redelivered = _TAG.unpack_from(data, consumer_end)
        self.delivered.append(
            Delivered(
                data[at + 5 : consumer_end], tag, redelivered, data[consumer_end + 9 : end],
                data[properties:stop], data[body:last],
            )
        )  # fmt: skip
        return int(last) + 1

    def take_header(self, data: bytes, at: int, end: int) -> None:
        (size,) = _BODY_SIZE.unpack_from(data, at + 4)
        self._content += (data[at + 12 : end], size, [])
        if not size:
            self._complete()

    def take_body(self, data: bytes, at: int, end: int) -> None:
        content = self._content
        content[3] -= end - at
        content[4].append(data[at:end])
        if content[3] <= 0:
            self._complete()

    def _complete(self) -> None:
        kind, arguments, properties, _, pieces = self._content
        self._content = []
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if kind == DELIVER:
            stop = 1 + arguments[0]
            (tag,) = _U64.unpack_from(arguments, stop)
            redelivered = arguments[stop + 8] != 0
            self.delivered.append(
                Delivered(arguments[1:stop], tag, redelivered, arguments[stop + 9 :], properties, body)
            )
        elif kind == RETURN:
            self.returned.append(Reply(kind, arguments, properties, body))
        else:
            self.replies.append(Reply(kind, arguments, properties, body))


_WITH_CONTENT: Final = frozenset({DELIVER, GET_OK, RETURN})


class Link:
    """A connection after its handshake (`dial` makes it). Thread-safe."""

    def __init__(self, sock: socket.socket, rest: bytes, frame_max: int, heartbeat: float) -> None:
        self._socket = sock
        self._plain = None if hasattr(sock, "pending") else PlainStream(sock)
        if self._plain is None:
            sock.setblocking(False)
        self._rest = rest
        self.frame_max = frame_max
        self.heartbeat = heartbeat
        """Seconds; 0 is without."""
        self.patience = 2 * heartbeat
        """Seconds of silence after which the broker is taken for dead by who waits for it."""
        self.bell = Doorbell()
        """Ends the wait of the reader, who then tells all that wait to look again."""
        self.error: OSError | None = None
        """Why the connection is gone."""
        self.gone = Event()
        self.blocked: str | None = None
        """Why the broker takes no messages now: it is short of memory or disk."""
        self._sending = Lock()
        self._touching = Lock()  # TLS does not read and write at once
        self.changed = Condition(Lock())
        """Held by who changes what came in."""
        self._is_read = False
        self._channels: dict[int, Channel] = {}
        self._sent = self.heard = time.monotonic()
        self._poll = select.poll()
        for source in (sock, self.bell):
            self._poll.register(source, select.POLLIN)

    # writing

    def send(self, data: bytes, deadline: float) -> None:
        """Write whole frames.

        Raises:
            OSError: the connection is gone, or the time is up; then it is given up, as half a frame may be written.
        """
        with self._sending:
            if self.error is not None:
                raise ConnectionError(str(self.error)) from self.error
            try:
                self._write(data, deadline)
            except OSError as error:
                self.fail(error)
                raise
            self._sent = time.monotonic()

    def _write(self, data: bytes, deadline: float) -> None:
        if self._plain is not None:
            self._plain.write(data, deadline)
            return
        view = memoryview(data)
        while view:
            try:
                with self._touching:
                    view = view[self._socket.send(view) :]
            except _WAITS:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError("the broker takes nothing more in time") from None
                poll = select.poll()
                poll.register(self._socket, select.POLLOUT)
                poll.poll(left * 1000)

    def answer(self, data: bytes) -> None:
        """Write what the protocol demands, if it can be written at once."""
        with suppress(OSError):
            self.send(data, time.monotonic() + 1.0)

    def beat(self) -> None:
        """Say that we are alive, when nothing was said for a third of the heartbeat."""
        if self.heartbeat and time.monotonic() - self._sent > self.heartbeat / 3:
            self.answer(EMPTY_HEARTBEAT)

    # reading

    def wait_for(self, is_done: Callable[[], bool], deadline: float | None) -> bool:
        """Read until something is so; False when the bell or the deadline (None: never) ended it before.

        Raises:
            OSError: the connection is gone. TimeoutError: is_done is a reply's, and did not come in time.
        """
        with self.changed:
            while not is_done():
                if self.error is not None:
                    raise ConnectionError(str(self.error)) from self.error
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    raise TimeoutError("the broker did not answer in time")
                if self._is_read:
                    self.changed.wait(left)
                    continue
                self._is_read = True
                self.changed.release()
                try:
                    data = self._read(left)
                finally:
                    self.changed.acquire()
                    self._is_read = False
                    self.changed.notify_all()
                self._take(data)
        return True

    def pump(self) -> None:
        """Take in what has arrived, without waiting, unless another thread reads anyway."""
        with self.changed:
            if self._is_read or self.error is not None:
                return
            self._take(self._read(0.0))
            self.changed.notify_all()

    def _read(self, timeout: float | None) -> bytes:
        """What there is, after a wait for it; empty if the time is up, the bell was rung or the connection is gone."""
        self.beat()
        most = self.heartbeat / 3 if self.heartbeat else 60.0
        try:
            if timeout != 0 and not self._has_decrypted():
                self._wait(most if timeout is None else min(timeout, most))
            data = self._read_now()
        except (OSError, ValueError) as error:
            self.fail(error if isinstance(error, OSError) else ConnectionError("the connection was closed"))
            return b""
        if data is None:
            silence = time.monotonic() - self.heard
            if timeout != 0 and self.heartbeat and silence > self.patience:
                self.fail(ConnectionError(f"the broker has not been heard of for {silence:.0f} s"))
            return b""
        if not data:
            self.fail(ConnectionError("the broker closed the connection"))
        self.heard = time.monotonic()
        return data

    def _has_decrypted(self) -> bool:
        return self._plain is None and bool(self._socket.pending())  # type: ignore[attr-defined]

    def _wait(self, seconds: float) -> None:
        for number, _ in self._poll.poll(max(seconds, 0.0) * 1000):
            if number == self.bell.fileno():
                self.bell.still()

    def _read_now(self) -> bytes | None:
        """None when there is nothing."""
        if self._plain is not None:
            return self._plain.read_now()
        try:
            with self._touching:
                return self._socket.recv(_SIZE)
        except _WAITS:
            return None

    def _take(self, data: bytes) -> None:
        if not data:
            return
        try:
            self._rest = self._parse(self._rest + data if self._rest else data)
        except (struct.error, IndexError, ValueError) as error:
            self.fail(ConnectionError(f"the broker sent something that is not AMQP: {error}"))

    def _parse(self, data: bytes) -> bytes:
        at, size = 0, len(data)
        channels = self._channels
        while size - at >= 8:
            kind, number, length = _HEAD.unpack_from(data, at)
            start, end = at + 7, at + 7 + length
            if end >= size:
                break
            if data[end] != 0xCE:
                raise ValueError("a frame without its end")
            channel = channels.get(number)
            if channel is not None:
                if kind == BODY:
                    channel.take_body(data, start, end)
                elif kind == HEADER:
                    channel.take_header(data, start, end)
                elif kind == METHOD:
                    if data.startswith(_DELIVER, start):
                        whole = channel.take_delivery(data, start, end)
                        if whole:
                            at = whole
                            continue
                    channel.take_method(_KIND.unpack_from(data, start), data, start + 4, end)
            elif kind == METHOD and number == 0:
                self._take_method(_KIND.unpack_from(data, start), data, start + 4)
            at = end + 1
        return data[at:] if at else data

    def _take_method(self, kind: Kind, data: bytes, at: int) -> None:
        if kind == CONNECTION_CLOSE:
            (code,) = _U16.unpack_from(data, at)
            text, _ = read_short(data, at + 2)
            self.answer(method(0, CONNECTION_CLOSE_OK))
            self.fail(ConnectionError(f"the broker closed the connection: {text} ({code})"))
        elif kind == BLOCKED:
            self.blocked = read_short(data, at)[0] or "no reason given"
        elif kind == UNBLOCKED:
            self.blocked = None

    # channels

    def open_channel(self, deadline: float) -> Channel:
        """Raises OSError, ChannelClosed."""
        with self.changed:
            number = next(each for each in range(1, 2**16) if each not in self._channels)
            channel = self._channels[number] = Channel(self, number)
        channel.ask([method(number, CHANNEL_OPEN, b"\x00")], deadline)
        return channel

    def close_channel(self, channel: Channel, deadline: float) -> None:
        """What was delivered to it and not acknowledged goes back to its queue."""
        self.send(method(channel.number, CHANNEL_CLOSE, b"\x00\xc8\x00\x00\x00\x00\x00"), deadline)

    # ending

    def fail(self, error: OSError) -> None:
        """The connection is of no use any more."""
        if self.error is None:
            self.error = error
            self.gone.set()
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
            self.bell.ring()

    def close(self, patience: float = 0.2) -> None:
        """Take leave of the broker, if it can be had, and free everything."""
        if self.error is None:
            with suppress(OSError):
                self.send(method(0, CONNECTION_CLOSE, b"\x00\xc8\x00\x00\x00\x00\x00"), time.monotonic() + patience)
            self.fail(ConnectionError("closed by this process"))
        with self.changed:
            self.changed.notify_all()
            self.changed.wait_for(lambda: not self._is_read, 5.0)
            self._socket.close()
            self.bell.close()

    def drop(self) -> None:
        """In a forked child: let go of the copy; the parent's stays as it is."""
        self.error = ConnectionError("this connection belongs to the parent process")
        self._socket.close()
        self.bell.close()


def read_text(data: bytes, at: int = 0) -> str:
    """A long string as text."""
    return read_long(data, at)[0].decode("utf-8", "replace")


def _waits() -> tuple[type[Exception], ...]:
    try:
        import ssl
    except ImportError:  # a Python built without it
        return (BlockingIOError, InterruptedError)
    return (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


_WAITS: Final = _waits()
