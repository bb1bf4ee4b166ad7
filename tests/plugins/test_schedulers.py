"""The built-in schedulers: what every scheduler promises, and what is their own."""

from __future__ import annotations

import json
import logging
import random
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from celeriac.errors import ConfigurationError, SchedulerError
from celeriac.schedules import crontab, every
from celeriac.specs.scheduler import Entry, Firing, Scheduler, SchedulerOptions
from celeriac.testing import ManualClock
from celeriac.testing.suite import SchedulerSuite
from celeriac_plugins.schedulers.file import CLAIM, FileScheduler
from celeriac_plugins.schedulers.memory import MemoryScheduler


class TestMemory(SchedulerSuite):
    driver = MemoryScheduler


class TestFile(SchedulerSuite):
    driver = FileScheduler
    location = "{path}/deep/schedule.json"


START = 1_700_000_000.0
BOTH = pytest.mark.parametrize("driver", [MemoryScheduler, FileScheduler])


class SteppedClock(ManualClock):
    """One that somebody sets."""

    def set(self, now: float) -> None:
        self._now = now


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock(START)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "schedule.json"


def options(file: Path, clock: ManualClock) -> SchedulerOptions:
    return SchedulerOptions(str(file), clock)


def hourly(name: str = "a") -> Entry:
    return Entry(name, "tasks.add", every(3600))


# both


@BOTH
def test_a_clock_that_is_set_back_fires_nothing_twice(driver: type[Scheduler], file: Path, clock: SteppedClock) -> None:
    scheduler = driver(options(file, clock))
    scheduler.set_entries([Entry("a", "tasks.add", every(600))])
    fired = []
    for minute in [*range(120), *range(60, 180)]:
        clock.set(START + 60 * minute)
        for firing in scheduler.due():
            fired.append(firing.due)
            scheduler.done(firing)
    assert fired == sorted(set(fired))
    assert len(fired) == 18


@BOTH
def test_two_entries_of_one_name_are_refused(driver: type[Scheduler], file: Path, clock: SteppedClock) -> None:
    scheduler = driver(options(file, clock))
    with pytest.raises(ConfigurationError, match="two entries of the schedule are named 'a'; rename one"):
        scheduler.set_entries([hourly(), hourly()])


@dataclass
class Counted:
    """A rule that counts how often it is asked."""

    seconds: float
    asked: int = 0

    def next_after(self, instant: float) -> float:
        self.asked += 1
        return (instant // self.seconds + 1) * self.seconds


@BOTH
def test_the_work_does_not_grow_with_what_was_missed(driver: type[Scheduler], file: Path, clock: SteppedClock) -> None:
    rule = Counted(1.0)
    scheduler = driver(SchedulerOptions(str(file), clock, catch_up=30 * 86400))
    scheduler.set_entries([Entry("a", "tasks.add", rule)])
    clock.advance(30 * 86400)
    rule.asked = 0
    assert [firing.due for firing in scheduler.due()] == [START + 30 * 86400]
    assert rule.asked < 50


# file


def test_its_memory_is_a_file_that_people_can_read(file: Path, clock: SteppedClock) -> None:
    scheduler = FileScheduler(options(file, clock))
    scheduler.set_entries([hourly(), Entry("b", "tasks.add", crontab(30, 4, tz="Europe/Berlin"))])
    clock.advance(3600)
    scheduler.done(scheduler.due()[0])
    assert json.loads(file.read_text()) == {
        "entries": {
            "a": {"schedule": "every(3600.0)", "since": START + 2800},
            "b": {"schedule": "crontab(minute='30', hour='4', tz='Europe/Berlin')", "since": START},
        }
    }


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"entries": {"a": 3}}', b"\x00\x13\xff" * 99, b'"\xff"'])
def test_a_damaged_file_is_set_aside_with_a_warning_and_begun_anew(
    file: Path, clock: SteppedClock, caplog: pytest.LogCaptureFixture, damage: bytes
) -> None:
    file.write_bytes(damage)
    scheduler = FileScheduler(options(file, clock))
    with caplog.at_level(logging.WARNING, "celeriac.beat"):
        scheduler.set_entries([hourly()])
    [record] = caplog.records
    assert record.name == "celeriac.beat"
    assert "is no memory of a schedule" in record.getMessage()
    [aside] = file.parent.glob("*.damaged-*")
    assert aside.read_bytes() == damage
    assert str(aside) in record.getMessage()
    clock.advance(3600)
    assert len(scheduler.due()) == 1


def test_a_file_damaged_under_a_running_scheduler_fires_nothing_again(file: Path, clock: SteppedClock) -> None:
    scheduler = FileScheduler(options(file, clock))
    scheduler.set_entries([hourly()])
    clock.advance(3600)
    scheduler.done(scheduler.due()[0])
    file.write_bytes(b"damaged")
    assert scheduler.due() == []
    clock.advance(3600)
    scheduler.done(scheduler.due()[0])
    assert json.loads(file.read_text())["entries"]["a"]["since"] == START + 6400


def test_a_memory_from_the_far_future_is_not_believed(file: Path, clock: SteppedClock) -> None:
    clock.set(START + 10 * 365 * 86400)
    FileScheduler(options(file, clock)).set_entries([hourly()])
    clock.set(START)
    scheduler = FileScheduler(options(file, clock))
    scheduler.set_entries([hourly()])
    clock.advance(3600)
    assert len(scheduler.due()) == 1


def test_two_releases_with_different_schedules_share_the_file(file: Path, clock: SteppedClock) -> None:
    old, new = (FileScheduler(options(file, clock)) for _ in range(2))
    old.set_entries([hourly("same"), hourly("changed"), hourly("dropped")])
    new.set_entries([hourly("same"), Entry("changed", "tasks.add", every(1800))])
    fired: list[Firing] = []
    for _ in range(4):
        clock.advance(1800)
        for scheduler in (old, new):
            for firing in scheduler.due():
                fired.append(firing)
                scheduler.done(firing)
    counts = {name: sum(firing.entry.name == name for firing in fired) for name in ("same", "changed", "dropped")}
    assert counts == {"same": 2, "changed": 6, "dropped": 2}


def test_a_place_is_needed(clock: SteppedClock) -> None:
    with pytest.raises(ConfigurationError, match="set beat_schedule_filename"):
        FileScheduler(SchedulerOptions("", clock))


def test_a_place_that_cannot_be_written_is_an_error_that_says_so(tmp_path: Path, clock: SteppedClock) -> None:
    (tmp_path / "file").touch()
    scheduler = FileScheduler(options(tmp_path / "file" / "schedule.json", clock))
    with pytest.raises(SchedulerError, match=r"schedule\.json' cannot be kept: Not a directory; check beat_schedule_f"):
        scheduler.set_entries([hourly()])


def test_schedulers_that_come_and_go_fire_each_instant_at_most_once_and_miss_none_for_long(
    file: Path, clock: SteppedClock
) -> None:
    dice = random.Random(7)
    entry = Entry("a", "tasks.add", every(1))

    def start() -> FileScheduler:
        scheduler = FileScheduler(options(file, clock))
        scheduler.set_entries([entry])
        return scheduler

    schedulers = [start() for _ in range(3)]
    fired: list[float] = []
    for _ in range(600):
        clock.advance(1)
        for number, scheduler in enumerate(schedulers):
            for firing in scheduler.due():
                if dice.random() < 0.02:  # killed before it could publish
                    schedulers[number] = start()
                    break
                fired.append(firing.due)
                scheduler.done(firing)
    assert fired == sorted(set(fired))
    assert max(later - earlier for earlier, later in zip([START, *fired], [*fired, clock.time()], strict=True)) <= CLAIM
    assert len(fired) > 550


BEAT = """
import sys
from celeriac.schedules import every
from celeriac.specs.scheduler import Entry, SchedulerOptions
from celeriac.testing import ManualClock
from celeriac_plugins.schedulers.file import FileScheduler
clock = ManualClock(float(sys.argv[2]))
scheduler = FileScheduler(SchedulerOptions(sys.argv[1], clock))
scheduler.set_entries([Entry(f"e{n}", "tasks.add", every(1)) for n in range(50)])
while True:
    clock.advance(1)
    for firing in scheduler.due():
        scheduler.done(firing)
        if firing.entry.name == "e0":
            print(firing.due, flush=True)
"""


def test_a_scheduler_killed_at_any_moment_forgets_nothing_that_it_had_done(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    now = START
    for _ in range(4):
        with subprocess.Popen(
            [sys.executable, "-c", BEAT, str(file), str(now)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(random.randint(1, 4))]
            process.send_signal(signal.SIGKILL)
            rest, _ = process.communicate()
        last = float([*lines, *rest.splitlines()][-1])
        assert last > now
        now = last
        scheduler = FileScheduler(options(file, SteppedClock(now)))
        scheduler.set_entries([Entry("e0", "tasks.add", every(1))])
        assert (scheduler.due(), scheduler.next_due()) == ([], now + 1)
    assert caplog.records == []
