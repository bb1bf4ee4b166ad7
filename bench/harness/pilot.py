"""A first short run of each system: whether it runs at all, and about how fast."""

from __future__ import annotations

from harness.isolation import Isolation
from harness.measurement import Answer, Question
from systems.system import Entry

_TASKS = 400
_LIMIT = 60.0


def try_out(isolation: Isolation, entry: Entry) -> tuple[float | None, Answer]:
    """Tasks a second with results on, None when it does not run."""
    answer = isolation.ask(entry, Question("W1", entry.name, True, _TASKS, _LIMIT / 2), _LIMIT)
    return answer.values.get("rate"), answer
