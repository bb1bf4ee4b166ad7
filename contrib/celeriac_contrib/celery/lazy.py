"""Names that are fetched when they are asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from celeriac_contrib.celery.absent import HOME, absent
from celeriac_contrib.celery.tree import MODULES


def lazily(module: str) -> tuple[tuple[str, ...], Callable[[str], Any]]:
    """A module's ``__all__`` and ``__getattr__``, from its row in `tree.MODULES`."""
    names = MODULES[module.removeprefix(HOME).removeprefix(".")]
    missing = absent(module)

    def fetch(name: str) -> Any:
        place = names.get(name)
        if place is None:
            return missing(name)
        home, _, attribute = place.partition(":")
        value = getattr(import_module(home[1:] if home.startswith("=") else f"{HOME}.{home}"), attribute)
        setattr(sys.modules[module], name, value)
        return value

    return tuple(names), fetch
