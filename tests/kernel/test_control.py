"""Remote control: asking workers and telling them."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import pytest

from celeriac import Celeriac, states
from celeriac.control import TOPIC, Control
from celeriac.errors import TaskRevoked
from celeriac.testing import WorkerInTest, start_worker


def test_ping_is_answered_by_every_worker_with_its_name(app: Celeriac, worker: WorkerInTest) -> None:
    replies = Control(app).broadcast("ping", reply=True, limit=1, timeout=5)

    assert replies == [{worker.worker.hostname: {"ok": "pong"}}]


def test_a_command_reaches_only_its_destination(app: Celeriac, worker: WorkerInTest) -> None:
    control = Control(app)

    assert control.broadcast("ping", destination=["somebody@else"], reply=True, timeout=0.1) == []
    assert control.broadcast("ping", destination=[worker.worker.hostname], reply=True, timeout=5)


@pytest.mark.parametrize("signal", ["SIGTERM", 15, None])
def test_terminate_takes_a_signal_by_name_by_number_or_none_as_celery_sends_it(
    app: Celeriac, signal: str | int | None
) -> None:
    running = threading.Event()

    @app.task(name="waits")
    async def waits() -> None:
        running.set()
        await asyncio.sleep(30)

    with start_worker(app, pool="asyncio"):
        result = waits.delay()
        assert running.wait(5)
        arguments = {"task_id": result.id, "terminate": True, "signal": signal}
        Control(app).broadcast("revoke", arguments, reply=True, limit=1, timeout=5)
        with pytest.raises(TaskRevoked, match="terminated"):
            result.get(timeout=10)


def test_what_is_revoked_and_what_is_held_can_be_asked_for(app: Celeriac) -> None:
    running, go_on = threading.Event(), threading.Event()

    @app.task(name="blocks")
    def blocks() -> None:
        running.set()
        go_on.wait(10)

    with start_worker(app, pool="threads"):
        result = blocks.delay()
        assert running.wait(5)
        Control(app).revoke("another")
        ((found,),) = (reply.values() for reply in _query(app, [result.id, "unknown"]))
        go_on.set()
        result.get(timeout=5)
        assert ask(app, "revoked") == ["another"]
        assert ask(app, "scheduled") == []
    state, task = found[result.id]
    assert (state, task["name"]) == ("active", "blocks")
    assert found.keys() == {result.id}


def _query(app: Celeriac, ids: list[str]) -> list[dict[str, Any]]:
    return Control(app).broadcast("query_task", {"ids": ids}, reply=True, limit=1, timeout=5)


def ask(app: Celeriac, command: str) -> Any:
    ((reply),) = Control(app).broadcast(command, reply=True, limit=1, timeout=5)
    return next(iter(reply.values()))


def test_a_worker_tells_what_it_is_and_does(app: Celeriac, worker: WorkerInTest) -> None:
    app.tasks["add"].delay(1, 2).get(timeout=5)
    worker.drain()

    stats = ask(app, "stats")
    assert stats["total"] == {"add": 1}
    assert stats["counts"] == {"succeeded": 1}
    assert stats["pool"]["implementation"] == "solo"
    assert "add" in ask(app, "registered")
    assert ask(app, "active_queues") == [{"name": "celery"}]
    assert ask(app, "conf")["broker_url"].startswith("memory://")
    assert ask(app, "active") == ask(app, "reserved") == []


def test_a_running_task_is_shown_as_active_and_a_waiting_one_as_reserved(app: Celeriac) -> None:
    running, go_on = threading.Event(), threading.Event()

    @app.task(name="blocks")
    def blocks() -> None:
        running.set()
        go_on.wait(10)

    with start_worker(app, pool="threads"):
        result = blocks.delay()
        assert running.wait(5)
        (active,) = ask(app, "active")
        go_on.set()
        result.get(timeout=5)

    assert active["id"] == result.id
    assert active["name"] == "blocks"
    assert active["args"] == "()"


def test_a_revoked_task_does_not_run_and_says_so(app: Celeriac, worker: WorkerInTest) -> None:
    result = app.tasks["add"].apply_async((1, 2), countdown=60)
    result.revoke()
    assert ask(app, "ping")  # the worker has heard both by now

    worker.advance(60)

    with pytest.raises(TaskRevoked, match="revoked"):
        result.get(timeout=5)
    assert result.state == states.REVOKED
    assert app.ran == []  # type: ignore[attr-defined]


def test_a_running_coroutine_is_terminated_and_its_neighbour_is_not(app: Celeriac) -> None:
    import asyncio

    started: list[str] = []

    @app.task(name="sleeps", bind=True)
    async def sleeps(self: Any, seconds: float) -> str:
        started.append(self.request.id)
        await asyncio.sleep(seconds)
        return "slept"

    with start_worker(app, pool="asyncio", concurrency=10):
        victim, neighbour = sleeps.delay(60), sleeps.delay(0.5)
        while len(started) < 2:
            pass
        victim.revoke(terminate=True)

        with pytest.raises(TaskRevoked, match="terminated"):
            victim.get(timeout=10)
        assert neighbour.get(timeout=10) == "slept"


def test_shutdown_by_remote_control_is_graceful(app: Celeriac) -> None:
    with start_worker(app) as worker:
        Control(app).shutdown()
        for _ in range(500):
            if worker.worker.stopping:
                break
            threading.Event().wait(0.01)
        assert worker.worker.stopping


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"method": 3}',
        b'{"method": "no_such_command", "arguments": {}}',
        b'{"method": "revoke", "arguments": {"wrong": 1}}',
        b'{"method": "pool_grow", "arguments": {"n": "many"}}',
        b'{"method": "ping", "pattern": "(", "matcher": "pcre"}',
        b'{"method": "ping", "reply_to": {"nothing": 1}}',
    ],
)
def test_a_malformed_command_harms_nobody(app: Celeriac, worker: WorkerInTest, payload: bytes) -> None:
    app.transport.broadcast(TOPIC, payload)

    assert ask(app, "ping") == {"ok": "pong"}


def test_an_unknown_command_is_answered_with_an_error(app: Celeriac, worker: WorkerInTest) -> None:
    assert ask(app, "no_such") == {"error": "no such command: no_such"}


def test_remote_control_can_be_switched_off(app: Celeriac) -> None:
    with start_worker(app, worker_enable_remote_control=False):
        assert Control(app).broadcast("ping", reply=True, timeout=0.2) == []
        assert app.tasks["add"].delay(1, 2).get(timeout=5) == 3


def test_the_commands_are_celerys_messages(app: Celeriac) -> None:
    subscription = app.transport.subscribe([TOPIC])
    Control(app).broadcast("rate_limit", {"task_name": "x", "rate_limit": "1/s"}, destination=["w@h"])
    ((_, payload),) = subscription.receive(5)
    subscription.close()

    message = json.loads(payload)
    assert message["method"] == "rate_limit"
    assert message["arguments"] == {"task_name": "x", "rate_limit": "1/s"}
    assert message["destination"] == ["w@h"]
    assert {"pattern", "matcher", "ticket", "reply_to"} <= set(message)
