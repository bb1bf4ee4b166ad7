"""The suite for schedulers finds a scheduler that is wrong: one fault each, and the clause that must fail."""

from __future__ import annotations

from textwrap import dedent, indent

import pytest

from celeriac.testing.suite import scheduler as suite

pytest_plugins = "pytester"

HEAD = """
from dataclasses import replace
from pathlib import Path
from celeriac.specs.scheduler import Firing
from celeriac.testing.suite import SchedulerSuite
from celeriac_plugins.schedulers.file import FileScheduler
from celeriac_plugins.schedulers.memory import MemoryScheduler
"""

ONE = """
class Wrong{number}({base}Scheduler):
{fault}

class TestWrong{number}(SchedulerSuite):
    driver = Wrong{number}
    location = "{{path}}/schedule"
"""

FAULTS = {
    "test_it_declares_known_capabilities_and_this_version_of_the_contract": """
        api = 99
    """,
    "test_nothing_is_opened_when_it_is_made": """
        def __init__(self, options):
            super().__init__(options)
            Path(options.location).touch()
    """,
    "test_close_twice_does_nothing_more": """
        closes = 0

        def close(self):
            self.closes += 1
            assert self.closes != 2
    """,
    "test_without_entries_nothing_is_ever_due": """
        def next_due(self):
            return super().next_due() or self.options.clock.time() + 300
    """,
    "test_entries_are_those_last_set_sorted_by_name": """
        def entries(self):
            return [line.entry for line in self._agenda.lines.values()]
    """,
    "test_a_firing_carries_its_entry_whole": """
        def set_entries(self, entries):
            super().set_entries([replace(entry, options={}) for entry in entries])
    """,
    "test_a_new_entry_fires_first_after_the_time_it_was_set": """
        def set_entries(self, entries):
            self._agenda.set(entries, self.options.clock.time() - 7200)
    """,
    "test_an_entry_set_at_a_due_instant_waits_for_the_next": """
        def set_entries(self, entries):
            self._agenda.set(entries, self.options.clock.time() - 1)
    """,
    "test_a_rule_that_never_comes_is_never_due": """
        def next_due(self):
            return super().next_due() or 0.0
    """,
    "test_what_is_due_stays_due_until_it_is_done": """
        def due(self):
            firings = super().due()
            for firing in firings:
                self.done(firing)
            return firings
    """,
    "test_each_firing_comes_once_in_order": """
        def done(self, firing):
            super().done(replace(firing, due=self.options.clock.time() + 10))
    """,
    "test_what_is_due_comes_oldest_first": """
        def due(self):
            return super().due()[::-1]
    """,
    "test_entries_do_not_touch_each_other": """
        def done(self, firing):
            for name in self._agenda.lines:
                self._agenda.advance(name, firing.due)
    """,
    "test_done_again_and_done_late_change_nothing": """
        def done(self, firing):
            line = self._agenda.lines[firing.entry.name]
            line.since, line.upcoming = firing.due, line.entry.schedule.next_after(firing.due)
    """,
    "test_done_of_an_entry_that_is_gone_does_nothing": """
        def done(self, firing):
            assert firing.entry.name in self._agenda.lines
            super().done(firing)
    """,
    "test_of_several_missed_firings_only_the_last_is_due": """
        def due(self):
            lines = self._agenda.lines.values()
            return [Firing(line.entry, line.upcoming) for line in lines if line.upcoming <= self.options.clock.time()]
    """,
    "test_what_was_missed_for_too_long_is_skipped": """
        def __init__(self, options):
            super().__init__(replace(options, catch_up=1e9))
    """,
    "test_an_unchanged_entry_is_kept": """
        def set_entries(self, entries):
            self._agenda.set([], 0.0)
            super().set_entries(entries)
    """,
    "test_an_entry_whose_schedule_changed_is_new": """
        def set_entries(self, entries):
            known = {name: line.since for name, line in self._agenda.lines.items()}
            self._agenda.set(entries, self.options.clock.time(), known)
    """,
    "test_an_entry_that_was_removed_is_not_due_and_new_when_it_comes_back": """
        def set_entries(self, entries):
            if entries:
                super().set_entries(entries)
    """,
    "test_what_is_done_is_remembered_when_it_is_opened_again": """
        capabilities = frozenset({"durable"})
    """,
    "test_what_was_missed_while_it_was_closed_is_due": """
        capabilities = frozenset({"durable"})
    """,
    "test_what_a_killed_process_had_done_is_remembered": """
        def done(self, firing):
            self.late = [*getattr(self, "late", []), firing]

        def close(self):
            for firing in self.late:
                super().done(firing)
    """,
    "test_a_firing_is_claimed_once_among_schedulers": """
        capabilities = frozenset({"processes"})
    """,
    "test_what_a_dead_scheduler_had_claimed_goes_to_another": """
        def _foreign_claim(self, memory, firing, now):
            claim = memory.entries["a"].claim
            return claim if claim and claim.owner != self._owner else None
    """,
    "test_processes_share_out_what_is_due": """
        capabilities = frozenset({"processes"})
    """,
}
ON_FILE = {
    "test_what_a_killed_process_had_done_is_remembered",
    "test_what_a_dead_scheduler_had_claimed_goes_to_another",
}


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_each_fault_fails_its_clause(pytester: pytest.Pytester) -> None:
    faults = [
        ONE.format(number=n, base="File" if clause in ON_FILE else "Memory", fault=indent(dedent(fault), "    "))
        for n, (clause, fault) in enumerate(FAULTS.items())
    ]
    pytester.makepyfile(test_wrong=HEAD + "".join(faults))
    clauses = [f"test_wrong.py::TestWrong{n}::{clause}" for n, clause in enumerate(FAULTS)]
    _, _, failed = pytester.inline_run("-p", "no:cacheprovider", "--tb=line", *clauses).listoutcomes()
    assert all(report.when == "call" for report in failed), "a fault is to show in a clause, not in a fixture"
    assert {report.nodeid.split("::")[2].partition("[")[0] for report in failed} == FAULTS.keys()


def test_every_clause_has_a_fault_that_it_finds() -> None:
    assert {name for name in vars(suite.SchedulerSuite) if name.startswith("test_")} == FAULTS.keys()
