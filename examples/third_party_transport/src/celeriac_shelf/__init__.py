"""Celeriac queues in one plain file: ``shelf:///srv/shop/queue.shelf``."""

from __future__ import annotations

from celeriac_shelf.transport import ShelfTransport

__all__ = ["ShelfTransport"]
