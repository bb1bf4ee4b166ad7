"""Clauses about slots that come and go, and about coroutines that share one loop."""

from __future__ import annotations

from celeriac import states
from celeriac.testing.suite.pool.clauses import PoolClauses, Staged
from celeriac.testing.suite.pool.scripts import ask
from celeriac.testing.suite.pool.stage import eventually


class ResizeClauses(PoolClauses):
    """The capability "resize"."""

    def test_grow_adds_slots_while_tasks_run(self, stage: Staged) -> None:
        self.needs("resize")
        on = stage(concurrency=1)
        on.begin(*(ask(key, "meet", 3) for key in range(3)))
        on.wait_begun(0)
        on.pool.grow(2)
        assert on.pool.width == 3
        assert [answer.payload for answer in on.wait(0, 1, 2)] == [b"met"] * 3

    def test_shrink_takes_slots_away_once_they_are_free(self, stage: Staged) -> None:
        """What runs is not disturbed."""
        self.needs("resize")
        on = stage(concurrency=3)
        on.begin(*(ask(key, "wait", on.gate("first")) for key in range(3)))
        on.wait_begun(0, 1, 2)
        on.pool.shrink(2)
        assert on.pool.width == 1
        on.open("first")
        assert [answer.state for answer in on.wait(0, 1, 2)] == [states.SUCCESS] * 3
        on.begin(*(ask(key, "wait", on.gate("second")) for key in range(3, 6)))
        eventually(lambda: len(on.pool.running()) == 1, "one runs")
        eventually(lambda: len(on.runner.ran()) >= 4, "it has begun")
        assert len(on.runner.ran()) == 4
        on.open("second")
        on.wait(3, 4, 5)

    def test_shrink_leaves_one_slot(self, stage: Staged) -> None:
        self.needs("resize")
        on = stage(concurrency=2)
        on.pool.shrink(5)
        assert on.pool.width == 1
        assert on.run(ask(1, "echo"))[0].state == states.SUCCESS


class AsyncClauses(PoolClauses):
    """The capability "async"."""

    def test_a_thousand_coroutines_go_on_at_a_time(self, stage: Staged) -> None:
        """Counted, not timed: at some moment all of them are between their begin and their end."""
        self.needs("async")
        on = stage(concurrency=1000)
        on.run(*(ask(key, "count", 0.5) for key in range(1000)))
        on.check_each_answered_once(1000)
        assert on.runner.most == 1000

    def test_coroutines_run_in_the_workers_own_process(self, stage: Staged) -> None:
        """And all in one thread, so that they may share what is not safe between threads."""
        self.needs("async")
        on = stage(concurrency=10)
        on.run(*(ask(key, "thread") for key in range(10)))
        assert len({answer.payload for answer in on.answers}) == 1
