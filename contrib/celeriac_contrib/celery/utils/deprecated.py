"""Warnings of what goes."""

from __future__ import annotations

import warnings
from typing import Any

from celeriac_contrib.celery.absent import absent
from celeriac_contrib.celery.exceptions import CDeprecationWarning, CPendingDeprecationWarning

__all__ = ("warn",)


def warn(
    description: str | None = None,
    deprecation: str | None = None,
    removal: str | None = None,
    alternative: str | None = None,
    stacklevel: int = 2,
) -> None:
    """Warn that something goes in the release `removal`, or will go after `deprecation`."""
    kind: Any = CDeprecationWarning if removal is not None else CPendingDeprecationWarning
    text = f"{description} is deprecated; it goes in version {removal or deprecation}"
    warnings.warn(f"{text}. {alternative or ''}".rstrip(), category=kind, stacklevel=stacklevel + 1)


__getattr__ = absent(__name__)
