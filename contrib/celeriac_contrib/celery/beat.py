"""Beat, as far as others name its classes. Celeriac's beat keeps its memory in a driver (setting ``beat_scheduler``); a
scheduler of Celery's kind cannot be one."""

from __future__ import annotations

from typing import Any

from celeriac.errors import ConfigurationError, SchedulerError
from celeriac_contrib.celery.absent import absent

__all__ = ("SchedulingError", "ScheduleEntry", "Scheduler")

SchedulingError = SchedulerError


class ScheduleEntry:
    """A row of the schedule: what is called, and when."""

    def __init__(
        self,
        name: str | None = None,
        task: str | None = None,
        last_run_at: Any = None,
        total_run_count: int | None = None,
        schedule: Any = None,
        args: Any = (),
        kwargs: Any = None,
        options: Any = None,
        relative: bool = False,
        app: Any = None,
    ) -> None:
        self.app = app
        self.name = name
        self.task = task
        self.args = args
        self.kwargs = kwargs or {}
        self.options = options or {}
        self.schedule = schedule
        self.last_run_at = last_run_at
        self.total_run_count = total_run_count or 0


class Scheduler:
    """The base of Celery's schedulers. It is named by packages that look for it; nothing here runs one.

    Raises:
        ConfigurationError: when one is made.
    """

    Entry = ScheduleEntry

    def __init__(self, app: Any = None, *_args: Any, **_options: Any) -> None:
        raise ConfigurationError(
            f"{type(self).__name__} is a scheduler of Celery's kind, which beat here does not run; leave beat to "
            "Celery, or use the scheduler 'file', which several beats may share"
        )

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        """Here beat fires by itself: the hook ``celeriac_beat_fired`` tells of it."""


__getattr__ = absent(__name__)
