"""The suite for result backends finds a backend that is wrong: one fault each, and the clause that must fail."""

from __future__ import annotations

from textwrap import dedent, indent

import pytest

from celeriac.testing.suite import backend as suite

pytest_plugins = "pytester"

HEAD = """
import threading
from pathlib import Path
from celeriac.specs.backend import Record
from celeriac.states import READY_STATES
from celeriac.testing.suite import BackendSuite
from celeriac_plugins.backends.memory import MemoryBackend
"""

ONE = """
class Wrong{number}(MemoryBackend):
{fault}

class TestWrong{number}(BackendSuite):
    driver = Wrong{number}
    url = "memory://{{path}}"
"""

FAULTS = {
    "test_it_declares_known_capabilities_and_this_version_of_the_contract": """
        capabilities = frozenset({"teleport"})
    """,
    "test_nothing_is_opened_when_it_is_made": """
        def __init__(self, options):
            super().__init__(options)
            Path(options.url.removeprefix("memory://"), "opened").touch()
    """,
    "test_an_unknown_option_is_an_error_that_names_it": """
        def __init__(self, options):
            options.extra.clear()
            super().__init__(options)
    """,
    "test_close_twice_does_nothing_more": """
        closes = 0

        def close(self):
            self.closes += 1
            assert self.closes != 2
    """,
    "test_close_frees_every_thread_and_file": """
        def store(self, batch):
            self.left = open(__file__)
            super().store(batch)
    """,
    "test_a_record_comes_back_byte_for_byte": """
        def store(self, batch):
            super().store([Record(r.id, r.state, r.payload.decode("utf-8", "replace").encode()) for r in batch])
    """,
    "test_every_state_comes_back_also_custom_ones": """
        def store(self, batch):
            super().store([r for r in batch if r.state in READY_STATES or r.state == "STARTED"])
    """,
    "test_ids_are_any_text": """
        def store(self, batch):
            super().store([Record(r.id.lower(), r.state, r.payload) for r in batch])

        def fetch(self, ids):
            return {id: Record(id, r.state, r.payload) for id in ids for r in super().fetch([id.lower()]).values()}
    """,
    "test_unknown_ids_are_absent": """
        def fetch(self, ids):
            return {id: Record(id, "PENDING", b"") for id in ids} | super().fetch(ids)
    """,
    "test_nothing_asked_is_nothing_done": """
        def fetch(self, ids):
            return super().fetch([ids[0], *ids])
    """,
    "test_a_batch_is_stored_in_its_order": """
        def store(self, batch):
            super().store(batch[::-1])
    """,
    "test_a_ready_record_is_final_within_a_batch": """
        def store(self, batch):
            known = self.fetch([r.id for r in batch])
            last = {r.id: r for r in batch if r.id not in known or known[r.id].state not in READY_STATES}
            super().store(list(last.values()))
    """,
    "test_a_later_record_replaces_an_unready_one": """
        def store(self, batch):
            super().store([r for r in batch if r.state in READY_STATES or not self.fetch([r.id])])
    """,
    "test_a_ready_record_is_final": """
        def store(self, batch):
            self.forget([r.id for r in batch])
            super().store(batch)
    """,
    "test_any_sequence_of_stores_and_forgets_leaves_what_the_contract_says": """
        def forget(self, ids):
            super().forget([id for id, r in self.fetch(ids).items() if r.state != "RETRY"])
    """,
    "test_a_forgotten_record_is_gone_and_may_be_stored_anew": """
        def forget(self, ids):
            pass
    """,
    "test_a_thousand_ids_in_one_call": """
        def fetch(self, ids):
            return super().fetch(ids[:999])
    """,
    "test_an_expired_record_is_invisible_at_once": """
        def _expiry(self):
            return super()._expiry() + 60
    """,
    "test_each_store_begins_the_time_anew": """
        first = None

        def _expiry(self):
            self.first = self.first or super()._expiry()
            return self.first
    """,
    "test_an_expired_ready_record_is_no_longer_final": """
        seen = frozenset()

        def store(self, batch):
            super().store([r for r in batch if r.id not in self.seen])
            self.seen |= {r.id for r in batch if r.state in READY_STATES}
    """,
    "test_without_a_limit_a_record_never_expires": """
        def _expiry(self):
            return self._now() + 86400
    """,
    "test_sweep_removes_what_has_expired_and_counts_it": """
        def sweep(self):
            super().sweep()
            return 1
    """,
    "test_sweep_removes_what_has_expired_of_joins": """
        def _now(self):
            return 0.0
    """,
    "test_wait_returns_at_once_what_is_ready": """
        def wait(self, ids, timeout):
            return dict([next(iter(super().wait(ids, timeout).items()))])
    """,
    "test_wait_honours_its_timeout": """
        def wait(self, ids, timeout):
            return super().wait(ids, 0)
    """,
    "test_wait_is_woken_by_a_store": """
        def wait(self, ids, timeout):
            return super().wait(ids, 0) or (threading.Event().wait(timeout) and {})
    """,
    "test_wait_for_many_returns_when_the_first_is_ready": """
        def wait(self, ids, timeout):
            return {id: r for id in ids for r in MemoryBackend.wait(self, [id], timeout).values()}
    """,
    "test_each_of_many_waiters_is_woken_by_its_own": """
        alone = threading.Semaphore(7)

        def wait(self, ids, timeout):
            if not self.alone.acquire(blocking=False):
                threading.Event().wait(timeout)
            return super().wait(ids, timeout)
    """,
    "test_an_unready_state_does_not_end_a_wait": """
        def wait(self, ids, timeout):
            return super().wait(ids, 0) or self.fetch(ids) or super().wait(ids, timeout)
    """,
    "test_a_nudge_that_meets_nobody_ends_the_next_wait": """
        def nudge(self):
            if self._waiters:
                super().nudge()
    """,
    "test_nudge_ends_every_wait": """
        def nudge(self):
            pass
    """,
    "test_of_many_threads_that_store_a_ready_record_one_wins_for_good": """
        def fetch(self, ids):
            return {id: Record(id, r.state, b"%d" % threading.get_ident()) for id, r in super().fetch(ids).items()}
    """,
    "test_a_forked_child_that_collects_it_disturbs_nothing": """
        def __del__(self):
            print("the child was here", flush=True)
    """,
    "test_other_processes_see_what_is_stored": """
        capabilities = MemoryBackend.capabilities | {"processes"}
    """,
    "test_of_many_processes_that_store_a_ready_record_one_wins_for_good": """
        capabilities = MemoryBackend.capabilities | {"processes"}

        def wait(self, ids, timeout):
            return {"x": None}
    """,
    "test_the_body_is_claimed_once_among_processes": """
        capabilities = MemoryBackend.capabilities | {"processes"}
    """,
    "test_what_a_killed_process_stored_is_there": """
        capabilities = MemoryBackend.capabilities | {"durable"}
    """,
    "test_the_body_comes_when_all_members_have_arrived": """
        def join_open(self, group, size, body):
            super().join_open(group, size and size - 1, body)
    """,
    "test_members_may_arrive_several_in_a_call": """
        def join_arrive(self, group, members, lease):
            return super().join_arrive(group, members[:500], lease)
    """,
    "test_a_member_counts_once_however_often_it_arrives": """
        def join_arrive(self, group, members, lease):
            return super().join_arrive(group, [object() for _ in members], lease)
    """,
    "test_a_group_without_a_size_has_no_body_until_it_is_sealed": """
        def join_open(self, group, size, body):
            super().join_open(group, size or 2, body)
    """,
    "test_who_seals_a_complete_group_claims_its_body": """
        def join_seal(self, group, size, body, lease):
            super().join_seal(group, size + 1, body, lease)
    """,
    "test_only_a_group_without_a_size_is_sealed": """
        def join_seal(self, group, size, body, lease):
            if group in self._open()._joins:
                self._open()._joins[group].size = None
            return super().join_seal(group, size, body, lease)
    """,
    "test_a_group_waits_for_members_that_are_added_to_it": """
        def join_grow(self, group, added, body=b""):
            return True
    """,
    "test_a_member_is_added_once": """
        def join_grow(self, group, added, body=b""):
            self._open()._joins[group].size += len(added)
            return True
    """,
    "test_members_are_added_once_among_threads": """
        meet = threading.Barrier(8)

        def join_grow(self, group, added, body=b""):
            known = dict(self._open()._joins[group].added)
            self.meet.wait(5)
            self._open()._joins[group].added = {**known, **added}
            return True
    """,
    "test_members_are_added_to_a_group_without_a_size": """
        def join_seal(self, group, size, body, lease):
            self._open()._joins[group].added.clear()
            return super().join_seal(group, size, body, lease)
    """,
    "test_a_group_that_is_complete_or_not_open_does_not_grow": """
        def join_grow(self, group, added, body=b""):
            self._open()._joins[group].added.update(added)
            return True
    """,
    "test_a_group_that_is_not_open_has_no_body": """
        def join_arrive(self, group, members, lease):
            self.join_open(group, 1, b"")
            return super().join_arrive(group, members, lease)
    """,
    "test_opening_again_changes_nothing": """
        def join_open(self, group, size, body):
            self._open()._joins.pop(group, None)
            super().join_open(group, size, body)
    """,
    "test_groups_and_records_are_apart": """
        def forget(self, ids):
            super().forget(ids)
            for id in ids:
                self.join_close(id)
    """,
    "test_the_body_is_claimed_once_among_threads": """
        meet = threading.Barrier(8)

        def join_arrive(self, group, members, lease):
            body = super().join_arrive(group, members, lease)
            self.meet.wait(5)
            return body or super().join_arrive(group, members, lease) or b"body"
    """,
    "test_a_claim_holds_for_its_lease": """
        def join_arrive(self, group, members, lease):
            return super().join_arrive(group, members, 0)
    """,
    "test_orphans_are_claimed_once_a_lease": """
        def join_orphans(self, lease):
            return super().join_orphans(0)
    """,
    "test_an_orphan_is_claimed_once_among_threads": """
        meet = threading.Barrier(8)

        def join_orphans(self, lease):
            found = super().join_orphans(0)
            self.meet.wait(5)
            return found
    """,
    "test_close_of_a_join_is_for_good": """
        def join_close(self, group):
            super().join_close(group)
            self._open()._joins.pop(group, None)
    """,
}


def write(pytester: pytest.Pytester, *faults: str) -> None:
    classes = (ONE.format(number=n, fault=indent(dedent(fault), "    ")) for n, fault in enumerate(faults))
    pytester.makepyfile(test_wrong=HEAD + "".join(classes))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_each_fault_fails_its_clause(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "BOUND", 0.5)
    write(pytester, *FAULTS.values())
    clauses = [f"test_wrong.py::TestWrong{n}::{clause}" for n, clause in enumerate(FAULTS)]
    run = pytester.inline_run("-p", "no:cacheprovider", "--tb=line", *clauses)
    _, _, failed = run.listoutcomes()
    assert all(report.when == "call" for report in failed), "a fault is to show in a clause, not in a fixture"
    assert {report.nodeid.split("::")[2].partition("[")[0] for report in failed} == FAULTS.keys()


def test_every_clause_has_a_fault_that_it_finds() -> None:
    clauses = {name for name in vars(suite.BackendSuite) if name.startswith("test_")}
    assert clauses - FAULTS.keys() == {"test_a_misspelt_option_is_an_error_that_names_the_nearest"}


def test_a_clause_about_a_capability_that_is_not_declared_is_skipped_and_says_so(pytester: pytest.Pytester) -> None:
    write(pytester, "capabilities = frozenset()")
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-rs", "-k", "orphan or killed")
    assert result.parseoutcomes()["skipped"] == 3
    result.stdout.fnmatch_lines_random(["*Wrong0 does not declare 'join'*", "*Wrong0 does not declare 'durable'*"])
