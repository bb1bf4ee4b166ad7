"""Where the broker is: one of kombu's URLs and its options, and how both look in messages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final
from urllib.parse import unquote

from kombu.connection import Connection
from kombu.transport import TRANSPORT_ALIASES, get_transport_cls
from kombu.transport.virtual import Transport as Virtual

from celeriac.errors import ConfigurationError, DriverNotInstalled
from celeriac.specs.transport import TransportOptions
from celeriac_plugins._shared.transport_options import check_options

from . import files
from .habits import OWN_OPTIONS, Habits, habits_of

CONNECT_TIMEOUT: Final = 5.0
_OURS: Final = {
    "redis": "redis",
    "rediss": "rediss",
    "sentinel": "sentinel",
    "amqp": "amqp",
    "amqps": "amqps",
    "pyamqp": "amqp",
    "librabbitmq": "amqp",
    "qpid": "amqp",
}
"""What is spoken by drivers of our own, and better."""
_PARAMETER: Final = re.compile(r"[?&][^=&]*(?:secret|passw|pwd|token|key|signature|credential)[^=&]*=([^&#]+)", re.I)
_MASK: Final = "***"


@dataclass(frozen=True, slots=True)
class Place:
    """A broker that kombu can reach."""

    shown: str
    """The URL without its passwords."""
    habits: Habits
    polling: float
    """Seconds between two looks of a worker that has been idle for a while."""
    _url: str
    _options: Mapping[str, Any]
    _secrets: tuple[str, ...]

    @classmethod
    def parse(cls, options: TransportOptions) -> Place:
        """Nothing is opened; kombu's module for it is imported.

        Raises:
            ConfigurationError: kombu has no such transport, or it is not one for this driver.
            DriverNotInstalled: kombu's transport needs a package.
        """
        url = options.url.partition("+")[2]
        name = re.split(r"\+|:", url, maxsplit=1)[0].lower()
        _check_transport(name)
        habits = habits_of(name)
        if habits.options is not None:
            check_options(f"transport 'kombu+{name}'", options.extra, habits.options | OWN_OPTIONS)
        polling = options.extra.get("polling_interval", 1.0)
        if isinstance(polling, bool) or not isinstance(polling, (int, float)) or polling <= 0:
            raise ConfigurationError(f"polling_interval is a number of seconds above 0, not {polling!r}")
        extra = deepcopy(dict(habits.defaults))  # AWS's library writes into what it is given
        secrets = _secrets_in(url)
        shown = _hide(options.url, secrets)
        url = name + url[len(name) :] if "://" in url else f"{name}://"
        extra.update((name, value) for name, value in options.extra.items() if name not in OWN_OPTIONS)
        place = cls(shown, habits, float(polling), url, extra, secrets)
        place._check()
        return place

    def _check(self) -> None:
        try:
            self.connection()
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"kombu does not understand {self.shown}: {self.hide(str(error))}") from None

    def connection(self) -> Connection:
        """One of kombu's connections to it, not opened yet."""
        make: Any = Connection
        made: Connection = make(self._url, transport_options=dict(self._options), connect_timeout=CONNECT_TIMEOUT)
        if self._url.startswith("filesystem:"):
            made.transport.Channel = files.Channel
        return made

    def queue(self, name: str) -> str:
        """What the queue is called at kombu: the same, but where its transport cannot carry that."""
        fits = self.habits.fits
        if fits is None or fits.fullmatch(self._options.get("queue_name_prefix", "") + name):
            return name
        return f"celeriac-{blake2b(name.encode(), digest_size=16).hexdigest()}"

    def hide(self, text: str) -> str:
        """The text without the passwords of the URL."""
        return _hide(text, self._secrets)


def _check_transport(name: str) -> None:
    if name in _OURS:
        raise ConfigurationError(
            f"write {_OURS[name]}://… instead of kombu+{name}://…: Celeriac has its own driver for it"
        )
    try:
        found = get_transport_cls(name)
    except KeyError:
        known = sorted({alias.lower() for alias in TRANSPORT_ALIASES} - _OURS.keys())
        raise ConfigurationError(
            f"kombu has no transport {name!r}; write kombu+NAME://… with one of {', '.join(known)}"
        ) from None
    except ImportError as error:
        raise not_installed(name, error) from error
    if not (isinstance(found, type) and issubclass(found, Virtual)):
        raise ConfigurationError(f"kombu's transport {name!r} is none of its virtual ones, which this driver is for")


def not_installed(name: str, error: ImportError) -> DriverNotInstalled:
    """The error for a package that one of kombu's transports needs."""
    missing = f"needs the module {error.name!r}, which is not installed" if error.name else f"cannot be used: {error}"
    return DriverNotInstalled(f"kombu's transport {name!r} {missing}; see docs/kombu.md")


def _secrets_in(url: str) -> tuple[str, ...]:
    user = url.partition("://")[2].rpartition("@")[0]
    found = [user.partition(":")[2], *_PARAMETER.findall(url)]
    return tuple(sorted({form for each in found for form in (each, unquote(each)) if form}, key=len, reverse=True))


def _hide(text: str, secrets: tuple[str, ...]) -> str:
    for secret in secrets:
        text = text.replace(secret, _MASK)
    return text
