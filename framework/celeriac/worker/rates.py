"""Rate limits: how many runs of a task a worker begins in a second.

What is over the limit does not wait here: it goes back to the broker, due when its turn comes, and holds no slot.
"""

from __future__ import annotations

import random
from typing import Final

from celeriac.errors import ConfigurationError

TOLERANCE: Final = 0.1
"""Seconds by which a message may come early: brokers deliver what was delayed some milliseconds late, and the next one
must not be late because of that. A burst is that much larger."""
HORIZON: Final = 5.0
"""Seconds ahead for which turns are given. What waits longer comes back before that, here or at another worker, so that
another limit and other workers' free turns count soon."""

_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0}


def parse_rate(value: str | float | None) -> float | None:
    """Runs for each second; None: no limit. Takes Celery's ``10/s``, ``100/m``, ``1000/h``, and numbers.

    Raises:
        ConfigurationError: it is none of these.
    """
    if value is None or value == "":
        return None
    number, _, unit = str(value).partition("/")
    try:
        rate = float(number) / _UNITS[unit.strip() or "s"]
    except (ValueError, KeyError):
        rate = -1.0
    if not 0 <= rate < float("inf"):
        raise ConfigurationError(f"a rate limit is such as '10/s', '100/m' or '1000/h', or a number, not {value!r}")
    return rate or None


class Rate:
    """A bucket of tokens that fills at a steady rate, told by the time at which the next token is there."""

    __slots__ = ("_interval", "_last", "_next", "per_second")

    def __init__(self, per_second: float) -> None:
        self.per_second = per_second
        self._interval = 1.0 / per_second
        self._next = 0.0
        """When the next run may begin."""
        self._last = 0.0
        """The last turn that was given."""

    def take(self, now: float) -> float | None:
        """Take a token for a run now: None. Or, when there is none, the time at which to come back."""
        if self._next - now <= TOLERANCE:
            self._next = max(self._next, now) + self._interval
            return None
        turn = max(self._next, self._last + self._interval)
        if turn > now + HORIZON:
            return now + random.uniform(HORIZON / 2, HORIZON)  # noqa: S311 (no secret)
        self._last = turn
        return turn
