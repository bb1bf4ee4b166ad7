"""What Celery's rows have in common. Celery has no batch of its own but `group`."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from celery import group

from systems import celery_app
from systems.setup import Setup
from systems.system import System


class CelerySystem(System):
    def __init__(self, setup: Setup, **options: Any) -> None:
        super().__init__(setup, **options)
        self._sent: list[Any] = []

    def fill(self, number: int) -> None:
        self._sent = [celery_app.count.delay() for _ in range(number)]

    def waiting(self) -> int:
        if self.setup.broker == "filesystem":
            return sum(1 for _ in (self.setup.folder / "messages").iterdir())
        if self.setup.broker == "sqlalchemy":
            with sqlite3.connect(self.setup.folder / "broker.db", timeout=5) as connection:
                return int(connection.execute("SELECT count(*) FROM kombu_message WHERE visible").fetchone()[0])
        with celery_app.app.connection_for_read() as connection:
            return int(connection.default_channel.queue_declare("celery", passive=True).message_count)

    def stored(self) -> int | None:
        if self.setup.broker == "filesystem":
            return sum(1 for path in (self.setup.folder / "results").iterdir() if path.name.startswith("celery-task"))
        return sum(1 for result in self._sent if result.ready())

    def ways(self) -> Mapping[str, Callable[[int], None]]:
        def as_group(number: int) -> None:
            group(celery_app.count.s() for _ in range(number)).apply_async()

        return {"one by one": self.fill, "group": as_group}

    def trip(self, timeout: float) -> None:
        # In the process of a worker, even in another thread, Celery refuses to wait unless it is told so.
        celery_app.echo.delay(1).get(timeout=timeout, interval=celery_app.POLL, disable_sync_subtasks=False)

    def send_due(self, moments: Sequence[float]) -> None:
        for number, due in enumerate(moments):
            celery_app.late.apply_async((number, due), eta=datetime.fromtimestamp(due, UTC))
