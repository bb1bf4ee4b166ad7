"""Clauses about processes: a crash costs one request, whatever else waits or runs, and the pool gets over it."""

from __future__ import annotations

import os
import resource
import signal
from pathlib import Path

from celeriac.specs.pool import Verdict
from celeriac.testing.suite.pool.clauses import PoolClauses, Staged
from celeriac.testing.suite.pool.scripts import ask
from celeriac.testing.suite.pool.stage import eventually


class ProcessClauses(PoolClauses):
    """The capabilities "processes" and "recycle"."""

    def test_tasks_run_in_processes_of_their_own(self, stage: Staged) -> None:
        self.needs("processes")
        on = stage()
        on.run(ask(1, "echo"))
        assert os.getpid() not in on.runner.pids()

    def test_a_process_that_is_killed_loses_its_own_request_only(self, stage: Staged) -> None:
        """The verdict is LOST, and the reason names the signal; what runs elsewhere ends well."""
        self.needs("processes")
        on = stage(concurrency=2)
        on.begin(ask(1, "wait", on.gate("gate")))
        on.wait_begun(1)
        (lost,) = on.run(ask(2, "kill", signal.SIGKILL))
        assert lost.verdict == Verdict.LOST
        assert "9" in lost.reason
        assert "SIGKILL" in lost.reason
        on.open("gate")
        assert on.wait(1)[0].verdict == Verdict.ACK

    def test_a_process_that_exits_loses_its_request(self, stage: Staged) -> None:
        """The reason names the exit code."""
        self.needs("processes")
        (lost,) = stage().run(ask(1, "exit", 3))
        assert lost.verdict == Verdict.LOST
        assert "exit code 3" in lost.reason

    def test_what_waits_behind_a_crash_is_run(self, stage: Staged) -> None:
        """It was not started, so it is not lost; and what ended before is not lost either."""
        self.needs("processes")
        on = stage()
        for first in range(0, 200, 50):  # so that the pool may hand out in advance
            on.run(*(ask(key, "echo") for key in range(first, first + 50)))
        before = [ask(key, "echo") for key in range(1000, 1005)]
        behind = [ask(key, "echo") for key in range(1006, 1016)]
        on.begin(*before, ask(1005, "kill", signal.SIGKILL), *behind)
        verdicts = {answer.key: answer.verdict for answer in on.wait(*range(1000, 1016))}
        assert verdicts.pop(1005) == Verdict.LOST
        assert set(verdicts.values()) == {Verdict.ACK}
        assert len(on.runner.ran()) == len(set(on.runner.ran())) == 216

    def test_the_pool_is_back_at_full_width_after_crashes(self, stage: Staged) -> None:
        """However often; `width` counts those that are being replaced."""
        self.needs("processes", "parallel")
        on = stage(concurrency=2)
        for first in range(0, 6, 2):
            on.run(ask(first, "kill", signal.SIGKILL), ask(first + 1, "exit", 1))
            assert on.pool.width == 2
        assert [answer.payload for answer in on.run(ask(10, "meet", 2), ask(11, "meet", 2))] == [b"met", b"met"]

    def test_each_process_starts_and_ends_with_the_runners_calls(self, stage: Staged) -> None:
        """`process_started` before its first task, `process_stopping` when it ends in good order."""
        self.needs("processes")
        on = stage()
        on.run(ask(1, "echo"))
        (pid,) = on.runner.pids()
        assert on.runner.notes("processes") == [f"started {pid}"]
        on.stop(5)
        assert on.runner.notes("processes") == [f"started {pid}", f"stopping {pid}"]

    # recycle

    def test_a_process_is_replaced_after_so_many_tasks(self, stage: Staged) -> None:
        """`max_tasks_per_child` is a bound, also while requests come in batches."""
        self.needs("recycle")
        on = stage(max_tasks_per_child=3)
        on.run(*(ask(key, "echo") for key in range(30)))
        pids = on.runner.pids()
        assert max(pids.count(pid) for pid in pids) <= 3
        on.check_each_answered_once(30)

    def test_a_process_that_holds_too_much_memory_is_replaced(self, stage: Staged) -> None:
        """`max_memory_per_child` is checked after each task; no request is lost by it."""
        self.needs("recycle")
        on = stage(max_memory_per_child=_resident_kib() + 64 * 1024)
        on.run(ask(0, "hold", 128))
        keys = iter(range(1, 10_000))

        def moved() -> bool:
            on.run(ask(next(keys), "echo"))
            return on.runner.pids()[-1] != on.runner.pids()[0]

        eventually(moved, "another process runs the tasks")
        assert {answer.verdict for answer in on.answers} == {Verdict.ACK}


def _resident_kib() -> int:
    """Of this process, which its children start out with: the present figure on Linux, the peak elsewhere."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize() // 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 if os.uname().sysname == "Darwin" else peak
