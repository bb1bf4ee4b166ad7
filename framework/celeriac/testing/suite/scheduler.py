"""The clauses of the contract of a scheduler (`celeriac.specs.scheduler`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from celeriac.schedules import crontab, every
from celeriac.specs.scheduler import CAPABILITIES, Entry, Firing, Schedule, Scheduler, SchedulerOptions
from celeriac.testing.clock import ManualClock
from celeriac.testing.suite.another_process import AnotherProcess

START = 1_700_000_000.0
HOUR = 3600.0
MIDNIGHT = 1_700_006_400.0
"""The first midnight, and the first full hour but one, after START."""


class SchedulerSuite:
    """Prove a scheduler.

    ::

        class TestShelf(SchedulerSuite):
            driver = ShelfScheduler
            location = "{path}/schedule"       # {path}: a folder of the clause's own
    """

    driver: ClassVar[type[Scheduler]]
    location: ClassVar[str] = ""

    def make(self, location: str, **options: Any) -> Scheduler:
        """Make a scheduler; override when yours needs more. `options` are fields of SchedulerOptions."""
        return self.driver(SchedulerOptions(location=location, **options))

    @pytest.fixture
    def place(self, tmp_path: Path) -> str:
        """The location, complete."""
        return self.location.replace("{path}", str(tmp_path))

    @pytest.fixture
    def clock(self) -> ManualClock:
        return ManualClock(START)

    @pytest.fixture
    def scheduler(self, place: str, clock: ManualClock) -> Iterator[Scheduler]:
        """A scheduler that catches up with what was missed for up to two hours."""
        made = self.make(place, clock=clock, catch_up=2 * HOUR)
        yield made
        made.close()

    def needs(self, capability: str) -> None:
        if capability not in self.driver.capabilities:
            pytest.skip(f"{self.driver.__name__} does not declare {capability!r}")

    # what it says of itself

    def test_it_declares_known_capabilities_and_this_version_of_the_contract(self) -> None:
        assert self.driver.capabilities <= CAPABILITIES.keys()
        assert self.driver.api == Scheduler.api
        assert issubclass(self.driver, Scheduler)

    def test_nothing_is_opened_when_it_is_made(self, place: str, tmp_path: Path) -> None:
        self.make(place).close()
        assert list(tmp_path.rglob("*")) == []

    def test_close_twice_does_nothing_more(self, scheduler: Scheduler) -> None:
        scheduler.set_entries([_entry("a")])
        scheduler.close()
        scheduler.close()

    # entries

    def test_without_entries_nothing_is_ever_due(self, scheduler: Scheduler) -> None:
        assert (scheduler.entries(), scheduler.due(), scheduler.next_due()) == ([], [], None)
        scheduler.set_entries([])
        assert (scheduler.entries(), scheduler.due(), scheduler.next_due()) == ([], [], None)

    def test_entries_are_those_last_set_sorted_by_name(self, scheduler: Scheduler) -> None:
        scheduler.set_entries([_entry("old"), _entry("b")])
        entries = [_entry("ü", crontab()), _entry("b"), _entry("a", every(1))]
        scheduler.set_entries(entries)
        assert scheduler.entries() == sorted(entries, key=lambda entry: entry.name)

    def test_a_firing_carries_its_entry_whole(self, scheduler: Scheduler, clock: ManualClock) -> None:
        entry = Entry("a", "tasks.a", every(HOUR), (1, "x"), {"k": [2]}, {"queue": "q"})
        scheduler.set_entries([entry])
        clock.advance(HOUR)
        assert [firing.entry for firing in scheduler.due()] == [entry]

    # new entries

    @pytest.mark.parametrize("rule", [every(HOUR), every(7.5), crontab(minute=0), crontab(0, 0)], ids=repr)
    def test_a_new_entry_fires_first_after_the_time_it_was_set(
        self, scheduler: Scheduler, clock: ManualClock, rule: Schedule
    ) -> None:
        scheduler.set_entries([_entry("a", rule)])
        first = rule.next_after(START)
        assert first is not None
        assert (scheduler.due(), scheduler.next_due()) == ([], first)
        clock.advance(first - START - 0.25)
        assert scheduler.due() == []
        clock.advance(0.25)
        assert scheduler.due() == [Firing(_entry("a", rule), first)]

    def test_an_entry_set_at_a_due_instant_waits_for_the_next(self, scheduler: Scheduler, clock: ManualClock) -> None:
        clock.advance(MIDNIGHT - START)
        scheduler.set_entries([_entry("a")])
        assert (scheduler.due(), scheduler.next_due()) == ([], MIDNIGHT + HOUR)

    def test_a_rule_that_never_comes_is_never_due(self, scheduler: Scheduler, clock: ManualClock) -> None:
        scheduler.set_entries([_entry("never", crontab.from_string("0 0 31 feb *"))])
        clock.advance(400 * 86400)
        assert (scheduler.due(), scheduler.next_due()) == ([], None)

    # due and done

    def test_what_is_due_stays_due_until_it_is_done(self, scheduler: Scheduler, clock: ManualClock) -> None:
        scheduler.set_entries([_entry("a")])
        clock.advance(MIDNIGHT - START + 1)
        assert scheduler.due() == scheduler.due() == [Firing(_entry("a"), MIDNIGHT)]
        assert scheduler.next_due() == MIDNIGHT
        scheduler.done(scheduler.due()[0])
        assert (scheduler.due(), scheduler.next_due()) == ([], MIDNIGHT + HOUR)

    def test_each_firing_comes_once_in_order(self, scheduler: Scheduler, clock: ManualClock) -> None:
        scheduler.set_entries([_entry("a", every(10))])
        fired = []
        for _ in range(100):
            clock.advance(3)
            for firing in scheduler.due():
                fired.append(firing.due)
                scheduler.done(firing)
        assert fired == [START + 10 * n for n in range(1, 31)]

    def test_what_is_due_comes_oldest_first(self, scheduler: Scheduler, clock: ManualClock) -> None:
        scheduler.set_entries([_entry("a", every(7)), _entry("b", crontab(minute=0)), _entry("c", every(600))])
        clock.advance(MIDNIGHT - START + 900)
        dues = [firing.due for firing in scheduler.due()]
        assert dues == sorted(dues)
        assert len(dues) == 3
        assert scheduler.next_due() == dues[0]

    def test_entries_do_not_touch_each_other(self, scheduler: Scheduler, clock: ManualClock) -> None:
        scheduler.set_entries([_entry("a"), _entry("b")])
        clock.advance(MIDNIGHT - START)
        scheduler.done(scheduler.due()[0])
        assert [firing.entry.name for firing in scheduler.due()] == ["b"]

    def test_done_again_and_done_late_change_nothing(self, scheduler: Scheduler, clock: ManualClock) -> None:
        scheduler.set_entries([_entry("a")])
        clock.advance(MIDNIGHT - START)
        early = scheduler.due()[0]
        clock.advance(HOUR)
        late = scheduler.due()[0]
        for firing in (late, late, early):
            scheduler.done(firing)
        assert (scheduler.due(), scheduler.next_due()) == ([], MIDNIGHT + 2 * HOUR)

    def test_done_of_an_entry_that_is_gone_does_nothing(self, scheduler: Scheduler, clock: ManualClock) -> None:
        scheduler.set_entries([_entry("a"), _entry("b")])
        clock.advance(MIDNIGHT - START)
        gone = scheduler.due()[0]
        scheduler.set_entries([_entry("b")])
        scheduler.done(gone)
        assert [firing.entry.name for firing in scheduler.due()] == ["b"]

    # missed firings

    def test_of_several_missed_firings_only_the_last_is_due(self, scheduler: Scheduler, clock: ManualClock) -> None:
        scheduler.set_entries([_entry("a", every(10)), _entry("b", every(HOUR)), _entry("c", every(1e-3))])
        clock.advance(MIDNIGHT - START + 15)
        due = {firing.entry.name: firing.due for firing in scheduler.due()}
        assert due == {"a": MIDNIGHT + 10, "b": MIDNIGHT, "c": MIDNIGHT + 15}
        for firing in scheduler.due():
            scheduler.done(firing)
        assert scheduler.due() == []

    def test_what_was_missed_for_too_long_is_skipped(self, scheduler: Scheduler, clock: ManualClock) -> None:
        daily = _entry("a", crontab(0, 0))
        scheduler.set_entries([daily])
        clock.advance(MIDNIGHT - START + 2 * HOUR)
        assert scheduler.due() == [Firing(daily, MIDNIGHT)]
        clock.advance(1)
        assert (scheduler.due(), scheduler.next_due()) == ([], MIDNIGHT + 24 * HOUR)
        clock.advance(24 * HOUR - 2 * HOUR - 1)
        assert scheduler.due() == [Firing(daily, MIDNIGHT + 24 * HOUR)]

    # changes

    def test_an_unchanged_entry_is_kept(self, scheduler: Scheduler, clock: ManualClock) -> None:
        scheduler.set_entries([_entry("a"), _entry("b")])
        clock.advance(MIDNIGHT - START)
        scheduler.done(scheduler.due()[1])
        changed = Entry("a", "another.task", every(HOUR), (1,))
        scheduler.set_entries([changed, _entry("b"), _entry("c")])
        assert scheduler.due() == [Firing(changed, MIDNIGHT)]

    def test_an_entry_whose_schedule_changed_is_new(self, scheduler: Scheduler, clock: ManualClock) -> None:
        scheduler.set_entries([_entry("a")])
        clock.advance(MIDNIGHT - START + 60)
        assert len(scheduler.due()) == 1
        scheduler.set_entries([_entry("a", crontab(minute=0))])
        assert (scheduler.due(), scheduler.next_due()) == ([], MIDNIGHT + HOUR)
        scheduler.set_entries([_entry("a", every(120))])
        assert scheduler.next_due() == MIDNIGHT + 120

    def test_an_entry_that_was_removed_is_not_due_and_new_when_it_comes_back(
        self, scheduler: Scheduler, clock: ManualClock
    ) -> None:
        scheduler.set_entries([_entry("a")])
        clock.advance(MIDNIGHT - START)
        scheduler.set_entries([])
        assert (scheduler.due(), scheduler.next_due()) == ([], None)
        scheduler.set_entries([_entry("a")])
        assert (scheduler.due(), scheduler.next_due()) == ([], MIDNIGHT + HOUR)

    # memory

    def test_what_is_done_is_remembered_when_it_is_opened_again(self, place: str, clock: ManualClock) -> None:
        self.needs("durable")
        first = self.make(place, clock=clock)
        first.set_entries([_entry("a"), _entry("b"), _entry("gone")])
        clock.advance(MIDNIGHT - START)
        first.done(Firing(_entry("a"), MIDNIGHT))
        first.close()
        again = self.make(place, clock=clock)
        again.set_entries([_entry("a"), _entry("b"), _entry("new")])
        assert again.due() == [Firing(_entry("b"), MIDNIGHT)]
        again.close()

    def test_what_was_missed_while_it_was_closed_is_due(self, place: str, clock: ManualClock) -> None:
        self.needs("durable")
        first = self.make(place, clock=clock)
        first.set_entries([_entry("a"), _entry("changed")])
        first.close()
        clock.advance(MIDNIGHT - START + 60)
        again = self.make(place, clock=clock)
        again.set_entries([_entry("a"), _entry("changed", crontab(minute=0))])
        assert again.due() == [Firing(_entry("a"), MIDNIGHT)]
        again.close()

    def test_what_a_killed_process_had_done_is_remembered(self, place: str, clock: ManualClock) -> None:
        self.needs("durable")
        with AnotherProcess(self, _DIE, place) as process:
            assert process.hear() == "due a b"
            process.end()
        clock.advance(MIDNIGHT - START + 300)  # past any claim of the dead
        scheduler = self.make(place, clock=clock)
        scheduler.set_entries([_entry("a"), _entry("b")])
        assert scheduler.due() == [Firing(_entry("b"), MIDNIGHT)]
        scheduler.close()

    # several schedulers

    def test_a_firing_is_claimed_once_among_schedulers(self, place: str, clock: ManualClock) -> None:
        self.needs("processes")
        one, two = (self.make(place, clock=clock) for _ in range(2))
        for scheduler in (one, two):
            scheduler.set_entries([_entry("a"), _entry("b", every(7))])
        clock.advance(MIDNIGHT - START)
        mine = one.due()
        assert [firing.entry.name for firing in mine] == ["b", "a"]
        assert two.due() == []
        assert (two.next_due() or 0) > MIDNIGHT, "a scheduler that waits for another's claim must not spin"
        assert one.due() == mine
        one.done(mine[1])
        one.close()
        two.done(two.due()[0])
        assert two.due() == []
        two.close()

    def test_what_a_dead_scheduler_had_claimed_goes_to_another(self, place: str, clock: ManualClock) -> None:
        self.needs("processes")
        dead, alive = (self.make(place, clock=clock) for _ in range(2))
        for scheduler in (dead, alive):
            scheduler.set_entries([_entry("a")])
        clock.advance(MIDNIGHT - START)
        assert len(dead.due()) == 1
        for _ in range(10):
            if alive.due():
                break
            clock.advance(30)
        assert alive.due() == [Firing(_entry("a"), MIDNIGHT)]
        assert dead.due() == []
        alive.close()
        dead.close()

    def test_processes_share_out_what_is_due(self, place: str, clock: ManualClock) -> None:
        self.needs("processes")
        self.make(place, clock=clock).set_entries([_entry(f"e{n}") for n in range(20)])
        with AnotherProcess(self, _SHARE, place) as one, AnotherProcess(self, _SHARE, place) as two:
            for process in (one, two):
                assert process.hear() == "ready"
            for process in (one, two):
                process.tell("go")
            assert sorted(f"{one.hear()} {two.hear()}".split()) == sorted(f"e{n}" for n in range(20))


_DIE = """
import os, signal
from celeriac.specs.scheduler import Entry, Firing
from celeriac.schedules import every
from celeriac.testing.clock import ManualClock
clock = ManualClock(1_700_000_000.0)
scheduler = suite.make(argv[0], clock=clock)
scheduler.set_entries([Entry(name, "tasks.add", every(3600)) for name in "ab"])
clock.advance(6400)
firings = scheduler.due()
print("due", *(firing.entry.name for firing in firings), flush=True)
scheduler.done(firings[0])
os.kill(os.getpid(), signal.SIGKILL)
"""

_SHARE = """
from celeriac.specs.scheduler import Entry
from celeriac.schedules import every
from celeriac.testing.clock import ManualClock
clock = ManualClock(1_700_000_000.0)
scheduler = suite.make(argv[0], clock=clock)
scheduler.set_entries([Entry(f"e{n}", "tasks.add", every(3600)) for n in range(20)])
print("ready", flush=True)
sys.stdin.readline()
clock.advance(6400)
fired = []
while firings := scheduler.due():
    fired.append(firings[0].entry.name)
    scheduler.done(firings[0])
print(*fired, flush=True)
scheduler.close()
"""


def _entry(name: str, rule: Schedule | None = None) -> Entry:
    return Entry(name, "tasks.add", rule or every(HOUR))
