"""One event: a mapping with Celery's fields. Source of the names: Celery's guide "Monitoring", event reference."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from celeriac.errors import DecodeError

if TYPE_CHECKING:
    from celeriac.codec import Codec
    from celeriac.lamport import LamportClock

Event = dict[str, Any]


class EventMaker:
    """Makes the events of one process, with what all of them have."""

    def __init__(self, hostname: str, clock: LamportClock) -> None:
        self.hostname = hostname
        self._forward = clock.forward

    def __call__(self, type: str, fields: Mapping[str, Any], at: float | None = None) -> Event:
        """An event of that type, now or `at` a Unix time."""
        named = {"hostname": self.hostname, **fields}
        return make_event(type, timestamp=at, clock=self._forward(), **named)


def make_event(type: str, *, hostname: str, timestamp: float | None = None, clock: int = 0, **fields: Any) -> Event:
    """An event with the fields that every one has: `utcoffset` is that of Celery, in hours west of UTC."""
    return {
        "type": type,
        "hostname": hostname,
        "utcoffset": (time.altzone if time.localtime().tm_isdst else time.timezone) // 3600,
        "pid": os.getpid(),
        "clock": clock,
        "timestamp": time.time() if timestamp is None else timestamp,
        **fields,
    }


def group_of(type: str) -> str:
    """``task`` of ``task-sent``."""
    return type.partition("-")[0]


def kind_of(type: str) -> str:
    """Under which name an event travels: Celery's routing key."""
    return type.replace("-", ".")


def write(events: Event | list[Event]) -> bytes:
    """One event, or several of a group, as JSON; what JSON does not know becomes its repr."""
    return json.dumps(events, default=_shown).encode()


def read(payload: bytes, codec: Codec, accepted: Collection[str]) -> list[Event]:
    """The events in a payload: JSON, or whatever else is accepted here, as Celery has a setting for it.

    Raises:
        DecodeError: it holds none.
    """
    readings: list[Callable[[bytes], Any]] = [json.loads]
    readings += [partial(codec.decode, content_type=content_type) for content_type in sorted(accepted)]
    for reading in readings:
        with suppress(ValueError, DecodeError):
            value = reading(payload)
            events = value if isinstance(value, list) else [value]
            if all(isinstance(event, dict) and isinstance(event.get("type"), str) for event in events):
                return events
    raise DecodeError("not an event that is accepted here (setting accept_content)")


def _shown(value: object) -> str:
    try:
        return repr(value)
    except Exception:
        return f"<{type(value).__qualname__} without a repr>"
