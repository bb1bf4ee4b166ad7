"""Schedules: Celeriac's, with Celery's arguments."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from celeriac.schedules import crontab as _crontab
from celeriac.schedules import every
from celeriac_contrib.celery.absent import absent

__all__ = ("BaseSchedule", "ParseException", "schedstate", "schedule", "crontab", "maybe_schedule")

from celeriac.errors import ConfigurationError as ParseException


class schedstate(NamedTuple):
    """What Celery's schedules say of themselves: are they due, and when is the next look."""

    is_due: bool
    next: float


class BaseSchedule:
    """A base of schedules of one's own. Beat asks them `next_after`; Celery's `is_due` is asked nowhere."""

    def __init__(self, nowfun: Any = None, app: Any = None) -> None:
        self.nowfun = nowfun
        self._app = app

    def next_after(self, instant: float) -> float:
        """The first due instant strictly after `instant`, in Unix seconds."""
        raise NotImplementedError(f"{type(self).__name__} has to say in next_after when it is due")


class crontab(_crontab):
    """``crontab(minute=0, hour="*/3")``. Which app it is of, it learns from beat."""

    __slots__ = ()

    def __init__(
        self,
        minute: Any = "*",
        hour: Any = "*",
        day_of_week: Any = "*",
        day_of_month: Any = "*",
        month_of_year: Any = "*",
        nowfun: Any = None,
        app: Any = None,
        tz: Any = None,
    ) -> None:
        super().__init__(minute, hour, day_of_week, day_of_month, month_of_year, tz)


class schedule(every):
    """``schedule(run_every=30)``."""

    __slots__ = ()

    def __init__(
        self, run_every: Any = None, relative: bool = False, nowfun: Any = None, app: Any = None
    ) -> None:  # fmt: skip
        super().__init__(run_every)
        if relative:
            raise ParseException(
                "schedule(relative=True) is not here: the instants of every() are the same at each start"
            )


def maybe_schedule(s: Any, relative: bool = False, app: Any = None) -> Any:
    """The schedule that seconds or a timedelta stand for; anything else as it is."""
    if isinstance(s, (int, float, timedelta)) and not isinstance(s, bool):
        return schedule(s, relative, app=app)
    return s


def remaining(schedule: Any, after: datetime) -> timedelta:
    """The time from one instant to the next at which the schedule is due."""
    return timedelta(seconds=schedule.next_after(after.timestamp()) - after.timestamp())


__getattr__ = absent(__name__)
