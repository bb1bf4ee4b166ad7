"""H1, H2, B12, B14: what is told of tasks and workers, and who hears it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from celeriac import Celeriac, Reject
from celeriac.control import Control
from celeriac.errors import TransportDown, UnsupportedCapability
from celeriac.events import EventDispatcher, EventReceiver
from celeriac.testing import WorkerInTest, start_worker

Event = dict[str, Any]


@contextmanager
def listening(app: Celeriac) -> Iterator[list[Event]]:
    """What is heard while the block lasts."""
    heard: list[Event] = []
    receiver = app.events.Receiver({"*": heard.append})
    receiver.listen(wakeup=False)
    thread = threading.Thread(target=receiver.capture, kwargs={"wakeup": False}, daemon=True)
    thread.start()
    try:
        yield heard
    finally:
        receiver.stop()
        thread.join(5)
        receiver.close()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def types(heard: list[Event], uuid: str | None = None) -> list[str]:
    return [event["type"] for event in heard if uuid is None or event.get("uuid") == uuid]


@pytest.fixture
def telling(app: Celeriac) -> Iterator[WorkerInTest]:
    with start_worker(app, worker_send_task_events=True) as worker:
        yield worker


def test_h1_a_recorded_stream_of_one_retrying_task_has_the_right_types_order_and_fields(
    app: Celeriac, telling: WorkerInTest
) -> None:
    @app.task(bind=True, max_retries=1)
    def again(self: Any, x: int) -> str:
        if not self.request.retries:
            raise self.retry(exc=KeyError("not yet"), countdown=5)
        return "done"

    with listening(app) as heard:
        result = again.apply_async((1,), expires=600)
        telling.drain()
        telling.advance(5)
        result.get(timeout=5)
        until(lambda: "task-succeeded" in types(heard))

    stream = [event for event in heard if event.get("uuid") == result.id]
    assert types(stream) == [
        "task-received",
        "task-started",
        "task-retried",
        "task-received",
        "task-started",
        "task-succeeded",
    ]
    received, _, retried, second, _, succeeded = stream
    assert received["name"] == again.name
    assert (received["args"], received["kwargs"]) == ("(1,)", "{}")
    assert (received["root_id"], received["parent_id"], received["retries"]) == (result.id, None, 0)
    assert received["expires"]
    assert second["retries"] == 1
    assert second["eta"]
    assert retried["exception"] == "KeyError('not yet')"
    assert "raise self.retry" in retried["traceback"]
    assert succeeded["result"] == "'done'"
    assert succeeded["runtime"] > 0
    for event in stream:
        assert event["hostname"] == telling.worker.hostname
        assert event.keys() >= {"timestamp", "utcoffset", "pid", "clock", "local_received"}
    assert [event["clock"] for event in stream] == sorted(event["clock"] for event in stream)


def test_h1_every_end_of_a_task_has_its_event(app: Celeriac, telling: WorkerInTest) -> None:
    @app.task
    def requeued(seen: list[Any]) -> None:
        if app.ran.count("requeued") == 0:  # type: ignore[attr-defined]
            app.ran.append("requeued")  # type: ignore[attr-defined]
            raise Reject("later", requeue=True)

    with listening(app) as heard:
        failed = app.tasks["fail"].delay("bad")
        silent = app.tasks["fail"].apply_async(("bad",), ignore_result=True)
        rejected = app.tasks["rejected"].delay()
        ignored = app.tasks["ignored"].delay()
        back = requeued.delay([])
        expired = app.tasks["add"].apply_async((1, 1), countdown=10, expires=5)
        revoked = app.tasks["add"].apply_async((1, 1), countdown=10)
        revoked.revoke()
        until(lambda: revoked.id in telling.worker.revoked)
        telling.drain()
        telling.advance(11)
        telling.drain()
        until(lambda: types(heard).count("task-revoked") == 2 and "task-succeeded" in types(heard))

    def last(result: Any) -> Event:
        return [event for event in heard if event.get("uuid") == result.id][-1]

    assert last(failed)["exception"] == "ValueError('bad')"
    assert "raise ValueError" in last(failed)["traceback"]
    assert last(silent)["type"] == "task-failed"
    assert (last(rejected)["type"], last(rejected)["requeue"]) == ("task-rejected", False)
    assert last(ignored)["type"] == "task-started"
    assert types(heard, back.id)[2] == "task-rejected"
    assert (last(expired)["expired"], last(expired)["terminated"]) == (True, False)
    assert (last(revoked)["type"], last(revoked)["expired"]) == ("task-revoked", False)


def test_h1_a_long_task_is_told_of_when_it_starts(app: Celeriac) -> None:
    go = threading.Event()

    @app.task
    def long() -> None:
        go.wait(5)

    with start_worker(app, pool="threads", worker_send_task_events=True), listening(app) as heard:
        result = long.delay()
        until(lambda: "task-started" in types(heard, result.id))
        go.set()
        result.get(timeout=5)
        until(lambda: "task-succeeded" in types(heard, result.id))
        assert types(heard, result.id).count("task-started") == 1


def test_h1_a_worker_tells_when_it_comes_lives_and_goes(app: Celeriac) -> None:
    with start_worker(app) as quiet, listening(app) as heard:
        Control(app).broadcast("enable_events")
        until(lambda: "worker-online" in types(heard))
        until(lambda: "worker-heartbeat" in types(heard))
        Control(app).broadcast("disable_events")
        until(lambda: "worker-offline" in types(heard))
        (online,) = [event for event in heard if event["type"] == "worker-online"]
        assert online["hostname"] == quiet.worker.hostname
        assert online.keys() >= {"freq", "active", "processed", "loadavg", "sw_ident", "sw_ver", "sw_sys"}


def test_h1_task_sent_is_told_by_the_caller_when_the_setting_says_so() -> None:
    app = Celeriac("shop", broker="memory://", task_send_sent_event=True)

    @app.task(queue="slow")
    def add(x: int) -> int:
        return x

    @app.task(send_events=False)
    def quiet() -> None: ...

    with listening(app) as heard:
        quiet.delay()
        result = add.apply_async((1,), countdown=60)
        until(lambda: bool(heard))
    (sent,) = heard
    assert sent["type"] == "task-sent"
    assert (sent["uuid"], sent["name"], sent["queue"], sent["args"]) == (result.id, add.name, "slow", "(1,)")
    assert sent["hostname"].startswith("gen")
    app.close()


def test_h2_events_are_off_by_default_and_nothing_listens_on_the_way_of_a_message(
    app: Celeriac, worker: WorkerInTest
) -> None:
    with listening(app) as heard:
        app.tasks["add"].delay(1, 1).get(timeout=5)
        worker.drain()
    assert heard == []
    assert not app.hooks.task_received
    assert not app.hooks.task_settled
    assert not app.hooks.after_publish
    assert not [thread for thread in threading.enumerate() if thread.name in ("celeriac-teller", "celeriac-events")]


def test_h2_control_turns_events_on_and_off(app: Celeriac, worker: WorkerInTest) -> None:
    def order(command: str) -> Any:
        (answer,) = Control(app).broadcast(command, reply=True, limit=1, timeout=5)
        return answer[worker.worker.hostname]

    assert order("enable_events") == {"ok": "task events enabled"}
    assert order("enable_events") == {"ok": "task events already enabled"}
    with listening(app) as heard:
        app.tasks["add"].delay(1, 1).get(timeout=5)
        until(lambda: "task-succeeded" in types(heard))
        assert order("disable_events") == {"ok": "task events disabled"}
        heard.clear()
        app.tasks["add"].delay(1, 1).get(timeout=5)
        worker.drain()
    assert not [event for event in heard if event["type"].startswith("task")]
    assert not app.hooks.task_settled


def test_h2_a_receiver_that_starts_late_learns_live_workers_within_one_wake_up(
    app: Celeriac, worker: WorkerInTest
) -> None:
    receiver = EventReceiver(app)
    event = next(receiver.itercapture(limit=1, timeout=5))
    receiver.close()

    assert (event["type"], event["hostname"]) == ("worker-heartbeat", worker.worker.hostname)


def test_h2_capture_calls_the_handlers_and_ends_at_its_limit_or_its_time(app: Celeriac, telling: WorkerInTest) -> None:
    named: list[Event] = []
    others: list[Event] = []
    receiver = app.event_receiver({"mine-one": named.append, "*": others.append})
    receiver.listen(wakeup=False)
    app.events.send("mine-one", number=1)
    app.events.send("mine-two", number=2)
    for event in receiver.itercapture(timeout=5, wakeup=False):
        if event["type"] == "mine-two":
            break
    receiver.capture(timeout=0.01, wakeup=False)
    app.events.send("mine-two", number=3)
    receiver.capture(limit=1, timeout=5, wakeup=False)
    receiver.close()

    assert [event["number"] for event in named] == [1]
    assert [event["number"] for event in others if event["type"] == "mine-two"] == [2, 3]


def test_h2_events_that_come_together_are_heard_one_by_one(app: Celeriac) -> None:
    receiver = app.event_receiver({})
    receiver.listen(wakeup=False)
    with app.events.Dispatcher("me@here") as dispatcher:
        for number in range(3):
            dispatcher.send("mine-one", number=number)
        assert dispatcher.flush()
    heard = [next(receiver.itercapture(limit=1, timeout=5, wakeup=False))["number"] for _ in range(3)]
    receiver.close()
    assert heard == [0, 1, 2]


def test_h2_a_dispatcher_sends_the_groups_that_it_is_to_send(app: Celeriac) -> None:
    with listening(app) as heard, app.events.Dispatcher("me@here", groups=["mine"]) as dispatcher:
        dispatcher.send("other-one")
        dispatcher.send("mine-one")
        assert dispatcher.flush()
        until(lambda: bool(heard))
    assert [(event["type"], event["hostname"]) for event in heard] == [("mine-one", "me@here")]


def test_h2_events_that_find_no_room_are_dropped_and_counted_and_nobody_waits(
    app: Celeriac, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(kind: str, payload: bytes) -> None:
        raise TransportDown("away")

    monkeypatch.setattr(app.transport, "announce", away)
    dispatcher = EventDispatcher(app, limit=10)
    began = time.monotonic()
    for number in range(1000):
        dispatcher.send("mine-one", number=number)
    assert time.monotonic() - began < 1
    assert dispatcher.dropped == 990
    monkeypatch.undo()
    with listening(app) as heard:
        assert dispatcher.flush(5)
        until(lambda: len(heard) == 10)
    dispatcher.close()


def test_h2_a_transport_without_fan_out_refuses_events_when_the_worker_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    from celeriac_plugins.transports.memory import MemoryTransport

    without = MemoryTransport.capabilities - {"fan-out"}
    monkeypatch.setattr(MemoryTransport, "capabilities", without)
    app = Celeriac("shop", broker="memory://", worker_enable_remote_control=False)

    with pytest.raises(UnsupportedCapability, match="no fan-out, so events cannot be sent"):
        with start_worker(app, worker_send_task_events=True):
            pass


def test_b1_send_events_and_resultrepr_maxsize(app: Celeriac, telling: WorkerInTest) -> None:
    @app.task(send_events=False)
    def quiet() -> None: ...

    @app.task(resultrepr_maxsize=10)
    def wide() -> str:
        return "x" * 1000

    with listening(app) as heard:
        quiet.delay().get(timeout=5)
        wide.delay().get(timeout=5)
        until(lambda: "task-succeeded" in types(heard))

    assert {event["name"] for event in heard if event["type"] == "task-received"} == {wide.name}
    (succeeded,) = [event for event in heard if event["type"] == "task-succeeded"]
    assert len(succeeded["result"]) == 10


def test_b12_hidden_arguments_are_in_no_event(app: Celeriac, telling: WorkerInTest) -> None:
    app.hooks.register(TellingOfSent())
    with listening(app) as heard:
        app.tasks["note"].apply_async(("card-secret",), {"pin": "pin-secret"}, argsrepr="(…)", kwargsrepr="{…}")
        until(lambda: "task-succeeded" in types(heard))
    assert "secret" not in str(heard)
    assert {event["args"] for event in heard if "args" in event} == {"(…)"}


def TellingOfSent() -> object:
    from celeriac.events.sent import TellOfSent

    return TellOfSent()


def test_b14_a_custom_event_of_a_task_arrives_with_its_fields(app: Celeriac, worker: WorkerInTest) -> None:
    @app.task(bind=True)
    def work(self: Any) -> None:
        self.send_event("shop-paid", order=7, amount="12.50")

    with listening(app) as heard:
        result = work.delay()
        result.get(timeout=5)
        until(lambda: bool(heard))

    (event,) = heard
    assert (event["type"], event["order"], event["amount"]) == ("shop-paid", 7, "12.50")
    assert (event["uuid"], event["hostname"]) == (result.id, worker.worker.hostname)


def test_progress_is_a_state_and_an_event(app: Celeriac, telling: WorkerInTest) -> None:
    seen: list[Any] = []

    @app.task(bind=True)
    def work(self: Any) -> None:
        self.progress(3, 12, message="half asleep", file="a.csv")
        seen.append(app.AsyncResult(self.request.id).info)

    with listening(app) as heard:
        work.delay().get(timeout=5)
        until(lambda: "task-progress" in types(heard))

    assert seen == [{"done": 3, "total": 12, "percent": 25.0, "message": "half asleep", "file": "a.csv"}]
    (event,) = [event for event in heard if event["type"] == "task-progress"]
    assert (event["done"], event["total"], event["percent"], event["file"]) == (3, 12, 25.0, "a.csv")
