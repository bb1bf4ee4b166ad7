"""How many messages to hold: one per slot while tasks are slow, a few milliseconds of work when they are fast.

Holding more than is running starves other workers (a short task waits behind a long one); holding one at a time costs a
round trip to the broker per task. So the claim follows the measured run time, and what turns out stuck is given back.
"""

from __future__ import annotations

from celeriac.specs.pool import Outcome

AIM = 0.01
"""Seconds of work to hold for each slot."""
_WEIGHT = 0.3


class Pace:
    """Watches run times. `fixed` overrides it: Celery's prefetch multiplier."""

    def __init__(self, fixed: int | None = None) -> None:
        self._fixed = fixed
        self._mean: float | None = None

    def limit(self, width: int, depth: int) -> int:
        """How many messages to hold for a pool that runs `width` at a time and takes `depth` for each slot."""
        if self._fixed is not None:
            return max(width * self._fixed, width) if self._fixed else width * depth
        if self._mean is None:
            return width
        return width * max(1, min(depth, int(AIM / (self._mean + 1e-6))))

    def observe(self, outcomes: list[Outcome]) -> None:
        """Learn from what has just run. One slow task in a batch is enough to hold less."""
        times = [outcome.runtime for outcome in outcomes if outcome.runtime > 0]
        if not times:
            return
        mean, slowest = sum(times) / len(times), max(times)
        if slowest > AIM or self._mean is None:
            self._mean = max(mean, slowest if slowest > AIM else mean)
        else:
            self._mean += _WEIGHT * (mean - self._mean)

    def slow_down(self) -> None:
        """Something is stuck: hold no more than can run."""
        self._mean = AIM
