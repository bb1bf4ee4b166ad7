"""Clauses about giving back: what has not run is returned unrun, and a stop leaves nothing unanswered."""

from __future__ import annotations

import time
from pathlib import Path

from celeriac.specs.pool import Verdict
from celeriac.testing.suite.pool.clauses import PoolClauses, Staged
from celeriac.testing.suite.pool.leaks import assert_nothing_left, what_exists
from celeriac.testing.suite.pool.scripts import PATIENCE, ask
from celeriac.testing.suite.pool.stage import Stage


class GiveBackClauses(PoolClauses):
    """Clauses that hold for every pool."""

    # withdraw

    def test_withdraw_answers_what_waits_with_unstarted(self, stage: Staged) -> None:
        """And it never runs; what runs goes on."""
        on = stage()
        on.begin(ask(1, "wait", on.gate("gate")), ask(2, "echo"), ask(3, "echo"))
        on.wait_begun(1)
        on.pool.withdraw()
        on.open("gate")
        verdicts = [answer.verdict for answer in on.wait(1, 2, 3)]
        assert verdicts == [Verdict.ACK, Verdict.UNSTARTED, Verdict.UNSTARTED]
        on.run(ask(4, "echo"))  # what was kept all the same would run before this one
        assert on.runner.ran() == [1, 4]

    def test_withdraw_answers_what_was_handed_out_in_advance_too(self, stage: Staged) -> None:
        """After so many short requests that the pool may hold more than one for a slot."""
        on = stage()
        for first in range(0, 200, 50):
            on.run(*(ask(key, "echo") for key in range(first, first + 50)))
        on.begin(ask(1000, "wait", on.gate("gate")), *(ask(key, "echo") for key in range(1001, 1011)))
        on.wait_begun(1000)
        on.pool.withdraw()
        on.open("gate")
        on.wait(*range(1000, 1011))
        on.check_each_answered_once(211)
        unstarted = {answer.key for answer in on.answers if answer.verdict == Verdict.UNSTARTED}
        assert unstarted == set(range(1001, 1011))
        assert not unstarted & set(on.runner.ran())

    def test_after_withdraw_the_pool_goes_on(self, stage: Staged) -> None:
        """It empties the pool, it does not close it."""
        on = stage()
        on.pool.withdraw()
        (answer,) = on.run(ask(1, "echo"))
        assert answer.verdict == Verdict.ACK
        on.check_each_answered_once(1)

    # stop

    def test_stop_waits_for_what_runs_and_returns_what_waits(self, stage: Staged) -> None:
        """Within the grace; everything is answered when it returns."""
        on = stage()
        on.begin(ask(1, "wait", on.gate("gate")), ask(2, "echo"))
        on.wait_begun(1)
        stopping = on.aside(lambda: on.stop(PATIENCE))
        on.open("gate")
        stopping.join(PATIENCE)
        on.check_each_answered_once(2)
        assert [answer.verdict for answer in on.wait(1, 2)] == [Verdict.ACK, Verdict.UNSTARTED]

    def test_stop_gives_back_what_runs_past_the_grace(self, stage: Staged) -> None:
        """With REQUEUE, before it returns; a late end brings no second answer."""
        on = stage()
        on.begin(ask(1, "wait", on.gate("gate")), ask(2, "echo"))
        on.wait_begun(1)
        started = time.monotonic()
        on.stop(0)
        assert time.monotonic() - started < PATIENCE
        on.check_each_answered_once(2)
        assert [answer.verdict for answer in on.wait(1, 2)] == [Verdict.REQUEUE, Verdict.UNSTARTED]
        on.close()
        on.check_each_answered_once(2)

    def test_a_second_stop_shortens_the_first(self, stage: Staged) -> None:
        """From another thread, with a smaller grace."""
        on = stage()
        on.begin(ask(1, "wait", on.gate("gate")))
        on.wait_begun(1)
        stopping = on.aside(lambda: on.stop(PATIENCE * 10))
        on.aside(lambda: on.stop(0.1))
        stopping.join(PATIENCE)
        assert not stopping.is_alive()
        assert [answer.verdict for answer in on.wait(1)] == [Verdict.REQUEUE]

    def test_what_is_submitted_while_it_stops_is_given_back(self, stage: Staged) -> None:
        """With UNSTARTED, not forgotten."""
        on = stage()
        on.stop(0)
        on.pool.submit([ask(1, "echo")])
        assert on.wait(1)[0].verdict == Verdict.UNSTARTED
        assert on.runner.ran() == []

    def test_stopping_an_idle_pool_answers_nothing(self, stage: Staged) -> None:
        on = stage()
        on.run(ask(1, "echo"))
        on.stop(PATIENCE)
        on.check_each_answered_once(1)
        assert on.pool.running() == []

    def test_start_and_stop_leave_nothing_behind(self, tmp_path: Path) -> None:
        """Ten times over: no thread, no process, no zombie, no open file."""
        self._use_once(tmp_path)  # what is made once for all shows here
        before = what_exists()
        for _ in range(10):
            self._use_once(tmp_path)
        assert_nothing_left(before)

    def _use_once(self, folder: Path) -> None:
        on = Stage(self.make(concurrency=2), folder)
        on.run(*(ask(key, "echo") for key in range(4)))
        on.close()
