"""The clauses about locks (capability ``lock``) of the contract of a result backend."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from celeriac.specs.backend import ResultBackend
    from celeriac.testing.clock import ManualClock


class LockClauses:
    """Part of `BackendSuite`."""

    if TYPE_CHECKING:

        def needs(self, capability: str) -> None: ...

    def test_a_lock_is_granted_to_one_owner_and_to_it_again(self, backend: ResultBackend) -> None:
        self.needs("lock")
        assert backend.lock_holder("pay \u00e9/1") is None
        assert backend.lock_claim("pay \u00e9/1", "one", 50) == "one"
        assert backend.lock_claim("pay \u00e9/1", "two", 50) == "one"
        assert backend.lock_claim("pay \u00e9/1", "one", 50) == "one"
        assert backend.lock_holder("pay \u00e9/1") == "one"
        assert backend.lock_claim("other", "two", 50) == "two"

    def test_a_lock_ends_with_its_lease(self, backend: ResultBackend, clock: ManualClock) -> None:
        self.needs("lock")
        backend.lock_claim("pay", "one", 50)
        clock.advance(40)
        assert backend.lock_claim("pay", "one", 50) == "one"
        clock.advance(40)
        assert backend.lock_holder("pay") == "one"
        clock.advance(11)
        assert backend.lock_holder("pay") is None
        assert backend.lock_release("pay", "one") is False
        assert backend.lock_claim("pay", "two", 50) == "two"

    def test_a_lock_without_a_lease_stays_until_released(self, backend: ResultBackend, clock: ManualClock) -> None:
        self.needs("lock")
        backend.lock_claim("pay", "one", None)
        clock.advance(1_000_000)
        backend.sweep()
        assert backend.lock_claim("pay", "two", 50) == "one"
        assert backend.lock_release("pay", "one") is True
        assert backend.lock_holder("pay") is None

    def test_a_lock_is_released_by_its_owner_alone(self, backend: ResultBackend) -> None:
        self.needs("lock")
        backend.lock_claim("pay", "one", 50)
        assert backend.lock_release("pay", "two") is False
        assert backend.lock_holder("pay") == "one"
        assert backend.lock_release("pay", "one") is True
        assert backend.lock_release("pay", "one") is False

    def test_a_lock_is_taken_over_from_who_is_named_alone(self, backend: ResultBackend) -> None:
        self.needs("lock")
        backend.lock_claim("pay", "one", 50)
        assert backend.lock_claim("pay", "two", 50, replacing="three") == "one"
        assert backend.lock_claim("pay", "two", 50, replacing="one") == "two"
        assert backend.lock_claim("free", "two", 50, replacing="one") == "two"

    def test_of_many_threads_that_claim_a_lock_one_has_it(self, backend: ResultBackend) -> None:
        self.needs("lock")
        found: list[tuple[str, str]] = []
        start = threading.Barrier(8)

        def claim(owner: str) -> None:
            start.wait()
            found.append((owner, backend.lock_claim("pay", owner, 50)))

        threads = [threading.Thread(target=claim, args=(f"t{n}",)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({holder for _, holder in found}) == 1
        assert [owner for owner, holder in found if owner == holder] == [backend.lock_holder("pay")]

    def test_sweep_removes_locks_whose_lease_has_run_out(self, backend: ResultBackend, clock: ManualClock) -> None:
        self.needs("lock")
        backend.lock_claim("pay", "one", 50)
        backend.lock_claim("keep", "one", 500)
        clock.advance(51)
        backend.sweep()
        assert backend.lock_holder("pay") is None
        assert backend.lock_holder("keep") == "one"
