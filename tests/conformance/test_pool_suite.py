"""The suite for pools finds each fault by the clause it breaks, and skips what a pool does not declare."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from celeriac.specs.pool import Outcome, Pool, PoolOptions, Request, Runner, Verdict
from celeriac.testing.suite import PoolSuite
from celeriac.testing.suite.pool import giving_back, stage
from celeriac.testing.suite.pool.clauses import staging
from celeriac_plugins.pools.asyncio import AsyncioPool
from celeriac_plugins.pools.prefork import PreforkPool
from celeriac_plugins.pools.solo import SoloPool
from celeriac_plugins.pools.threads import ThreadPool

Done = Callable[[list[Outcome]], None]


class Telepathic(SoloPool):
    capabilities = frozenset({"telepathy"})


class NotAPool:
    api = 1
    capabilities: frozenset[str] = frozenset()


class Forgets(SoloPool):
    """The last request of each batch."""

    def submit(self, batch: Sequence[Request]) -> None:
        super().submit(batch[:-1] if len(batch) > 1 else batch)


class AnswersTwice(SoloPool):
    def start(self, runner: Runner, done: Done) -> None:
        super().start(runner, lambda outcomes: (done(outcomes), done(outcomes[:1]))[0])


class RunsTwice(SoloPool):
    def start(self, runner: Runner, done: Done) -> None:
        super().start(_RunsTwice(runner), done)


class _RunsTwice:
    def __init__(self, runner: Runner) -> None:
        self.runner = runner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.runner, name)

    def run(self, request: Request) -> Outcome:
        self.runner.run(request)
        return self.runner.run(request)


class ShortensKeys(SoloPool):
    """To 32 bits, on their way back."""

    def start(self, runner: Runner, done: Done) -> None:
        def shorten(outcomes: list[Outcome]) -> None:
            for outcome in outcomes:
                outcome.key &= 0xFFFFFFFF
            done(outcomes)

        super().start(runner, shorten)


class DropsThePayload(SoloPool):
    def start(self, runner: Runner, done: Done) -> None:
        super().start(runner, lambda outcomes: done([Outcome(each.key, state=each.state) for each in outcomes]))


class Narrow(ThreadPool):
    """Has one thread, whatever the concurrency."""

    def __init__(self, options: PoolOptions) -> None:
        super().__init__(PoolOptions(concurrency=1))

    @property
    def width(self) -> int:
        return 3


class Wide(ThreadPool):
    """Has a thread more than it says."""

    def start(self, runner: Runner, done: Done) -> None:
        super().start(runner, done)
        self._add_thread()


class CountsWaitingAsRunning(SoloPool):
    def submit(self, batch: Sequence[Request]) -> None:
        self.keys = [request.key for request in batch]
        super().submit(batch)

    def running(self) -> list[int]:
        return self.keys if super().running() else []


class Hoards(ThreadPool):
    """Gives every request to a thread at once, in turn."""

    def start(self, runner: Runner, done: Done) -> None:
        self.pools = [ThreadPool(PoolOptions()) for _ in range(self.width)]
        for pool in self.pools:
            pool.start(runner, done)

    def submit(self, batch: Sequence[Request]) -> None:
        for number, request in enumerate(batch):
            self.pools[number % len(self.pools)].submit([request])

    def running(self) -> list[int]:
        return [key for pool in self.pools for key in pool.running()]

    def stop(self, grace: float) -> None:
        for pool in self.pools:
            pool.stop(grace)


class DoesNotWithdraw(ThreadPool):
    def withdraw(self) -> None:
        pass


class RunsWhatItWithdrew(ThreadPool):
    def withdraw(self) -> None:
        waiting = self._take_waiting()
        self._reporter.put([Outcome(request.key, Verdict.UNSTARTED) for request in waiting])
        for request in waiting:
            self._waiting.put(request)


class ClosesWhenWithdrawn(SoloPool):
    def withdraw(self) -> None:
        self._stopped = True


class DoesNotWait(ThreadPool):
    def stop(self, grace: float) -> None:
        super().stop(0)


class StopsInSilence(ThreadPool):
    """Answers nothing any more once it is to stop."""

    def start(self, runner: Runner, done: Done) -> None:
        self.silent = False
        super().start(runner, lambda outcomes: None if self.silent else done(outcomes))

    def stop(self, grace: float) -> None:
        self.silent = True
        super().stop(grace)


class IgnoresTheSecondStop(ThreadPool):
    def stop(self, grace: float) -> None:
        if not self._stopped:
            super().stop(grace)


class LeavesAThread(SoloPool):
    def start(self, runner: Runner, done: Done) -> None:
        super().start(runner, done)
        self.end = threading.Event()
        self.thread = threading.Thread(target=self.end.wait, args=(5.0,), daemon=True)
        self.thread.start()


class ClaimsProcesses(ThreadPool):
    capabilities = frozenset({"parallel", "processes"})


class LosesWhatWaits(PreforkPool):
    """At a crash, all that was in the pool counts as lost."""

    def start(self, runner: Runner, done: Done) -> None:
        self.crashed = False

        def lose(outcomes: list[Outcome]) -> None:
            for outcome in outcomes:
                self.crashed = self.crashed or outcome.verdict == Verdict.LOST
                if self.crashed:
                    outcome.verdict = Verdict.LOST
            done(outcomes)

        super().start(runner, lose)


class ForgetsLimits(ThreadPool):
    capabilities = frozenset({"parallel", "time-limit", "soft-time-limit"})


class CountsWaitingTime(PreforkPool):
    """A task that waited past its limit is not run."""

    def submit(self, batch: Sequence[Request]) -> None:
        limited = [request for request in batch if request.time_limit is not None]
        super().submit([request for request in batch if request.time_limit is None])
        for request in limited:
            self._reporter.ended(request, TimeoutError("waited too long"))


class TerminatesAll(AsyncioPool):
    def terminate(self, key: int, signal: int) -> bool:
        return [super(TerminatesAll, self).terminate(each, signal) for each in self.running()] != []


class TerminatesNothing(AsyncioPool):
    def terminate(self, key: int, signal: int) -> bool:
        return True


class CannotGrow(ThreadPool):
    def grow(self, number: int) -> None:
        self._width += number


class ShrinksToNothing(ThreadPool):
    def shrink(self, number: int) -> None:
        self._width -= number


class KeepsItsProcesses(PreforkPool):
    """Forgets that they are to be replaced."""

    def __init__(self, options: PoolOptions) -> None:
        super().__init__(PoolOptions(concurrency=options.concurrency, heartbeat=options.heartbeat))


class FewCoroutines(AsyncioPool):
    def __init__(self, options: PoolOptions) -> None:
        super().__init__(PoolOptions(concurrency=min(options.concurrency, 100)))


FAULTS: list[tuple[type, str]] = [
    (NotAPool, "it_is_a_pool_of_this_contract"),
    (Telepathic, "its_capabilities_are_names_of_the_contract"),
    (Forgets, "each_request_is_run_once_and_answered_once_with_its_key"),
    (AnswersTwice, "each_request_is_run_once_and_answered_once_with_its_key"),
    (RunsTwice, "each_request_is_run_once_and_answered_once_with_its_key"),
    (ShortensKeys, "any_key_is_carried_back"),
    (DropsThePayload, "the_answer_is_what_the_runner_made"),
    (Narrow, "as_many_run_at_a_time_as_the_width_says"),
    (Wide, "no_more_run_at_a_time_than_the_width_says"),
    (CountsWaitingAsRunning, "running_lists_what_has_begun_and_not_ended"),
    (Hoards, "short_requests_do_not_wait_behind_a_long_one_while_a_slot_is_free"),
    (DoesNotWithdraw, "withdraw_answers_what_waits_with_unstarted"),
    (RunsWhatItWithdrew, "withdraw_answers_what_waits_with_unstarted"),
    (ClosesWhenWithdrawn, "after_withdraw_the_pool_goes_on"),
    (DoesNotWait, "stop_waits_for_what_runs_and_returns_what_waits"),
    (StopsInSilence, "stop_gives_back_what_runs_past_the_grace"),
    (IgnoresTheSecondStop, "a_second_stop_shortens_the_first"),
    (LeavesAThread, "start_and_stop_leave_nothing_behind"),
    (ClaimsProcesses, "tasks_run_in_processes_of_their_own"),
    (LosesWhatWaits, "what_waits_behind_a_crash_is_run"),
    (ForgetsLimits, "the_time_limit_ends_any_task"),
    (ForgetsLimits, "the_soft_time_limit_raises_in_the_task"),
    (CountsWaitingTime, "the_time_limit_counts_from_the_start_of_the_task"),
    (TerminatesAll, "terminate_ends_one_task_and_no_other"),
    (TerminatesNothing, "terminate_ends_one_task_and_no_other"),
    (TerminatesNothing, "terminate_is_false_for_what_does_not_run"),
    (CannotGrow, "grow_adds_slots_while_tasks_run"),
    (ShrinksToNothing, "shrink_leaves_one_slot"),
    (KeepsItsProcesses, "a_process_is_replaced_after_so_many_tasks"),
    (FewCoroutines, "a_thousand_coroutines_go_on_at_a_time"),
]


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Faulty pools are waited for a second, not for as long as a slow machine may need."""
    monkeypatch.setattr(stage, "PATIENCE", 1.0)
    monkeypatch.setattr(giving_back, "PATIENCE", 1.0)


def examine(driver: type, clause: str, folder: Path) -> None:
    """Run one clause on this driver, as pytest would."""
    suite = type("Suite", (PoolSuite,), {"driver": driver})()
    test = getattr(suite, f"test_{clause}")
    wanted = test.__code__.co_varnames[: test.__code__.co_argcount]
    if "tmp_path" in wanted:
        test(folder)
        return
    if "stage" not in wanted:
        test()
        return
    with staging(suite.make, folder) as staged:
        test(staged, **({"script": "sleep"} if "script" in wanted else {}))


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize(("driver", "clause"), FAULTS, ids=lambda each: getattr(each, "__name__", each))
def test_the_fault_is_found_by_the_clause_about_it(driver: type[Pool], clause: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        examine(driver, clause, tmp_path)


def test_what_a_pool_does_not_declare_is_skipped_and_said(tmp_path: Path) -> None:
    with pytest.raises(pytest.skip.Exception, match="SoloPool does not declare 'processes'"):
        examine(SoloPool, "tasks_run_in_processes_of_their_own", tmp_path)


def test_a_sound_pool_passes_the_clauses_that_find_the_faults(tmp_path: Path) -> None:
    """So it is the fault that is found, and not the way in which this file asks."""
    for number, clause in enumerate(sorted({clause for _, clause in FAULTS if "process" not in clause})):
        folder = tmp_path / str(number)
        folder.mkdir()
        try:
            examine(ThreadPool, clause, folder)
        except pytest.skip.Exception:
            continue
