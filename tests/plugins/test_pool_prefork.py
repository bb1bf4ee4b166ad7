"""The prefork pool when processes die: nothing is lost unnoticed, nothing runs twice, nobody is left behind."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from celeriac.specs.pool import Outcome, PoolOptions, Request, Verdict
from celeriac.testing.suite.pool.clauses import Staged, staging
from celeriac.testing.suite.pool.scripts import PATIENCE, Script, ScriptRunner, ask
from celeriac.testing.suite.pool.stage import Stage, eventually
from celeriac_plugins.pools.prefork import PreforkPool


def make(**options: Any) -> PreforkPool:
    return PreforkPool(PoolOptions(**{"concurrency": 2, "heartbeat": 0.2, **options}))


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Staged]:
    with staging(make, tmp_path) as stage:
        yield stage


def warm_up(on: Stage) -> int:
    """So many short requests that the pool hands out in advance; how many that takes (on a busy machine, more)."""
    for start in range(1_000_000, 1_010_000, 100):
        on.run(*(ask(key, "echo") for key in range(start, start + 100)))
        if start >= 1_000_300 and on.pool.depth > 1:
            return len(on.answers)
    raise AssertionError("the pool hands out nothing in advance")


def children(on: Stage) -> list[int]:
    return list(on.pool.describe()["processes"])


def kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def links(pid: int | str) -> list[tuple[str, str]]:
    """The open files of a process: number and what it is."""
    found = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        with suppress(OSError):  # the listing's own
            found.append((name, os.readlink(f"/proc/{pid}/fd/{name}")))
    return found


_INHERITED = {link for _, link in links("self")}
"""What was open when the tests were collected, so that it is not the pool's."""


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class TestChildrenThatDie:
    def test_random_kills_lose_nothing_that_was_not_running(self, stage: Staged) -> None:
        on = stage(concurrency=3)
        warm = warm_up(on)
        dice = random.Random(7)
        total = 300
        for first in range(0, total, 30):
            on.begin(*(ask(key, "sleep", dice.choice([0.0, 0.0, 0.001, 0.01])) for key in range(first, first + 30)))
            pids = children(on)
            if pids:
                kill(dice.choice(pids))
            time.sleep(dice.random() * 0.02)
        on.wait(*range(total))
        on.check_each_answered_once(warm + total)
        ran = on.runner.ran()
        assert len(ran) == len(set(ran)), "a request ran twice"
        verdicts = {answer.key: answer.verdict for answer in on.answers}
        assert set(verdicts.values()) <= {Verdict.ACK, Verdict.LOST}
        assert {key for key, verdict in verdicts.items() if verdict == Verdict.ACK} <= set(ran)
        assert sum(verdict == Verdict.LOST for verdict in verdicts.values()) <= total / 30, "a kill costs one at most"

    def test_kills_while_it_is_stopped_leave_each_request_answered_once(self, stage: Staged) -> None:
        on = stage(concurrency=3)
        warm = warm_up(on)
        on.begin(*(ask(key, "sleep", 0.002) for key in range(200)))
        eventually(lambda: len(on.answers) > warm + 20, "some are answered")
        for pid in children(on):
            kill(pid)
        on.stop(0.01)
        on.check_each_answered_once(warm + 200)
        ran = on.runner.ran()
        assert len(ran) == len(set(ran))
        unstarted = {answer.key for answer in on.answers if answer.verdict == Verdict.UNSTARTED}
        assert not unstarted & set(ran), "a request ran and was given back as if it had not"

    def test_the_pool_outlives_children_that_die_at_once(self, stage: Staged, caplog: pytest.LogCaptureFixture) -> None:
        """It goes on trying, with pauses, and says so."""
        on = stage(concurrency=1)
        on.run(ask(1, "echo"))
        killed = set(children(on))
        for pid in killed:
            kill(pid)
        for _ in range(4):
            eventually(lambda: bool(set(children(on)) - killed), "there is a new child")
            for pid in set(children(on)) - killed:
                kill(pid)
                killed.add(pid)
        assert on.run(ask(2, "echo"))[0].verdict == Verdict.ACK
        assert "ended before it ran anything" in caplog.text

    def test_a_child_that_writes_nonsense_is_replaced(self, tmp_path: Path) -> None:
        """Its request is lost, and no other."""
        on = Stage(PreforkPool(PoolOptions(heartbeat=0.2)), tmp_path, _Vandal(tmp_path))
        on.begin(ask(1, "vandal"), ask(2, "echo"))
        assert [answer.verdict for answer in on.wait(1, 2)] == [Verdict.LOST, Verdict.ACK]
        on.close()


class _Vandal(ScriptRunner):
    def script_vandal(self, _request: Request) -> Script:
        """Write to every pipe of the pool that is open for writing."""
        for name, link in links("self"):
            if link.startswith("pipe:") and link not in _INHERITED:
                with suppress(OSError):
                    os.write(int(name), b"\x02\x00\x00\x00\xc1\xc1")
        yield from ()
        return b""


class TestAheadOfTime:
    def test_what_was_handed_to_a_child_goes_elsewhere_when_it_is_busy(self, stage: Staged) -> None:
        on = stage()
        warm_up(on)
        on.begin(ask(0, "wait", on.gate("gate")), *(ask(key, "echo") for key in range(1, 120)))
        on.wait(*range(1, 120))
        assert on.pool.running() == [0]
        on.open("gate")
        on.wait(0)
        ran = on.runner.ran()
        assert len(ran) == len(set(ran))

    def test_an_outcome_does_not_wait_for_the_long_request_behind_it(self, stage: Staged) -> None:
        on = stage(concurrency=1)
        warm_up(on)
        on.begin(ask(0, "echo"), ask(1, "wait", on.gate("gate")))
        on.wait(0)
        assert 1 in on.runner.ran() or on.pool.running() in ([], [1])
        on.open("gate")
        on.wait(1)

    def test_terminate_and_limits_spare_what_waits_at_the_same_child(self, stage: Staged) -> None:
        on = stage(concurrency=1)
        warm_up(on)
        on.begin(ask(0, "wait", on.gate("gate")), *(ask(key, "echo") for key in range(1, 20)))
        on.wait_begun(0)
        assert on.pool.terminate(0, signal.SIGKILL)
        on.begin(ask(20, "spin", PATIENCE, time_limit=0.1), *(ask(key, "echo") for key in range(21, 40)))
        answers = on.wait(*range(40))
        assert [answer.key for answer in answers if answer.reason] == [0, 20]

    def test_slow_tasks_are_not_handed_out_ahead(self, stage: Staged) -> None:
        on = stage(concurrency=1)
        on.run(ask(0, "sleep", 0.06))
        assert on.pool.depth == 1


class TestTheFamily:
    def test_children_do_not_outlive_a_worker_that_is_killed(self, tmp_path: Path) -> None:
        with subprocess.Popen(
            [sys.executable, "-c", _WORKER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        ) as worker:
            assert worker.stdout is not None
            family = [int(word) for word in worker.stdout.readline().split()]
            worker.kill()
        assert len(family) == 3
        eventually(lambda: all(gone(pid) for pid in family), "nursery and children are gone")

    def test_a_nursery_that_is_killed_is_replaced(self, stage: Staged, caplog: pytest.LogCaptureFixture) -> None:
        on = stage()
        on.begin(ask(1, "wait", on.gate("gate")))
        on.wait_begun(1)
        before = on.pool.describe()
        kill(before["nursery"])
        (lost,) = on.wait(1)
        assert lost.verdict == Verdict.LOST
        met = on.run(ask(2, "meet", 2), ask(3, "meet", 2))
        assert [answer.payload for answer in met] == [b"met", b"met"]
        assert all(gone(pid) for pid in before["processes"])
        assert on.pool.describe()["nursery"] != before["nursery"]
        assert "the nursery" in caplog.text

    def test_a_child_holds_nothing_of_the_others(self, stage: Staged) -> None:
        """Two pipes and a socket of its own; also the one that was forked last."""
        on = stage(concurrency=3)
        on.run(*(ask(key, "meet", 3) for key in range(3)))
        seen: list[str] = []
        for pid in children(on):
            own = {link for _, link in links(pid) if link.startswith(("pipe:", "socket:"))} - _INHERITED
            assert len(own) == 3, own
            seen += own
        assert len(seen) == len(set(seen)), "a channel is held by two children"

    def test_children_leave_signals_to_the_worker(self, stage: Staged) -> None:
        """A TERM to the whole process group, as service managers send it, ends no task; `terminate` does."""
        on = stage(concurrency=1)
        on.begin(ask(1, "wait", on.gate("gate")))
        on.wait_begun(1)
        (pid,) = children(on)
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            os.kill(pid, signum)
        on.open("gate")
        assert on.wait(1)[0].verdict == Verdict.ACK
        on.begin(ask(2, "wait", on.gate("never")))
        on.wait_begun(2)
        assert on.pool.terminate(2, signal.SIGTERM)
        assert on.wait(2)[0].reason.startswith("TaskRevoked")

    def test_a_task_that_ignores_the_signal_is_killed(self, stage: Staged) -> None:
        on = stage(concurrency=1)
        on.begin(ask(1, "stubborn", PATIENCE))
        on.wait_begun(1)
        assert on.pool.terminate(1, signal.SIGUSR1)
        assert on.wait(1)[0].reason.startswith("TaskRevoked")


_WORKER = """
import sys, time
from pathlib import Path
from celeriac.specs.pool import PoolOptions
from celeriac.testing.suite.pool.clauses import Staged, staging
from celeriac.testing.suite.pool.scripts import ask
from celeriac.testing.suite.pool.stage import Stage
from celeriac_plugins.pools.prefork import PreforkPool
stage = Stage(PreforkPool(PoolOptions(concurrency=2)), Path(sys.argv[1]))
stage.pool.submit([ask(1, "spin", 60.0), ask(2, "stubborn", 60.0)])
stage.wait_begun(1, 2)
found = stage.pool.describe()
print(found["nursery"], *found["processes"], flush=True)
time.sleep(60)
"""


class TestRecycling:
    def test_the_next_child_is_ready_before_the_worn_one_leaves(self, stage: Staged) -> None:
        """With one slot and a limit of one task, the next request finds another process waiting."""
        on = stage(concurrency=1, max_tasks_per_child=1)
        on.begin(ask(1, "wait", on.gate("gate")))
        on.wait_begun(1)
        eventually(lambda: len(children(on)) == 2, "the next child is there while the first one runs")
        on.open("gate")
        on.run(ask(2, "echo"))
        assert len(set(on.runner.pids())) == 2

    def test_short_tasks_go_through_children_that_are_replaced_all_the_time(self, stage: Staged) -> None:
        on = stage(max_tasks_per_child=7)
        on.run(*(ask(key, "echo") for key in range(200)))
        on.check_each_answered_once(200)
        assert {answer.verdict for answer in on.answers} == {Verdict.ACK}
        pids = on.runner.pids()
        assert max(pids.count(pid) for pid in pids) <= 7


class TestBusyKernel:
    def test_limits_hold_while_done_is_blocked(self, stage: Staged) -> None:
        """As when the broker is away."""
        on = stage()
        told = on.hear
        released = on.runner.folder / "released"

        def blocked(outcomes: list[Outcome]) -> None:
            eventually(released.exists, "the broker is back")
            told(outcomes)

        on.hear = blocked
        on.begin(ask(1, "echo"))
        on.begin(ask(2, "spin", PATIENCE, time_limit=0.1))
        eventually(lambda: {1, 2} <= set(on.runner.ran()), "both have begun")
        eventually(lambda: on.pool.running() == [], "the limit has ended the second")
        released.touch()
        assert on.wait(1, 2)[1].reason.startswith("TimeLimitExceeded")

    def test_a_header_that_cannot_be_sent_costs_its_own_request_only(self, stage: Staged) -> None:
        on = stage(concurrency=1)
        odd = ask(2, "echo")
        odd.message.headers["odd"] = 1 << 70
        on.begin(ask(1, "echo"), odd, ask(3, "echo"))
        answers = on.wait(1, 2, 3)
        assert [bool(answer.reason) for answer in answers] == [False, True, False]
        assert answers[1].reason.startswith("EncodeError")
