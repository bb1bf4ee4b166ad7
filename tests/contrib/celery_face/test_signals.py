"""O1 to O4: Celery's signals, with its senders and keyword names, from Celeriac's hooks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from celeriac.testing import start_worker
from celeriac_contrib.celery import signals
from celeriac_contrib.celery.app import hooks
from celeriac_contrib.celery.utils.dispatch.signal import Signal

PATIENCE = 10


class Diary:
    """Connects to signals, and writes down who sent what."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, Any, dict[str, Any]]] = []
        self._connected: list[tuple[Signal, Any]] = []

    def listen(self, *names: str) -> None:
        for name in names:

            def receive(sender: Any = None, name: str = name, **kwargs: Any) -> None:
                self.lines.append((name, sender, kwargs))

            signal: Signal = getattr(signals, name)
            signal.connect(receive, weak=False)
            self._connected.append((signal, receive))

    def names(self) -> list[str]:
        return [name for name, _, _ in self.lines]

    def of(self, name: str) -> tuple[Any, dict[str, Any]]:
        ((_, sender, kwargs),) = [line for line in self.lines if line[0] == name]
        return sender, kwargs

    def close(self) -> None:
        for signal, receive in self._connected:
            signal.disconnect(receive)


@pytest.fixture
def diary() -> Iterator[Diary]:
    diary = Diary()
    yield diary
    diary.close()


OF_A_TASK = [
    "before_task_publish",
    "after_task_publish",
    "task_received",
    "task_prerun",
    "task_postrun",
    "task_success",
    "task_failure",
    "task_retry",
    "task_revoked",
    "task_unknown",
]


def test_o1_a_success_sends_each_of_its_signals_once_with_celerys_names(app: Any, diary: Diary) -> None:
    diary.listen(*OF_A_TASK)

    @app.task(name="shop.add")
    def add(x: int, y: int) -> int:
        return x + y

    with start_worker(app):
        result = add.delay(1, y=2)
        assert result.get(timeout=PATIENCE) == 3
    assert diary.names()[:2] == ["before_task_publish", "after_task_publish"]
    assert diary.names()[2:] == ["task_received", "task_prerun", "task_success", "task_postrun"]
    sender, published = diary.of("before_task_publish")
    assert sender == "shop.add"
    assert published["body"] == ([1], {"y": 2}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None})
    assert published["headers"]["id"] == result.id
    assert published["routing_key"] == "celery"
    assert {"exchange", "properties", "declare", "retry_policy"} <= published.keys()
    sender, ran = diary.of("task_prerun")
    assert sender is ran["task"] is add
    assert (ran["task_id"], ran["args"], ran["kwargs"]) == (result.id, [1], {"y": 2})
    sender, ran = diary.of("task_postrun")
    assert (sender, ran["retval"], ran["state"]) == (add, 3, "SUCCESS")
    assert diary.of("task_success") == (add, {"signal": signals.task_success, "result": 3})
    assert diary.of("task_received")[1]["request"].id == result.id


def test_o1_a_failure_a_retry_and_a_revoked_one_say_why(app: Any, diary: Diary) -> None:
    diary.listen(*OF_A_TASK)

    @app.task(name="shop.fail", bind=True, max_retries=1, default_retry_delay=0)
    def fail(self: Any) -> None:
        raise self.retry(exc=OSError("no line"))

    with start_worker(app) as worker:
        result = fail.delay()
        with pytest.raises(OSError, match="no line"):
            result.get(timeout=PATIENCE)
        expired = fail.apply_async(expires=1, countdown=2)
        worker.advance(3)
        worker.drain()
        assert expired.state == "REVOKED"
    sender, failed = diary.of("task_failure")
    assert sender is fail
    assert failed["task_id"] == result.id
    assert isinstance(failed["exception"], OSError)
    assert failed["einfo"].exception is failed["exception"]
    assert "no line" in str(failed["einfo"])
    sender, retried = diary.of("task_retry")
    assert (sender, retried["request"].id) == (fail, result.id)
    assert "no line" in str(retried["reason"])
    sender, revoked = diary.of("task_revoked")
    assert (sender, revoked["expired"], revoked["terminated"]) == (fail, True, False)
    assert revoked["request"].id == expired.id


def test_o2_a_worker_sends_its_signals_in_order(app: Any, diary: Diary) -> None:
    names = ["celeryd_init", "setup_logging", "worker_init", "import_modules", "worker_ready"]
    names += ["worker_shutting_down", "worker_shutdown"]
    diary.listen(*names)
    with start_worker(app):
        pass
    assert [name for name in diary.names() if name != "import_modules"] == [n for n in names if n != "import_modules"]
    assert "import_modules" in diary.names()
    assert diary.of("celeryd_init")[0].startswith("celery@")
    assert diary.of("worker_ready")[0].hostname.startswith("celery@")


def test_o4_receivers_are_filtered_weak_named_and_cannot_stop_each_other(caplog: pytest.LogCaptureFixture) -> None:
    signal = Signal(name="test", providing_args={"x"})
    heard: list[Any] = []

    def fails(**kwargs: Any) -> None:
        raise ValueError("a receiver's own fault")

    def hears(sender: Any = None, x: Any = None, **kwargs: Any) -> None:
        heard.append((sender, x))

    signal.connect(fails)
    signal.connect(hears, sender="a")
    signal.connect(hears, sender="a")
    signal.connect(lambda **kwargs: heard.append("gone"))  # nobody else holds it
    signal.connect(hears, sender="b", dispatch_uid="once")
    signal.connect(fails, sender="b", dispatch_uid="once")
    signal.send("a", x=1)
    signal.send("b", x=2)
    signal.send("c", x=3)
    assert heard == [("a", 1), ("b", 2)]
    assert "a receiver's own fault" in caplog.text
    assert signal.disconnect(hears, sender="a")
    assert not signal.disconnect(hears, sender="a")
    assert not signal.has_listeners("z") or signal.receivers


def test_a_signal_without_receivers_costs_no_hook(app: Any) -> None:
    app.configure()
    listened = {name for name in app.hooks.names() if name.startswith("celery signal")}
    assert listened == set()

    def receive(**kwargs: Any) -> None: ...

    signals.task_success.connect(receive)
    try:
        assert "celery signal task_success" in app.hooks.names()
        assert app.hooks.task_success
    finally:
        signals.task_success.disconnect(receive)


def test_every_signal_of_celery_is_here_and_those_that_are_never_sent_say_so() -> None:
    from celeriac_contrib.celery import differs

    never = {name.removeprefix("signals:") for name in differs.NAMES if name.startswith("signals:")}
    assert len(signals.ARGUMENTS) == 34
    assert set(hooks.sent()) | never == set(signals.ARGUMENTS)
    assert set(hooks.sent()) & never == set()
