"""What the URL and the options of a filesystem transport say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

from celeriac.errors import ConfigurationError
from celeriac.specs.transport import TransportOptions
from celeriac_plugins._shared.transport_options import check_options

_SHORTEST_POLL = 0.001


@dataclass(frozen=True, slots=True)
class Place:
    """``filesystem:///var/spool/celeriac`` is an absolute path, ``filesystem://spool`` one relative to the folder that
    is current when the driver is made; ``?`` and ``#`` in it are written ``%3F`` and ``%23``. Options may stand in the
    URL as well: ``filesystem:///var/spool/celeriac?fsync=0``."""

    root: str
    fsync: bool
    """Whether a message is on the disk, safe from a loss of power, when its publish returns (default: yes). Without,
    it is safe from the end of any process, and publishing is several times as fast."""
    poll: float
    """Seconds between two looks of a receiver that waits, default 0.05."""

    @classmethod
    def parse(cls, options: TransportOptions) -> Place:
        location, _, query = options.url.partition(":")[2].removeprefix("//").partition("?")
        if not location:
            raise ConfigurationError(
                f"{options.url!r} names no folder; write filesystem:///absolute/path or filesystem://relative/path"
            )
        given = dict(options.extra) | dict(parse_qsl(query, keep_blank_values=True))
        check_options("transport 'filesystem'", given, ("fsync", "poll"))
        root = str(Path(unquote(location)).absolute())
        return cls(root, _switch("fsync", given.get("fsync", True)), _span("poll", given.get("poll", 0.05)))


def _switch(name: str, value: Any) -> bool:
    text = str(value).lower()
    if text not in ("0", "1", "false", "true"):
        raise ConfigurationError(f"option {name!r} of transport 'filesystem' is 0 or 1, not {value!r}")
    return text in ("1", "true")


def _span(name: str, value: Any) -> float:
    try:
        span = float(value)
    except (TypeError, ValueError):
        span = 0.0
    if not _SHORTEST_POLL <= span < float("inf"):
        raise ConfigurationError(
            f"option {name!r} of transport 'filesystem' is a number of seconds, {_SHORTEST_POLL} or more, not {value!r}"
        )
    return span
