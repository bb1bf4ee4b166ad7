"""Connecting: the servers in turn, and all of it within a deadline that covers name look-up, TLS and login."""

from __future__ import annotations

import os
import socket
import struct
import time
from typing import Any, Final

from celeriac_plugins._shared.attempts import Attempts

from .link import CONNECTION_CLOSE, Link
from .place import Place, Server
from .wire import END, FRAME_OVERHEAD, METHOD, method, read_short, read_table, short, table

_GREETING: Final = b"AMQP\x00\x00\x09\x01"
START, START_OK, TUNE, TUNE_OK, OPEN, OPEN_OK = (10, 10), (10, 11), (10, 30), (10, 31), (10, 40), (10, 41)
_HEAD: Final = struct.Struct(">BHI")
_KIND: Final = struct.Struct(">HH")
_TUNE: Final = struct.Struct(">HIH")
_LARGEST_FRAME: Final = 131_072
_ATTEMPT: Final = 3.0
"""Seconds for one server while there is another one to try."""
_CAPABILITIES: Final = (
    "publisher_confirms", "basic.nack", "consumer_cancel_notify", "connection.blocked", "authentication_failure_close",
)  # fmt: skip


class Refused(OSError):
    """A server that is there, and does not let us in; another try would end the same way."""


def dial(place: Place, heartbeat: float, deadline: float) -> Link:
    """A connection to the first server that can be had.

    Raises:
        OSError: there is none by the deadline (on the monotonic clock); it says why, of each server.
    """
    problems: list[str] = []
    last: OSError = TimeoutError("no time left to connect")
    for server in place.servers:
        left = deadline - time.monotonic()
        if left <= 0:
            break
        patience = min(left, _ATTEMPT) if len(place.servers) > 1 else left
        try:
            return _Dial(server, place.client_name, heartbeat, patience).wait()
        except OSError as error:
            last = error
            problems.append(f"{server.shown}: {error}")
    raise type(last)("; ".join(problems) or str(last)) from last


class _Dial:
    """One server, and until when to connect."""

    def __init__(self, server: Server, client_name: str | None, heartbeat: float, timeout: float) -> None:
        self._server = server
        self._client_name = client_name
        self._heartbeat = heartbeat
        self._timeout = timeout
        self._deadline = time.monotonic() + timeout

    def wait(self) -> Link:
        try:
            return Attempts(self._connect, "celeriac-amqp-dial").first(self._timeout)
        except OSError:
            raise
        except Exception as error:
            raise ConnectionError(f"{type(error).__name__}: {error}") from error

    def _connect(self) -> Link:
        server = self._server
        sock = socket.create_connection((server.host, server.port), self._left())
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            context = server.context()
            if context is not None:
                sock.settimeout(self._left())
                sock = context.wrap_socket(sock, server_hostname=server.host)
            return self._shake_hands(sock)
        except BaseException:
            sock.close()
            raise

    def _left(self) -> float:
        return max(self._deadline - time.monotonic(), 0.001)

    def _shake_hands(self, sock: socket.socket) -> Link:
        server = self._server
        reader = _Reader(sock, self._deadline)
        sock.sendall(_GREETING)
        self._check_start(reader.expect(START))
        if server.external:
            mechanism, response = "EXTERNAL", b""
        else:
            mechanism, response = "PLAIN", f"\x00{server.user}\x00{server.password}".encode()
        login = table(self._properties()) + short(mechanism)
        login += struct.pack(">I", len(response)) + response + short("en_US")
        sock.sendall(method(0, START_OK, login))
        channels, frame_max, heartbeat = _TUNE.unpack_from(reader.expect(TUNE), 0)
        frame_max = min(frame_max or _LARGEST_FRAME, _LARGEST_FRAME)
        wanted = round(self._heartbeat)
        heartbeat = min(heartbeat or wanted, wanted)  # without ours: none at all
        sock.sendall(
            method(0, TUNE_OK, _TUNE.pack(channels, frame_max, heartbeat))
            + method(0, OPEN, short(server.vhost) + b"\x00\x00")
        )
        reader.expect(OPEN_OK)
        return Link(sock, reader.rest, frame_max - FRAME_OVERHEAD, float(heartbeat))

    def _check_start(self, arguments: bytes) -> None:
        properties, at = read_table(arguments, 2)
        size = int.from_bytes(arguments[at : at + 4], "big")
        offered = arguments[at + 4 : at + 4 + size].decode("ascii", "replace").split()
        wanted = "EXTERNAL" if self._server.external else "PLAIN"
        if wanted not in offered:
            raise Refused(f"the server offers the logins {', '.join(offered)}, and not {wanted}")
        known = properties.get("capabilities")
        lacking = [name for name in ("publisher_confirms", "basic.nack") if not (known or {}).get(name)]
        if lacking:
            raise Refused(f"the server has no {' and no '.join(lacking)}: RabbitMQ 3.8 or newer is needed")

    def _properties(self) -> dict[str, Any]:
        return {
            "product": "Celeriac",
            "platform": "Python",
            "connection_name": self._client_name or f"celeriac:{os.getpid()}@{socket.gethostname()}",
            "capabilities": dict.fromkeys(_CAPABILITIES, True),
        }


class _Reader:
    """Frames of the handshake, one by one."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._socket = sock
        self._deadline = deadline
        self.rest = b""

    def expect(self, wanted: tuple[int, int]) -> bytes:
        """The arguments of the next method, which is to be this one."""
        kind, _, size = _HEAD.unpack(self._take(7))
        payload = self._take(size + 1)
        if kind != METHOD or payload[-1:] != END:
            raise ConnectionError("what answers there does not speak AMQP 0-9-1")
        found = _KIND.unpack_from(payload, 0)
        if found == CONNECTION_CLOSE:
            text, _ = read_short(payload, 6)
            raise Refused(f"the server refuses: {text}")
        if found != wanted:
            raise ConnectionError(f"the server answers with {found} where {wanted} belongs")
        return payload[4:-1]

    def _take(self, number: int) -> bytes:
        if number > _LARGEST_FRAME:
            raise ConnectionError("what answers there does not speak AMQP 0-9-1")
        while len(self.rest) < number:
            self._socket.settimeout(max(self._deadline - time.monotonic(), 0.001))
            data = self._socket.recv(65536)
            if not data:
                raise ConnectionError("the server closed the connection during the login")
            self.rest += data
        taken, self.rest = self.rest[:number], self.rest[number:]
        return taken
