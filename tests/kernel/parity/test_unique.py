"""Unique tasks: X6. Of equal calls one runs, whoever makes them and whatever dies meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from celeriac import Celeriac, Reject, Unique, chain, chord, group
from celeriac.beat import Beat
from celeriac.errors import ConfigurationError, DuplicateCall, TransportDown, UnsupportedCapability
from celeriac.testing import start_worker
from celeriac.unique import SAME_AS, UNIQUE
from working import wait_until, working

BACKENDS = ["memory://unique-tests-{name}", "sqlite:///{path}/results.db", "filesystem://{path}/results"]


class Shop:
    """An app whose tasks note what ran, and wait until they may end."""

    def __init__(self, app: Celeriac) -> None:
        self.app = app
        self.ran: list[Any] = []
        self.lock = threading.Lock()
        self.may_end = threading.Event()
        self.may_end.set()

        def pay(order: int, note: str = "") -> str:
            with self.lock:
                self.ran.append((order, note))
            assert self.may_end.wait(10)
            return f"paid {order}"

        self.pay = app.task(name="pay", unique=Unique(key=["order"]))(pay)
        self.until_start = app.task(name="until_start", unique=Unique("until_start"))(pay)
        self.hourly = app.task(name="hourly", unique=Unique("window", window=3600))(pay)
        self.once = app.task(name="once", unique=Unique("window"))(pay)
        self.strict = app.task(name="strict", unique=Unique(on_conflict="raise"))(pay)
        self.plain = app.task(name="plain")(lambda *values: list(values))


@pytest.fixture(params=BACKENDS, ids=["memory", "sqlite", "filesystem"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    backend = request.param.format(path=tmp_path, name=tmp_path.name)
    app = Celeriac("shop", broker=f"memory://{tmp_path}", backend=backend, worker_lease=5)
    yield Shop(app)
    app.close()


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Shop]:
    app = Celeriac("shop", broker=f"memory://{tmp_path}", backend=f"memory://{tmp_path}", worker_lease=5)
    yield Shop(app)
    app.close()


def ready(app: Celeriac) -> int:
    return app.transport.counts("celery").ready


def test_x6_a_hundred_parallel_calls_make_one_run_and_return_one_id(shop: Shop) -> None:
    with ThreadPoolExecutor(25) as callers:
        results = list(callers.map(lambda n: shop.pay.delay(7, note=str(n)), range(100)))

    assert len({result.id for result in results}) == 1
    assert ready(shop.app) == 1
    with working(shop.app):
        assert {result.get(timeout=10) for result in results} == {"paid 7"}
        assert len(shop.ran) == 1
        again = shop.pay.delay(7)
        assert again.id != results[0].id
        assert again.get(timeout=10) == "paid 7"
    assert len(shop.ran) == 2


def test_x6_other_arguments_and_other_tasks_are_not_equal(one: Shop) -> None:
    calls = [one.pay.delay(1), one.pay.delay(2), one.until_start.delay(1), one.plain.delay(1), one.plain.delay(1)]

    assert len({result.id for result in calls}) == 5
    assert ready(one.app) == 5


def test_x6_arguments_are_equal_however_they_are_passed(one: Shop) -> None:
    assert one.pay.delay(1).id == one.pay.delay(order=1).id == one.pay.delay(1, note="x").id
    assert one.strict.delay(1, "").id
    with pytest.raises(DuplicateCall) as error:
        one.strict.delay(order=1)
    assert error.value.id == one.app.backend.driver.lock_holder(_name(one, "strict"))


def _name(shop: Shop, task: str) -> str:
    publications = [message.headers for message in shop.app.transport.peek("celery", 100)]
    return next(str(headers[UNIQUE][0]) for headers in publications if headers["task"] == task)


def test_x6_until_done_holds_while_it_runs_and_no_longer(one: Shop) -> None:
    one.may_end.clear()
    with working(one.app, pool="threads", concurrency=2):
        first = one.pay.delay(1)
        wait_until(lambda: one.ran)
        assert one.pay.delay(1).id == first.id
        one.may_end.set()
        assert first.get(timeout=5) == "paid 1"
        assert one.pay.delay(1).id != first.id


def test_x6_until_start_holds_only_while_it_waits(one: Shop) -> None:
    first = one.until_start.delay(1)
    assert one.until_start.delay(1).id == first.id
    one.may_end.clear()
    with working(one.app, pool="threads", concurrency=2):
        wait_until(lambda: one.ran)
        second = one.until_start.delay(1)
        assert second.id != first.id
        one.may_end.set()
        assert [first.get(timeout=5), second.get(timeout=5)] == ["paid 1", "paid 1"]
    assert len(one.ran) == 2


def test_x6_a_window_holds_from_the_call_however_soon_the_task_ends(one: Shop) -> None:
    with start_worker(one.app) as worker:
        first, for_ever = one.hourly.delay(1), one.once.delay(1)
        worker.drain()
        assert first.get(timeout=5) == "paid 1"
        worker.advance(3500)
        assert one.hourly.delay(1).id == first.id
        worker.advance(200)
        assert one.hourly.delay(1).id != first.id
        worker.advance(10**9)
        assert one.once.delay(1).id == for_ever.id


def test_x6_send_task_signatures_and_batches_obey_it(one: Shop) -> None:
    first = one.pay.delay(1)

    assert one.app.send_task("pay", (1,)).id == first.id
    assert one.pay.s(1).delay().id == first.id
    batch = one.app.send_batch([one.pay.s(1), one.pay.s(2), one.pay.s(2)])
    assert batch[0].id == first.id
    assert batch[1].id == batch[2].id != first.id
    assert [result.id for result in group(one.pay.s(1), one.pay.s(1)).delay().results] == [first.id] * 2
    assert ready(one.app) == 2


def test_x6_a_task_that_is_not_imported_here_is_unique_by_the_call(one: Shop) -> None:
    other = Celeriac("other", broker=one.app.conf.broker_url, backend=one.app.conf.result_backend)
    unique = Unique(key=["order"])
    first = other.send_task("elsewhere", kwargs={"order": 1, "note": "a"}, unique=unique)

    assert other.send_task("elsewhere", kwargs={"order": 1, "note": "b"}, unique=unique).id == first.id
    assert other.send_task("elsewhere", kwargs={"order": 1}).id != first.id
    with pytest.raises(ConfigurationError, match="names 'order'.*by keyword"):
        other.send_task("elsewhere", (1,), unique=unique)
    other.close()


def test_x6_beat_obeys_it(one: Shop) -> None:
    one.app.conf.update(beat_scheduler="memory", beat_schedule={"often": {"task": "pay", "args": (1,), "schedule": 10}})
    with start_worker(one.app, queues=["elsewhere"]) as worker:
        beat = Beat(one.app)
        beat._scheduler.set_entries([beat._entry(name, value) for name, value in one.app.beat_entries.items()])
        for _ in range(5):
            worker.advance(10)
            beat.tick()
        assert ready(one.app) == 1


def test_x6_what_follows_an_equal_call_follows_the_result_of_the_first(shop: Shop) -> None:
    shop.may_end.clear()
    with working(shop.app, pool="threads", concurrency=4):
        first = shop.pay.delay(1)
        wait_until(lambda: shop.ran)
        in_chain = chain(shop.pay.s(1), shop.plain.s("then")).delay()
        in_chord = chord([shop.pay.s(1), shop.plain.s(2)])(shop.plain.s())
        shop.may_end.set()
        assert first.get(timeout=10) == "paid 1"
        assert in_chain.get(timeout=10) == ["paid 1", "then"]
        assert in_chord.get(timeout=10) == [["paid 1", [2]]]
    assert len(shop.ran) == 1


def test_x6_a_failure_is_taken_over_too_and_lets_go(one: Shop) -> None:
    @one.app.task(name="bad", unique=True)
    def bad() -> None:
        one.may_end.wait(10)
        raise KeyError("no")

    one.may_end.clear()
    with working(one.app, pool="threads", concurrency=2):
        first, followed = bad.delay(), chain(bad.s(), one.plain.s()).delay()
        one.may_end.set()
        for result in (first, followed):
            with pytest.raises(KeyError):
                result.get(timeout=10)
        assert bad.delay().id != first.id


def test_x6_a_retry_keeps_the_name(one: Shop) -> None:
    @one.app.task(name="again", bind=True, unique=True, max_retries=1)
    def again(self: Any) -> int:
        if not self.request.retries:
            raise self.retry(countdown=60)
        return int(self.request.retries)

    with start_worker(one.app) as worker:
        first = again.delay()
        worker.drain()
        assert again.delay().id == first.id
        worker.advance(61)
        worker.drain()
        assert first.get(timeout=5) == 1
        assert again.delay().id != first.id


def test_x6_revoked_and_dead_calls_let_go(one: Shop) -> None:
    with start_worker(one.app, queues=["other", "celery"]) as worker:
        expired = one.pay.apply_async((1,), expires=5, countdown=10)
        worker.advance(11)
        worker.drain()
        assert one.pay.delay(1).id != expired.id

        @one.app.task(name="dies", unique=True)
        def dies() -> None:
            raise Reject("no")

        lost = dies.delay()
        worker.drain()
        wait_until(worker.dead_letters)
        assert dies.delay().id != lost.id


def test_x6_after_a_failed_publish_the_next_call_sends_the_same_id_again(
    one: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish = one.app.transport.publish
    sent: list[str] = []

    def arrives_but_fails(batch: Any, timeout: float) -> None:
        publish(batch, timeout)
        sent.extend(publication.message.id for publication in batch)
        raise TransportDown("the answer was lost")

    monkeypatch.setattr(one.app.transport, "publish", arrives_but_fails)
    with pytest.raises(TransportDown):
        one.pay.apply_async((1,), publish_timeout=0.01)
    monkeypatch.undo()

    result = one.pay.delay(1)

    assert {result.id} == set(sent)
    assert ready(one.app) == 2
    with working(one.app, pool="threads", concurrency=4):
        assert result.get(timeout=5) == "paid 1"
        wait_until(lambda: not (counts := one.app.transport.counts("celery")).ready and not counts.held)
        wait_until(lambda: not one.app.transport.counts("celery").delayed)
    assert len(one.ran) == 1


def test_x6_after_the_caller_was_killed_before_publishing_the_name_is_soon_free(one: Shop) -> None:
    with start_worker(one.app, queues=["elsewhere"]) as worker:
        lost = one.app.caller.build("pay", (1,))
        assert one.pay.delay(1).id == lost.message.id
        worker.advance(61)
        assert one.pay.delay(1).id != lost.message.id
        assert ready(one.app) == 1


def test_x6_a_message_that_lost_its_name_does_not_run_beside_the_one_that_has_it(one: Shop) -> None:
    stray = one.app.caller.build("pay", (1,))
    one.app.backend.driver.lock_release(stray.message.headers[UNIQUE][0], stray.message.id)
    second = one.pay.delay(1)
    one.app.transport.publish([stray], 5)
    one.may_end.clear()
    with working(one.app, pool="threads", concurrency=4):
        wait_until(lambda: one.ran)
        one.may_end.set()
        assert second.get(timeout=5) == "paid 1"
        assert one.app.AsyncResult(stray.message.id).get(timeout=5) == "paid 1"
    assert len(one.ran) == 1


def test_x6_after_a_worker_was_killed_the_same_id_runs_again(shop: Shop) -> None:
    first = shop.pay.delay(1)
    (delivery,) = shop.app.transport.receive(["celery"], 1, 5)
    name = delivery.message.headers[UNIQUE][0]
    shop.app.backend.driver.lock_claim(name, f"{first.id}|dead/1", 5, first.id)  # as the worker that died held it
    assert shop.pay.delay(1).id == first.id
    shop.app.transport.reject([delivery])
    shop.may_end.clear()
    with working(shop.app, pool="threads", concurrency=2):
        wait_until(lambda: shop.ran)
        assert shop.pay.delay(1).id == first.id
        shop.may_end.set()
        assert first.get(timeout=10) == "paid 1"
    assert len(shop.ran) == 1


def test_x6_a_worker_renews_the_name_while_the_task_runs(one: Shop) -> None:
    one.app.conf.update(worker_lease=1.5, worker_stall_timeout=1)
    one.may_end.clear()
    with working(one.app, pool="threads", concurrency=2):
        first = one.pay.delay(1)
        wait_until(lambda: one.ran)
        name = one.app.caller.build("pay", (1,)).message.headers[UNIQUE][0]
        holders = set()
        for _ in range(12):
            holders.add(str(one.app.backend.driver.lock_holder(name)).partition("|")[0])
            one.may_end.wait(0.2)
        one.may_end.set()
        first.get(timeout=5)
    assert holders == {first.id}


def test_x6_a_name_can_be_let_go_by_hand(one: Shop) -> None:
    first = one.pay.delay(1)
    one.app.transport.purge("celery")

    assert one.app.release_unique(one.pay.s(1)) == first.id
    assert one.app.release_unique(one.pay.s(1)) is None
    assert one.pay.delay(1).id != first.id


def test_x6_a_key_may_be_worked_out_from_the_arguments(one: Shop) -> None:
    @one.app.task(name="mail", unique=Unique(key=lambda address, **_: address.lower()))
    def mail(address: str, text: str = "") -> None: ...

    assert mail.delay("Ada@x").id == mail.delay("ada@X", text="hi").id


@pytest.mark.parametrize(
    ("unique", "text"),
    [
        ({"scope": "until_dnoe"}, "scope is one of until_start"),
        ({"window": 5}, "takes a window with scope='window'"),
        ({"on_conflict": "wait"}, "'return' or 'raise'"),
        ({"key": "order"}, r"write \['order'\]"),
        ("yes", "takes a celeriac.Unique or True"),
    ],
)
def test_x6_what_cannot_be_meant_is_refused(one: Shop, unique: Any, text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        one.app.task(name="wrong", unique=unique)(len)


def test_x6_a_store_without_locks_refuses_unique_tasks(one: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(one.app.backend.driver), "capabilities", frozenset({"shared"}))

    with pytest.raises(UnsupportedCapability, match="grants no locks"):
        one.pay.delay(1)


def test_x6_other_tasks_carry_nothing_of_it(one: Shop) -> None:
    headers = one.app.caller.build("plain", (1,)).message.headers

    assert UNIQUE not in headers
    assert SAME_AS not in headers
