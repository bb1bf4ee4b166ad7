"""SIGTERM: stop fetching at once, finish what runs within the grace, give back the rest, exit 0. A second one: now."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import pytest

from worker_process import WorkerProcess, until

POOLS = ["solo", "threads", "prefork", "asyncio"]


def task_for(shop: ModuleType, pool: str) -> Any:
    return shop.awork if pool == "asyncio" else shop.work


@pytest.mark.parametrize("pool", POOLS)
def test_what_runs_is_finished_and_the_rest_is_left(shop: ModuleType, tmp_path: Path, diary: Any, pool: str) -> None:
    task = task_for(shop, pool)
    results = [task.delay(number, 1.0) for number in range(6)]
    with WorkerProcess(tmp_path, "-P", pool, "-c", "1") as worker:
        until(diary, "the first task to begin")
        assert worker.stop() == 0

    begun = [line for line in diary() if line.startswith("begin")]
    ended = [line for line in diary() if line.startswith("end")]
    assert len(begun) == len(ended) == 1
    assert [result.ready() for result in results].count(True) == 1
    counts = shop.app.transport.counts("celery")
    assert (counts.ready, counts.held) == (5, 0)
    # Given back is not held against them.
    (delivery,) = shop.app.transport.receive(["celery"], 1, 1)
    assert delivery.count == 1
    shop.app.transport.reject([delivery], started=False)


@pytest.mark.parametrize("pool", POOLS)
def test_what_outlasts_the_grace_is_given_back(shop: ModuleType, tmp_path: Path, diary: Any, pool: str) -> None:
    task_for(shop, pool).delay(1, 60)
    with WorkerProcess(tmp_path, "-P", pool, "-c", "1", "--grace", "0.5") as worker:
        until(diary, "the task to begin")
        assert worker.stop(15) == 0

    assert len(diary()) == 1
    counts = shop.app.transport.counts("celery")
    assert (counts.ready, counts.held) == (1, 0)


@pytest.mark.parametrize("pool", POOLS)
def test_a_second_signal_means_now(shop: ModuleType, tmp_path: Path, diary: Any, pool: str) -> None:
    task_for(shop, pool).delay(1, 60)
    with WorkerProcess(tmp_path, "-P", pool, "-c", "1") as worker:  # 25 s of grace
        until(diary, "the task to begin")
        worker.signal(signal.SIGTERM)
        until(lambda: "finishing what runs" in worker.text(), "the first signal to be heard")
        began = time.monotonic()
        worker.signal(signal.SIGTERM)
        assert worker.process.wait(15) == 0
        assert time.monotonic() - began < 15

    counts = shop.app.transport.counts("celery")
    assert (counts.ready, counts.held) == (1, 0)


def test_an_idle_worker_stops_at_once_on_sigint_too(shop: ModuleType, tmp_path: Path) -> None:
    with WorkerProcess(tmp_path, "-P", "prefork", "-c", "2") as worker:
        assert shop.add.delay(1, 2).get(timeout=30) == 3
        children = worker.descendants()
        worker.signal(signal.SIGINT)
        assert worker.process.wait(10) == 0
        until(lambda: not any(child.is_running() for child in children), "the children to be gone", 5)


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="needs root and the command unshare")
def test_as_pid_1_of_a_container(shop: ModuleType, tmp_path: Path, diary: Any) -> None:
    if subprocess.run(["unshare", "--pid", "--fork", "true"], check=False, capture_output=True).returncode:
        pytest.skip("unshare may not make a process namespace here")
    with WorkerProcess(tmp_path, "-P", "prefork", "-c", "1") as plain:
        command = plain.command
        plain.stop()
    shop.work.delay(1, 1.0)
    with (tmp_path / "worker.log").open("ab") as log:
        outer = subprocess.Popen(
            ["unshare", "--pid", "--fork", "--kill-child", *command], stdout=log, stderr=log, env=plain.environment
        )
    try:
        until(diary, "the task to begin")
        (inner,) = psutil.Process(outer.pid).children()
        inner.send_signal(signal.SIGTERM)
        assert outer.wait(20) == 0
    finally:
        outer.kill()
        outer.wait()

    assert [line.split()[0] for line in diary()] == ["begin", "end"]
