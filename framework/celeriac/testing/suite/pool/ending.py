"""Clauses about ending tasks: limits hold for any task, and nothing but the one task is ended."""

from __future__ import annotations

import signal

import pytest

from celeriac import states
from celeriac.specs.pool import Verdict
from celeriac.testing.suite.pool.clauses import PoolClauses, Staged
from celeriac.testing.suite.pool.scripts import PATIENCE, ask

_LONG = PATIENCE * 2
"""Seconds that a task would take if nobody ended it: longer than any clause waits."""


class EndClauses(PoolClauses):
    """The capabilities "time-limit", "soft-time-limit" and "terminate"."""

    @pytest.mark.parametrize("script", ["sleep", "spin", "stubborn"])
    def test_the_time_limit_ends_any_task(self, stage: Staged, script: str) -> None:
        """One that sleeps, one that never pauses, one that ignores every exception; with `Runner.ended`."""
        self.needs("time-limit")
        on = stage()
        (ended,) = on.run(ask(1, script, _LONG, time_limit=0.3))
        assert (ended.verdict, ended.state) == (Verdict.ACK, states.FAILURE)
        assert ended.reason.startswith("TimeLimitExceeded")
        assert on.run(ask(2, "echo"))[0].state == states.SUCCESS

    def test_the_time_limit_counts_from_the_start_of_the_task(self, stage: Staged) -> None:
        """What waits longer than its limit is not ended."""
        self.needs("time-limit")
        on = stage()
        answers = on.run(ask(1, "sleep", 0.8), ask(2, "echo", time_limit=0.3), ask(3, "sleep", 0.01, time_limit=0.3))
        assert [answer.state for answer in answers] == [states.SUCCESS] * 3

    def test_the_time_limit_ends_no_other_task(self, stage: Staged) -> None:
        """Neither what runs beside it nor what waits."""
        self.needs("time-limit", "parallel")
        on = stage(concurrency=2)
        on.begin(ask(1, "wait", on.gate("gate")))
        on.wait_begun(1)
        answers = on.run(ask(2, "sleep", _LONG, time_limit=0.3), *(ask(key, "echo") for key in range(3, 10)))
        assert [answer.state for answer in answers] == [states.FAILURE] + [states.SUCCESS] * 7
        on.open("gate")
        assert on.wait(1)[0].state == states.SUCCESS

    @pytest.mark.parametrize("script", ["sleep", "spin"])
    def test_the_soft_time_limit_raises_in_the_task(self, stage: Staged, script: str) -> None:
        """SoftTimeLimitExceeded, in one that sleeps and in one that never pauses."""
        self.needs("soft-time-limit")
        on = stage()
        (ended,) = on.run(ask(1, script, _LONG, soft_time_limit=0.3))
        assert ended.state == states.FAILURE
        assert ended.reason.startswith("SoftTimeLimitExceeded")
        assert on.run(ask(2, "sleep", 0.4))[0].state == states.SUCCESS

    def test_a_task_may_end_well_at_its_soft_time_limit(self, stage: Staged) -> None:
        """That is what it is for."""
        self.needs("soft-time-limit")
        (tidied,) = stage().run(ask(1, "tidy", _LONG, soft_time_limit=0.3))
        assert (tidied.state, tidied.payload) == (states.SUCCESS, b"tidied up")

    def test_a_task_within_its_soft_time_limit_is_left_alone(self, stage: Staged) -> None:
        """And so are those that come after it."""
        self.needs("soft-time-limit")
        on = stage()
        answers = on.run(ask(1, "sleep", 0.05, soft_time_limit=0.3), ask(2, "sleep", 0.5))
        assert [answer.state for answer in answers] == [states.SUCCESS] * 2

    def test_terminate_ends_one_task_and_no_other(self, stage: Staged) -> None:
        """It is answered as revoked; what runs beside it and what waits ends well."""
        self.needs("terminate", "parallel")
        on = stage(concurrency=2)
        on.begin(ask(1, "wait", on.gate("one")), ask(2, "wait", on.gate("two")), ask(3, "echo"))
        on.wait_begun(1, 2)
        assert on.pool.terminate(1, signal.SIGTERM)
        (ended,) = on.wait(1)
        assert (ended.verdict, ended.state) == (Verdict.ACK, states.REVOKED)
        assert ended.reason.startswith("TaskRevoked")
        on.open("two")
        assert [answer.state for answer in on.wait(2, 3)] == [states.SUCCESS] * 2
        on.check_each_answered_once(3)

    def test_terminate_is_false_for_what_does_not_run(self, stage: Staged) -> None:
        """For what waits, has ended or was never there."""
        self.needs("terminate")
        on = stage()
        on.run(ask(1, "echo"))
        on.begin(ask(2, "wait", on.gate("gate")), ask(3, "echo"))
        on.wait_begun(2)
        assert not on.pool.terminate(1, signal.SIGTERM)
        assert not on.pool.terminate(3, signal.SIGTERM)
        assert not on.pool.terminate(999, signal.SIGTERM)
        on.open("gate")
        assert [answer.state for answer in on.wait(2, 3)] == [states.SUCCESS] * 2
