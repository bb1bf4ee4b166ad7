"""Beat: publishes the tasks of the schedule when they are due."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from celeriac.call import AGAIN, CallOptions
from celeriac.drivers import make_scheduler
from celeriac.errors import ConfigurationError, TransportError
from celeriac.specs.scheduler import Entry, Firing

if TYPE_CHECKING:
    from celeriac.app import Celeriac
    from celeriac.specs.scheduler import Scheduler

logger = logging.getLogger("celeriac.beat")

PERIODIC_TASK_NAME = "periodic_task_name"
"""Celery's header that tells a task which entry called it."""


class Beat:
    """One beat process. A firing's task id is made from its entry and instant, and its message says that it may be a
    second one: should two beats fire the same, the task still runs once."""

    def __init__(self, app: Celeriac, *, scheduler: str | None = None, location: str | None = None) -> None:
        self.app = app
        self._max_interval: float = app.conf.beat_max_loop_interval
        self._wake = threading.Event()
        self._stopping = False
        self._scheduler: Scheduler = make_scheduler(
            app, scheduler or app.conf.beat_scheduler, location or app.conf.beat_schedule_filename
        )

    def run(self) -> None:
        """Fire until `stop`.

        Raises:
            ConfigurationError: an entry of the schedule is wrong; it is named.
        """
        self.app.load_tasks()
        if self.app.hooks.beat_init:
            self.app.hooks.beat_init(app=self.app)
        self._scheduler.set_entries([self._entry(name, value) for name, value in self.app.beat_entries.items()])
        logger.info("beat: %d entries", len(self._scheduler.entries()))
        try:
            while not self._stopping:
                self._wake.wait(self.tick())
                self._wake.clear()
        finally:
            self._scheduler.close()

    def tick(self) -> float:
        """Fire what is due; the seconds until there is more to do."""
        try:
            for firing in self._scheduler.due():
                self.fire(firing)
        except TransportError as error:
            logger.error("cannot publish: %s; trying again", error)
            return 1.0
        upcoming = self._scheduler.next_due()
        if upcoming is None:
            return self._max_interval
        return min(max(upcoming - self.app.clock.time(), 0.0), self._max_interval)

    def fire(self, firing: Firing) -> None:
        """Publish one firing and remember it."""
        entry = firing.entry
        headers = {**entry.options.get("headers", {}), PERIODIC_TASK_NAME: entry.name, AGAIN: True}
        options: CallOptions = {**entry.options, "task_id": firing.id, "headers": headers}  # type: ignore[typeddict-item]
        self.app.send_task(entry.task, entry.args, entry.kwargs, **options)
        self._scheduler.done(firing)
        logger.info("fired %s: %s[%s]", entry.name, entry.task, firing.id)
        if self.app.hooks.beat_fired:
            self.app.hooks.beat_fired(app=self.app, firing=firing)

    def stop(self) -> None:
        """End `run` after the firing at hand. From any thread, but not from a signal handler: `run` may hold the lock
        that this takes."""
        self._stopping = True
        self._wake.set()

    def _entry(self, name: str, value: Mapping[str, Any]) -> Entry:
        from celeriac.nearest import did_you_mean

        unknown = sorted(value.keys() - _FIELDS)
        if unknown:
            raise ConfigurationError(
                f"beat entry {name!r} has no field {unknown[0]!r}{did_you_mean(unknown[0], _FIELDS)}"
            )
        missing = sorted({"task", "schedule"} - value.keys())
        if missing:
            raise ConfigurationError(f"beat entry {name!r} lacks {missing[0]!r}")
        return Entry(
            name,
            value["task"],
            _schedule(name, value["schedule"], self.app),
            tuple(value.get("args") or ()),
            dict(value.get("kwargs") or {}),
            dict(value.get("options") or {}),
        )


_FIELDS = frozenset({"task", "schedule", "args", "kwargs", "options"})


def _schedule(name: str, value: Any, app: Celeriac) -> Any:
    from celeriac.schedules import crontab, every

    if isinstance(value, (int, float, timedelta)) and not isinstance(value, bool):
        return every(value)
    if isinstance(value, str):
        return crontab.from_string(value, tz=app.timezone)
    if isinstance(value, crontab):
        return value.in_zone(app.timezone)
    if hasattr(value, "next_after"):
        return value
    raise ConfigurationError(
        f"beat entry {name!r}: its schedule is seconds, a timedelta, a crontab, a cron text such as '*/5 * * * *', "
        f"or an object with next_after; not {value!r}"
    )
