"""Times."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from celeriac_contrib.celery.absent import absent

__all__ = (
    "timezone",
    "maybe_timedelta",
    "delta_resolution",
    "remaining",
    "rate",
    "weekday",
    "humanize_seconds",
    "maybe_iso8601",
    "is_naive",
    "make_aware",
    "localize",
    "to_utc",
    "maybe_make_aware",
    "ffwd",
    "utcoffset",
    "adjust_timestamp",
    "get_exponential_backoff_interval",
)

_UNITS = (("day", 86400.0), ("hour", 3600.0), ("minute", 60.0), ("second", 1.0))
_RATES = {"s": 1.0, "m": 60.0, "h": 3600.0}
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


class _Timezone:
    """``timezone.utc``, ``timezone.get_timezone("Europe/Zurich")``."""

    utc = UTC

    @property
    def local(self) -> tzinfo:
        return datetime.now().astimezone().tzinfo or UTC

    def tz_or_local(self, tzinfo: Any = None) -> Any:
        return self.local if tzinfo is None else self.get_timezone(tzinfo)

    def get_timezone(self, zone: Any) -> Any:
        return ZoneInfo(zone) if isinstance(zone, str) else zone

    def to_system(self, dt: datetime) -> datetime:
        return dt.astimezone(self.local)

    def to_local(self, dt: datetime, local: Any = None, orig: Any = None) -> datetime:
        if is_naive(dt):
            dt = make_aware(dt, orig or self.utc)
        return localize(dt, self.tz_or_local(local))


timezone = _Timezone()


def maybe_timedelta(delta: Any) -> Any:
    """Seconds as a timedelta; anything else as it is."""
    return timedelta(seconds=delta) if isinstance(delta, (int, float)) else delta


def delta_resolution(dt: datetime, delta: timedelta) -> datetime:
    """The time rounded down to the unit of the delta."""
    seconds = max(delta.total_seconds(), 0)
    if seconds >= 86400:
        return dt.replace(hour=0, minute=0, second=0, microsecond=0)
    if seconds >= 3600:
        return dt.replace(minute=0, second=0, microsecond=0)
    return dt.replace(second=0, microsecond=0) if seconds >= 60 else dt


def remaining(start: datetime, ends_in: timedelta, now: datetime | None = None, relative: bool = False) -> timedelta:
    """What is left of a time that began then."""
    end = start + ends_in
    if relative:
        end = delta_resolution(end, ends_in)
    return end - (now or datetime.now(UTC))


def rate(r: Any) -> float:
    """``"10/m"`` as so many a second."""
    if not r:
        return 0.0
    if isinstance(r, str):
        number, _, unit = r.partition("/")
        return float(number) / _RATES[unit or "s"]
    return float(r)


def weekday(name: str) -> int:
    """The number of a day, Sunday being 0.

    Raises:
        KeyError: no day is called that.
    """
    try:
        return _DAYS.index(name[:3].lower())
    except ValueError:
        raise KeyError(name) from None


def humanize_seconds(secs: float, prefix: str = "", sep: str = "", now: str = "now", microseconds: bool = False) -> str:
    """``90.0`` as ``1.50 minutes``."""
    for unit, divider in _UNITS:
        if secs >= divider:
            value = secs / divider
            return f"{prefix}{sep}{value:.2f} {unit}{'' if value == 1 else 's'}"
    return f"{prefix}{sep}{secs:.2f} seconds" if microseconds and secs > 0 else now


def maybe_iso8601(dt: Any) -> datetime | None:
    """The time that a text says."""
    return datetime.fromisoformat(dt) if isinstance(dt, str) and dt else (dt or None)


def is_naive(dt: datetime) -> bool:
    """Whether a time names no zone."""
    return dt.tzinfo is None or dt.tzinfo.utcoffset(dt) is None


def make_aware(dt: datetime, tz: tzinfo) -> datetime:
    """The time in that zone, which it did not name."""
    return dt.replace(tzinfo=tz)


def localize(dt: datetime, tz: tzinfo) -> datetime:
    """The same moment in that zone."""
    return (make_aware(dt, tz) if is_naive(dt) else dt).astimezone(tz)


def to_utc(dt: datetime) -> datetime:
    """The time, which named no zone, as one of UTC."""
    return make_aware(dt, UTC)


def maybe_make_aware(dt: datetime, tz: tzinfo | None = None, naive_as_utc: bool = True) -> datetime:
    """The time with a zone."""
    if is_naive(dt):
        dt = to_utc(dt) if naive_as_utc else make_aware(dt, tz or UTC)
    return localize(dt, UTC if tz is None else timezone.tz_or_local(tz))


class ffwd:
    """Fields to set and to add to a time: ``dt + ffwd(hour=3, days=1)``."""

    def __init__(self, weeks: int = 0, weekday: int | None = None, **fields: Any) -> None:
        self._fields = {key: value for key, value in fields.items() if value is not None}
        self._weekday, self.days = weekday, weeks * 7

    def __radd__(self, other: Any) -> Any:
        moved = other.replace(**self._fields) + timedelta(days=self.days)
        if self._weekday is not None:
            moved += timedelta(days=(self._weekday - moved.isoweekday() % 7) % 7)
        return moved


def utcoffset(time: Any = None, localtime: Any = None) -> int:
    """The hours that this machine's zone is behind UTC."""
    offset = datetime.now().astimezone().utcoffset() or timedelta()
    return int(-offset.total_seconds() // 3600)


def adjust_timestamp(ts: float, offset: int, here: Any = utcoffset) -> float:
    """A time stamp from a zone so many hours behind UTC, as one of here."""
    return ts - (offset - here()) * 3600


def get_exponential_backoff_interval(factor: int, retries: int, maximum: int, full_jitter: bool = False) -> int:
    """Seconds to wait before a retry."""
    delay = min(maximum, factor * 2 ** min(retries, 64))
    return random.randrange(delay + 1) if full_jitter else max(0, delay)  # noqa: S311 (no secret)


__getattr__ = absent(__name__)
