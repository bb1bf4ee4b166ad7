"""The loader of apps."""

from __future__ import annotations

from celeriac_contrib.celery.absent import absent
from celeriac_contrib.celery.loaders.base import BaseLoader

__all__ = ("AppLoader",)


class AppLoader(BaseLoader):
    """The one that apps have."""


__getattr__ = absent(__name__)
