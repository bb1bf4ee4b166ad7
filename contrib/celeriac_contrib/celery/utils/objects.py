"""Objects."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from celeriac_contrib.celery.absent import absent

__all__ = ("Bunch", "FallbackContext", "cached_property", "mro_lookup")


class Bunch:
    """Attributes and nothing else."""

    def __init__(self, **kwargs: Any) -> None:
        self.__dict__.update(kwargs)


class FallbackContext:
    """``with`` an object that is given, or one that is made for the length of the block."""

    def __init__(self, provided: Any, fallback: Any, *fb_args: Any, **fb_kwargs: Any) -> None:
        self.provided = provided
        self._make: Any = lambda: fallback(*fb_args, **fb_kwargs)
        self._made: Any = None

    def __enter__(self) -> Any:
        if self.provided is not None:
            return self.provided
        self._made = self._make()
        return self._made.__enter__()

    def __exit__(self, *error: object) -> Any:
        if self._made is not None:
            return self._made.__exit__(*error)
        return None


def mro_lookup(cls: type, attr: str, stop: Any = None, monkey_patched: Any = None) -> Any:
    """The first class in the order of resolution that has the attribute itself."""
    return next((each for each in cls.__mro__ if each not in (stop or ()) and attr in each.__dict__), None)


__getattr__ = absent(__name__)
