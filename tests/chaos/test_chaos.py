"""A few cycles of each kind: nothing is lost, and after each a new task starts within five seconds.

The long form is `make chaos`. Here each broker, each pool and each fault is met at least once.
"""

from __future__ import annotations

import pytest

from chaos.cycle import Combination, combinations, run

SHORT = [
    Combination("redis", "prefork", "broker-kill"),
    Combination("redis", "threads", "broker-pause"),
    Combination("redis", "asyncio", "line-reset"),
    Combination("redis", "solo", "black-hole"),
    Combination("redis", "prefork", "worker-kill"),
    Combination("amqp", "threads", "black-hole"),
    Combination("amqp", "prefork", "line-reset"),
    Combination("sqlite", "asyncio", "worker-kill"),
    Combination("sqlite", "prefork", "worker-stop"),
]
CYCLES = 2


@pytest.mark.slow
@pytest.mark.parametrize("combination", SHORT, ids=str)
def test_after_a_fault_work_goes_on_within_five_seconds_and_the_books_balance(combination: Combination) -> None:
    outcome = run(combination, CYCLES)

    assert outcome.problems == []
    assert outcome.cycles == CYCLES
    assert outcome.executed + outcome.dead >= outcome.published > 0


def test_the_short_form_is_a_part_of_the_long_one() -> None:
    assert set(SHORT) <= set(combinations())
