"""Which Redis a URL means, and the options that its drivers take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from redis.connection import Connection, SSLConnection, UnixDomainSocketConnection

from celeriac.errors import ConfigurationError

from .transport_options import check_options

OPTIONS: Mapping[str, Any] = {
    "global_keyprefix": "",
    "client_name": None,
    "visibility_timeout": 3600.0,
    "priority_steps": (0, 3, 6, 9),
    "sep": "\x06\x16",
    "unacked_key": "unacked",
    "unacked_index_key": "unacked_index",
    "fanout_prefix": True,
}
"""kombu's options, with kombu's names, meaning and defaults. The transport and the result backend take the same, so
that one setting serves both where they share a server."""

_CERT_REQS = {"CERT_NONE": "none", "CERT_OPTIONAL": "optional", "CERT_REQUIRED": "required"}
_SWITCHES = {"ssl_check_hostname"}
_IN_URL = (
    "db", "virtual_host", "client_name", "ssl_cert_reqs", "ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile",
    "ssl_password", "ssl_check_hostname",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """A database of a Redis server, and how its keys are named.

    ``redis://user:password@host:6379/0``; ``rediss://`` with TLS, whose files stand in the URL as
    ``?ssl_ca_certs=/etc/ca.pem``; ``redis:///run/redis.sock?db=1`` is a Unix socket.
    """

    shown: str
    """For people: the URL without its user and password."""
    kind: type[Connection | SSLConnection | UnixDomainSocketConnection]
    arguments: Mapping[str, Any]
    """What `kind` is made with."""
    db: int
    options: Mapping[str, Any]
    """All OPTIONS, as given or by default."""

    @classmethod
    def parse(cls, driver: str, url: str, extra: Mapping[str, Any]) -> Place:
        """What `driver` (named for the reader: ``transport 'redis'``) was given.

        Raises:
            ConfigurationError: no such option, or a URL that leads nowhere.
        """
        check_options(driver, extra, OPTIONS)
        options = {**OPTIONS, **extra}
        _check(options)
        try:
            parts = urlsplit(url)
            query = dict(parse_qsl(parts.query))
            check_options(f"{driver} (in its URL)", query, _IN_URL)
            host, port, path = parts.hostname, parts.port or 6379, unquote(parts.path)
            is_socket = not host and bool(path.strip("/")) and not path.strip("/").isdecimal()
            db = int(query.pop("db", None) or query.pop("virtual_host", None) or (not is_socket and path[1:]) or 0)
        except ValueError as error:
            if isinstance(error, ConfigurationError):
                raise
            raise ConfigurationError(f"{driver}: its URL is not redis://host:port/number: {error}") from None
        client_name = query.pop("client_name", options["client_name"])
        user = {"username": unquote(parts.username or "") or None, "password": unquote(parts.password or "") or None}
        common = {"db": db, "client_name": client_name, **user}
        if is_socket:
            return cls(f"{path}, database {db}", UnixDomainSocketConnection, {**common, "path": path}, db, options)
        common |= {"host": host or "localhost", "port": port, "socket_keepalive": True}
        shown = f"{parts.scheme}://{common['host']}:{port}/{db}"
        if parts.scheme == "rediss":
            return cls(shown, SSLConnection, {**common, **_tls(query)}, db, options)
        if query:
            raise ConfigurationError(f"{driver}: {min(query)} is for rediss:// URLs, this one is without TLS")
        return cls(shown, Connection, common, db, options)

    @property
    def prefix(self) -> str:
        """What every key begins with."""
        prefix: str = self.options["global_keyprefix"]
        return prefix


def _tls(query: Mapping[str, str]) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        name: value.lower() not in ("0", "false", "no") if name in _SWITCHES else value for name, value in query.items()
    }
    if "ssl_cert_reqs" in arguments:
        arguments["ssl_cert_reqs"] = _CERT_REQS.get(arguments["ssl_cert_reqs"], arguments["ssl_cert_reqs"])
        if arguments["ssl_cert_reqs"] not in _CERT_REQS.values():
            raise ConfigurationError("ssl_cert_reqs is none, optional or required")
    return arguments


def _check(options: Mapping[str, Any]) -> None:
    steps = options["priority_steps"]
    if not steps or list(steps) != sorted({int(step) for step in steps}) or steps[0] != 0:
        raise ConfigurationError(f"redis: priority_steps is a rising list that begins with 0, not {steps!r}")
    if not options["visibility_timeout"] > 0:
        raise ConfigurationError("redis: visibility_timeout is a number of seconds above 0")
