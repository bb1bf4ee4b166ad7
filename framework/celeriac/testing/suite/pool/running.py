"""Clauses about running: every request is run and answered, as many at a time as the width says."""

from __future__ import annotations

import time

from celeriac import states
from celeriac.specs.pool import CAPABILITIES, Outcome, Pool, Verdict
from celeriac.testing.suite.pool.clauses import PoolClauses, Staged
from celeriac.testing.suite.pool.scripts import ask
from celeriac.testing.suite.pool.stage import eventually


class RunClauses(PoolClauses):
    """Clauses that hold for every pool."""

    def test_it_is_a_pool_of_this_contract(self) -> None:
        """A subclass of Pool, for version 1 of the contract."""
        assert issubclass(self.driver, Pool)
        assert self.driver.api == 1

    def test_its_capabilities_are_names_of_the_contract(self) -> None:
        """A name that the kernel does not know promises nothing."""
        unknown = set(self.driver.capabilities) - set(CAPABILITIES)
        assert not unknown, f"not capabilities of a pool: {sorted(unknown)}; known are {sorted(CAPABILITIES)}"

    def test_each_request_is_run_once_and_answered_once_with_its_key(self, stage: Staged) -> None:
        """In any order, in any batches, from any thread."""
        on = stage()
        on.run(*(ask(key, "echo") for key in range(100)))
        on.check_each_answered_once(100)
        assert sorted(on.runner.ran()) == list(range(100))

    def test_the_answer_is_what_the_runner_made(self, stage: Staged) -> None:
        """Verdict, state and payload as `Runner.run` or `Runner.run_async` returned them."""
        (answer,) = stage().run(ask(7, "echo", "hello"))
        assert isinstance(answer, Outcome)
        assert (answer.key, answer.verdict, answer.state) == (7, Verdict.ACK, states.SUCCESS)
        assert answer.payload == b"hello"

    def test_a_task_that_raises_is_answered_like_any_other(self, stage: Staged) -> None:
        """The runner turns exceptions into outcomes; the pool has no opinion about them."""
        on = stage()
        failed, other = on.run(ask(1, "no_such_script"), ask(2, "echo"))
        assert (failed.state, other.state) == (states.FAILURE, states.SUCCESS)

    def test_any_key_is_carried_back(self, stage: Staged) -> None:
        """Zero is a key too, and the greatest number of 63 bits."""
        keys = [0, 1, 2**62, 2**63 - 1]
        on = stage()
        assert [answer.key for answer in on.run(*(ask(key, "echo") for key in keys))] == keys

    def test_requests_and_answers_of_a_megabyte_go_through(self, stage: Staged) -> None:
        """Several of them in one batch."""
        on = stage()
        text = "x" * (1 << 20)
        answers = on.run(*(ask(key, "echo", text) for key in range(4)))
        assert [len(answer.payload) for answer in answers] == [1 << 20] * 4

    def test_batches_may_come_from_several_threads(self, stage: Staged) -> None:
        """`submit` is called from any thread; from one at a time where tasks do not run in parallel."""
        on = stage(concurrency=2)
        for first in range(0, 100, 25):
            on.begin(*(ask(key, "echo") for key in range(first, first + 25)))
            if "parallel" not in self.driver.capabilities:
                on.wait(*range(first, first + 25))
        on.wait(*range(100))
        on.check_each_answered_once(100)

    def test_an_empty_batch_is_no_work(self, stage: Staged) -> None:
        on = stage()
        on.pool.submit([])
        on.run(ask(1, "echo"))
        on.check_each_answered_once(1)

    def test_width_and_depth_are_at_least_one(self, stage: Staged) -> None:
        """The width is the concurrency that was asked for, or 1 when tasks do not run in parallel."""
        on = stage(concurrency=2)
        assert on.pool.width == (2 if "parallel" in self.driver.capabilities else 1)
        assert on.pool.depth >= 1

    def test_running_lists_what_has_begun_and_not_ended(self, stage: Staged) -> None:
        """Neither what waits nor what has been answered."""
        on = stage()
        on.begin(ask(1, "wait", on.gate("gate")), ask(2, "echo"))
        on.wait_begun(1)
        assert on.pool.running() == [1]
        on.open("gate")
        on.wait(1, 2)
        eventually(lambda: on.pool.running() == [], "running() is empty")

    def test_describe_names_the_processes_that_run_tasks(self, stage: Staged) -> None:
        """As ``processes``, for ``inspect stats``."""
        on = stage()
        on.run(ask(1, "echo"))
        assert set(on.runner.pids()) <= set(on.pool.describe()["processes"])

    def test_as_many_run_at_a_time_as_the_width_says(self, stage: Staged) -> None:
        """The capability "parallel": each of three waits for the other two."""
        self.needs("parallel")
        on = stage(concurrency=3)
        answers = on.run(*(ask(key, "meet", 3) for key in range(3)))
        assert [answer.payload for answer in answers] == [b"met"] * 3

    def test_no_more_run_at_a_time_than_the_width_says(self, stage: Staged) -> None:
        """What is over waits in the pool until a slot is free."""
        self.needs("parallel")
        on = stage(concurrency=2)
        on.begin(*(ask(key, "wait", on.gate("gate")) for key in range(5)))
        eventually(lambda: len(on.pool.running()) == 2, "two run")
        eventually(lambda: len(on.runner.ran()) >= 2, "two have begun")
        time.sleep(0.1)  # a third one, of a pool that is too wide, may be a moment behind them
        assert len(on.runner.ran()) == 2
        on.open("gate")
        on.wait(*range(5))
        on.check_each_answered_once(5)

    def test_done_may_submit_more(self, stage: Staged) -> None:
        """The kernel refills the pool as soon as it hears that there is room."""
        self.needs("parallel")
        on = stage(concurrency=2)
        told = on.hear

        def refill(outcomes: list[Outcome]) -> None:
            on.pool.submit([ask(outcome.key + 2, "echo") for outcome in outcomes if outcome.key < 18])
            told(outcomes)

        on.hear = refill
        on.run(ask(0, "echo"), ask(1, "echo"))
        on.wait(*range(20))
        on.check_each_answered_once(20)

    def test_short_requests_do_not_wait_behind_a_long_one_while_a_slot_is_free(self, stage: Staged) -> None:
        """Also after so many short ones that the pool may have begun to hand them out in advance."""
        self.needs("parallel")
        on = stage(concurrency=2)
        for first in range(0, 300, 50):
            on.run(*(ask(key, "echo") for key in range(first, first + 50)))
        on.begin(ask(1000, "wait", on.gate("gate")), *(ask(key, "echo") for key in range(1001, 1032)))
        on.wait(*range(1001, 1032))
        eventually(lambda: on.pool.running() == [1000], "the long one runs")
        on.open("gate")
        on.wait(1000)
        assert len(on.runner.ran()) == len(set(on.runner.ran())) == 332
