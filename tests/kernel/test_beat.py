"""Beat: what is published when, and under which id."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from celeriac import Celeriac, crontab, every
from celeriac.beat import PERIODIC_TASK_NAME, Beat
from celeriac.errors import ConfigurationError
from celeriac.testing import ManualClock

START = 1_700_000_000.0  # 2023-11-14 22:13:20 UTC


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


def make(clock: ManualClock, space: str, **settings: Any) -> Celeriac:
    return Celeriac("beat", broker=f"memory://{space}", backend=f"memory://{space}", clock=clock, **settings)


def sent(app: Celeriac) -> list[Any]:
    return app.transport.peek(app.default_queue, 100)


def run_until(beat: Beat, clock: ManualClock, seconds: float) -> None:
    """Let the time pass as beat itself asks for it."""
    end = clock.time() + seconds
    while clock.time() < end:
        clock.advance(min(max(beat.tick(), 0.001), end - clock.time()))
    beat.tick()


def prepared(app: Celeriac, **options: Any) -> Beat:
    beat = Beat(app, scheduler="memory", **options)
    beat._scheduler.set_entries([beat._entry(name, value) for name, value in app.beat_entries.items()])
    return beat


def test_an_interval_fires_at_its_instants_and_names_its_entry(clock: ManualClock) -> None:
    app = make(
        clock, "interval", beat_schedule={"tick": {"task": "t", "schedule": 10, "args": [1], "kwargs": {"a": 2}}}
    )
    beat = prepared(app)

    run_until(beat, clock, 35)

    messages = sent(app)
    assert len(messages) in (3, 4)
    assert len({message.id for message in messages}) == len(messages)
    assert messages[0].task == "t"
    assert messages[0].headers[PERIODIC_TASK_NAME] == "tick"
    assert app.codec.decode(messages[0].body, messages[0].content_type)[:2] == [[1], {"a": 2}]
    app.close()


def test_options_of_an_entry_reach_the_message(clock: ManualClock) -> None:
    options = {"queue": "reports", "priority": 7, "expires": 30}
    app = make(
        clock, "options", beat_schedule={"r": {"task": "t", "schedule": timedelta(seconds=5), "options": options}}
    )
    beat = prepared(app)

    run_until(beat, clock, 6)

    message = app.transport.peek("reports", 10)[0]
    assert message.priority == 7
    assert message.headers["expires"]
    app.close()


def test_two_beats_give_one_firing_one_id(clock: ManualClock) -> None:
    schedule = {"tick": {"task": "t", "schedule": 10}}
    first = make(clock, "two", beat_schedule=schedule)
    second = make(clock, "two", beat_schedule=schedule)
    beats = [prepared(first), prepared(second)]

    clock.advance(10.5)
    for beat in beats:
        beat.tick()

    ids = [message.id for message in sent(first)]
    assert len(ids) == 2
    assert len(set(ids)) == 1
    first.close()
    second.close()


def test_a_crontab_fires_at_its_minutes_in_the_apps_zone(clock: ManualClock) -> None:
    app = make(
        clock,
        "crontab",
        timezone="Europe/Berlin",
        beat_schedule={
            "a": {"task": "nightly", "schedule": crontab(minute=30, hour=23)},
            "b": {"task": "from-text", "schedule": "45 23 * * *"},
        },
    )
    beat = prepared(app)  # 23:13:20 in Berlin

    run_until(beat, clock, 17 * 60)
    assert [message.task for message in sent(app)] == ["nightly"]
    run_until(beat, clock, 16 * 60)
    assert [message.task for message in sent(app)] == ["nightly", "from-text"]
    app.close()


def test_periodic_tasks_can_be_added_in_code(clock: ManualClock) -> None:
    app = make(clock, "code")

    @app.task(name="t")
    def t(x: int) -> None: ...

    name = app.add_periodic_task(every(10), t.s(5), name="mine")
    beat = prepared(app)

    run_until(beat, clock, 11)

    assert name == "mine"
    assert sent(app)[0].headers[PERIODIC_TASK_NAME] == "mine"
    app.close()


def test_a_restart_does_not_fire_an_entry_again(clock: ManualClock, tmp_path: Path) -> None:
    location = str(tmp_path / "beat.json")
    app = make(clock, "restart", beat_schedule={"tick": {"task": "t", "schedule": 3600}})

    def run(seconds: float) -> None:
        beat = Beat(app, scheduler="file", location=location)
        beat._scheduler.set_entries([beat._entry(name, value) for name, value in app.beat_entries.items()])
        run_until(beat, clock, seconds)
        beat._scheduler.close()

    run(3700)
    fired = len(sent(app))
    for _ in range(3):
        run(10)

    assert fired == 1
    assert len(sent(app)) == fired
    app.close()


@pytest.mark.parametrize(
    ("entry", "match"),
    [
        ({"task": "t"}, "lacks 'schedule'"),
        ({"schedule": 3}, "lacks 'task'"),
        ({"task": "t", "schedule": 3, "arguments": []}, "no field 'arguments'"),
        ({"task": "t", "schedule": object()}, "its schedule is"),
        ({"task": "t", "schedule": True}, "its schedule is"),
        ({"task": "t", "schedule": "every day"}, "crontab"),
    ],
)
def test_a_wrong_entry_is_named(clock: ManualClock, entry: Any, match: str) -> None:
    app = make(clock, "wrong")
    beat = Beat(app, scheduler="memory")

    with pytest.raises(ConfigurationError, match=match):
        beat._entry("nightly", entry)
