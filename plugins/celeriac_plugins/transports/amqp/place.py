"""Which RabbitMQ a URL means, and the options that the driver takes."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from celeriac.errors import ConfigurationError
from celeriac_plugins._shared.transport_options import check_options

DRIVER = "transport 'amqp'"
OPTIONS: Mapping[str, Any] = {
    "queue_type": None,
    "max_priority": None,
    "heartbeat": None,
    "client_name": None,
    "confirm_publish": True,
}
"""`queue_type` (``classic`` or ``quorum``) and `max_priority` (1 to 255) are what queues are declared with that do not
exist yet; `heartbeat` is in seconds, by default a third of the lease."""

_IN_URL = (
    "ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile", "ssl_password", "ssl_cert_reqs", "ssl_check_hostname",
    "login_method",
)  # fmt: skip
_NO = ("0", "false", "no")
_REQUIREMENTS = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}


@dataclass(frozen=True, slots=True)
class Server:
    """One server, and how to log in to it."""

    shown: str
    """For people: the URL without its user and password."""
    host: str
    port: int
    user: str
    password: str
    vhost: str
    tls: Mapping[str, str] | None
    """The ``ssl_…`` parts of an ``amqps://`` URL."""
    external: bool
    """Whether the TLS certificate is the login."""

    def context(self) -> ssl.SSLContext | None:
        """What TLS is spoken with; None without TLS.

        Raises:
            OSError: a file cannot be read.
        """
        tls = self.tls
        if tls is None:
            return None
        context = ssl.create_default_context(cafile=tls.get("ssl_ca_certs"), capath=tls.get("ssl_ca_path"))
        required = _REQUIREMENTS[tls.get("ssl_cert_reqs", "required").lower().removeprefix("cert_")]
        checks = tls.get("ssl_check_hostname", "true").lower() not in _NO
        context.check_hostname = checks and required is ssl.CERT_REQUIRED
        context.verify_mode = required
        if "ssl_certfile" in tls:
            context.load_cert_chain(tls["ssl_certfile"], tls.get("ssl_keyfile"), tls.get("ssl_password"))
        return context


@dataclass(frozen=True, slots=True)
class Place:
    """The servers of a cluster, and how its queues are made.

    ``amqp://user:password@host:5672/vhost``; without a path (or with ``//``) the virtual host is ``/``. ``amqps://``
    speaks TLS, whose files stand in the URL as ``?ssl_ca_certs=/etc/ca.pem``. Several URLs with ``;`` between them are
    tried in turn.
    """

    servers: tuple[Server, ...]
    arguments: Mapping[str, Any]
    """What queues are declared with."""
    heartbeat: float | None
    client_name: str | None

    @property
    def shown(self) -> str:
        return ";".join(server.shown for server in self.servers)

    @classmethod
    def parse(cls, url: str, extra: Mapping[str, Any]) -> Place:
        """Raises ConfigurationError: no such option, or a URL that leads nowhere."""
        check_options(DRIVER, extra, OPTIONS)
        options = {**OPTIONS, **extra}
        heartbeat = options["heartbeat"]
        if heartbeat is not None and not heartbeat > 0:
            raise ConfigurationError(f"{DRIVER}: heartbeat is a number of seconds above 0")
        if not options["confirm_publish"]:
            raise ConfigurationError(f"{DRIVER}: confirm_publish cannot be switched off: unconfirmed messages get lost")
        servers = tuple(_server(each.strip()) for each in url.split(";") if each.strip())
        return cls(servers, _arguments(options), heartbeat, options["client_name"])


def _arguments(options: Mapping[str, Any]) -> Mapping[str, Any]:
    kind, priority = options["queue_type"], options["max_priority"]
    if kind not in (None, "classic", "quorum"):
        raise ConfigurationError(f"{DRIVER}: queue_type is 'classic' or 'quorum', not {kind!r}")
    if priority is not None and not (type(priority) is int and 1 <= priority <= 255):
        raise ConfigurationError(f"{DRIVER}: max_priority is a number from 1 to 255, not {priority!r}")
    if kind == "quorum" and priority:
        raise ConfigurationError(f"{DRIVER}: a quorum queue takes no max_priority")
    arguments = {"x-queue-type": kind if kind == "quorum" else None, "x-max-priority": priority}
    return {name: value for name, value in arguments.items() if value is not None}


def _server(url: str) -> Server:
    try:
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query))
        port = parts.port
    except ValueError as error:
        raise ConfigurationError(f"{DRIVER}: its URL is not amqp://user:password@host:port/vhost: {error}") from None
    check_options(f"{DRIVER} (in its URL)", query, _IN_URL)
    is_tls = parts.scheme == "amqps"
    tls = {name: value for name, value in query.items() if name.startswith("ssl_")}
    if tls and not is_tls:
        raise ConfigurationError(f"{DRIVER}: {min(tls)} is for amqps:// URLs, this one is without TLS")
    if tls.get("ssl_cert_reqs", "required").lower().removeprefix("cert_") not in _REQUIREMENTS:
        raise ConfigurationError(f"{DRIVER}: ssl_cert_reqs is none, optional or required")
    login = query.get("login_method", "PLAIN").upper()
    if login not in ("PLAIN", "EXTERNAL"):
        raise ConfigurationError(f"{DRIVER}: login_method is PLAIN or EXTERNAL, not {login!r}")
    path = unquote(parts.path)
    vhost = "/" if path in ("", "/", "//") else path.removeprefix("/")
    host, port = parts.hostname or "localhost", port or (5671 if is_tls else 5672)
    return Server(
        f"{parts.scheme}://{host}:{port}/{'' if vhost == '/' else vhost}",
        host,
        port,
        unquote(parts.username or "guest"),
        unquote(parts.password or "guest"),
        vhost,
        tls if is_tls else None,
        login == "EXTERNAL",
    )
