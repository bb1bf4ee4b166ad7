"""Where a SQLite queue or result store lies, and how it is written: what its URL and its options say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

from celeriac.errors import ConfigurationError

from .transport_options import check_options

OPTIONS: Mapping[str, tuple[str, ...]] = {"synchronous": ("normal", "full")}
"""Each option with the values that it takes, the default first."""


@dataclass(frozen=True, slots=True)
class Place:
    """A database file and its options.

    ``sqlite:///srv/shop/queue.db`` is an absolute path, ``sqlite://queue.db`` and ``sqlite:queue.db`` are relative to
    the folder that is current when the driver is made. Characters such as ``?`` and ``#`` are written ``%3F``, ``%23``.
    """

    path: str
    synchronous: str
    """``normal``: safe against the end of any process. ``full``: against the loss of power too, at a tenth of the
    speed of lone publishes."""

    @classmethod
    def parse(cls, driver: str, url: str, extra: Mapping[str, Any]) -> Place:
        """What `driver` (named for the reader: ``transport 'sqlite'``) was given; the URL wins over `extra`.

        Raises:
            ConfigurationError: no such option or value, or no file in the URL.
        """
        location, _, query = url.partition(":")[2].removeprefix("//").partition("?")
        path = unquote(location)
        if not path or path == ":memory:":
            raise ConfigurationError(
                f"{url!r} names no file; write sqlite:///absolute/path.db or sqlite://relative.db "
                f"(or memory:// for a queue that lives in one process)"
            )
        options = dict(extra) | dict(parse_qsl(query, keep_blank_values=True))
        check_options(driver, options, OPTIONS)
        return cls(str(Path(path).absolute()), **{name: _value(name, options) for name in OPTIONS})


def _value(name: str, options: Mapping[str, Any]) -> str:
    known = OPTIONS[name]
    value = str(options.get(name, known[0])).lower()
    if value not in known:
        raise ConfigurationError(f"sqlite's option {name} is {value!r}; it takes {' or '.join(known)}")
    return value
