"""How far the embedded queue and result store are from a bare SQLite loop, measured in the same run.

Each row is the best of several rounds, in microseconds a message, beside the least that sqlite3 itself needs for the
same effect: same pragmas, same size of row, no leases, no priorities, no errors mapped.

    python bench/sqlite_path.py --messages 5000 --rounds 3
"""

from __future__ import annotations

import argparse
import multiprocessing
import socket
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from celeriac.ids import new_id
from celeriac.message import Message, Publication, pack
from celeriac.specs.backend import BackendOptions, Record
from celeriac.specs.transport import TransportOptions
from celeriac_plugins.backends.sqlite import SqliteBackend
from celeriac_plugins.transports.sqlite import SqliteTransport

BATCH = 100
PAYLOAD = b'{"status": "SUCCESS", "result": null, "traceback": null, "children": []}' * 2

_PRAGMAS = ("page_size=2048", "journal_mode=WAL", "synchronous=normal", "wal_autocheckpoint=8000", "cache_size=-8000")
BARE_TABLES = """
CREATE TABLE IF NOT EXISTS message(id INTEGER PRIMARY KEY, queue TEXT, state INTEGER, at REAL, owner TEXT, data BLOB);
CREATE INDEX IF NOT EXISTS ready ON message(queue, id) WHERE state = 0;
CREATE TABLE IF NOT EXISTS result(id TEXT PRIMARY KEY, state TEXT, payload BLOB);
"""
BARE_PUBLISH = "INSERT INTO message(queue, state, data) VALUES(?, 0, ?)"
BARE_CLAIM = """UPDATE message SET state = 1, at = ?, owner = ? WHERE id IN (
SELECT id FROM message WHERE state = 0 AND queue = ? ORDER BY id LIMIT ?) RETURNING id, data"""
BARE_ACK = "DELETE FROM message WHERE id = ?"
BARE_STORE = "INSERT OR REPLACE INTO result VALUES(?, ?, ?)"


def message() -> Message:
    """As Celery sends a task without arguments."""
    key = new_id()
    headers = {
        "lang": "py", "task": "shop.tasks.nothing", "id": key, "root_id": key, "parent_id": None, "group": None,
        "retries": 0, "eta": None, "expires": None, "timelimit": [None, None], "argsrepr": "()", "kwargsrepr": "{}",
        "origin": "gen1234@host", "ignore_result": False,
    }  # fmt: skip
    properties = {"correlation_id": key, "reply_to": "", "delivery_mode": 2, "priority": 0}
    return Message(
        headers, properties, b'[[], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]'
    )


class Bare:
    """The same steps with sqlite3 alone."""

    def __init__(self, folder: Path) -> None:
        self.connection = sqlite3.connect(folder / "bare.db", isolation_level=None, timeout=5)
        for pragma in _PRAGMAS:
            self.connection.execute(f"PRAGMA {pragma}")
        self.connection.executescript(BARE_TABLES)
        self.data = pack(message())

    def publish_alone(self, number: int) -> None:
        for _ in range(number):
            self.connection.execute(BARE_PUBLISH, ("celery", self.data))

    def publish_batches(self, number: int) -> None:
        for _ in range(number // BATCH):
            self.together(BARE_PUBLISH, [("celery", self.data)] * BATCH)

    def receive_and_ack(self, number: int) -> None:
        for _ in range(number // BATCH):
            rows = self.connection.execute(BARE_CLAIM, (time.time() + 30, "me", "celery", BATCH)).fetchall()
            self.together(BARE_ACK, [(key,) for key, _ in rows])

    def receive_and_ack_alone(self, number: int) -> None:
        for _ in range(number):
            ((key, _),) = self.connection.execute(BARE_CLAIM, (time.time() + 30, "me", "celery", 1)).fetchall()
            self.connection.execute(BARE_ACK, (key,))

    def store(self, number: int) -> None:
        for _ in range(number // BATCH):
            self.together(BARE_STORE, [(new_id(), "SUCCESS", PAYLOAD) for _ in range(BATCH)])

    def together(self, statement: str, rows: list[tuple[object, ...]]) -> None:
        self.connection.execute("BEGIN IMMEDIATE")
        self.connection.executemany(statement, rows)
        self.connection.execute("COMMIT")

    def close(self) -> None:
        self.connection.close()


class Ours:
    """The same steps through the drivers."""

    def __init__(self, url: str) -> None:
        self.transport = SqliteTransport(TransportOptions(url))
        self.backend = SqliteBackend(BackendOptions(url))
        self.publication = Publication("celery", message())

    def publish_alone(self, number: int) -> None:
        batch = [self.publication]
        for _ in range(number):
            self.transport.publish(batch, 5)

    def publish_batches(self, number: int) -> None:
        batch = [self.publication] * BATCH
        for _ in range(number // BATCH):
            self.transport.publish(batch, 5)

    def receive_and_ack(self, number: int) -> None:
        for _ in range(number // BATCH):
            self.transport.ack(self.transport.receive(["celery"], BATCH, 0))

    def receive_and_ack_alone(self, number: int) -> None:
        for _ in range(number):
            self.transport.ack(self.transport.receive(["celery"], 1, 0))

    def store(self, number: int) -> None:
        for _ in range(number // BATCH):
            self.backend.store([Record(new_id(), "SUCCESS", PAYLOAD) for _ in range(BATCH)])

    def close(self) -> None:
        self.transport.close()
        self.backend.close()


def best(step: Callable[[int], None], number: int) -> float:
    begin = time.perf_counter()
    step(number)
    return (time.perf_counter() - begin) / number * 1e6


def measure(folder: Path, number: int, rounds: int) -> Iterator[tuple[str, float, float]]:
    """Name, ours and bare, in microseconds a message."""
    bare, ours = Bare(folder), Ours(f"sqlite://{folder}/queue.db")
    steps = [
        ("publish, one by one", "publish_alone"),
        (f"receive + ack, {BATCH} at a time", "receive_and_ack"),
        (f"publish, {BATCH} at a time", "publish_batches"),
        ("receive + ack, one by one", "receive_and_ack_alone"),
        (f"store results, {BATCH} at a time", "store"),
    ]
    times: dict[str, list[tuple[float, float]]] = {name: [] for name, _ in steps}
    for _ in range(rounds):
        for name, step in steps:
            times[name].append((best(getattr(ours, step), number), best(getattr(bare, step), number)))
    ours.close()
    bare.close()
    for name, pairs in times.items():
        yield name, min(ours for ours, _ in pairs), min(bare for _, bare in pairs)


def answer(url: str, number: int) -> None:
    """The worker of the round trip."""
    with open_both(url) as (transport, backend):
        for _ in range(number):
            while not (deliveries := transport.receive(["celery"], 10, None)):
                pass
            backend.store([Record(delivery.message.id, "SUCCESS", PAYLOAD) for delivery in deliveries])
            transport.ack(deliveries)


@contextmanager
def open_both(url: str) -> Iterator[tuple[SqliteTransport, SqliteBackend]]:
    transport, backend = SqliteTransport(TransportOptions(url)), SqliteBackend(BackendOptions(url))
    try:
        yield transport, backend
    finally:
        transport.close()
        backend.close()


def round_trips(folder: Path, number: int) -> list[float]:
    """Milliseconds from publish to the result in hand, one at a time, with a worker in another process."""
    url = f"sqlite://{folder}/trip.db"
    with other_process(answer, url, number), open_both(url) as (transport, backend):

        def trip() -> None:
            sent = message()
            transport.publish([Publication("celery", sent)], 5)
            while not backend.wait([sent.id], 5):
                pass

        return timed(trip, number)


def bare_answer(folder: Path, number: int) -> None:
    bare, bell = Bare(folder), hang_bell(folder / "worker")
    for _ in range(number):
        while not (rows := bare.connection.execute(BARE_CLAIM, (0.0, "me", "celery", 10)).fetchall()):
            bell.recv(1)
        for key, data in rows:
            bare.connection.execute(BARE_STORE, (data.decode(), "SUCCESS", PAYLOAD))
            ring(bell, folder / "client")
            bare.connection.execute(BARE_ACK, (key,))
    bare.close()
    bell.close()


def bare_round_trips(folder: Path, number: int) -> list[float]:
    """The same with sqlite3 and two datagram sockets alone."""
    bare, bell = Bare(folder), hang_bell(folder / "client")
    with other_process(bare_answer, folder, number):
        while not (folder / "worker").exists():
            time.sleep(0.01)

        def trip() -> None:
            key = new_id()
            bare.connection.execute(BARE_PUBLISH, ("celery", key.encode()))
            ring(bell, folder / "worker")
            while not bare.connection.execute("SELECT payload FROM result WHERE id = ?", (key,)).fetchall():
                bell.recv(1)

        times = timed(trip, number)
    bare.close()
    bell.close()
    return times


def ring(bell: socket.socket, other: Path) -> None:
    with suppress(BlockingIOError):  # it has rings enough
        bell.sendto(b"!", socket.MSG_DONTWAIT, str(other))


def hang_bell(path: Path) -> socket.socket:
    bell = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    bell.bind(str(path))
    return bell


@contextmanager
def other_process(target: Callable[..., None], *arguments: object) -> Iterator[None]:
    process = multiprocessing.get_context("spawn").Process(target=target, args=arguments)
    process.start()
    yield
    process.join()


def timed(trip: Callable[[], None], number: int) -> list[float]:
    """Milliseconds of each trip, sorted; the first, which starts the other process, is not among them."""
    times = []
    for _ in range(number):
        begin = time.perf_counter()
        trip()
        times.append((time.perf_counter() - begin) * 1000)
    return sorted(times[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--trips", type=int, default=1000)
    parser.add_argument("--folder", type=Path, help="where the files go (default: the temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        print(f"SQLite {sqlite3.sqlite_version}, {options.messages} messages, best of {options.rounds}\n")
        print(f"{'step':34}{'ours us':>10}{'bare us':>10}{'ratio':>8}{'ours /s':>12}")
        for name, ours, bare in measure(Path(folder), options.messages, options.rounds):
            print(f"{name:34}{ours:10.1f}{bare:10.1f}{ours / bare:8.2f}{1e6 / ours:12,.0f}")
        print("\nround trip between two processes, ms")
        for name, trips in (("ours", round_trips), ("bare", bare_round_trips)):
            times = trips(Path(folder), options.trips)
            p50, p99 = statistics.median(times), times[int(len(times) * 0.99)]
            print(f"{name:8}p50 {p50:.3f}   p99 {p99:.3f}   max {times[-1]:.3f}")


if __name__ == "__main__":
    main()
