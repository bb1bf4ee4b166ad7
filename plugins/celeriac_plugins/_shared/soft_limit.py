"""The soft time limit by a timer signal: interrupts Python code and blocking calls alike."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType

from celeriac.errors import SoftTimeLimitExceeded
from celeriac.specs.pool import Outcome, Request, Runner


def can_interrupt() -> bool:
    """Whether this thread is the one that signals interrupt."""
    return threading.current_thread() is threading.main_thread()


def run_limited(runner: Runner, request: Request, seconds: float) -> Outcome:
    """Run `request` in the main thread and raise SoftTimeLimitExceeded in it once, after `seconds`.

    A handler and a timer that were set before are put back afterwards; a task that sets SIGALRM itself loses its limit.
    """
    armed = True

    def ring(_number: int, _frame: FrameType | None) -> None:
        nonlocal armed
        if armed:
            armed = False
            raise SoftTimeLimitExceeded(f"the task ran past its soft time limit of {seconds:g} s")

    handler = signal.signal(signal.SIGALRM, ring)
    started = time.monotonic()
    left, interval = signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-6))
    try:
        return runner.run(request)
    except SoftTimeLimitExceeded as error:  # it rang after the task's own code, where the runner no longer catches
        return runner.ended(request, error)
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, handler)
        if left:
            signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - started), 1e-6), interval)
