"""Which Redis a URL means, and the options that its drivers take."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from celeriac.errors import ConfigurationError

from .redis_routes import Address, ByCluster, BySentinels, Direct, Route
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
FOR_SENTINELS: Mapping[str, Any] = {"master_name": None, "min_other_sentinels": 0, "sentinel_kwargs": {}}

_CLUSTER = ("redis+cluster", "rediss+cluster")
_CLUSTER_PREFIX = "{celeriac}:"
_TAG = re.compile(r"\{[^}]+\}")
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
    ``?ssl_ca_certs=/etc/ca.pem``; ``redis:///run/redis.sock?db=1`` is a Unix socket. ``sentinel://one;sentinel://two/0``
    and ``redis+cluster://one;redis+cluster://two`` name several that know the server.
    """

    shown: str
    """For people: the URL without its user and password."""
    kind: str
    """``tcp``, ``tls`` or ``unix``."""
    arguments: Mapping[str, Any]
    """With what to connect, but for what the route finds; the names are redis-py's."""
    db: int
    options: Mapping[str, Any]
    """All OPTIONS, as given or by default."""
    route: Route

    @classmethod
    def parse(cls, driver: str, url: str, extra: Mapping[str, Any]) -> Place:
        """What `driver` (named for the reader: ``transport 'redis'``) was given.

        Raises:
            ConfigurationError: no such option, or a URL that leads nowhere.
        """
        scheme = url.partition("://")[0].lower()
        known = {**OPTIONS, **(FOR_SENTINELS if scheme == "sentinel" else {})}
        if scheme in _CLUSTER:
            known["global_keyprefix"] = _CLUSTER_PREFIX
        check_options(driver, extra, known)
        options = {**known, **extra}
        _check(options)
        try:
            return cls._parse(driver, scheme, url, options)
        except ValueError as error:
            if isinstance(error, ConfigurationError):
                raise
            raise ConfigurationError(f"{driver}: its URL is not redis://host:port/number: {error}") from None

    @classmethod
    def _parse(cls, driver: str, scheme: str, url: str, options: Mapping[str, Any]) -> Place:
        first, *others = url.split(";") if scheme in ("sentinel", *_CLUSTER) else [url]
        parts = urlsplit(first)
        query = dict(parse_qsl(urlsplit(url.rpartition(";")[2]).query if others else parts.query))
        check_options(f"{driver} (in its URL)", query, _IN_URL)
        host, path = parts.hostname, unquote(parts.path)
        is_socket = not host and bool(path.strip("/")) and not path.strip("/").isdecimal()
        db = int(
            query.pop("db", None) or query.pop("virtual_host", None) or (not is_socket and _db(parts, others)) or 0
        )
        client_name = query.pop("client_name", options["client_name"])
        user = {"username": unquote(parts.username or "") or None, "password": unquote(parts.password or "") or None}
        common = {"db": db, "client_name": client_name, **user}
        if is_socket:
            arguments = {**common, "path": path}
            return cls(f"{path}, database {db}", "unix", arguments, db, options, Direct())
        default = 26379 if scheme == "sentinel" else 6379
        hosts = tuple(_address(each, default) for each in (parts, *map(urlsplit, others)))
        shown = f"{scheme}://{';'.join(f'{host}:{port}' for host, port in hosts)}/{db}"
        route = _route(driver, scheme, hosts, db, options)
        common |= {"host": hosts[0][0], "port": hosts[0][1], "socket_keepalive": True}
        if scheme.startswith("rediss") or (query and scheme == "sentinel"):
            return cls(shown, "tls", {**common, **_tls(query)}, db, options, route)
        if query:
            raise ConfigurationError(f"{driver}: {min(query)} is for rediss:// URLs, this one is without TLS")
        return cls(shown, "tcp", common, db, options, route)

    @property
    def server(self) -> Hashable:
        """The same for all places that one connection can serve: they differ in their databases only."""
        named = sorted((name, repr(value)) for name, value in self.arguments.items() if name != "db")
        return (self.kind, repr(self.route), *named)

    @property
    def prefix(self) -> str:
        """What every key begins with."""
        prefix: str = self.options["global_keyprefix"]
        return prefix


def _address(parts: SplitResult, default_port: int) -> Address:
    return parts.hostname or "localhost", parts.port or default_port


def _db(first: SplitResult, others: list[str]) -> str:
    """The number of the database; it may stand behind any of the addresses, as long as they agree."""
    named = {path for path in (first.path[1:], *(urlsplit(each).path[1:] for each in others)) if path}
    if len(named) > 1:
        raise ValueError(f"its addresses name different databases: {', '.join(sorted(named))}")
    return named.pop() if named else ""


def _route(driver: str, scheme: str, hosts: tuple[Address, ...], db: int, options: Mapping[str, Any]) -> Route:
    if scheme == "sentinel":
        if not options["master_name"]:
            raise ConfigurationError(f"{driver}: a sentinel:// URL needs the transport option 'master_name'")
        return BySentinels(hosts, options["master_name"], options["min_other_sentinels"], options["sentinel_kwargs"])
    if scheme in _CLUSTER:
        prefix = options["global_keyprefix"]
        if not _TAG.search(prefix):
            raise ConfigurationError(
                f"{driver}: in a cluster global_keyprefix keeps all keys in one slot, by a tag in braces such as "
                f"'{{shop}}:'; it is {prefix!r}"
            )
        if db:
            raise ConfigurationError(f"{driver}: a cluster has no database but 0; the URL says {db}")
        return ByCluster(hosts, prefix)
    return Direct()


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
