"""Automatic retries by Celery's options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from celeriac_contrib.celery.absent import absent


def with_celerys_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """A task's options with ``retry_kwargs`` taken apart: what it says of automatic retries are attributes here."""
    options = dict(options)
    retry_kwargs = options.get("retry_kwargs") or {}
    if "max_retries" in retry_kwargs:
        options.setdefault("max_retries", retry_kwargs["max_retries"])
    if "countdown" in retry_kwargs and not options.get("retry_backoff"):
        options.setdefault("default_retry_delay", retry_kwargs["countdown"])
    if "autoretry_for" in options:
        options["autoretry_for"] = tuple(options["autoretry_for"])
    if "dont_autoretry_for" in options:
        options["dont_autoretry_for"] = tuple(options["dont_autoretry_for"])
    if "throws" in options and not isinstance(options["throws"], tuple):
        throws = options["throws"]
        options["throws"] = tuple(throws) if isinstance(throws, (list, set)) else (throws,)
    return options


def add_autoretry_behaviour(task: Any, **options: Any) -> None:
    """Give a task automatic retries after it was made."""
    for name, value in with_celerys_options(options).items():
        setattr(task, name, value)


__getattr__ = absent(__name__)
