"""Whatever kombu can reach, for instance SQS as ``kombu+sqs://``: the same queues as Celery's. See docs/kombu.md."""

from __future__ import annotations

from .transport import KombuTransport

__all__ = ["KombuTransport"]
