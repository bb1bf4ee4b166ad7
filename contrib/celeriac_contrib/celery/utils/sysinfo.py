"""The machine."""

from __future__ import annotations

import os

from celeriac_contrib.celery.absent import absent

__all__ = ("load_average", "available_cpu_count")


def load_average() -> tuple[float, ...]:
    """How many processes wanted to run, over one, five and fifteen minutes."""
    return os.getloadavg()


def available_cpu_count() -> int:
    """The CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


__getattr__ = absent(__name__)
