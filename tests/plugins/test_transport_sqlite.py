"""The embedded queue: what every transport promises, and what is its own."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from celeriac.errors import ConfigurationError, TransportCorrupt, TransportDown
from celeriac.message import Delivery, Message, Publication
from celeriac.specs.transport import QueueCounts, TransportOptions
from celeriac.testing import ManualClock
from celeriac.testing.suite import TransportSuite
from celeriac_plugins._shared import sqlite as store
from celeriac_plugins._shared.sqlite_place import Place
from celeriac_plugins.transports import _sqlite_tables as sql
from celeriac_plugins.transports.sqlite import SqliteTransport

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


class TestSqlite(TransportSuite):
    driver = SqliteTransport
    url = "sqlite://{path}/queue.db"
    unreachable = "sqlite://{file}/queue.db"
    option = "synchronous"


class TestSqliteSafeAgainstPowerLoss(TransportSuite):
    driver = SqliteTransport
    url = "sqlite://{path}/queue.db?synchronous=full"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "queue.db"


@pytest.fixture
def transport(path: Path) -> Iterator[SqliteTransport]:
    transport = make(path)
    yield transport
    transport.close()


def make(path: Path, **options: Any) -> SqliteTransport:
    return SqliteTransport(TransportOptions(f"sqlite://{path}", **options))


def send(transport: SqliteTransport, *names: str, due: float | None = None, timeout: float = 5) -> None:
    transport.publish([Publication("q", Message({"id": name}, {}, b"body"), due) for name in names], timeout)


def receive(transport: SqliteTransport, limit: int = 1000) -> list[Delivery]:
    return transport.receive(["q"], limit, timeout=0)


def ids(deliveries: list[Delivery]) -> list[str]:
    return [delivery.message.id for delivery in deliveries]


def is_sound(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


# where the file is


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:///srv/queue.db", "/srv/queue.db"),
        ("sqlite:///srv/a%20b%3F.db?synchronous=full", "/srv/a b?.db"),
        ("sqlite://queue.db", "{cwd}/queue.db"),
        ("sqlite://data/queue.db", "{cwd}/data/queue.db"),
        ("sqlite:queue.db", "{cwd}/queue.db"),
    ],
)
def test_the_url_leads_to_the_file(url: str, expected: str) -> None:
    assert Place.parse("it", url, {}).path == expected.format(cwd=Path.cwd())


def test_a_relative_path_stays_where_it_was_when_the_current_folder_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    transport = SqliteTransport(TransportOptions("sqlite://queue.db"))
    monkeypatch.chdir("/")
    send(transport, "a")
    transport.close()
    assert (tmp_path / "queue.db").exists()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:", "sqlite://:memory:", "sqlite://?synchronous=full"])
def test_a_url_without_a_file_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="names no file"):
        SqliteTransport(TransportOptions(url))


@pytest.mark.parametrize(
    ("url", "extra", "words"),
    [
        ("sqlite:///q.db?synchronus=full", {}, r"'synchronus'; did you mean 'synchronous'\?"),
        ("sqlite:///q.db?synchronous=off", {}, "is 'off'; it takes normal or full"),
        ("sqlite:///q.db", {"synchronous": "maybe"}, "is 'maybe'; it takes normal or full"),
    ],
)
def test_an_option_that_does_not_exist_is_refused(url: str, extra: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        SqliteTransport(TransportOptions(url, extra=extra))


@pytest.mark.parametrize(("option", "level"), [("normal", 1), ("full", 2)])
def test_what_a_commit_survives_is_an_option(path: Path, option: str, level: int) -> None:
    for url, extra in ((f"sqlite://{path}?synchronous={option}", {}), (f"sqlite://{path}", {"synchronous": option})):
        transport = SqliteTransport(TransportOptions(url, extra=extra))
        assert transport._store.read("PRAGMA synchronous") == [(level,)]
        assert transport._store.read("PRAGMA journal_mode") == [("wal",)]
        transport.close()


def test_a_file_that_has_larger_pages_keeps_them(path: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("PRAGMA page_size=8192; CREATE TABLE somebodys(value)")
    for file, size in ((path, 8192), (tmp_path / "new.db", 2048)):
        transport = make(file)
        send(transport, "a")
        assert transport._store.read("PRAGMA page_size") == [(size,)]
        assert ids(receive(transport)) == ["a"]
        transport.close()


@pytest.mark.parametrize("number", [1, 24, 25, 26, 60])
def test_a_batch_of_any_size_keeps_its_order(transport: SqliteTransport, number: int) -> None:
    names = [str(n) for n in range(number)]
    send(transport, *names)
    assert ids(receive(transport, 100)) == names


def test_an_sqlite_that_is_too_old_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    with pytest.raises(ConfigurationError, match=r"needs 3\.35 or newer"):
        make(path)


# its statements


def plan_of(transport: SqliteTransport, statement: str) -> str:
    values = [0] * statement.count("?")
    return "\n".join(row[3] for row in transport._store.read(f"EXPLAIN QUERY PLAN {statement}", values))


@pytest.mark.parametrize(
    "statement",
    [
        *(sql.PUBLISH_ONE, sql.LAST_IDS, sql.any_ready(1), sql.any_ready(3)),
        *(sql.READY_LANES, sql.RETURNED, sql.FRESH, sql.HOLD_RETURNED, sql.HOLD_FRESH),
        *(sql.ACKNOWLEDGE, sql.ACKNOWLEDGE_ONE, sql.RETURN, sql.RENEW, sql.SINCE, *sql.FREE_DUE, *sql.FREE_HELD),
    ],
)
def test_what_runs_at_every_message_seeks_what_it_wants(transport: SqliteTransport, statement: str) -> None:
    plan = plan_of(transport, statement)
    assert "SEARCH celeriac_" in plan
    assert "SCAN celeriac_" not in plan


def test_a_look_around_seeks_in_the_indexes_of_delayed_and_held_ones(transport: SqliteTransport) -> None:
    plan = plan_of(transport, sql.LOOK_AROUND)
    assert "celeriac_delayed_at" in plan
    assert "celeriac_held_owner" in plan
    assert "SCAN celeriac_held" not in plan


def test_many_that_become_due_at_once_all_come(path: Path) -> None:
    clock = ManualClock()
    transport = make(path, clock=clock)
    names = [f"n{number}" for number in range(2 * sql.SOME + 1)]
    send(transport, *names, due=clock.time() + 5)
    assert receive(transport) == []
    clock.advance(6)
    assert transport.counts("q") == QueueCounts(ready=len(names))
    assert ids(receive(transport, 10_000)) == names
    transport.close()


def test_a_lane_that_was_forgotten_meanwhile_is_made_again(path: Path) -> None:
    """Its user has noted its use, and looks at the lane no more before it publishes."""
    clock = ManualClock()
    transport, other = make(path, clock=ManualClock()), make(path, clock=clock)
    for name in ("a", "b"):
        send(transport, name)
        transport.ack(receive(other))
        clock.advance(3 * 86_400)
        assert other.queues() == []
    send(transport, "c", "d")
    assert ids(receive(other)) == ["c", "d"]
    transport.close()
    other.close()


def test_what_is_due_comes_where_it_was_published(path: Path) -> None:
    clock = ManualClock()
    transport = make(path, clock=clock)
    due = clock.time() + 5
    for names, when in (("a", due), ("b", None), ("c", due + 1), ("d", due), ("e", None), ("f", due)):
        send(transport, names, due=when)
    assert ids(receive(transport, 1)) == ["b"]
    clock.advance(7)
    assert [message.id for message in transport.peek("q", 3)] == ["a", "c", "d"]
    assert ids(receive(transport, 4)) == ["a", "c", "d", "e"]
    send(transport, "g")
    assert transport.counts("q") == QueueCounts(ready=2, held=5)
    clock.advance(60)
    assert ids(receive(transport, 6)) == list("abcdef")
    assert ids(receive(transport, 6)) == ["g"]
    transport.close()


def test_what_is_removed_by_hand_leaves_the_rest_in_order(transport: SqliteTransport) -> None:
    send(transport, *"abcd")
    transport.reject(receive(transport, 3))
    transport._store.write("DELETE FROM celeriac_message WHERE id = (SELECT min(id) FROM celeriac_message)")
    first = receive(transport, 1)
    assert ids(first + receive(transport)) == ["b", "c", "d"]


def test_the_oldest_is_found_behind_those_that_were_delayed(path: Path) -> None:
    clock = ManualClock()
    transport = make(path, clock=clock)
    send(transport, "delayed", due=clock.time() + 50)
    begin = clock.time()
    clock.advance(20)
    send(transport, "older")
    clock.advance(40)
    assert ids(receive(transport, 0 + 1)) == ["delayed"]
    assert transport.oldest("q") == begin + 20
    transport.close()


def test_nothing_but_bytes_gets_into_the_queue(transport: SqliteTransport, path: Path) -> None:
    """Who mends a queue by hand cannot leave something in it that no receive can return."""
    send(transport, "a")
    with closing(sqlite3.connect(path)) as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute("UPDATE celeriac_message SET data = 'text'")


# connections


def test_threads_that_are_gone_leave_no_connection(transport: SqliteTransport) -> None:
    for number in range(30):
        thread = threading.Thread(target=send, args=(transport, str(number)))
        thread.start()
        thread.join()
    assert len(transport._store._open) == 1
    assert len(receive(transport)) == 30


def test_many_threads_that_write_at_once_do_not_lock_each_other_out(transport: SqliteTransport) -> None:
    def write(first: int) -> None:
        for number in range(20):
            send(transport, f"{first}-{number}", timeout=30)

    threads = [threading.Thread(target=write, args=(first,)) for first in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(receive(transport)) == 200


@needs_fork
def test_a_forked_child_starts_from_nothing_and_its_parent_goes_on(transport: SqliteTransport, path: Path) -> None:
    send(transport, "before")
    for number in range(5):
        child = os.fork()
        if not child:
            send(transport, f"child {number}")  # lenient: the contract wants an object of its own
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        send(transport, f"parent {number}")
    assert len(receive(transport)) == 11
    assert is_sound(path)


@needs_fork
def test_a_fork_in_the_midst_of_other_threads_transactions_harms_nobody(transport: SqliteTransport, path: Path) -> None:
    """SQLite shares what it knows of a file's locks among a process's connections: a child that inherited that in the
    middle of a transaction would find the file locked for ever."""
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            send(transport, "parent", timeout=30)

    threads = [threading.Thread(target=write) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(10):
            child = os.fork()
            if not child:
                other = make(path)
                send(other, "child", timeout=20)
                other.close()
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert ids(receive(transport, 100_000)).count("child") == 10
    assert is_sound(path)


@needs_fork
def test_a_child_that_ends_as_usual_closes_nothing_of_its_parent(path: Path) -> None:
    script = f"""
import os, sys
from celeriac.specs.transport import TransportOptions
from celeriac.message import Message, Publication
from celeriac_plugins.transports.sqlite import SqliteTransport
transport = SqliteTransport(TransportOptions("sqlite://{path}"))
transport.publish([Publication("q", Message({{}}, {{}}, b""))], 5)
if not os.fork():
    sys.exit(0)
os.wait()
transport.publish([Publication("q", Message({{}}, {{}}, b""))], 5)
print(transport.counts("q").ready)
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("2\n", "")
    assert not Path(f"{path}-wal").exists()  # at its end, it closed the file though nobody told it to
    assert is_sound(path)


# faults


def test_a_file_that_another_process_has_locked_is_an_error_within_the_deadline(
    transport: SqliteTransport, path: Path
) -> None:
    send(transport, "a")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        begin = time.monotonic()
        with pytest.raises(TransportDown, match=r"queue\.db is locked by another process; waited 0\.1 s"):
            send(transport, "b", timeout=0.1)
        assert 0.1 <= time.monotonic() - begin < 4
        assert transport.counts("q").ready == 1  # who only reads is not kept out
        other.execute("ROLLBACK")
    send(transport, "c")
    assert ids(receive(transport)) == ["a", "c"]


def test_a_lock_that_is_released_in_time_does_no_harm(transport: SqliteTransport, path: Path) -> None:
    send(transport, "a")
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN EXCLUSIVE")
        timer = threading.Timer(0.1, other.execute, ("ROLLBACK",))
        timer.start()
        send(transport, "b", timeout=10)
        timer.join()
    assert ids(receive(transport)) == ["a", "b"]


def test_a_full_disk_is_an_error_that_says_so_and_changes_nothing(transport: SqliteTransport, path: Path) -> None:
    send(transport, "a")
    ((pages,),) = transport._store.read("PRAGMA page_count")
    transport._store.read(f"PRAGMA max_page_count={pages}")
    big = [Publication("q", Message({"id": "big"}, {}, b"x" * 100_000))] * 3
    with pytest.raises(TransportDown, match="the disk is full; free some space"):
        transport.publish(big, 5)
    transport._store.read("PRAGMA max_page_count=1000000")
    assert ids(receive(transport)) == ["a"]
    assert is_sound(path)


def test_a_disk_that_refuses_to_write_is_an_error_and_loses_nothing(path: Path) -> None:
    resource = pytest.importorskip("resource")
    script = f"""
import resource
from celeriac.errors import TransportDown
from celeriac.specs.transport import TransportOptions
from celeriac.message import Message, Publication
from celeriac_plugins.transports.sqlite import SqliteTransport
transport = SqliteTransport(TransportOptions("sqlite://{path}"))
send = lambda size: transport.publish([Publication("q", Message({{}}, {{}}, b"x" * size))], 5)
send(10)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, {resource.RLIM_INFINITY}))
try:
    send(1_000_000)
except TransportDown as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, ({resource.RLIM_INFINITY},) * 2)
send(1_000_000)
print(transport.counts("q").ready)
transport.close()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stderr == ""
    first, second = done.stdout.splitlines()
    assert "the disk did not do as it was told" in first
    assert second == "2"
    assert is_sound(path)


def test_a_folder_that_does_not_exist_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    transport = make(tmp_path / "missing" / "queue.db")
    with pytest.raises(TransportDown, match="its folder must exist and be writable"):
        send(transport, "a")
    transport.close()


@pytest.mark.parametrize(
    "call", [lambda transport: send(transport, "a"), receive, lambda transport: transport.queues()]
)
def test_a_file_that_is_no_database_is_an_error_and_stays_as_it_is(path: Path, call: Any) -> None:
    path.write_bytes(b"this is no database" * 1000)
    transport = make(path)
    with pytest.raises(TransportCorrupt, match=r"queue\.db is damaged, or no database of ours"):
        call(transport)
    transport.close()
    assert path.read_bytes() == b"this is no database" * 1000


def test_damage_in_the_middle_of_the_file_is_an_error_never_a_crash(path: Path) -> None:
    transport = make(path)
    send(transport, *(f"n{number}" for number in range(2000)))
    transport.close()
    data = bytearray(path.read_bytes())
    for page in range(4, len(data) // 4096):
        data[page * 4096 : page * 4096 + 512] = random.Random(page).randbytes(512)
    path.write_bytes(data)
    transport = make(path)
    with pytest.raises(TransportCorrupt, match="is damaged"):
        receive(transport)
    transport.close()


def test_a_file_of_another_release_is_refused(path: Path) -> None:
    first = make(path)
    send(first, "a")
    first._store.write("UPDATE celeriac_parts SET version = 99")
    first.close()
    transport = make(path)
    with pytest.raises(TransportDown, match="holds the transport tables in version 99, this release writes version 2"):
        receive(transport)
    transport.close()


def test_a_file_that_was_replaced_is_noticed(
    transport: SqliteTransport, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_LOOK_AGAIN", 0.0)
    send(transport, "a")
    for name in path.parent.glob("queue.db*"):
        if name.is_file():
            name.unlink()
    other = make(path)
    send(other, "b")
    send(transport, "c")
    assert ids(receive(other)) == ["b", "c"]
    other.close()
    assert is_sound(path)


def test_a_file_that_holds_something_else_too_keeps_it(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.executescript("CREATE TABLE message(mine TEXT); INSERT INTO message VALUES('kept')")
    transport = make(path)
    send(transport, "a")
    assert ids(receive(transport)) == ["a"]
    transport.close()
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT * FROM message").fetchall() == [("kept",)]


def test_after_its_end_it_says_that_it_is_closed(path: Path) -> None:
    transport = make(path)
    send(transport, "a")
    transport.close()
    with pytest.raises(TransportDown, match="was closed"):
        send(transport, "b")
    with pytest.raises(TransportDown, match="was closed"):
        receive(transport)
    assert not list(path.parent.glob("queue.db-board/bell-*"))


# crashes

_PUBLISH = """
number = 0
while True:
    batch = [f"{argv[0]}-{number + n}" for n in range(random.choice([1, 1, 7]))]
    number += len(batch)
    transport.publish([Publication("q", Message({"id": name}, {}, b"x" * 500)) for name in batch], 20)
    say(batch)
"""

_WORK = """
while True:
    deliveries = transport.receive(["q"], 5, None)
    time.sleep(random.random() / 500)
    done = [delivery for delivery in deliveries if random.random() < 0.8]
    say([delivery.message.id for delivery in done])
    transport.ack(done)
    transport.reject([delivery for delivery in deliveries if delivery not in done])
"""

_PREAMBLE = """
import os, random, sys, time
from celeriac.specs.transport import TransportOptions
from celeriac.message import Message, Publication
from celeriac_plugins.transports.sqlite import SqliteTransport
transport = SqliteTransport(TransportOptions(sys.argv[1]))
argv = sys.argv[2:]

def say(names):
    os.write(1, (" ".join(names) + "\\n").encode())  # in one piece, whatever comes after
"""


def start(path: Path, script: str, name: str, log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen([sys.executable, "-c", _PREAMBLE + script, f"sqlite://{path}", name], stdout=output)


def test_whoever_is_killed_whenever_nothing_is_lost_and_the_file_is_sound(path: Path, tmp_path: Path) -> None:
    chance = random.Random(7)
    sent, done = tmp_path / "sent", tmp_path / "done"
    for round_ in range(4):
        peers = [start(path, _PUBLISH, f"{round_}.{n}", sent) for n in range(2)]
        peers += [start(path, _WORK, "", done) for _ in range(2)]
        wanted = len(done.read_text().split()) + 50
        end = time.monotonic() + 30
        while len(done.read_text().split()) < wanted and time.monotonic() < end:
            time.sleep(0.01)
        chance.shuffle(peers)
        for peer in peers:
            time.sleep(chance.random() / 20)
            os.kill(peer.pid, signal.SIGKILL)
            peer.wait()
    assert is_sound(path)

    transport = make(path)
    left: list[str] = []
    while deliveries := receive(transport):  # what dead workers held, at once
        left += ids(deliveries)
        transport.ack(deliveries)
    transport.close()
    published, settled = set(sent.read_text().split()), set(done.read_text().split())
    assert len(settled) >= 200
    assert published <= settled | set(left)
    assert len(left) == len(set(left))
