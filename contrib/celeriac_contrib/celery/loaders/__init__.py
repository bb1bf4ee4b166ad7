"""Loaders: what imports a project's modules."""

from __future__ import annotations

from typing import Any

from celeriac_contrib.celery.absent import absent

__all__ = ("get_loader_cls",)

LOADER_ALIASES = {
    "app": "celeriac_contrib.celery.loaders.app:AppLoader",
    "default": "celeriac_contrib.celery.loaders.default:Loader",
}


def get_loader_cls(loader: Any) -> Any:
    """The class of a loader: by its short name, its dotted name, or itself."""
    from celeriac_contrib.celery.utils.imports import symbol_by_name

    return symbol_by_name(loader, LOADER_ALIASES)


__getattr__ = absent(__name__)
