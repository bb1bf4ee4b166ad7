"""Steps that must be done, however long the broker or the result store is away."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from typing import TypeVar

from celeriac.errors import BackendError, TransportError

T = TypeVar("T")

logger = logging.getLogger("celeriac.worker")

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
"""Seconds between two tries: they double, but work goes on within seconds of the answer, however long it was away."""


def pause_before(number: int) -> float:
    """Seconds to wait before try `number` (from 1), scattered so that workers do not come all at once."""
    longest: float = min(FIRST_PAUSE * 2 ** min(number - 1, 10), LONGEST_PAUSE)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311


def patiently(
    what: str, step: Callable[[], T], given_up: Callable[[], bool], tried: Callable[[], None] | None = None
) -> T:
    """Do a step until it is done, or `given_up`; `tried` is called after each failure. The log has its first failure
    and its success, not each try.

    Raises:
        BackendError, TransportError: the step failed when it was given up.
    """
    number = 0
    while True:
        try:
            done = step()
            break
        except (BackendError, TransportError) as error:
            number += 1
            if given_up():
                raise
            if number == 1:
                logger.error("cannot %s: %s; trying again until it can be done", what, error)
        if tried is not None:
            tried()
        time.sleep(pause_before(number))
    if number:
        logger.warning("done after %d more tries: %s", number, what)
    return done
