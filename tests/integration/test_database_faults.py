"""The embedded queue's file is locked, full, damaged or gone: a clear error, and the worker lives."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import ModuleType

import pytest

from celeriac.errors import TransportCorrupt, TransportDown
from worker_process import WorkerProcess, until


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")


def test_a_locked_file_is_an_error_for_the_publisher_within_its_deadline_and_a_pause_for_the_worker(
    shop: ModuleType, tmp_path: Path
) -> None:
    shop.app.conf.task_publish_timeout = 0.5
    with WorkerProcess(tmp_path, "-P", "prefork", "-c", "1") as worker:
        assert shop.add.delay(1, 2).get(timeout=30) == 3
        with locked(tmp_path / "queue.db"):
            with pytest.raises(TransportDown, match="locked"):
                shop.add.delay(1, 2)
        assert shop.add.delay(20, 22).get(timeout=30) == 42
        assert worker.process.poll() is None


def test_a_result_that_cannot_be_stored_now_is_stored_later(shop: ModuleType, tmp_path: Path, diary: object) -> None:
    with WorkerProcess(tmp_path, "-P", "threads", "-c", "1") as worker:
        result = shop.work.delay(1, 0.5)
        until(diary, "the task to begin")  # type: ignore[arg-type]
        with locked(tmp_path / "queue.db"):
            until(lambda: "cannot store results" in worker.text(), "the worker to notice", 40)
        assert result.get(timeout=30) == 1
        until(lambda: shop.app.transport.counts("celery").held == 0, "the acknowledgement")

    assert [line.split()[0] for line in diary()] == ["begin", "end"]  # type: ignore[operator]


def test_a_full_disk_is_a_typed_error_and_nothing_is_half_written(shop: ModuleType, tmp_path: Path) -> None:
    """What SQLite says of a full disk, without filling one: the file may not grow."""
    shop.add.delay(1, 2)
    shop.app.conf.task_publish_timeout = 0.3
    store = shop.app.transport._store
    ((pages,),) = store.read("PRAGMA page_count")
    store.read(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(TransportDown, match="full"):
        shop.app.send_batch([shop.work.s(1, "x" * 100_000) for _ in range(10)])

    assert shop.app.transport.counts("celery").ready == 1


def test_a_file_that_is_no_database_is_named_and_left_as_it_is(shop: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "queue.db"
    path.write_bytes(b"these are not the bytes you are looking for" * 200)
    before = path.read_bytes()

    with pytest.raises(TransportCorrupt, match=r"queue\.db"):
        shop.add.delay(1, 2)

    assert path.read_bytes() == before


def test_a_worker_whose_file_is_damaged_says_so_and_goes_on_trying(shop: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "queue.db"
    path.write_bytes(b"not a database" * 1000)
    with WorkerProcess(tmp_path, "-P", "solo") as worker:
        until(lambda: "cannot reach the broker" in worker.text(), "the worker to say so")
        assert "Traceback" not in worker.text()
        path.unlink()
        assert shop.add.delay(20, 22).get(timeout=30) == 42
        assert worker.stop() == 0
