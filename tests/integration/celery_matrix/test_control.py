"""Remote control: each side's client asks both workers."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from typing import Any

import pytest

from celeriac.control import Control
from servers.shop_workers import QUIET, SHOPS, Shops, start_worker
from worker_process import until

OURS, THEIRS = f"ours@{socket.gethostname()}", f"theirs@{socket.gethostname()}"
BOTH = {OURS, THEIRS}
PATIENCE = 10


def ask(shops: Shops, side: str, question: str, workers: int = 2, **arguments: Any) -> dict[str, Any]:
    """The answers of the workers by name."""
    control = Control(shops.ours) if side == "ours" else shops.celery.control
    answers: dict[str, Any] = {}
    options: Any = {"reply": True, "timeout": 3.0, "limit": workers}
    for answer in control.broadcast(question, arguments=arguments, **options):
        answers.update(answer)
    return answers


def test_ping(shops: Shops, side: str) -> None:
    assert ask(shops, side, "ping") == {name: {"ok": "pong"} for name in BOTH}


def test_registered(shops: Shops, side: str) -> None:
    answers = ask(shops, side, "registered")
    assert answers.keys() == BOTH
    assert all("shop.add" in tasks for tasks in answers.values())


def test_stats_count_what_has_run(shops: Shops, side: str) -> None:
    for caller in ("celery", "ours"):
        shops.call(caller, "add", 1, 1).get(timeout=10)
    answers = ask(shops, side, "stats")
    assert answers.keys() == BOTH
    for stats in answers.values():
        assert stats["total"]["shop.add"] >= 1
        assert len(stats["pool"]["processes"]) == stats["pool"]["max-concurrency"] == 2
        assert {"pid", "uptime", "prefetch_count", "rusage"} <= stats.keys()


def test_active_and_reserved(shops: Shops, side: str) -> None:
    """Both slots of both workers are busy."""
    results = [shops.call(caller, "nap", 1.6) for caller in ("celery", "ours") for _ in range(2)]
    try:
        until(lambda: sum(map(len, ask(shops, side, "active").values())) == 4, "all four run")
        answers = ask(shops, side, "active")
        for tasks in answers.values():
            assert {task["id"] for task in tasks} <= {result.id for result in results}
            assert {task["name"] for task in tasks} == {"shop.nap"}
        assert ask(shops, side, "reserved").keys() == BOTH
    finally:
        for result in results:
            result.get(timeout=10)


def test_the_queues_that_are_consumed(shops: Shops, side: str) -> None:
    answers = ask(shops, side, "active_queues")
    assert {name: [queue["name"] for queue in queues] for name, queues in answers.items()} == {
        OURS: ["ours"],
        THEIRS: ["theirs"],
    }


def test_what_is_revoked_is_known_to_both(shops: Shops, side: str) -> None:
    task_id = f"revoked-by-{side}"
    answers = ask(shops, side, "revoke", task_id=task_id)
    assert answers.keys() == BOTH
    assert all("ok" in answer for answer in answers.values())
    assert {name: task_id in ids for name, ids in ask(shops, side, "revoked").items()} == dict.fromkeys(BOTH, True)


def test_a_task_is_found_by_its_id(shops: Shops, side: str) -> None:
    shops.clear_diary()
    result = shops.call(side, "nap", 1.5)
    until(lambda: shops.diary() == ["napping"], "it runs")
    answers = ask(shops, side, "query_task", ids=[result.id])
    result.get(timeout=10)
    found = {name: tasks for name, tasks in answers.items() if tasks}
    worker = OURS if side == "celery" else THEIRS
    assert found.keys() == {worker}
    state, task = found[worker][result.id]
    assert (state, task["name"]) == ("active", "shop.nap")


def test_a_pool_is_resized(shops: Shops, side: str) -> None:
    for command, size in (("pool_grow", 3), ("pool_shrink", 2)):
        assert all("ok" in answer for answer in ask(shops, side, command, n=1).values())
        until(
            lambda size=size: len(ask(shops, side, "stats")[OURS]["pool"]["processes"]) == size,
            f"ours has {size}; Celery's tells late",
            PATIENCE,
        )


def test_what_a_worker_does_not_know_is_an_error_and_no_silence(shops: Shops, side: str) -> None:
    answers = ask(shops, side, "no_such_thing")
    assert "error" in answers[OURS]


@pytest.mark.parametrize("kind", ["ours", "theirs"])
def test_one_worker_of_many_is_shut_down(shops: Shops, side: str, kind: str, tmp_path: Any) -> None:
    name = f"{kind}-third-{side}"
    commands = {
        "ours": ("celeriac", "-A", "celeriac_shop", "worker", "-P", "solo", "-Q", "third", "-n", name),
        "theirs": ("celery", "-A", "celery_shop", "worker", "-P", "solo", "-Q", "third", "-n", f"{name}@%h", *QUIET),
    }
    worker = start_worker(tmp_path, "third.log", *commands[kind], PYTHONPATH=str(SHOPS))
    full = f"{name}@{socket.gethostname()}"
    try:
        until(lambda: full in ask(shops, side, "ping", workers=3), "the third worker answers")
        if side == "ours":
            Control(shops.ours).shutdown([full])
        else:
            shops.celery.control.shutdown(destination=[full])
        assert worker.wait(20) == 0
        assert ask(shops, side, "ping").keys() == BOTH
    finally:
        worker.kill()
        worker.wait()


@pytest.mark.parametrize("program", ["celery", "celeriac"])
def test_each_sides_command_line_shows_both(shops: Shops, program: str, tmp_path: Any) -> None:
    found = subprocess.run(
        [sys.executable, "-m", program, "-A", f"{program}_shop", "inspect", "registered", "--json"],
        env={**os.environ, "PYTHONPATH": str(SHOPS)},
        cwd=tmp_path,
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert json.loads(found.stdout).keys() == BOTH
