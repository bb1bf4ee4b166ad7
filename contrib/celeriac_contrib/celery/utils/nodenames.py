"""Names of workers."""

from __future__ import annotations

import os
import socket
from typing import Any

from celeriac_contrib.celery.absent import absent

__all__ = (
    "worker_direct",
    "gethostname",
    "nodename",
    "anon_nodename",
    "nodesplit",
    "default_nodename",
    "node_format",
    "host_format",
)

NODENAME_DEFAULT = "celery"


def gethostname() -> str:
    """The host's name."""
    return socket.gethostname()


def worker_direct(hostname: Any) -> Any:
    """The name of a worker's own queue."""
    return hostname if not isinstance(hostname, str) else f"{hostname}.dq2"


def nodename(name: str, hostname: str | None) -> str:
    """``name@hostname``."""
    return f"{name}@{hostname}"


def anon_nodename(hostname: str | None = None, prefix: str = "gen") -> str:
    """A name for a process that has none."""
    return nodename(f"{prefix}{os.getpid()}", hostname or gethostname())


def nodesplit(name: str) -> tuple[str | None, str]:
    """The two parts of a name; the first is None where there is only a host."""
    first, at, rest = name.partition("@")
    return (first, rest) if at else (None, first)


def default_nodename(hostname: str | None) -> str:
    """The name of a worker that was given a host, a name, or nothing."""
    name, host = nodesplit(hostname or "")
    return nodename(name or NODENAME_DEFAULT, host or gethostname())


def node_format(s: str, name: str, **extra: Any) -> str:
    """A text with ``%n``, ``%h``, ``%d`` filled in from a worker's name."""
    short, host = nodesplit(name)
    return host_format(s, host, short or NODENAME_DEFAULT, **extra)


def host_format(s: str, host: str | None = None, name: str | None = None, **extra: Any) -> str:
    """The same from a host."""
    host = host or gethostname()
    label, _, domain = host.partition(".")
    filled = {"h": host, "n": name or label, "d": domain, "i": "%i", "I": "%I", **extra}
    for key, value in filled.items():
        s = s.replace(f"%{key}", str(value))
    return s.replace("%%", "%")


__getattr__ = absent(__name__)
