"""The embedded result store: what every result backend promises, and what is its own."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from celeriac.errors import BackendDown, BackendError, ConfigurationError
from celeriac.ids import new_id
from celeriac.message import Message, Publication
from celeriac.specs.backend import BackendOptions, Record
from celeriac.specs.transport import TransportOptions
from celeriac.testing import ManualClock
from celeriac.testing.suite import BackendSuite
from celeriac_plugins.backends import _sqlite_tables as sql
from celeriac_plugins.backends.sqlite import SqliteBackend
from celeriac_plugins.transports.sqlite import SqliteTransport


class TestSqlite(BackendSuite):
    driver = SqliteBackend
    url = "sqlite://{path}/queue.db"
    option = "synchronous"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "queue.db"


@pytest.fixture
def backend(path: Path) -> Iterator[SqliteBackend]:
    backend = make(path)
    yield backend
    backend.close()


def make(path: Path, **options: Any) -> SqliteBackend:
    return SqliteBackend(BackendOptions(f"sqlite://{path}", **options))


def test_the_queue_and_the_results_share_a_file(backend: SqliteBackend, path: Path) -> None:
    transport = SqliteTransport(TransportOptions(f"sqlite://{path}"))
    transport.publish([Publication("q", Message({"id": "a"}, {}, b""))], 5)
    backend.store([Record("a", "SUCCESS", b"1")])
    (delivery,) = transport.receive(["q"], 1, 0)
    transport.ack([delivery])
    assert backend.fetch([delivery.message.id])["a"].payload == b"1"
    transport.close()
    backend.store([Record("b", "SUCCESS", b"2")])
    assert backend.fetch(["b"])["b"].payload == b"2"


def test_of_many_waiters_each_hears_of_its_own(path: Path, backend: SqliteBackend) -> None:
    """From another object, as from another process: nothing but the bells beside the file connects them."""
    storing = make(path)
    names = [new_id() for _ in range(10)]
    found: dict[str, Record] = {}
    threads = [threading.Thread(target=lambda name=name: found.update(backend.wait([name], 20))) for name in names]
    for thread in threads:
        thread.start()
    for name in names:
        storing.store([Record(name, "SUCCESS", name.encode())])
    for thread in threads:
        thread.join()
    assert {name: record.payload for name, record in found.items()} == {name: name.encode() for name in names}
    storing.close()


def test_in_a_batch_of_any_size_the_first_final_result_of_an_id_stays(backend: SqliteBackend) -> None:
    names = [f"r{number}" for number in range(60)]
    started = [Record(name, "STARTED", b"") for name in names]
    first, later = ([Record(name, "SUCCESS", word) for name in names] for word in (b"first", b"later"))
    backend.store([*started, *first, *later])
    assert {record.payload for record in backend.fetch(names).values()} == {b"first"}


def test_a_sweep_takes_more_than_one_transaction_can(path: Path) -> None:
    clock = ManualClock()
    backend = make(path, clock=clock, expires=10.0)
    number = 2 * sql.SOME + 3
    backend.store([Record(f"r{n}", "SUCCESS", b"") for n in range(number)])
    clock.advance(11)
    backend.store([Record("young", "SUCCESS", b"")])
    assert backend.sweep() == number
    assert backend.fetch(["r1", "young"]).keys() == {"young"}
    backend.close()


def test_a_published_join_leaves_its_members_to_nobody(backend: SqliteBackend) -> None:
    backend.join_open("g", 2, b"body")
    assert backend.join_arrive("g", ["a", "b"], 10) == b"body"
    backend.join_close("g")
    assert backend._store.read("SELECT count(*) FROM celeriac_join_member") == [(0,)]


@pytest.mark.parametrize("statement", [sql.FETCH_ONE, sql.FETCH, sql.SWEEP])
def test_no_statement_reads_the_whole_table(backend: SqliteBackend, statement: str) -> None:
    values = [0.0] if statement == sql.SWEEP else [0.0, 1, "[]"]
    plan = [row[3] for row in backend._store.read(f"EXPLAIN QUERY PLAN {statement}", values)]
    assert not any("SCAN celeriac_result" in step for step in plan)


def test_a_misspelt_option_of_the_url_is_refused(path: Path) -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'synchronous'"):
        make(Path(f"{path}?synchronos=full"))


def test_a_locked_file_is_an_error_that_says_so(
    backend: SqliteBackend, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend.store([Record("a", "STARTED", b"")])
    attempt = backend._store._attempt
    monkeypatch.setattr(backend._store, "_attempt", lambda work, timeout: attempt(work, 0.1))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(BackendDown, match="locked by another process"):
            backend.store([Record("a", "SUCCESS", b"")])
        assert backend.fetch(["a"])["a"].state == "STARTED"
        other.execute("ROLLBACK")


def test_a_file_that_is_no_database_is_an_error_and_stays_as_it_is(path: Path) -> None:
    path.write_bytes(b"no database" * 1000)
    backend = make(path)
    with pytest.raises(BackendError, match="is damaged, or no database of ours"):
        backend.fetch(["a"])
    backend.close()
    assert path.read_bytes() == b"no database" * 1000


def test_a_folder_that_does_not_exist_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    backend = make(tmp_path / "missing" / "queue.db")
    with pytest.raises(BackendDown, match="its folder must exist"):
        backend.store([Record("a", "SUCCESS", b"")])
    backend.close()
