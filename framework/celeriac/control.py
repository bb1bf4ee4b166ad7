"""Remote control, the asking side: Celery's pidbox messages over the transport's fan-out."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from celeriac.errors import DecodeError, UnsupportedCapability
from celeriac.ids import new_id

if TYPE_CHECKING:
    from celeriac.app import Celeriac

TOPIC = "celery.pidbox"
REPLY_TOPIC = "reply.celery.pidbox"


class Control:
    """Sends commands to the workers of an app."""

    def __init__(self, app: Celeriac) -> None:
        self._app = app

    def broadcast(
        self,
        command: str,
        arguments: Mapping[str, Any] | None = None,
        destination: Sequence[str] | None = None,
        reply: bool = False,
        timeout: float = 1.0,
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """Send a command to all workers, or to those named in `destination`.

        With `reply`, wait up to `timeout` seconds for answers, or until there are `limit` of them (by default as many
        as destinations), and return them as ``{hostname: answer}`` each.

        Raises:
            UnsupportedCapability: the transport has no fan-out.
            TransportDown: the broker cannot be reached.
        """
        transport = self._app.find_broker()
        if not transport.supports("fan-out"):
            raise UnsupportedCapability("the transport has no fan-out, so workers cannot be reached by remote control")
        ticket = new_id()
        topic = f"{REPLY_TOPIC}.{ticket}"
        subscription = transport.subscribe([topic]) if reply else None
        message = {
            "method": command,
            "arguments": dict(arguments or {}),
            "destination": list(destination) if destination is not None else None,
            "pattern": None,
            "matcher": None,
            "ticket": ticket,
            "reply_to": {"exchange": REPLY_TOPIC, "routing_key": topic} if reply else None,
        }
        transport.broadcast(TOPIC, json.dumps(message).encode())
        if subscription is None:
            return []
        limit = limit if limit is not None else len(destination) if destination is not None else None
        replies: list[dict[str, Any]] = []
        deadline = time.monotonic() + timeout
        try:
            while (limit is None or len(replies) < limit) and (left := deadline - time.monotonic()) > 0:
                for _, payload in subscription.receive(left):
                    with suppress(DecodeError):
                        replies.append(read(self._app, payload))
        finally:
            subscription.close()
        return replies

    def ask(self, command: str, timeout: float = 1.0, **arguments: Any) -> dict[str, Any]:
        """The answers of all workers by host name."""
        answers: dict[str, Any] = {}
        for reply in self.broadcast(command, arguments, reply=True, timeout=timeout):
            answers.update(reply)
        return answers

    def ping(self, timeout: float = 1.0) -> dict[str, Any]:
        """Which workers answer within `timeout` seconds."""
        return self.ask("ping", timeout)

    def revoke(self, task_id: str | Iterable[str], terminate: bool = False, signal: str | int = "SIGTERM") -> None:
        """Keep tasks from starting in the workers that are up now; with `terminate`, end those that run."""
        ids = [task_id] if isinstance(task_id, str) else list(task_id)
        self.broadcast("revoke", {"task_id": ids, "terminate": terminate, "signal": signal})

    def rate_limit(
        self, task_name: str, rate_limit: str | float | None, destination: Sequence[str] | None = None, **how: Any
    ) -> list[dict[str, Any]]:
        """Have workers begin no more than that many runs of a task: ``10/s``, ``100/m``; 0: as many as come."""
        arguments = {"task_name": task_name, "rate_limit": rate_limit}
        return self.broadcast("rate_limit", arguments, destination, **how)

    def shutdown(self, destination: Sequence[str] | None = None) -> None:
        """Have workers stop as on SIGTERM."""
        self.broadcast("shutdown", destination=destination)


def read(app: Celeriac, payload: bytes) -> dict[str, Any]:
    """A message of remote control. Ours are JSON; Celery writes its own in its ``task_serializer``, and they are read
    where ``accept_content`` names that.

    Raises:
        DecodeError: it is none, or not accepted.
    """
    accepted = sorted(app.codec.accepted(app.conf.accept_content))
    readings: list[Callable[[bytes], Any]] = [json.loads]
    readings += [partial(app.codec.decode, content_type=content_type) for content_type in accepted]
    for reading in readings:
        with suppress(ValueError, DecodeError):
            value = reading(payload)
            if isinstance(value, dict):
                return value
    raise DecodeError("not a message of remote control that is accepted here (setting accept_content)")
