"""What an import of something that is not here ends in: an error that says what to use instead."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

from celeriac_contrib.celery.missing import MODULES, NAMES

HOME = "celeriac_contrib.celery"


class NotInTheFace(ImportError):
    """A name of Celery that its face on Celeriac does not have; the text says what to use instead."""


def advice(module: str) -> str | None:
    """Why a module of Celery (without ``celery.``) is not here, and what to use instead; None for one that is."""
    for pattern, reason in MODULES.items():
        if fnmatchcase(module, pattern):
            return reason
    return None


def advice_on_name(module: str, name: str) -> str | None:
    """The same for a name in a module (``""`` is ``celery`` itself)."""
    return NAMES.get(f"{module}:{name}") or NAMES.get(f"{module}:*")


def absent(module: str) -> Callable[[str], Any]:
    """A module's ``__getattr__``: nothing is found, and what Celery has there is explained.

    Raises:
        NotInTheFace: Celery has the name, and we have not.
        AttributeError: nobody has it.
    """
    place = module.removeprefix(HOME).removeprefix(".")

    def missing(name: str) -> Any:
        reason = None if name.startswith("__") else NAMES.get(f"{place}:{name}")
        if reason is not None:
            where = f"celery.{place}" if place else "celery"
            raise NotInTheFace(f"{where}.{name} is not here: {reason}", name=where)
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    return missing
