"""The worker as a program of one's own starts it."""

from __future__ import annotations

from typing import Any

from celeriac.worker import Worker as NativeWorker
from celeriac_contrib.celery.absent import absent
from celeriac_contrib.celery.face import POOLS

__all__ = ("Worker",)


class Worker(NativeWorker):
    """``app.Worker(concurrency=4, queues="a,b", loglevel="INFO").start()``."""

    def __init__(
        self,
        app: Any = None,
        hostname: str | None = None,
        concurrency: int | None = None,
        pool: str | None = None,
        queues: Any = None,
        pool_cls: str | None = None,
        **_options: Any,
    ) -> None:
        from celeriac_contrib.celery._state import app_or_default

        named = pool or pool_cls
        queues = queues.split(",") if isinstance(queues, str) else queues
        pool = POOLS.get(named, named) if named else None
        super().__init__(app_or_default(app), pool=pool, concurrency=concurrency, queues=queues, hostname=hostname)

    def start(self) -> None:
        """Work until stopped."""
        self.exitcode = self.run()


__getattr__ = absent(__name__)
