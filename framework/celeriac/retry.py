"""When a failed task runs again."""

from __future__ import annotations

import random
from typing import Any


def backoff(retries: int, factor: float, most: float, jitter: bool) -> float:
    """Seconds to wait before retry number `retries` (from 0): ``factor * 2 ** retries``, at most `most`; with jitter a
    random time between 0 and that."""
    delay = min(most, factor * 2 ** min(retries, 64))
    return random.uniform(0, delay) if jitter else delay  # noqa: S311 (no secret)


def automatic_countdown(task: Any, retries: int) -> float:
    """The countdown of an automatic retry, by the task's ``retry_backoff``, ``retry_backoff_max``, ``retry_jitter``."""
    if not task.retry_backoff:
        return float(task.default_retry_delay)
    factor = 1.0 if task.retry_backoff is True else float(task.retry_backoff)
    return backoff(retries, factor, float(task.retry_backoff_max), bool(task.retry_jitter))
