"""``GET /live`` and ``GET /ready``: 200 or 503, with the report as JSON.

As much of HTTP as a probe needs, on one socket and in one thread: a request costs well under a millisecond.
"""

from __future__ import annotations

import json
import logging
import select
import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from celeriac.errors import ConfigurationError

if TYPE_CHECKING:
    from celeriac.worker.health import Health

logger = logging.getLogger("celeriac.worker")

PATIENCE = 1.0
"""Seconds that one client may take to ask and to be answered; the next one waits meanwhile."""

LONGEST_REQUEST = 8192

_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}


class ProbeServer:
    """Owns the socket and the thread."""

    def __init__(self, health: Health, host: str, port: int) -> None:
        self._health = health
        self._address = (host, port)
        self._thread = threading.Thread(target=self._run, name="celeriac-probes", daemon=True)
        self._ringer: socket.socket | None = None

    def start(self) -> None:
        """
        Raises:
            ConfigurationError: the address cannot be used.
        """
        host, port = self._address
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self._socket = socket.create_server(self._address, family=family, backlog=16)
        except (OSError, OverflowError) as error:
            raise ConfigurationError(
                f"cannot answer probes on {host}, port {port}: {error}; choose another worker_probe_port or "
                "worker_probe_host (--probe-port, --probe-host)"
            ) from error
        self._bell, self._ringer = socket.socketpair()
        self._thread.start()
        logger.info("probes: port %d of %s, /live and /ready", port, host)

    def stop(self) -> None:
        """A second call does nothing."""
        if self._ringer is not None:
            self._ringer.close()
            self._thread.join(2 * PATIENCE)

    def _run(self) -> None:
        with self._socket, self._bell:
            poll = select.poll()
            poll.register(self._socket, select.POLLIN)
            poll.register(self._bell, select.POLLIN)
            while not any(fd == self._bell.fileno() for fd, _ in poll.poll()):
                # A client that goes away, or says nothing, is no concern of ours.
                with suppress(OSError):
                    client, _ = self._socket.accept()
                    with client:
                        self._serve(client)

    def _serve(self, client: socket.socket) -> None:
        deadline = time.monotonic() + PATIENCE
        request = b""
        while b"\r\n\r\n" not in request and len(request) < LONGEST_REQUEST:
            client.settimeout(max(deadline - time.monotonic(), 0.001))
            piece = client.recv(LONGEST_REQUEST)
            if not piece:
                return
            request += piece
        method, _, rest = request.partition(b"\r\n")[0].partition(b" ")
        status, document = self._answer(method, rest.split(b" ")[0].partition(b"?")[0])
        body = json.dumps(document).encode() + b"\n"
        head = (
            f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
        )
        client.settimeout(max(deadline - time.monotonic(), 0.001))
        client.sendall(head.encode() + (b"" if method == b"HEAD" else body))

    def _answer(self, method: bytes, path: bytes) -> tuple[int, dict[str, Any]]:
        if not path.startswith(b"/"):
            return 400, {"error": "not a request of HTTP"}
        if path not in (b"/live", b"/ready"):
            return 404, {"error": "there are /live and /ready"}
        if method not in (b"GET", b"HEAD"):
            return 405, {"error": "ask with GET"}
        report = self._health.report()
        return (200 if report[path[1:].decode()] else 503), report
