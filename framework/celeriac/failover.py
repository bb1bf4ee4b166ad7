"""Several brokers, of which one is used: the next one when that does not answer."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

from celeriac.errors import ConfigurationError, DriverError
from celeriac.kinds import TRANSPORT
from celeriac.settings.urls import split_scheme

if TYPE_CHECKING:
    from celeriac.registry import Registry


class Failover:
    """The URLs of one broker setting, and which of them is in use. Strategies have Celery's names."""

    def __init__(self, urls: Sequence[str], strategy: Any = "round-robin") -> None:
        self.urls = list(urls)
        self._next = _strategy(strategy)(self.urls)
        self.url = next(self._next)

    def __len__(self) -> int:
        return len(self.urls)

    def advance(self) -> str:
        """Go on to another URL than the one in use, where there is one."""
        for _ in range(2 * len(self.urls)):
            chosen = next(self._next)
            if chosen != self.url:
                self.url = chosen
                break
        return self.url


def split_urls(registry: Registry, url: str) -> list[str]:
    """The URLs in a setting. Those of a driver that tries its servers in turn by itself stay one."""
    parts = [part.strip() for part in url.split(";") if part.strip()]
    if len(parts) < 2 or not all("://" in part for part in parts):
        return [url]
    scheme = split_scheme(url)[0]
    try:
        driver: Any = registry.load(TRANSPORT, registry.for_scheme(TRANSPORT, scheme))
    except DriverError:
        return parts  # told when the transport is made
    return [url] if scheme in driver.failover else parts


def _shuffle(urls: list[str]) -> Iterator[str]:
    while True:
        yield from random.sample(urls, len(urls))


_STRATEGIES: dict[str, Callable[[list[str]], Iterator[str]]] = {"round-robin": cycle, "shuffle": _shuffle}


def _strategy(strategy: Any) -> Callable[[list[str]], Iterator[str]]:
    if callable(strategy):
        return lambda urls: iter(strategy(urls))
    if strategy in _STRATEGIES:
        return _STRATEGIES[strategy]
    if "." not in strategy and ":" not in strategy:
        raise ConfigurationError(
            f"broker_failover_strategy is 'round-robin', 'shuffle', or a function; not {strategy!r}"
        )
    from celeriac.registry import load_object

    return _strategy(load_object(strategy if ":" in strategy else ":".join(strategy.rsplit(".", 1))))
