"""A worker that consumes nothing although it should: it connects anew, and ends when that does not help."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from broken_transports import URL, BrokenTransport
from celeriac import Celeriac
from celeriac.control import Control
from celeriac.errors import BackendDown, TransportDown
from celeriac.ids import new_id
from celeriac.testing import start_worker
from celeriac.worker.reconnection import Reconnection
from worker_process import until

STALL = 0.4


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in {"made": [], "sick": 0, "how": "deaf", "acks_hang": False, "has_remote_control": True}.items():
        monkeypatch.setattr(BrokenTransport, name, value)
    yield
    for transport in BrokenTransport.made:
        transport.close()


def broken(**settings: Any) -> dict[str, Any]:
    return {"broker_url": f"{URL}{new_id()}", "worker_stall_timeout": STALL, **settings}


# connecting anew


@pytest.mark.parametrize("how", ["hangs", "deaf"])
def test_what_waits_for_a_receive_that_brings_nothing_runs_on_a_new_connection(
    app: Celeriac, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    monkeypatch.setattr(BrokenTransport, "sick", 2)
    monkeypatch.setattr(BrokenTransport, "how", how)
    with start_worker(app, **broken()) as worker:
        assert app.tasks["add"].delay(1, 2).get(timeout=20) == 3
        assert worker.worker.status == 0

    assert len(BrokenTransport.made) == 3
    assert "connecting anew (1 of 3)" in caplog.text
    assert "connecting anew (2 of 3)" in caplog.text


def test_remote_control_goes_over_the_new_connection(app: Celeriac, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BrokenTransport, "sick", 1)
    with start_worker(app, **broken()):
        app.tasks["add"].delay(1, 2).get(timeout=20)
        assert Control(app).broadcast("ping", reply=True, limit=1, timeout=5)


def test_what_runs_on_the_old_connection_is_settled_on_the_new_one(
    app: Celeriac, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    @app.task(name="waits")
    def waits() -> str:
        begun.set()
        go_on.wait(20)
        return "done"

    with start_worker(app, pool="threads", concurrency=2, **broken()) as worker:
        first = waits.delay()
        assert begun.wait(10)
        BrokenTransport.made[0].is_sick = True
        BrokenTransport.made[0].wake()
        assert app.tasks["add"].delay(1, 2).get(timeout=20) == 3
        go_on.set()
        assert first.get(timeout=10) == "done"
        worker.drain()


@pytest.mark.parametrize("pool", ["solo", "threads"])
def test_an_acknowledgement_that_hangs_is_done_on_a_new_connection(
    app: Celeriac, monkeypatch: pytest.MonkeyPatch, pool: str
) -> None:
    monkeypatch.setattr(BrokenTransport, "acks_hang", True)
    with start_worker(app, pool=pool, **broken()) as worker:
        assert app.tasks["add"].delay(1, 2).get(timeout=5) == 3
        worker.drain(timeout=20)
        assert len(BrokenTransport.made) == 2
        assert app.tasks["add"].delay(1, 2).get(timeout=5) == 3


def test_a_worker_that_nothing_helps_ends_with_status_1(
    app: Celeriac, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(BrokenTransport, "sick", 100)
    with start_worker(app, **broken()) as worker:
        app.tasks["add"].delay(1, 2)
        until(lambda: worker.worker.stopping, "the worker to give up")
        assert worker.worker.status == 1

    (line,) = [record for record in caplog.records if record.levelno == logging.CRITICAL]
    assert "3 new connections did not help" in line.getMessage()
    assert caplog.text.count("connecting anew") == 3


# leaving in peace


def test_an_idle_worker_is_left_in_peace(app: Celeriac) -> None:
    with start_worker(app, **broken()) as worker:
        transport = BrokenTransport.made[0]
        until(lambda: transport.looks >= 4, "four looks at the empty queue")
        assert worker.worker.health.report()["live"]
        assert BrokenTransport.made == [transport]


@pytest.mark.parametrize("pool", ["solo", "threads"])
def test_a_worker_that_is_full_is_left_in_peace_though_messages_wait(app: Celeriac, pool: str) -> None:
    begun = threading.Event()
    long = 2.5 * STALL

    @app.task(name="long")
    def long_task() -> None:
        begun.set()
        threading.Event().wait(long)

    with start_worker(app, pool=pool, **broken()) as worker:
        results = [long_task.delay(), long_task.delay()]
        assert begun.wait(10)
        while not results[1].ready():
            assert worker.worker.health.report()["live"], worker.worker.health.report()
        assert len(BrokenTransport.made) == 1


def test_a_broker_that_is_away_is_no_reason_to_restart(app: Celeriac, monkeypatch: pytest.MonkeyPatch) -> None:
    with start_worker(app, **broken()) as worker:
        health = worker.worker.health
        with monkeypatch.context() as away:
            away.setattr(BrokenTransport, "receive", raises)
            BrokenTransport.made[0].wake()
            until(lambda: worker.worker.reconnection.lost is not None, "the loss to be noticed")
            assert not health.report()["ready"]
            until(lambda: "has not answered for 1." in health.report()["problems"][0], "a second or more without it")
            assert health.report()["live"]
        assert app.tasks["add"].delay(1, 2).get(timeout=5) == 3
        assert health.report()["ready"]
        assert len(BrokenTransport.made) == 1


def raises(*_: Any, **__: Any) -> Any:
    raise TransportDown("redis://user:sesame@broker/0 is away")


# the broker goes and comes


def test_a_loss_and_its_end_are_said_once_and_without_the_password(
    app: Celeriac, caplog: pytest.LogCaptureFixture
) -> None:
    app.conf.broker_url = "redis://user:sesame@broker:6379/0"
    reconnection = Reconnection(app)
    reconnection.succeeded()
    pauses = [reconnection.failed(TransportDown("redis://user:sesame@broker/0 is away")) for _ in range(20)]
    reconnection.succeeded()

    assert all(pause is not None and 0.05 <= pause <= 2.0 for pause in pauses)
    lost, found = [record.getMessage() for record in caplog.records]
    assert lost.startswith("lost the broker redis://user:***@broker:6379/0: ")
    assert found.startswith("the broker redis://user:***@broker:6379/0 answers after 0.0 s, and messages are received")
    assert "sesame" not in caplog.text


@pytest.mark.parametrize(
    ("settings", "was_there", "tries"),
    [
        ({}, True, None),
        ({"broker_connection_retry": False}, True, 0),
        ({"broker_connection_retry": False}, False, 0),
        ({"broker_connection_retry": False, "broker_connection_retry_on_startup": True}, False, None),
        ({"broker_connection_retry_on_startup": False}, False, 0),
        ({"broker_connection_retry_on_startup": False}, True, None),
        ({"broker_connection_max_retries": 3}, True, 3),
        ({"broker_connection_max_retries": 0}, True, None),
    ],
)
def test_how_often_a_broker_is_tried(
    app: Celeriac, settings: dict[str, Any], was_there: bool, tries: int | None
) -> None:
    app.conf.update(settings, "this test")
    reconnection = Reconnection(app)
    if was_there:
        reconnection.succeeded()
    pauses = [reconnection.failed(TransportDown("away")) for _ in range(200)]

    assert pauses.index(None) == tries if tries is not None else None not in pauses


def test_a_worker_that_may_not_try_again_ends_with_status_1(app: Celeriac, monkeypatch: pytest.MonkeyPatch) -> None:
    with start_worker(app, **broken(broker_connection_retry=False)) as worker:
        monkeypatch.setattr(BrokenTransport, "receive", raises)
        BrokenTransport.made[0].wake()
        until(lambda: worker.worker.stopping, "the worker to end")
        assert worker.worker.status == 1


# what the loop and the keeper live through


def test_leases_are_renewed_where_remote_control_cannot_be_heard(
    app: Celeriac, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BrokenTransport, "has_remote_control", False)
    with start_worker(app, **broken(worker_lease=0.3, worker_stall_timeout=30)):
        go_on = threading.Event()

        @app.task(name="held")
        def held() -> None:
            go_on.wait(20)

        result = held.delay()
        until(lambda: BrokenTransport.made[0].renewals >= 2, "two renewals")
        go_on.set()
        result.get(timeout=5)


def test_the_keeper_lives_through_an_error_of_a_driver(app: Celeriac, monkeypatch: pytest.MonkeyPatch) -> None:
    with start_worker(app, **broken()) as worker:
        transport = BrokenTransport.made[0]
        with monkeypatch.context() as wrong:
            wrong.setattr(transport, "counts", lambda _: 1 / 0)
            until(lambda: worker.worker._keeper._failing, "the keeper to meet it")
        until(lambda: transport.looks >= 2, "the keeper to look again")
        assert len(BrokenTransport.made) == 1


def test_messages_that_cannot_be_put_off_at_once_do_not_fill_the_worker(
    app: Celeriac, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a Celery client's do that are not due: the worker has to give them back with a delay."""
    with start_worker(app, **broken()) as worker:
        due = app.tasks["add"].apply_async((1, 2), countdown=3600).id
        failures = iter([raises] * 3)
        delay = BrokenTransport.delay
        monkeypatch.setattr(BrokenTransport, "delay", lambda *args, **kw: next(failures, delay)(*args, **kw))
        transport = BrokenTransport.made[0]
        publication = app.caller.build("add", (3, 4), {}, {"countdown": 3600})
        publication.due = None
        transport.publish([publication], 1)
        until(lambda: next(failures, None) is None, "the failures to be over")
        until(lambda: transport.counts("celery").delayed == 2, "both to be delayed")
        assert len(worker.worker.inflight) == 0
        assert due
        assert app.tasks["add"].delay(1, 2).get(timeout=5) == 3


def test_a_redelivery_waits_for_the_result_store_and_does_not_end_the_worker(
    app: Celeriac, monkeypatch: pytest.MonkeyPatch
) -> None:
    with start_worker(app, **broken()) as worker:
        driver = app.backend.driver
        fetch, failures = driver.fetch, []

        def fails_twice(ids: Any) -> Any:
            if len(failures) < 2:
                failures.append(ids)
                raise BackendDown("away")
            return fetch(ids)

        monkeypatch.setattr(driver, "fetch", fails_twice)
        again = app.tasks["again"].delay()
        until(lambda: len(app.ran) == 3, "three deliveries")  # type: ignore[attr-defined]
        worker.drain()
        assert again.id
        assert len(failures) == 2
        assert [letter.message.id for letter in worker.dead_letters()] == [again.id]


# what is told


def test_a_receive_that_is_overdue_costs_readiness_before_it_costs_life(
    app: Celeriac, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BrokenTransport, "how", "hangs")
    with start_worker(app, **broken(worker_stall_timeout=30.0)) as worker:
        health = worker.worker.health
        until(lambda: health.report()["ready"], "the worker to be ready")
        BrokenTransport.made[0].is_sick = True
        app.tasks["add"].delay(1, 2).get(timeout=5)
        assert BrokenTransport.made[0].has_hung.wait(10)
        pulse = worker.worker.pulse
        pulse.fetched = pulse.came_round = pulse.came_round - 20
        report = health.report()

    assert (report["live"], report["ready"]) == (True, False)
    assert report["problems"][0].startswith("no receive has come back for 2")


def test_the_age_of_the_last_fetch_is_among_the_stats(app: Celeriac) -> None:
    with start_worker(app) as worker:
        app.tasks["add"].delay(1, 2).get(timeout=5)
        ((reply),) = Control(app).broadcast("stats", reply=True, limit=1, timeout=5)
        stats = reply[worker.worker.hostname]

    assert 0 <= stats["last_fetch_age_seconds"] < 60
