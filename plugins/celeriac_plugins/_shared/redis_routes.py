"""Which server to connect to: the one that was named, the one that Sentinels name, the one of a cluster's slot.

Asked anew for each connection, so that a new one follows a failover.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Address = tuple[str, int]


class Route(Protocol):
    """How to get to the server. Its text says all of it that matters, but for secrets."""

    is_direct: bool
    """Whether what it leads to is what was named; otherwise it has to be a primary."""

    def find(self, kind: type[Any], arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """The arguments with which to connect. It may take as long as ``socket_timeout`` in them says.

        Raises:
            RedisError, OSError: there is no such server now.
        """
        ...


@dataclass(frozen=True, slots=True)
class Direct:
    """To the server that the URL names."""

    is_direct = True

    def find(self, kind: type[Any], arguments: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG002
        return arguments


@dataclass(frozen=True)
class BySentinels:
    """To the primary of that name, as Redis Sentinels have agreed."""

    sentinels: tuple[Address, ...]
    master_name: str
    min_other_sentinels: int
    sentinel_kwargs: Mapping[str, Any]
    is_direct = False

    def find(self, kind: type[Any], arguments: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG002
        from redis.backoff import NoBackoff
        from redis.retry import Retry
        from redis.sentinel import MasterNotFoundError, Sentinel

        make: Any = Sentinel  # it has no types
        patience = arguments["socket_timeout"] / len(self.sentinels)
        own = {"socket_timeout": patience, "socket_connect_timeout": patience, "retry": Retry(NoBackoff(), 0)}
        asked = make(self.sentinels, self.min_other_sentinels, {**own, **self.sentinel_kwargs})
        try:
            host, port = asked.discover_master(self.master_name)
        except MasterNotFoundError:  # its text may have passwords in it
            where = ", ".join(f"{host}:{port}" for host, port in self.sentinels)
            raise ConnectionError(
                f"no Sentinel of {where} names a primary {self.master_name!r} that is up; "
                "are they reached, is master_name right, do they want a password (sentinel_kwargs)?"
            ) from None
        finally:
            for each in asked.sentinels:
                each.close()
        return {**arguments, "host": host, "port": int(port)}


@dataclass(frozen=True)
class ByCluster:
    """To the node that holds the slot of our keys: all begin alike, so that they are in one."""

    nodes: tuple[Address, ...]
    prefix: str
    is_direct = False

    def find(self, kind: type[Any], arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        from redis.crc import key_slot
        from redis.exceptions import RedisError

        patience = arguments["socket_timeout"] / len(self.nodes)
        failures: list[str] = []
        for host, port in self.nodes:
            own = {"host": host, "port": port, "socket_timeout": patience, "socket_connect_timeout": patience}
            try:
                slots = _ask(kind(**{**arguments, **own}), "CLUSTER", "SLOTS")
            except (RedisError, OSError) as error:
                failures.append(f"{host}:{port}: {error}")
                continue
            owner = _owner(slots, key_slot(self.prefix.encode()))
            if owner is not None:
                return {**arguments, "host": owner[0] or host, "port": owner[1]}
            failures.append(f"{host}:{port}: nobody holds the slot of {self.prefix!r}")
        raise ConnectionError("; ".join(failures))


def _ask(connection: Any, *command: str) -> Any:
    try:
        connection.connect()
        connection.send_command(*command)
        return connection.read_response()
    finally:
        connection.disconnect()


def _owner(slots: Sequence[Any], slot: int) -> Address | None:
    for first, last, (host, port, *_), *_replicas in slots:
        if first <= slot <= last:
            return (host.decode() if isinstance(host, bytes) else host or ""), int(port)
    return None
