"""Rules in time for beat: `every` so many seconds, or at the minutes that a `crontab` names.

Each is a `celeriac.specs.scheduler.Schedule`: a fixed set of instants, the same for every process that asks, so that
two schedulers agree on what is due without talking to each other. Each has a `repr` that two rules share exactly when
they are equal; schedulers remember it to notice a change.
"""

from __future__ import annotations

import math
from calendar import monthrange
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from difflib import get_close_matches
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from celeriac.errors import ConfigurationError

CronSpec = int | str | Iterable[int | str]
"""A field of a crontab: ``5``, ``"*/15"``, ``"mon-fri"``, ``[0, 30]``."""

_MICRO = 1_000_000
_MINUTE = timedelta(minutes=1)
_DAY = 86400
_YEARS = 41
"""How far to look for a date: a 29 February on a given weekday is 40 years away when a year like 2100 lies between."""


class every:  # noqa: N801 (reads as a word: every(30))
    """Fires every so many seconds.

    The instants are the multiples of the interval since 1970-01-01T00:00Z, so ``every(3600)`` fires on the hour:
    however often beat restarts, and whichever of several beats fires, the instants stay the same. For a time of day,
    use `crontab`.
    """

    __slots__ = ("_micros",)

    def __init__(self, run_every: float | timedelta) -> None:
        if isinstance(run_every, bool) or not isinstance(run_every, int | float | timedelta):
            raise ConfigurationError(f"run_every takes seconds or a timedelta, not {run_every!r}")
        seconds = run_every.total_seconds() if isinstance(run_every, timedelta) else run_every
        if not (math.isfinite(seconds) and seconds * _MICRO >= 1):
            raise ConfigurationError(f"run_every={run_every!r} is no interval; it takes at least 0.000001 seconds")
        self._micros = round(seconds * _MICRO)

    @property
    def run_every(self) -> timedelta:
        return timedelta(microseconds=self._micros)

    @property
    def seconds(self) -> float:
        return self._micros / _MICRO

    def next_after(self, instant: float) -> float:
        """The first due instant strictly after `instant`, in Unix seconds."""
        due = round(instant * _MICRO) // self._micros * self._micros
        while due / _MICRO <= instant:
            due += self._micros
        return due / _MICRO

    def __eq__(self, other: object) -> bool:
        return self._micros == other._micros if isinstance(other, every) else NotImplemented

    def __hash__(self) -> int:
        return hash((every, self._micros))

    def __repr__(self) -> str:
        return f"every({self.seconds!r})"


schedule = every
"""Celery's name for it: ``schedule(run_every=30)``."""


class crontab:  # noqa: N801 (Celery's name)
    """Fires at every minute that fits all five fields. (Unlike cron, which is content with either of the day fields.)

    A field is a number, a text or several of them. The text has Celery's grammar: ``*``, ``5``, ``1-5``, ``*/15``,
    ``8-18/2``, any of these with commas between; a range may wrap around (``22-4``, ``fri-mon``). Days of the week are
    0 (Sunday) to 6 or names, months 1 to 12 or names; of a name the first three letters count.

    `tz` is the zone whose clocks count, by name or as a tzinfo; None leaves it to the app's timezone (`in_zone`), and
    means UTC until then. Where clocks change:

    - A rule for certain hours fires once for each time on the clock. A time that the clocks jump over fires right after
      the jump; one that comes twice fires the first time.
    - A rule for every hour follows the hours that really pass: nothing extra after the jump, and twice in the hour that
      comes twice.
    """

    __slots__ = ("_key", "_tz", "day_of_month", "day_of_week", "hour", "minute", "month_of_year")

    def __init__(
        self,
        minute: CronSpec = "*",
        hour: CronSpec = "*",
        day_of_week: CronSpec = "*",
        day_of_month: CronSpec = "*",
        month_of_year: CronSpec = "*",
        tz: tzinfo | str | None = None,
    ) -> None:
        self.minute = _MINUTES.parse(minute)
        self.hour = _HOURS.parse(hour)
        self.day_of_week = _WEEKDAYS.parse(day_of_week)
        self.day_of_month = _DAYS.parse(day_of_month)
        self.month_of_year = _MONTHS.parse(month_of_year)
        self._tz = _zone(tz) if isinstance(tz, str) else tz
        self._key = (*(getattr(self, field.name) for field in _FIELDS), None if tz is None else str(self._tz))

    @classmethod
    def from_string(cls, text: str, tz: tzinfo | str | None = None) -> crontab:
        """From a line as in a crontab file: ``minute hour day_of_month month_of_year day_of_week``."""
        fields = text.split()
        if len(fields) != len(_FIELDS):
            wanted = "minute hour day_of_month month_of_year day_of_week"
            raise ConfigurationError(f"a crontab takes 5 fields ({wanted}), {text!r} has {len(fields)}")
        minute, hour, day_of_month, month_of_year, day_of_week = fields
        return cls(minute, hour, day_of_week, day_of_month, month_of_year, tz)

    @property
    def tz(self) -> tzinfo:
        return self._tz or UTC

    def in_zone(self, tz: tzinfo | str) -> crontab:
        """This rule by the clocks of `tz`, or the rule itself if it has a zone of its own."""
        if self._tz is not None:
            return self
        return crontab(self.minute, self.hour, self.day_of_week, self.day_of_month, self.month_of_year, tz)

    def next_after(self, instant: float) -> float | None:
        """The first due instant strictly after `instant`, in Unix seconds; None when the date never comes."""
        # whole seconds: rounding up to the next minute would step over it
        now = datetime.fromtimestamp(math.floor(instant), self.tz)
        wall = now.replace(tzinfo=None, second=0, fold=0)
        every_hour = len(self.hour) == 24
        dues = (self._due(each, every_hour) for each in self._walls(wall + _MINUTE))
        first = next((due for due in dues if due is not None and due > instant), None)
        again = self._second_time(wall, instant) if every_hour else None
        return min((due for due in (first, again) if due is not None), default=None)

    def _due(self, wall: datetime, every_hour: bool) -> float | None:
        """When the clocks show `wall`, for the first time if twice; if never: right after the jump, or never."""
        due = wall.replace(tzinfo=self.tz).timestamp()
        if self._shown_at(due) == wall:
            return due
        return None if every_hour else self._jump(wall, due)

    def _second_time(self, wall: datetime, instant: float) -> float | None:
        """The first due instant after `instant` at which the clocks, set back, show what they showed once before, as
        far as that lies around `wall`, what they show now."""
        back = self._offset(instant - _DAY) - self._offset(instant + _DAY)
        if back <= timedelta(0):
            return None
        for each in self._walls(wall - back):
            if each > wall + back:
                break
            due = each.replace(tzinfo=self.tz, fold=1).timestamp()
            if due > instant and due != each.replace(tzinfo=self.tz).timestamp() and self._shown_at(due) == each:
                return due
        return None

    def _jump(self, wall: datetime, after: float) -> float:
        """The instant of the jump over `wall`; `after` is one soon after it, by the clocks as they went before."""
        before = int(wall.replace(tzinfo=self.tz, fold=1).timestamp())
        old, low, high = self._offset(before), before, math.ceil(after)
        while high - low > 1:
            middle = (low + high) // 2
            if self._offset(middle) == old:
                low = middle
            else:
                high = middle
        return float(high)

    def _offset(self, instant: float) -> timedelta:
        return datetime.fromtimestamp(instant, self.tz).utcoffset() or timedelta(0)

    def _shown_at(self, instant: float) -> datetime:
        return datetime.fromtimestamp(instant, self.tz).replace(tzinfo=None, fold=0)

    def _walls(self, start: datetime) -> Iterator[datetime]:
        """The times on the clock that fit, from `start` on, whether clocks ever show them or not."""
        for day in self._dates(start.date()):
            for hour in self.hour:
                if day == start.date() and hour < start.hour:
                    continue
                for minute in self.minute:
                    wall = datetime(day.year, day.month, day.day, hour, minute)  # noqa: DTZ001 (a time on the clock)
                    if wall >= start:
                        yield wall

    def _dates(self, start: date) -> Iterator[date]:
        for year in range(start.year, min(start.year + _YEARS, date.max.year)):
            for month in self.month_of_year:
                if (year, month) < (start.year, start.month):
                    continue
                length = monthrange(year, month)[1]
                for number in self.day_of_month:
                    if number > length:
                        break
                    day = date(year, month, number)
                    if day >= start and day.isoweekday() % 7 in self.day_of_week:
                        yield day

    def __eq__(self, other: object) -> bool:
        return self._key == other._key if isinstance(other, crontab) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        texts = {field.name: field.text(getattr(self, field.name)) for field in _FIELDS}
        shown = {name: text for name, text in texts.items() if text != "*"}
        if self._tz is not None:
            shown["tz"] = str(self._tz)
        return f"crontab({', '.join(f'{name}={text!r}' for name, text in shown.items())})"


class _Field(NamedTuple):
    """What a field of a crontab may hold; its parsed form is the sorted tuple of the values that fit."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()
    """Lower case, three letters, from `low` up."""

    def parse(self, spec: CronSpec) -> tuple[int, ...]:
        if isinstance(spec, str):
            values = {value for part in spec.split(",") for value in self._part(part.strip(), spec)}
        elif isinstance(spec, bool) or not isinstance(spec, int | Iterable):
            raise self._wrong(spec)
        elif isinstance(spec, int):
            values = {self._number(str(spec), spec)}
        else:
            values = {value for each in spec for value in self.parse(each)}
        if not values:
            raise self._wrong(spec)
        return tuple(sorted(values))

    def text(self, values: tuple[int, ...]) -> str:
        """The values as a text that parses to them."""
        step = values[1] - values[0] if len(values) > 1 else 0
        if step and values == tuple(range(self.low, self.high + 1, step)):
            return "*" if step == 1 else f"*/{step}"
        return ",".join(map(str, values))

    def _part(self, part: str, spec: CronSpec) -> list[int]:
        range_, slash, step = part.partition("/")
        first, dash, last = range_.partition("-")
        if range_ == "*":
            values = list(range(self.low, self.high + 1))
        elif dash:
            values = self._range(self._number(first, spec), self._number(last, spec))
        elif slash:
            raise self._wrong(spec, f"; a step follows '*' or a range: '{range_}-{self.high}/{step}'")
        else:
            values = [self._number(range_, spec)]
        if slash and not (step.isdecimal() and int(step) > 0):
            raise self._wrong(spec, f"; the step {step!r} is no number over 0")
        return values[:: int(step)] if slash else values

    def _range(self, first: int, last: int) -> list[int]:
        if first <= last:
            return list(range(first, last + 1))
        return [*range(first, self.high + 1), *range(self.low, last + 1)]

    def _number(self, text: str, spec: CronSpec) -> int:
        short = text[:3].lower()
        if short in self.names and text.isalpha():
            return self.low + self.names.index(short)
        if not (text.isascii() and text.isdecimal() and self.low <= int(text) <= self.high):
            raise self._wrong(spec, f"; {text!r} is not" if text != spec else "")
        return int(text)

    def _wrong(self, spec: object, why: str = "") -> ConfigurationError:
        names = f" or {self.names[0]} to {self.names[-1]}" if self.names else ""
        return ConfigurationError(f"crontab {self.name}={spec!r}: it takes {self.low} to {self.high}{names}{why}")


_MINUTES = _Field("minute", 0, 59)
_HOURS = _Field("hour", 0, 23)
_WEEKDAYS = _Field("day_of_week", 0, 6, ("sun", "mon", "tue", "wed", "thu", "fri", "sat"))
_DAYS = _Field("day_of_month", 1, 31)
_MONTHS = _Field(
    "month_of_year", 1, 12, ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
)
_FIELDS = (_MINUTES, _HOURS, _WEEKDAYS, _DAYS, _MONTHS)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        near = get_close_matches(name, available_timezones(), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else "; where the system has no zones, install 'tzdata'"
        raise ConfigurationError(f"there is no time zone {name!r}{hint}") from error
