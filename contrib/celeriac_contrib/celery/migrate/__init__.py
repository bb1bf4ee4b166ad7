"""``celeriac migrate``: what a Celery project uses, and whether that is here."""

from __future__ import annotations

from celeriac_contrib.celery.migrate.command import migrate

__all__ = ("migrate",)
