"""Exchanges and routing keys: AMQP's way to name queues, worked out where the message is published.

A call may name an exchange and a routing key instead of a queue. Which queues they lead to stands in ``task_queues``.
No transport needs exchanges for that, and on none is there a difference.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from celeriac.errors import ConfigurationError

if TYPE_CHECKING:
    from celeriac.app import Celeriac

TYPES = ("direct", "topic", "fanout")


@dataclass(frozen=True)
class Exchange:
    """``Exchange("media", type="topic")``. A direct one compares routing keys, a topic one knows ``*`` for a word and
    ``#`` for any number of words, a fanout one looks at none."""

    name: str
    type: str | None = None


@dataclass(frozen=True)
class Queue:
    """``Queue("images", Exchange("media", "topic"), routing_key="image.#")``, an entry of ``task_queues``."""

    name: str
    exchange: Exchange | str | None = None
    routing_key: str | None = None


class Bindings:
    """Which queues the messages of an exchange go to, by ``task_queues``."""

    def __init__(self, app: Celeriac) -> None:
        conf = app.conf
        self._default: str = conf.task_default_exchange or conf.task_default_queue
        self._types: dict[str, str] = {}
        self._bound: dict[str, list[tuple[re.Pattern[str], str]]] = {}
        queues = conf.task_queues or []
        for queue in queues:
            self._learn_type(queue, conf.task_default_exchange_type)
        for queue in queues:
            key = queue.get("routing_key") or conf.task_default_routing_key or queue["name"]
            exchange = self._exchange(queue)
            self._bound.setdefault(exchange, []).append((_pattern(self._types[exchange], key), queue["name"]))

    def _exchange(self, queue: Mapping[str, Any]) -> str:
        exchange = queue.get("exchange") or self._default
        return exchange["name"] if isinstance(exchange, Mapping) else getattr(exchange, "name", exchange)

    def _learn_type(self, queue: Mapping[str, Any], default: str) -> None:
        exchange = queue.get("exchange")
        inner = exchange.get("type") if isinstance(exchange, Mapping) else getattr(exchange, "type", None)
        given = queue.get("exchange_type") or inner
        if given is not None and given not in TYPES:
            raise ConfigurationError(
                f"queue {queue['name']!r} of task_queues: no exchange is of type {given!r}; they are {', '.join(TYPES)}"
            )
        name = self._exchange(queue)
        if given is not None and self._types.get(name, given) != given and queue.get("exchange"):
            raise ConfigurationError(
                f"the exchange {name!r} has two types in task_queues: {self._types[name]} and {given}"
            )
        self._types[name] = given or self._types.get(name, default)

    def queues(self, exchange: str | None, key: str | None) -> list[str]:
        """The queues of a call, at least one. An exchange that ``task_queues`` does not know leads to the queue that is
        named like the routing key, or like itself.

        Raises:
            ConfigurationError: no queue is bound to the exchange with a fitting key.
        """
        name = exchange or self._default
        bound = self._bound.get(name)
        found = list(dict.fromkeys(queue for pattern, queue in bound or () if pattern.fullmatch(key or "")))
        if found:
            return found
        if exchange and bound:
            raise ConfigurationError(
                f"no queue of task_queues is bound to the {self._types[name]} exchange {name!r} by a key for {key!r}"
            )
        return [key or name]


def _pattern(kind: str, key: str) -> re.Pattern[str]:
    if kind == "fanout":
        return re.compile(".*", re.DOTALL)
    if kind == "direct":
        return re.compile(re.escape(key))
    return re.compile(_topic(key.split(".")))


def _topic(words: Iterable[str]) -> str:
    """Words with dots between; one that is ``#`` may stand for none, and takes its dot along."""
    pattern = ""
    for word in words:
        if word == "#":
            pattern += r"(?:(?:^|\.)[^.]+)*"
        else:
            pattern += r"(?:^|\.)" + (r"[^.]+" if word == "*" else re.escape(word))
    return pattern
