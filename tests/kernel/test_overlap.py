"""Many batches: each is made and begun while the one before it is still under way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from celeriac import Celeriac, group, hookimpl
from celeriac.call import AGAIN
from celeriac.errors import EncodeError, TransportDown
from celeriac.message import Publication
from celeriac.overlap import MOST

TIMEOUT = 5.0


class Slow:
    """The app's transport, begun and finished apart; notes what happens, by the number of the batch."""

    def __init__(self, app: Celeriac, monkeypatch: pytest.MonkeyPatch) -> None:
        self.heard: list[Any] = []
        self.failing: set[Any] = set()
        """What fails, once: ``("begin", 2)``."""
        self.now = 1000.0
        self._publish, self._number = app.transport.publish, 0
        clock = SimpleNamespace(monotonic=lambda: self.now, sleep=self.pass_by)
        monkeypatch.setattr("celeriac.call.time", clock)
        monkeypatch.setattr("celeriac.overlap.time", clock)
        monkeypatch.setattr("celeriac.overlap.MOST", 2)
        monkeypatch.setattr(app.transport, "publish", self.publish)
        monkeypatch.setattr(app.transport, "begin_publish", self.begin)

    def pass_by(self, seconds: float) -> None:
        self.now += seconds

    def publish(self, batch: Sequence[Publication], timeout: float) -> None:
        self.note("publish", tuple(AGAIN in each.message.headers for each in batch))
        self._publish(batch, timeout)

    def begin(self, batch: Sequence[Publication], timeout: float) -> Callable[[float], None]:
        self._number += 1
        number = self._number
        self.note("begin", number)
        self._publish(batch, timeout)

        def finish(seconds: float) -> None:
            self.note("finish", number)
            self.seconds = seconds

        return finish

    def note(self, what: str, which: Any) -> None:
        self.heard.append((what, which))
        if (what, which) in self.failing:
            self.failing.remove((what, which))
            raise TransportDown(f"{what} {which}")


@pytest.fixture
def app() -> Iterator[Celeriac]:
    with Celeriac("shop", broker="memory://", backend="memory://", task_publish_timeout=TIMEOUT) as app:
        app.task(name="add")(lambda x, y: x + y)
        yield app


@pytest.fixture
def slow(app: Celeriac, monkeypatch: pytest.MonkeyPatch) -> Slow:
    return Slow(app, monkeypatch)


IN_TURNS = [("begin", 1), ("begin", 2), ("finish", 1), ("begin", 3), ("finish", 2), ("finish", 3)]


def calls(app: Celeriac, number: int) -> list[Any]:
    return [app.tasks["add"].s(each, 0) for each in range(number)]


def test_the_next_batch_is_begun_before_the_last_one_is_waited_for_and_all_are_in_the_end(
    app: Celeriac, slow: Slow
) -> None:
    results = app.send_batch(calls(app, 5), size=2)
    assert slow.heard == IN_TURNS
    sent = [each.message.id for each in app.transport.receive([app.default_queue], 9, 0)]
    assert [each.id for each in results] == sent


def test_only_so_many_batches_are_under_way(app: Celeriac, slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("celeriac.overlap.MOST", MOST)
    app.send_batch(calls(app, 3 * MOST), size=1)
    under_way, most = 0, 0
    for what, _ in slow.heard:
        under_way += 1 if what == "begin" else -1
        most = max(most, under_way)
    assert most == MOST
    assert under_way == 0


def test_the_time_in_which_the_batches_before_it_are_waited_for_is_not_counted(
    app: Celeriac, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, left = slow.begin, list[float]()

    def slow_to_confirm(batch: Sequence[Publication], timeout: float) -> Callable[[float], None]:
        begin(batch, timeout)

        def end(seconds: float) -> None:
            left.append(seconds)
            slow.pass_by(TIMEOUT - 1)

        return end

    monkeypatch.setattr(app.transport, "begin_publish", slow_to_confirm)
    app.send_batch(calls(app, 6), size=2)
    assert left == [TIMEOUT, TIMEOUT, TIMEOUT]


def test_a_group_of_many_is_sent_so_too(app: Celeriac, slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("plan", "groups"):
        monkeypatch.setattr(f"celeriac.canvas.{module}.BATCH", 2)
    group(calls(app, 5)).delay()
    assert slow.heard == IN_TURNS


def test_a_batch_whose_end_fails_is_published_again(app: Celeriac, slow: Slow) -> None:
    slow.failing = {("finish", 1)}
    app.send_batch(calls(app, 4), size=2)
    assert slow.heard == [("begin", 1), ("begin", 2), ("finish", 1), ("publish", (True, True)), ("finish", 2)]


def test_a_batch_that_cannot_be_begun_is_published_in_one_piece(app: Celeriac, slow: Slow) -> None:
    slow.failing = {("begin", 2)}
    app.send_batch(calls(app, 4), size=2)
    assert slow.heard == [("begin", 1), ("begin", 2), ("publish", (True, True)), ("finish", 1)]


def test_when_a_batch_has_failed_for_good_the_one_behind_it_is_not_waited_for(app: Celeriac, slow: Slow) -> None:
    app.conf.task_publish_retry = False
    slow.failing = {("finish", 1), ("finish", 2)}
    with pytest.raises(TransportDown, match="finish 1"):
        app.send_batch(calls(app, 6), size=2)
    assert slow.heard == [("begin", 1), ("begin", 2), ("finish", 1)]


def test_a_call_that_cannot_be_made_does_not_keep_the_ones_before_it_from_being_finished(
    app: Celeriac, slow: Slow
) -> None:
    told: list[int] = []

    class Listener:
        @hookimpl
        def celeriac_after_publish(self, batch: Sequence[Publication]) -> None:
            told.append(len(batch))

    app.hooks.register(Listener())
    with pytest.raises(EncodeError):
        app.send_batch([*calls(app, 2), app.tasks["add"].s(object(), 0)], size=2)
    assert slow.heard == [("begin", 1), ("finish", 1)]
    assert told == [2]


def test_the_time_in_which_the_next_calls_are_made_is_not_the_broker_s(app: Celeriac, slow: Slow) -> None:
    def slowly() -> Iterator[Any]:
        for call in calls(app, 4):
            slow.pass_by(60)
            yield call

    app.send_batch(slowly(), size=2)
    assert slow.seconds == TIMEOUT


def test_the_time_in_which_the_next_batch_is_begun_is(
    app: Celeriac, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, left = slow.begin, list[float]()

    def sluggish(batch: Sequence[Publication], timeout: float) -> Callable[[float], None]:
        finish = begin(batch, timeout)
        slow.pass_by(1.0)

        def end(seconds: float) -> None:
            left.append(seconds)
            finish(seconds)

        return end

    monkeypatch.setattr(app.transport, "begin_publish", sluggish)
    app.send_batch(calls(app, 4), size=2)
    assert left == [TIMEOUT - 2, TIMEOUT - 1]
