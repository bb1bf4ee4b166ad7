"""Clauses that must hold for all values of a kind; needs hypothesis, and skips without it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

_WHY = "clauses about all values need hypothesis: pip install hypothesis"


def strategies() -> Any:
    """The module `hypothesis.strategies`; skips the clause where it is missing."""
    return pytest.importorskip("hypothesis.strategies", reason=_WHY)


def for_all(strategy: Any, check: Callable[[Any], None], examples: int = 60) -> None:
    """Run `check` on values drawn from the strategy: the same ones each time, so that a verdict is a verdict."""
    hypothesis = pytest.importorskip("hypothesis", reason=_WHY)
    settings = hypothesis.settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        report_multiple_bugs=False,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    settings(hypothesis.given(strategy)(check))()
