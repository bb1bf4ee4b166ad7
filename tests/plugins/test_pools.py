"""The built-in pools: what every pool promises, and what is their own."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from celeriac import states
from celeriac.specs.pool import Outcome, PoolOptions, Request, Verdict
from celeriac.testing.suite import PoolSuite
from celeriac.testing.suite.pool.scripts import PATIENCE, Script, ScriptRunner, ask
from celeriac.testing.suite.pool.stage import Stage, eventually
from celeriac_plugins._shared.pace import MOST, Pace
from celeriac_plugins.pools.asyncio import AsyncioPool
from celeriac_plugins.pools.prefork import PreforkPool
from celeriac_plugins.pools.solo import SoloPool
from celeriac_plugins.pools.threads import ThreadPool


class TestSolo(PoolSuite):
    driver = SoloPool

    def test_a_signal_handler_may_stop_a_batch(self, tmp_path: Path) -> None:
        """It ends after the request that runs; `submit` itself answers the rest."""
        on = Stage(SoloPool(PoolOptions()), tmp_path, _Signalling(tmp_path))
        before = signal.signal(signal.SIGUSR2, lambda *_: on.stop(0))
        try:
            verdicts = [answer.verdict for answer in on.run(ask(1, "signal"), ask(2, "echo"), ask(3, "echo"))]
        finally:
            signal.signal(signal.SIGUSR2, before)
        assert verdicts == [Verdict.ACK, Verdict.UNSTARTED, Verdict.UNSTARTED]
        assert on.runner.ran() == [1]

    def test_an_outcome_does_not_wait_for_the_long_request_behind_it(self, tmp_path: Path) -> None:
        on = Stage(SoloPool(PoolOptions()), tmp_path)
        on.begin(ask(1, "echo"), ask(2, "wait", on.gate("gate")))
        on.wait(1)
        on.wait_begun(2)
        on.open("gate")
        on.wait(2)
        on.check_each_answered_once(2)
        on.close()

    def test_short_tasks_are_reported_together(self, tmp_path: Path) -> None:
        on = Stage(SoloPool(PoolOptions()), tmp_path)
        sizes: list[int] = []
        told = on.hear
        on.hear = lambda outcomes: (sizes.append(len(outcomes)), told(outcomes))[1]
        on.run(*(ask(key, "echo") for key in range(100)))
        assert max(sizes) > 1
        on.close()


class TestThreads(PoolSuite):
    driver = ThreadPool

    def test_a_done_that_fails_costs_no_thread(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        on = Stage(ThreadPool(PoolOptions()), tmp_path)
        told = on.hear

        def fail(outcomes: list[Outcome]) -> None:
            on.hear = told
            raise RuntimeError("the store is full")

        on.hear = fail
        on.pool.submit([ask(1, "echo")])
        eventually(lambda: "could not be reported" in caplog.text, "the failure is logged")
        on.run(ask(2, "echo"))
        on.close()


class TestAsyncio(PoolSuite):
    driver = AsyncioPool

    @pytest.fixture
    def on(self, tmp_path: Path) -> Iterator[Stage]:
        stage = Stage(AsyncioPool(PoolOptions(concurrency=10)), tmp_path, _AsyncRunner(tmp_path))
        yield stage
        stage.close()

    def test_the_time_limit_cancels_a_coroutine(self, on: Stage) -> None:
        (ended,) = on.run(ask(1, "sleep", PATIENCE * 2, time_limit=0.1))
        assert ended.state == states.FAILURE
        assert ended.reason.startswith("TimeLimitExceeded")

    def test_the_soft_time_limit_cancels_a_coroutine_too(self, on: Stage) -> None:
        (ended,) = on.run(ask(1, "sleep", PATIENCE * 2, soft_time_limit=0.1))
        assert ended.reason.startswith("SoftTimeLimitExceeded")

    def test_a_coroutine_that_swallows_its_cancellation_is_given_up(
        self, on: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """After three cancellations it is answered, and its slot is free."""
        monkeypatch.setattr("celeriac_plugins.pools.asyncio._PATIENCE", 0.05)
        (ended,) = on.run(ask(1, "deaf", time_limit=0.05))
        assert ended.reason.startswith("TimeLimitExceeded")
        assert on.pool.running() == []
        on.open("hear")

    def test_a_blocked_loop_is_logged_with_its_place(self, on: Stage, caplog: pytest.LogCaptureFixture) -> None:
        on.run(ask(1, "spin", 2.0))
        assert "the event loop has been blocked" in caplog.text
        assert "script_spin" in caplog.text

    def test_tasks_that_are_no_coroutines_run_in_threads(self, on: Stage) -> None:
        on.run(*(ask(key, "in_thread") for key in range(20)))
        assert {answer.state for answer in on.answers} == {states.SUCCESS}
        assert str(threading.get_ident()).encode() not in {answer.payload for answer in on.answers}


class TestPrefork(PoolSuite):
    driver = PreforkPool


class TestPace:
    def test_nothing_is_held_ahead_until_a_task_has_ended(self) -> None:
        assert (Pace().window, Pace().depth) == (1, 1)

    @pytest.mark.parametrize(
        ("seconds", "window", "depth"),
        [(10.0, 1, 1), (0.05, 1, 1), (0.01, 1, 2), (0.001, 1, 2), (0.0005, 8, 16), (0.00001, MOST, 2 * MOST)],
    )
    def test_the_shorter_the_tasks_the_more_are_held(self, seconds: float, window: int, depth: int) -> None:
        pace = Pace()
        pace.add(1, seconds)
        assert (pace.window, pace.depth) == (window, depth)

    def test_one_long_task_among_short_ones_ends_the_hoarding(self) -> None:
        pace = Pace()
        pace.add(1000, 0.01)
        pace.add(1, 0.1)
        assert pace.window == 1


class _Signalling(ScriptRunner):
    def script_signal(self, _request: Request) -> Script:
        os.kill(os.getpid(), signal.SIGUSR2)
        yield 0.01
        return b""


class _AsyncRunner(ScriptRunner):
    """Knows coroutines that the suite's does not."""

    async def run_async(self, request: Request) -> Outcome:
        if request.message.task == "deaf":
            until = time.monotonic() + PATIENCE
            while time.monotonic() < until and not (self.folder / "hear").exists():
                try:
                    await asyncio.sleep(0.01)
                except asyncio.CancelledError:
                    continue
        if request.message.task == "in_thread":
            payload = str(await asyncio.to_thread(threading.get_ident)).encode()
            return Outcome(request.key, Verdict.ACK, states.SUCCESS, payload)
        return await super().run_async(request)
