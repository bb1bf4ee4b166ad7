"""The clauses of the contract of a result backend (`celeriac.specs.backend`).

One class in one file, of more than 500 lines: the suite's own tests read its clauses off the class.
"""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import pytest

from celeriac.errors import ConfigurationError
from celeriac.specs.backend import CAPABILITIES, BackendOptions, Record, ResultBackend
from celeriac.states import FAILURE, READY_STATES, RETRY, REVOKED, STARTED, SUCCESS
from celeriac.testing.clock import ManualClock
from celeriac.testing.suite.another_process import AnotherProcess
from celeriac.testing.suite.backend_locks import LockClauses

BOUND = 20.0
"""Seconds after which a call that should have returned counts as hung. Never waited for when the driver is right."""

T = TypeVar("T")


class BackendSuite(LockClauses):
    """Prove a result backend.

    ::

        class TestShelf(BackendSuite):
            driver = ShelfBackend
            url = "shelf://{path}"       # {path}: a folder of the clause's own
    """

    driver: ClassVar[type[ResultBackend]]
    url: ClassVar[str]
    extra: ClassVar[Mapping[str, Any]] = {}
    """Transport options that the driver needs to be made at all."""
    option: ClassVar[str | None] = None
    """The name of a transport option that the driver takes, if it takes any: a misspelt one must lead back to it."""

    def make(self, url: str, **options: Any) -> ResultBackend:
        """Make a backend; override when yours needs more than a URL. `options` are fields of BackendOptions."""
        options.setdefault("extra", dict(self.extra))
        return self.driver(BackendOptions(url=url, **options))

    @pytest.fixture
    def place(self, tmp_path: Path) -> str:
        """The URL, complete."""
        return self.url.replace("{path}", str(tmp_path))

    @pytest.fixture
    def clock(self) -> ManualClock:
        return ManualClock()

    @pytest.fixture
    def backend(self, place: str, clock: ManualClock) -> Iterator[ResultBackend]:
        """A backend whose records expire after 100 seconds of `clock`."""
        made = self.make(place, expires=100.0, clock=clock)
        yield made
        made.close()

    def needs(self, capability: str) -> None:
        if capability not in self.driver.capabilities:
            pytest.skip(f"{self.driver.__name__} does not declare {capability!r}")

    # what it says of itself

    def test_it_declares_known_capabilities_and_this_version_of_the_contract(self) -> None:
        assert self.driver.capabilities <= CAPABILITIES.keys()
        assert self.driver.api == ResultBackend.api
        assert issubclass(self.driver, ResultBackend)

    def test_nothing_is_opened_when_it_is_made(self, place: str, tmp_path: Path) -> None:
        before = _held()
        made = self.make(place)
        assert _held_beyond(before) == (set(), 0)
        assert list(tmp_path.rglob("*")) == []
        made.close()
        assert list(tmp_path.rglob("*")) == []

    def test_an_unknown_option_is_an_error_that_names_it(self, place: str) -> None:
        with pytest.raises(ConfigurationError, match="no_such_option_here"):
            self.make(place, extra={**self.extra, "no_such_option_here": 1})

    def test_a_misspelt_option_is_an_error_that_names_the_nearest(self, place: str) -> None:
        if self.option is None:
            pytest.skip("the suite was given no `option` of this driver")
        with pytest.raises(ConfigurationError, match=rf"\b{self.option}\b"):
            self.make(place, extra={**self.extra, f"{self.option}x": 1})

    def test_close_twice_does_nothing_more(self, place: str) -> None:
        self.make(place).close()
        backend = self.make(place)
        backend.store([_record("a")])
        backend.close()
        backend.close()

    def test_close_frees_every_thread_and_file(self, place: str) -> None:
        before = _held()
        backend = self.make(place)
        backend.store([_record("a", STARTED)])
        backend.wait(["a"], 0.01)
        backend.close()
        gc.collect()
        _until(lambda: _held_beyond(before) == (set(), 0), "threads and files are freed")

    # records

    @pytest.mark.parametrize("payload", [b"", b"{}", bytes(range(256)), b"\x00\n\r\xff" * 262_144], ids=len)
    def test_a_record_comes_back_byte_for_byte(self, backend: ResultBackend, payload: bytes) -> None:
        record = Record("a", SUCCESS, payload)
        backend.store([record])
        assert backend.fetch(["a"]) == {"a": record}
        assert backend.wait(["a"], 0) == {"a": record}

    @pytest.mark.parametrize("state", [SUCCESS, FAILURE, REVOKED, STARTED, RETRY, "PROGRESS", "42 %"])
    def test_every_state_comes_back_also_custom_ones(self, backend: ResultBackend, state: str) -> None:
        backend.store([_record("a", state)])
        assert backend.fetch(["a"])["a"].state == state

    def test_ids_are_any_text(self, backend: ResultBackend) -> None:
        ids = [
            "a",
            "A",
            "a/b",
            "..",
            ".",
            "/",
            "ü",
            "e\u0301",
            "x y",
            "%41",
            "a\\b",
            "a'b",
            "*",
            "-",
            "a.tmp",
            "x" * 400,
        ]
        records = {name: _record(name, payload=name.encode()) for name in ids}
        backend.store(list(records.values()))
        assert backend.fetch(ids) == records
        backend.forget(ids[::2])
        assert backend.fetch(ids).keys() == set(ids[1::2])

    def test_unknown_ids_are_absent(self, backend: ResultBackend) -> None:
        assert backend.fetch(["a", "b"]) == {}
        backend.store([_record("b")])
        assert backend.fetch(["a", "b", "b"]).keys() == {"b"}

    def test_nothing_asked_is_nothing_done(self, backend: ResultBackend) -> None:
        backend.store([])
        backend.forget([])
        assert backend.fetch([]) == {}
        assert backend.wait([], 0) == {}

    def test_a_batch_is_stored_in_its_order(self, backend: ResultBackend) -> None:
        backend.store([_record("a", STARTED), _record("b", RETRY), _record("a", SUCCESS), _record("b", STARTED)])
        found = backend.fetch(["a", "b"])
        assert (found["a"].state, found["b"].state) == (SUCCESS, STARTED)

    def test_a_ready_record_is_final_within_a_batch(self, backend: ResultBackend) -> None:
        backend.store([_record("a", SUCCESS, b"1"), _record("a", STARTED), _record("a", FAILURE)])
        assert backend.fetch(["a"])["a"] == _record("a", SUCCESS, b"1")

    def test_a_later_record_replaces_an_unready_one(self, backend: ResultBackend) -> None:
        for record in (_record("a", STARTED, b"1"), _record("a", "PROGRESS", b"2"), _record("a", RETRY, b"3")):
            backend.store([record])
            assert backend.fetch(["a"])["a"] == record

    @pytest.mark.parametrize("final", sorted(READY_STATES))
    @pytest.mark.parametrize("later", [STARTED, RETRY, "PROGRESS", SUCCESS, FAILURE, REVOKED])
    def test_a_ready_record_is_final(self, backend: ResultBackend, final: str, later: str) -> None:
        backend.store([_record("a", final, b"first")])
        backend.store([_record("a", later, b"later"), _record("b", later)])
        assert backend.fetch(["a"])["a"] == _record("a", final, b"first")
        assert backend.fetch(["b"])["b"].state == later

    def test_a_forgotten_record_is_gone_and_may_be_stored_anew(self, backend: ResultBackend) -> None:
        backend.store([_record("a", SUCCESS), _record("b", SUCCESS)])
        backend.forget(["a", "never stored"])
        assert backend.fetch(["a", "b"]).keys() == {"b"}
        assert backend.wait(["a"], 0) == {}
        backend.store([_record("a", STARTED)])
        assert backend.fetch(["a"])["a"].state == STARTED

    def test_a_thousand_ids_in_one_call(self, backend: ResultBackend) -> None:
        records = {f"id-{n}": _record(f"id-{n}", payload=str(n).encode()) for n in range(1000)}
        asked = [*records, *(f"unknown-{n}" for n in range(1000))]
        backend.store(list(records.values()))
        assert backend.fetch(asked) == records
        assert backend.wait(asked, 0) == records
        backend.forget(asked)
        assert backend.fetch(asked) == {}

    def test_any_sequence_of_stores_and_forgets_leaves_what_the_contract_says(self, backend: ResultBackend) -> None:
        pytest.importorskip("hypothesis")
        from hypothesis import given, settings
        from hypothesis import strategies as st

        step = st.tuples(st.sampled_from("abc"), st.sampled_from([None, STARTED, RETRY, SUCCESS, FAILURE]))

        @settings(max_examples=25, deadline=None, database=None)
        @given(st.lists(st.lists(step, max_size=4), max_size=8))
        def check(batches: list[list[tuple[str, str | None]]]) -> None:
            backend.forget(list("abc"))
            expected: dict[str, Record] = {}
            for number, batch in enumerate(batches):
                gone = [name for name, state in batch if state is None]
                kept = [_record(name, state, b"%d" % number) for name, state in batch if state is not None]
                backend.forget(gone)
                backend.store(kept)
                _expect(expected, gone, kept)
                assert backend.fetch(list("abc")) == expected

        check()

    # expiry

    def test_an_expired_record_is_invisible_at_once(self, backend: ResultBackend, clock: ManualClock) -> None:
        backend.store([_record("a")])
        clock.advance(99)
        assert backend.fetch(["a"]).keys() == {"a"}
        clock.advance(2)
        assert backend.fetch(["a"]) == {}
        assert backend.wait(["a"], 0) == {}

    def test_each_store_begins_the_time_anew(self, backend: ResultBackend, clock: ManualClock) -> None:
        backend.store([_record("a", STARTED)])
        clock.advance(60)
        backend.store([_record("a", SUCCESS)])
        clock.advance(60)
        assert backend.fetch(["a"])["a"].state == SUCCESS

    def test_an_expired_ready_record_is_no_longer_final(self, backend: ResultBackend, clock: ManualClock) -> None:
        backend.store([_record("a", SUCCESS)])
        clock.advance(101)
        backend.store([_record("a", STARTED)])
        assert backend.fetch(["a"])["a"].state == STARTED

    def test_without_a_limit_a_record_never_expires(self, place: str, clock: ManualClock) -> None:
        backend = self.make(place, expires=None, clock=clock)
        backend.store([_record("a")])
        clock.advance(10 * 365 * 86400)
        assert backend.sweep() == 0
        assert backend.fetch(["a"]).keys() == {"a"}
        backend.close()

    def test_sweep_removes_what_has_expired_and_counts_it(self, backend: ResultBackend, clock: ManualClock) -> None:
        backend.store([_record(f"old-{n}") for n in range(7)])
        assert backend.sweep() == 0
        clock.advance(60)
        backend.store([_record("young")])
        clock.advance(60)
        assert backend.sweep() == 7
        assert backend.sweep() == 0
        assert backend.fetch(["young", "old-1"]).keys() == {"young"}

    def test_sweep_removes_what_has_expired_of_joins(self, backend: ResultBackend, clock: ManualClock) -> None:
        self.needs("join")
        backend.join_open("g", 2, b"old")
        backend.join_arrive("g", ["a"], 10)
        clock.advance(101)
        backend.sweep()
        assert backend.join_arrive("g", ["b"], 10) is None
        backend.join_open("g", 1, b"new")
        assert backend.join_arrive("g", ["c"], 10) == b"new"

    # waiting

    def test_wait_returns_at_once_what_is_ready(self, place: str) -> None:
        backend = self.make(place)
        backend.store([_record("a"), _record("b", FAILURE), _record("c", STARTED)])
        waiter = _Background(backend.wait, ["x", "a", "b", "c"], None)
        assert waiter.result().keys() == {"a", "b"}
        backend.close()

    def test_wait_honours_its_timeout(self, place: str) -> None:
        backend = self.make(place)
        backend.store([_record("a", STARTED)])
        assert backend.wait(["a", "x"], 0) == {}
        begin = time.monotonic()
        assert _Background(backend.wait, ["a", "x"], 0.1).result() == {}
        assert time.monotonic() - begin > 0.09
        backend.close()

    def test_wait_is_woken_by_a_store(self, place: str) -> None:
        backend = self.make(place)
        for round_ in range(20):
            name = f"a{round_}"
            waiter = _Background(backend.wait, [name], None)
            waiter.begun.wait(BOUND)
            backend.store([_record("another"), _record(name)])
            assert waiter.result().keys() == {name}
        backend.close()

    def test_wait_for_many_returns_when_the_first_is_ready(self, place: str) -> None:
        backend = self.make(place)
        ids = [f"a{n}" for n in range(1000)]
        waiter = _Background(backend.wait, ids, None)
        waiter.begun.wait(BOUND)
        backend.store([_record("a700")])
        assert waiter.result().keys() == {"a700"}
        backend.close()

    def test_each_of_many_waiters_is_woken_by_its_own(self, place: str) -> None:
        backend = self.make(place)
        waiters = {f"a{n}": _Background(backend.wait, [f"a{n}"], None) for n in range(8)}
        for name, waiter in waiters.items():
            waiter.begun.wait(BOUND)
            backend.store([_record(name)])
        assert [waiter.result().keys() for waiter in waiters.values()] == [{name} for name in waiters]
        backend.close()

    @pytest.mark.parametrize("state", [STARTED, RETRY, "PROGRESS"])
    def test_an_unready_state_does_not_end_a_wait(self, place: str, state: str) -> None:
        backend = self.make(place)
        waiter = _Background(backend.wait, ["a"], None)
        waiter.begun.wait(BOUND)
        backend.store([_record("a", state)])
        assert backend.wait(["a"], 0.02) == {}
        backend.store([_record("a", SUCCESS)])
        assert waiter.result() == {"a": _record("a", SUCCESS)}
        backend.close()

    def test_a_nudge_that_meets_nobody_ends_the_next_wait(self, place: str) -> None:
        backend = self.make(place)
        backend.nudge()
        assert _Background(backend.wait, ["nobody"], None).result() == {}
        backend.close()

    def test_nudge_ends_every_wait(self, place: str) -> None:
        backend = self.make(place)
        backend.nudge()
        waiters = [_Background(backend.wait, ["a"], None) for _ in range(3)]
        for waiter in waiters:
            waiter.begun.wait(BOUND)

        def all_returned() -> bool:  # a nudge counts for those who wait already: so repeat it
            backend.nudge()
            return all(waiter.ended for waiter in waiters)

        _until(all_returned, "every waiter returns")
        assert [waiter.result() for waiter in waiters] == [{}, {}, {}]
        backend.store([_record("a")])
        assert backend.wait(["a"], None).keys() == {"a"}
        backend.close()

    # many at once

    def test_of_many_threads_that_store_a_ready_record_one_wins_for_good(self, place: str) -> None:
        backend = self.make(place)

        def store_and_look(number: int) -> Record:
            backend.store([_record("a", SUCCESS, str(number).encode())])
            return backend.fetch(["a"])["a"]

        seen = _at_once([partial(store_and_look, n) for n in range(8)])
        assert all(record == backend.fetch(["a"])["a"] for record in seen)
        backend.close()

    def test_a_forked_child_that_collects_it_disturbs_nothing(self, place: str) -> None:
        if not hasattr(os, "fork"):
            pytest.skip("this system does not fork")
        with AnotherProcess(self, _FORK, place) as process:
            assert process.hear() == "child 0, stored b'after'"

    # several processes

    def test_other_processes_see_what_is_stored(self, place: str) -> None:
        self.needs("processes")
        self.needs("shared")
        backend = self.make(place)
        backend.store([_record("mine", payload=b"\x00\xff")])
        with AnotherProcess(self, _STORE, place, "theirs") as process:
            assert process.hear() == r"I see b'\x00\xff'"
            assert _Background(backend.wait, ["theirs"], None).result().keys() == {"theirs"}
        backend.close()

    def test_of_many_processes_that_store_a_ready_record_one_wins_for_good(self, place: str) -> None:
        self.needs("processes")
        self.needs("shared")
        with (
            AnotherProcess(self, _RACE, place, "one") as one,
            AnotherProcess(self, _RACE, place, "two") as two,
        ):
            for process in (one, two):
                assert process.hear() == "ready"
            for process in (one, two):
                process.tell("go")
            assert one.hear() == two.hear() != ""

    def test_the_body_is_claimed_once_among_processes(self, place: str) -> None:
        self.needs("processes")
        self.needs("join")
        backend = self.make(place)
        groups = [f"g{n}" for n in range(10)]
        for group in groups:
            backend.join_open(group, 2, group.encode())
        with (
            AnotherProcess(self, _ARRIVE, place, "one", *groups) as one,
            AnotherProcess(self, _ARRIVE, place, "two", *groups) as two,
        ):
            for process in (one, two):
                assert process.hear() == "ready"
            for process in (one, two):
                process.tell("go")
            assert sorted(f"{one.hear()} {two.hear()}".split()) == groups
        backend.close()

    def test_what_a_killed_process_stored_is_there(self, place: str) -> None:
        self.needs("durable")
        self.needs("shared")
        with AnotherProcess(self, _DIE, place) as process:
            process.end()
        backend = self.make(place)
        assert backend.fetch(["a"]) == {"a": _record("a", SUCCESS, b"kept")}
        if "join" in self.driver.capabilities:
            assert backend.join_arrive("g", ["b"], 10) == b"body"
        backend.close()

    # joins

    def test_the_body_comes_when_all_members_have_arrived(self, backend: ResultBackend) -> None:
        self.needs("join")
        body = bytes(range(256))
        backend.join_open("g", 3, body)
        assert backend.join_arrive("g", ["a"], 10) is None
        assert backend.join_arrive("g", ["b"], 10) is None
        assert backend.join_arrive("g", ["c"], 10) == body

    def test_members_may_arrive_several_in_a_call(self, backend: ResultBackend) -> None:
        self.needs("join")
        backend.join_open("g", 1000, b"body")
        members = [f"m{n}" for n in range(1000)]
        assert backend.join_arrive("g", members[:600], 10) is None
        assert backend.join_arrive("g", members[400:], 10) == b"body"

    def test_a_member_counts_once_however_often_it_arrives(self, backend: ResultBackend) -> None:
        self.needs("join")
        backend.join_open("g", 3, b"body")
        assert backend.join_arrive("g", ["a", "a", "a"], 10) is None
        assert backend.join_arrive("g", ["a"], 10) is None
        assert backend.join_arrive("g", ["a", "b"], 10) is None
        assert backend.join_arrive("g", ["c"], 10) == b"body"

    def test_a_group_without_a_size_has_no_body_until_it_is_sealed(
        self, backend: ResultBackend, clock: ManualClock
    ) -> None:
        self.needs("join")
        backend.join_open("g", None, b"")
        assert backend.join_arrive("g", ["a", "b"], 10) is None
        assert backend.join_seal("g", 3, b"body", 10) is None
        assert backend.join_arrive("g", ["b"], 10) is None
        assert backend.join_arrive("g", ["c"], 10) == b"body"
        backend.join_close("g")
        assert backend.join_seal("g", 3, b"again", 10) is None
        clock.advance(11)
        assert backend.join_orphans(10) == []

    def test_who_seals_a_complete_group_claims_its_body(self, backend: ResultBackend, clock: ManualClock) -> None:
        self.needs("join")
        backend.join_open("g", None, b"")
        backend.join_arrive("g", ["a", "b", "a"], 10)
        assert backend.join_seal("g", 2, b"body", 10) == b"body"
        assert backend.join_seal("g", 2, b"again", 10) is None
        assert backend.join_arrive("g", ["a"], 10) is None
        clock.advance(11)
        assert backend.join_orphans(10) == [("g", b"body")]

    def test_only_a_group_without_a_size_is_sealed(self, backend: ResultBackend) -> None:
        self.needs("join")
        assert backend.join_seal("unknown", 1, b"body", 10) is None
        backend.join_open("g", 2, b"first")
        assert backend.join_seal("g", 1, b"second", 10) is None
        assert backend.join_arrive("g", ["a"], 10) is None
        assert backend.join_arrive("g", ["b"], 10) == b"first"

    def test_a_group_waits_for_members_that_are_added_to_it(self, backend: ResultBackend, clock: ManualClock) -> None:
        self.needs("join-grow")
        backend.join_open("g", 2, b"body")
        assert backend.join_arrive("g", ["a"], 10) is None
        assert backend.join_grow("g", {"c": b"/c", "d": b"/d"})
        assert backend.join_grow("g", {"e": b"/e"})
        assert backend.join_arrive("g", ["b", "c", "e"], 10) is None
        assert backend.join_arrive("g", ["d"], 10) == b"body/c/d/e"
        clock.advance(11)
        assert backend.join_orphans(10) == [("g", b"body/c/d/e")]

    def test_a_member_is_added_once(self, backend: ResultBackend) -> None:
        self.needs("join-grow")
        backend.join_open("g", 1, b"body")
        assert backend.join_grow("g", {"b": b"/b"})
        assert backend.join_grow("g", {"b": b"/b"})
        assert backend.join_grow("g", {"b": b"/b", "c": b"/c"})
        assert backend.join_arrive("g", ["b", "c"], 10) is None
        assert backend.join_arrive("g", ["a"], 10) == b"body/b/c"
        assert backend.join_grow("g", {"b": b"/b"})

    def test_members_are_added_once_among_threads(self, backend: ResultBackend) -> None:
        self.needs("join-grow")
        backend.join_open("g", 1, b"")
        calls = [partial(backend.join_grow, "g", {f"m{n % 4}": b"."}) for n in range(8)]
        assert _at_once(calls) == [True] * 8
        assert backend.join_arrive("g", ["m0", "m1", "m2", "m3"], 10) is None
        assert backend.join_arrive("g", ["a"], 10) == b"...."

    def test_members_are_added_to_a_group_without_a_size(self, backend: ResultBackend) -> None:
        self.needs("join-grow")
        backend.join_open("g", None, b"")
        assert backend.join_grow("g", {"c": b"/c"})
        assert backend.join_arrive("g", ["a", "c"], 10) is None
        assert backend.join_seal("g", 2, b"body", 10) is None
        assert backend.join_grow("g", {"d": b"/d"})
        assert backend.join_arrive("g", ["b"], 10) is None
        assert backend.join_arrive("g", ["d"], 10) == b"body/c/d"

    def test_a_group_that_is_complete_or_not_open_does_not_grow(
        self, backend: ResultBackend, clock: ManualClock
    ) -> None:
        self.needs("join-grow")
        assert not backend.join_grow("unknown", {"b": b"/b"})
        assert backend.join_arrive("unknown", ["b"], 10) is None
        backend.join_open("g", 1, b"body")
        backend.join_arrive("g", ["a"], 10)
        assert not backend.join_grow("g", {"b": b"/b"})
        clock.advance(11)
        assert backend.join_orphans(10) == [("g", b"body")]
        backend.join_close("g")
        assert not backend.join_grow("g", {"b": b"/b"})
        backend.join_open("old", 1, b"body")
        clock.advance(101)
        assert not backend.join_grow("old", {"b": b"/b"})

    def test_a_group_that_is_not_open_has_no_body(self, backend: ResultBackend) -> None:
        self.needs("join")
        assert backend.join_arrive("unknown", ["a"], 10) is None
        backend.join_close("unknown")
        assert backend.join_orphans(10) == []

    def test_opening_again_changes_nothing(self, backend: ResultBackend) -> None:
        self.needs("join")
        backend.join_open("g", 2, b"first")
        backend.join_arrive("g", ["a"], 10)
        backend.join_open("g", 1, b"second")
        assert backend.join_arrive("g", ["a"], 10) is None
        assert backend.join_arrive("g", ["b"], 10) == b"first"

    def test_groups_and_records_are_apart(self, backend: ResultBackend) -> None:
        self.needs("join")
        backend.join_open("same", 1, b"body")
        backend.join_open("../other", 1, b"other")
        backend.store([_record("same"), _record("a")])
        backend.forget(["same"])
        assert backend.join_arrive("same", ["a"], 10) == b"body"
        assert backend.join_arrive("../other", ["a"], 10) == b"other"
        assert backend.fetch(["same", "a"]).keys() == {"a"}

    def test_the_body_is_claimed_once_among_threads(self, backend: ResultBackend) -> None:
        self.needs("join")
        for group in ("g1", "g2", "g3"):
            backend.join_open(group, 8, b"body")
            arrivals = [partial(backend.join_arrive, group, [f"m{n}"], 10) for n in range(8)]
            assert sorted(body or b"" for body in _at_once(arrivals)) == [b""] * 7 + [b"body"]

    def test_a_claim_holds_for_its_lease(self, backend: ResultBackend, clock: ManualClock) -> None:
        self.needs("join")
        backend.join_open("g", 1, b"body")
        assert backend.join_arrive("g", ["a"], 10) == b"body"
        clock.advance(9)
        assert backend.join_arrive("g", ["a"], 10) is None
        assert backend.join_orphans(10) == []
        clock.advance(2)
        assert backend.join_arrive("g", ["a"], 10) == b"body"
        assert backend.join_arrive("g", ["a"], 10) is None

    def test_orphans_are_claimed_once_a_lease(self, backend: ResultBackend, clock: ManualClock) -> None:
        self.needs("join")
        backend.join_open("complete", 1, b"body")
        backend.join_open("incomplete", 2, b"no")
        backend.join_arrive("complete", ["a"], 10)
        backend.join_arrive("incomplete", ["a"], 10)
        assert backend.join_orphans(5) == []
        clock.advance(11)
        assert backend.join_orphans(5) == [("complete", b"body")]
        assert backend.join_orphans(5) == []
        assert backend.join_arrive("complete", ["a"], 5) is None
        clock.advance(6)
        assert backend.join_orphans(5) == [("complete", b"body")]

    def test_an_orphan_is_claimed_once_among_threads(self, backend: ResultBackend, clock: ManualClock) -> None:
        self.needs("join")
        backend.join_open("g", 1, b"body")
        backend.join_arrive("g", ["a"], 10)
        clock.advance(11)
        found = _at_once([partial(backend.join_orphans, 10)] * 8)
        assert [orphan for each in found for orphan in each] == [("g", b"body")]

    def test_close_of_a_join_is_for_good(self, backend: ResultBackend, clock: ManualClock) -> None:
        self.needs("join")
        backend.join_open("g", 1, b"body")
        backend.join_arrive("g", ["a"], 10)
        backend.join_close("g")
        backend.join_close("g")
        clock.advance(11)
        assert backend.join_orphans(10) == []
        assert backend.join_arrive("g", ["a"], 10) is None
        backend.join_open("g", 1, b"again")
        assert backend.join_arrive("g", ["b"], 10) is None


_FORK = """
import gc, os
from celeriac.specs.backend import Record
backend = suite.make(argv[0])
backend.store([Record("a", "SUCCESS", b"before")])
pid = os.fork()
if not pid:
    del backend
    gc.collect()
    os._exit(0)
_, status = os.waitpid(pid, 0)
backend.store([Record("b", "SUCCESS", b"after")])
print(f"child {status}, stored {backend.fetch(['a', 'b'])['b'].payload}")
backend.close()
"""

_STORE = """
from celeriac.specs.backend import Record
backend = suite.make(argv[0])
print("I see", backend.fetch(["mine"])["mine"].payload, flush=True)
backend.store([Record(argv[1], "SUCCESS", b"")])
backend.close()
"""

_RACE = """
from celeriac.specs.backend import Record
backend = suite.make(argv[0])
backend.fetch(["x"])
print("ready", flush=True)
sys.stdin.readline()
ids = [f"a{n}" for n in range(30)]
for id in ids:
    backend.store([Record(id, "SUCCESS", argv[1].encode())])
    assert backend.fetch([id])[id].payload in (b"one", b"two")
backend.store([Record(f"end-{argv[1]}", "SUCCESS", b"")])
for other in ("one", "two"):
    while not backend.wait([f"end-{other}"], 5):
        pass
print(" ".join(record.payload.decode() for _, record in sorted(backend.fetch(ids).items())), flush=True)
backend.close()
"""

_ARRIVE = """
backend = suite.make(argv[0])
backend.fetch(["x"])
print("ready", flush=True)
sys.stdin.readline()
bodies = [backend.join_arrive(group, [argv[1]], 60) for group in argv[2:]]
print(" ".join(body.decode() for body in bodies if body), flush=True)
backend.close()
"""

_DIE = """
import os, signal
from celeriac.specs.backend import Record
backend = suite.make(argv[0])
backend.store([Record("a", "STARTED", b"")])
backend.store([Record("a", "SUCCESS", b"kept")])
if backend.supports("join"):
    backend.join_open("g", 2, b"body")
    backend.join_arrive("g", ["a"], 10)
os.kill(os.getpid(), signal.SIGKILL)
"""


class _Background(Generic[T]):
    """A call in a thread of its own that may hang without hanging the test."""

    def __init__(self, call: Callable[..., T], *arguments: Any) -> None:
        self.begun = threading.Event()
        self._call = partial(call, *arguments)
        self._value: list[T] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self.begun.set()
        self._value.append(self._call())

    @property
    def ended(self) -> bool:
        return not self._thread.is_alive()

    def result(self) -> T:
        self._thread.join(BOUND)
        assert self.ended, f"still blocked after {BOUND:g} s"
        assert self._value, "the call raised an error"
        return self._value[0]


def _at_once(calls: Sequence[Callable[[], T]]) -> list[T]:
    """What the calls return, each made in its own thread, all let go together."""
    gate = threading.Barrier(len(calls))

    def behind_the_gate(call: Callable[[], T]) -> T:
        gate.wait(BOUND)
        return call()

    running = [_Background(behind_the_gate, call) for call in calls]
    return [background.result() for background in running]


def _until(condition: Callable[[], bool], what: str) -> None:
    """Look again and again, for a bounded time."""
    end = time.monotonic() + BOUND
    while not condition():
        assert time.monotonic() < end, f"not within {BOUND:g} s: {what}"
        time.sleep(0.005)


def _record(name: str, state: str = SUCCESS, payload: bytes = b"{}") -> Record:
    return Record(name, state, payload)


def _expect(expected: dict[str, Record], gone: list[str], kept: list[Record]) -> None:
    for name in gone:
        expected.pop(name, None)
    for record in kept:
        if record.id not in expected or expected[record.id].state not in READY_STATES:
            expected[record.id] = record


def _held() -> tuple[set[threading.Thread], int]:
    """The threads and (where the system tells) the number of open files of this process."""
    files = Path("/proc/self/fd")
    return set(threading.enumerate()), len(list(files.iterdir())) if files.is_dir() else 0


def _held_beyond(before: tuple[set[threading.Thread], int]) -> tuple[set[threading.Thread], int]:
    """What has come on top; what has gone meanwhile is not ours."""
    threads, files = _held()
    return threads - before[0], max(files - before[1], 0)
