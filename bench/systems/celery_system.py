"""What Celery's rows have in common. Celery has no batch of its own but `group`."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from celery import chain, chord, group

from systems import celery_app
from systems.celery_app import tasks
from systems.floors.amqp import ready
from systems.redis_look import RedisLook
from systems.setup import Setup
from systems.system import Arguments, Flow, System


class CelerySystem(System):
    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self.sees_held = setup.broker != "rabbitmq"
        self._look = RedisLook(setup.redis) if setup.redis else None
        self._sent: list[Any] = []

    def call(self, body: str, **arguments: Any) -> Any:
        return tasks[body].delay(**arguments)

    def call_many(self, body: str, calls: Sequence[Arguments]) -> None:
        self._sent = [self.call(body, **arguments) for arguments in calls]

    def call_at(self, moment: float, body: str, **arguments: Any) -> None:
        tasks[body].apply_async(kwargs=arguments, eta=datetime.fromtimestamp(moment, UTC))

    def result(self, call: Any, timeout: float) -> Any:
        # In the process of a worker, even in another thread, Celery refuses to wait unless it is told so.
        return call.get(timeout=timeout, interval=celery_app.POLL, disable_sync_subtasks=False)

    def waiting(self) -> int:
        broker, folder = self.setup.broker, self.setup.folder
        if broker == "rabbitmq":
            return ready(self.setup.rabbitmq, "celery")
        if self._look:
            return int(self._look.client.llen("celery") + self._look.client.hlen("unacked"))
        if broker == "filesystem":
            return sum(1 for _ in (folder / "messages").iterdir())
        if broker == "sqlalchemy":
            with sqlite3.connect(folder / "broker.db", timeout=5) as connection:
                return int(connection.execute("SELECT count(*) FROM kombu_message WHERE visible").fetchone()[0])
        with celery_app.app.connection_for_read() as connection:
            return int(connection.default_channel.queue_declare("celery", passive=True).message_count)

    def stored(self) -> int | None:
        if self._look:
            return self._look.keys("celery-task-meta-*")
        if self.setup.broker == "filesystem":
            return sum(1 for path in (self.setup.folder / "results").iterdir() if path.name.startswith("celery-task"))
        return sum(1 for result in self._sent if result.ready())

    def ways(self) -> Mapping[str, Callable[[int], None]]:
        def as_group(number: int) -> None:
            group(tasks["count"].s() for _ in range(number)).apply_async()

        return {**super().ways(), "group": as_group}

    def flows(self) -> Mapping[str, Flow]:
        echo, add, step = tasks["echo"], tasks["add"], tasks["step"]

        def run_group(number: int, timeout: float) -> None:
            assert self.result(group(echo.s(1) for _ in range(number)).delay(), timeout) == [1] * number

        def run_chord(number: int, timeout: float) -> None:
            assert self.result(chord([echo.s(1) for _ in range(number)], add.s()).delay(), timeout) == number

        def run_chain(number: int, timeout: float) -> None:
            assert self.result(chain(step.s(0), *(step.s() for _ in range(number - 1))).delay(), timeout) == number

        return {"group": run_group, "chord": run_chord, "chain": run_chain}

    def close(self) -> None:
        if self._look:
            self._look.close()
