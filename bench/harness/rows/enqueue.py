"""W2: how many tasks a second one client can send, in each way that the system has."""

from __future__ import annotations

import time
from collections.abc import Callable

from harness.measurement import Answer, Question
from systems.system import System

_SECONDS = 0.7
_PARTS = 10
_WARM = 10


def measure(system: System, question: Question) -> Answer:
    answer = Answer()
    for name, send in system.ways().items():
        send(_WARM)
        answer.values[name] = _rate(send, question.number)
    return answer


def _rate(send: Callable[[int], None], number: int) -> float:
    """In parts, so that a slow system is stopped after some seconds."""
    part = max(number // _PARTS, 1)
    sent, begin = 0, time.perf_counter()
    while sent < number and time.perf_counter() - begin < _SECONDS:
        send(part)
        sent += part
    return sent / (time.perf_counter() - begin)
