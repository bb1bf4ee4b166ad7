"""Mappings."""

from __future__ import annotations

from collections import ChainMap, OrderedDict
from collections.abc import Mapping
from typing import Any

from celeriac_contrib.celery.absent import absent

__all__ = (
    "AttributeDictMixin",
    "AttributeDict",
    "DictAttribute",
    "ChainMap",
    "OrderedDict",
    "force_mapping",
    "lpmerge",
)


class AttributeDictMixin:
    """Items as attributes."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]  # type: ignore[index]
        except KeyError:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value  # type: ignore[index]


class AttributeDict(dict[str, Any], AttributeDictMixin):
    """A dict whose items are attributes too."""


class DictAttribute:
    """An object whose attributes are items too."""

    def __init__(self, obj: Any) -> None:
        object.__setattr__(self, "obj", obj)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.obj, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.obj, name, value)

    def __getitem__(self, name: str) -> Any:
        try:
            return getattr(self.obj, name)
        except AttributeError:
            raise KeyError(name) from None

    def __setitem__(self, name: str, value: Any) -> None:
        setattr(self.obj, name, value)

    def __contains__(self, name: object) -> bool:
        return hasattr(self.obj, str(name))

    def get(self, name: str, default: Any = None) -> Any:
        return getattr(self.obj, name, default)

    def keys(self) -> list[str]:
        return dir(self.obj)


def force_mapping(m: Any) -> Any:
    """The object as something with items."""
    return m if isinstance(m, Mapping) else DictAttribute(m)


def lpmerge(L: dict[str, Any], R: Mapping[str, Any]) -> dict[str, Any]:
    """The first with what the second has that is not None."""
    L.update({key: value for key, value in R.items() if value is not None})
    return L


__getattr__ = absent(__name__)
