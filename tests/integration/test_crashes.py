"""Processes are killed: nothing is lost, what had finished is not repeated, and what kills its worker is stopped."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import pytest

from celeriac import states
from celeriac.errors import TaskFailed, TimeLimitExceeded, WorkerLost
from celeriac.specs.transport import QueueCounts
from worker_process import WorkerProcess, until

TASKS = 1000


def test_a_thousand_tasks_survive_random_kills_of_children_and_worker(
    shop: ModuleType, tmp_path: Path, diary: Any
) -> None:
    chance = random.Random(20261)
    results = shop.app.send_batch(shop.work.s(number, 0.004) for number in range(TASKS))
    ids = [result.id for result in results]
    kills = 0
    ended_before_kill: set[str] = set()
    with WorkerProcess(tmp_path, "-P", "prefork", "-c", "2") as worker:
        until(diary, "the first task")
        began = time.monotonic()
        while len(ended := _ended(shop, ids)) < TASKS:
            assert time.monotonic() - began < 90, f"{len(ended)} of {TASKS} ended; {worker.text()[-3000:]}"
            # Another kill with every hundred or so tasks: first of children, now and then of the whole worker.
            if len(ended) < 80 * (kills + 1):
                time.sleep(0.01)
                continue
            kills += 1
            ended_before_kill = set(ended)
            if kills % 4 == 0:
                worker.kill()
                worker.restart()
            else:
                _kill_a_child(worker, chance)
        assert kills >= 8
        # The pool is at full width again.
        until(lambda: len(_leaves(worker)) == 2, "two children after the kills")
        # What had ended before the last kill has not been touched by it.
        assert ended_before_kill <= set(_ended(shop, ids))
        assert worker.stop() == 0

    stored = shop.app.backend.fetch(ids)
    dead = shop.app.transport.dead_letters(limit=1000)
    assert Counter(document["status"] for document in stored.values())[states.SUCCESS] + len(dead) == TASKS
    assert shop.app.transport.counts("celery") == QueueCounts(0, 0, 0)
    runs = Counter(line.split()[1] for line in diary() if line.startswith("begin"))
    assert set(runs) == {str(number) for number in range(TASKS)}
    # Only what was in the hands of something that was killed ran again: at most what the worker held each time.
    again = sum(runs.values()) - TASKS
    assert again <= kills * 8, f"{again} runs again after {kills} kills"
    with sqlite3.connect(tmp_path / "queue.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_what_had_finished_is_not_run_again_when_its_message_comes_back(
    shop: ModuleType, tmp_path: Path, diary: Any
) -> None:
    """The worst moment: the result is stored, the message is not yet acknowledged."""
    result = shop.work.delay(1, 0)
    with WorkerProcess(tmp_path, "-P", "prefork", "-c", "1"):
        assert result.get(timeout=30) == 1
        until(lambda: shop.app.transport.counts("celery").held == 0, "the acknowledgement")

    # The same message again, as after a crash between the two: delivered before, never acknowledged.
    publication = shop.app.caller.build("shop.work", (1, 0), None, {"task_id": result.id}, shop.work)
    shop.app.transport.publish([publication], 5)
    (delivery,) = shop.app.transport.receive(["celery"], 1, 5)
    shop.app.transport.reject([delivery], started=True)
    with WorkerProcess(tmp_path, "-P", "prefork", "-c", "1"):
        until(lambda: shop.app.transport.counts("celery").ready == 0, "the second delivery")
        until(lambda: shop.app.transport.counts("celery").held == 0, "its acknowledgement")

    assert [line.split()[0] for line in diary()] == ["begin", "end"]


def test_a_poison_task_runs_three_times_and_is_a_dead_letter_that_names_the_signal(
    shop: ModuleType, tmp_path: Path, diary: Any
) -> None:
    with WorkerProcess(tmp_path, "-P", "prefork", "-c", "2") as worker:
        result = shop.poison.delay()
        with pytest.raises((WorkerLost, TaskFailed), match="SIGKILL"):
            result.get(timeout=30)
        until(shop.app.transport.dead_letters, "the dead letter")

        assert len(diary()) == 3
        (letter,) = shop.app.transport.dead_letters()
        assert "signal 9 (SIGKILL)" in letter.reason
        assert letter.deliveries == 3
        assert letter.message.id == result.id
        # Nobody else was harmed, and the pool is whole.
        assert shop.add.delay(1, 2).get(timeout=10) == 3
        until(lambda: len(_leaves(worker)) == 2, "two children")


def test_when_the_worker_is_killed_its_children_are_gone_at_once_and_another_takes_over(
    shop: ModuleType, tmp_path: Path, diary: Any
) -> None:
    with WorkerProcess(tmp_path, "-P", "prefork", "-c", "2") as worker:
        slow = [shop.work.delay(number, 1.5) for number in range(2)]
        until(lambda: len(diary()) == 2, "both tasks to begin")
        children = worker.descendants()
        worker.kill()
        until(lambda: not any(_lives(child) for child in children), "the children to be gone", 5)

        worker.restart()

        # No lease has to run out (30 s): a dead holder is known to be dead.
        assert [result.get(timeout=15) for result in slow] == [0, 1]


def test_the_hard_time_limit_ends_a_task_and_its_slot_comes_back(shop: ModuleType, tmp_path: Path, diary: Any) -> None:
    with WorkerProcess(tmp_path, "-P", "prefork", "-c", "1"):
        result = shop.too_long.apply_async(time_limit=1)
        with pytest.raises(TimeLimitExceeded):
            result.get(timeout=20)

        assert shop.add.delay(1, 2).get(timeout=10) == 3
        assert diary() == ["too long"]
        assert shop.app.transport.dead_letters() == []


def test_a_stopped_worker_loses_its_lease_and_cannot_settle_what_another_has(
    shop: ModuleType, tmp_path: Path, diary: Any
) -> None:
    """SIGSTOP: alive, and not to be told from a very slow one, but for its lease."""
    with WorkerProcess(tmp_path, "-P", "solo", CELERIAC_WORKER_LEASE="1") as first:
        result = shop.work.delay(7, 0.5)
        until(diary, "the task to begin")
        first.signal(signal.SIGSTOP)
        with WorkerProcess(tmp_path, "-P", "solo", CELERIAC_WORKER_LEASE="1"):
            assert result.get(timeout=20) == 7
        first.signal(signal.SIGCONT)
        until(lambda: len([line for line in diary() if line.startswith("end")]) == 2, "the first one to wake up")
        assert shop.add.delay(1, 2).get(timeout=10) == 3
        # The second one may have been killed between its result and its acknowledgement: then it comes back, finished.
        until(lambda: shop.app.transport.counts("celery") == QueueCounts(0, 0, 0), "an empty queue")

    assert len([line for line in diary() if line.startswith("begin")]) == 2


def test_a_chord_is_complete_though_its_workers_are_killed(shop: ModuleType, tmp_path: Path, diary: Any) -> None:
    from celeriac import chord

    with WorkerProcess(tmp_path, "-P", "prefork", "-c", "2") as worker:
        result = chord(shop.work.s(number, 0.01) for number in range(100))(shop.total.s())
        for mark in (30, 90, 150):
            until(lambda mark=mark: len(diary()) > mark or result.ready(), "progress")  # type: ignore[misc]
            worker.kill()
            worker.restart()

        assert result.get(timeout=60) == sum(range(100))
        assert len([line for line in diary() if line.startswith("total")]) == 1


def _ended(shop: ModuleType, ids: list[str]) -> list[str]:
    records = shop.app.backend.driver.fetch(ids)
    return [id_ for id_, record in records.items() if record.state in states.READY_STATES]


def _leaves(worker: WorkerProcess) -> list[psutil.Process]:
    """The processes that run tasks: those below the worker that have no children."""
    leaves = []
    for process in worker.descendants():
        try:
            if not process.children():
                leaves.append(process)
        except psutil.NoSuchProcess:
            continue
    return leaves


def _kill_a_child(worker: WorkerProcess, chance: random.Random) -> None:
    leaves = _leaves(worker)
    if leaves:
        with suppress(ProcessLookupError):
            os.kill(chance.choice(leaves).pid, signal.SIGKILL)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
