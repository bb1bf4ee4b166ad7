"""What a client is asked to measure, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Question:
    """One row of one system. `seconds` bounds every wait for tasks."""

    row: str
    entry: str
    results: bool
    number: int
    seconds: float


@dataclass
class Answer:
    """What was measured, by name. `problems` is what was not as it should be: the first line of each says what, the
    rest is for who looks into it."""

    values: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
