"""Pools: drivers, by their names."""

from __future__ import annotations

from typing import Any

from celeriac.kinds import POOL
from celeriac.registry import Registry
from celeriac_contrib.celery.absent import absent
from celeriac_contrib.celery.face import POOLS

__all__ = ("get_implementation", "get_available_pool_names")


def get_implementation(cls: Any) -> Any:
    """The driver of that name."""
    return Registry().load(POOL, POOLS.get(cls, cls)) if isinstance(cls, str) else cls


def get_available_pool_names() -> tuple[str, ...]:
    """The names of the drivers that are installed."""
    return tuple(Registry().names(POOL))


__getattr__ = absent(__name__)
