"""The clauses about locks find a backend that is wrong: one fault each, and the clause that must fail."""

from __future__ import annotations

from textwrap import dedent, indent

import pytest

from celeriac.testing.suite.backend_locks import LockClauses

pytest_plugins = ("pytester",)

HEAD = """
import pytest
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
    "test_a_lock_is_granted_to_one_owner_and_to_it_again": """
        def lock_claim(self, name, owner, lease, replacing=None):
            return super().lock_claim(name[:2], owner, lease, owner if lease else replacing) and owner
    """,
    "test_a_lock_ends_with_its_lease": """
        def lock_claim(self, name, owner, lease, replacing=None):
            return super().lock_claim(name, owner, None, replacing)
    """,
    "test_a_lock_without_a_lease_stays_until_released": """
        def lock_claim(self, name, owner, lease, replacing=None):
            return super().lock_claim(name, owner, lease or 3600, replacing)
    """,
    "test_a_lock_is_released_by_its_owner_alone": """
        def lock_release(self, name, owner):
            holder = self.lock_holder(name)
            return holder is not None and super().lock_release(name, holder)
    """,
    "test_a_lock_is_taken_over_from_who_is_named_alone": """
        def lock_claim(self, name, owner, lease, replacing=None):
            return super().lock_claim(name, owner, lease, replacing and self.lock_holder(name))
    """,
    "test_of_many_threads_that_claim_a_lock_one_has_it": """
        def lock_claim(self, name, owner, lease, replacing=None):
            import time
            free = self.lock_holder(name) is None
            time.sleep(0.05)
            return super().lock_claim(name, owner, lease, self.lock_holder(name) if free else None)
    """,
    "test_sweep_removes_locks_whose_lease_has_run_out": """
        def sweep(self):
            self._open().locks.sweep(1e18)
            return super().sweep()
    """,
}


def test_each_fault_fails_its_clause(pytester: pytest.Pytester) -> None:
    faults = (ONE.format(number=n, fault=indent(dedent(fault), "    ")) for n, fault in enumerate(FAULTS.values()))
    pytester.makepyfile(test_wrong=HEAD + "".join(faults))
    clauses = [f"test_wrong.py::TestWrong{n}::{clause}" for n, clause in enumerate(FAULTS)]

    run = pytester.inline_run("-p", "no:cacheprovider", "--tb=line", *clauses)

    _, _, failed = run.listoutcomes()
    assert {report.nodeid.split("::")[2] for report in failed} == FAULTS.keys()


def test_every_clause_about_locks_has_a_fault_that_it_finds() -> None:
    assert {name for name in vars(LockClauses) if name.startswith("test_")} == FAULTS.keys()
