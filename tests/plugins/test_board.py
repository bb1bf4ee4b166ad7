"""The board beside a database file: bells that wake, and locks that show who lives."""

from __future__ import annotations

import gc
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from celeriac_plugins._shared import board_room, board_watch
from celeriac_plugins._shared.board import BROADCASTS, MESSAGES, RESULTS, Board, subject_of
from celeriac_plugins._shared.board_seat import Seat, lock_file
from celeriac_plugins._shared.board_watch import Watch

BOUND = 10.0
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


@pytest.fixture
def database(tmp_path: Path) -> str:
    path = tmp_path / "queue.db"
    path.touch()
    return str(path)


@pytest.fixture
def board(database: str) -> Iterator[Board]:
    board = Board(database)
    yield board
    board.close()


def marks(database: str) -> bytes:
    sheet = Path(f"{database}-board/bells")
    return sheet.read_bytes()[:4096].rstrip(b"\0") if sheet.exists() else b""


def until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + BOUND
    while not condition():
        assert time.monotonic() < end, f"not within {BOUND:g} s: {what}"
        time.sleep(0.002)


def rung(seat: Seat) -> bool:
    """Whether there is a ring to hear; it is used up."""
    begin = time.monotonic()
    seat.sleep(0.05)
    return time.monotonic() - begin < 0.04


class Peer:
    """Another process with a seat, which says its name; it ends when it is told to."""

    def __init__(self, database: str) -> None:
        script = (
            "import sys; from celeriac_plugins._shared.board import Board; board = Board(sys.argv[1])\n"
            "print(board.name, flush=True); sys.stdin.readline(); board.close()"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", script, database], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.name = self.process.stdout.readline().strip()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@contextmanager
def another_peer(database: str) -> Iterator[Peer]:
    peer = Peer(database)
    try:
        yield peer
    finally:
        peer.kill()


# bells


def test_a_ring_between_arming_and_sleeping_is_not_lost(board: Board) -> None:
    seat = board.seat()
    seat.arm(MESSAGES, 0)
    board.ring(MESSAGES, ["q"])
    assert rung(seat)
    assert not rung(seat)


def test_a_burst_rings_once(board: Board) -> None:
    seat = board.seat()
    seat.arm(MESSAGES, 0)
    for _ in range(50):
        board.ring(MESSAGES, ["q"])
    assert rung(seat)
    assert not rung(seat)


def test_only_sleepers_of_the_kind_and_the_subject_are_rung(
    board: Board, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board_watch, "LONGEST_SLEEP", BOUND)
    heard: list[str] = []

    def wait(watch: Watch, name: str, subjects: list[str]) -> None:
        looks = iter(["", name])
        heard.append(watch.wait(subjects, lambda: (next(looks), BOUND), None))

    results, broadcasts = Watch(board, RESULTS), Watch(board, BROADCASTS)
    waits = [(results, "any", []), (results, "it", ["a"]), (results, "other", ["b"]), (broadcasts, "topic", ["a"])]
    threads = [threading.Thread(target=wait, args=arguments) for arguments in waits]
    for thread in threads:
        thread.start()
    until(lambda: sorted(marks(database)) == [RESULTS, RESULTS, RESULTS, BROADCASTS], "all sleep")

    board.ring(RESULTS, ["a", "c"])

    until(lambda: sorted(heard) == ["any", "it"], "those whom it concerns")
    assert sorted(marks(database).replace(b"\0", b"")) == [RESULTS, BROADCASTS]
    results.close()
    broadcasts.close()
    for thread in threads:
        thread.join(BOUND)


def test_of_those_who_wait_for_one_queue_as_many_are_rung_as_there_are_messages(board: Board, database: str) -> None:
    seats = [board.seat() for _ in range(5)]
    for seat in seats:
        seat.arm(MESSAGES, subject_of("q"))
    board.ring(MESSAGES, ["q", "q", "other"])
    assert [rung(seat) for seat in seats] == [True, True, False, False, False]


def test_ringing_at_a_dead_peers_bell_clears_its_mark_and_rings_another(board: Board, database: str) -> None:
    script = (
        "import os, signal, sys; from celeriac_plugins._shared.board import Board, subject_of\n"
        "board = Board(sys.argv[1]); seat = board.seat(); seat.arm(1, subject_of('q'))\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", script, database]).returncode == -signal.SIGKILL
    lock = os.open(f"{database}-board/slot-0", os.O_RDWR)
    assert lock_file(lock)  # so that we get another seat than the dead peer's
    seat = board.seat()
    os.close(lock)
    seat.arm(MESSAGES, subject_of("q"))
    assert marks(database) == bytes([MESSAGES, MESSAGES])

    board.ring(MESSAGES, ["q"])

    assert rung(seat)
    assert marks(database) == b""


def test_a_folder_with_a_path_too_long_for_a_socket_has_bells_too(tmp_path: Path) -> None:
    if not Path(board_room._FILES_BY_DESCRIPTOR).is_dir():
        pytest.skip("this system has no /proc/self/fd")
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    (folder / "queue.db").touch()
    board = Board(str(folder / "queue.db"))
    seat = board.seat()
    assert stat.S_ISSOCK((folder / "queue.db-board" / "bell-0").stat().st_mode)
    seat.arm(MESSAGES, 0)
    board.ring(MESSAGES, ["q"])
    assert rung(seat)
    board.give_back(seat)
    board.close()


def test_without_sockets_a_peer_looks_every_few_milliseconds(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "AF_UNIX")
    board = Board(database)
    looks = iter([0, 0, 0, "found"])
    assert Watch(board, MESSAGES).wait(["q"], lambda: (next(looks), 60.0), BOUND) == "found"
    assert not board.is_gone(board.name)
    board.close()


def test_where_nothing_can_be_written_a_peer_looks_and_is_never_taken_for_dead(tmp_path: Path) -> None:
    board = Board(str(tmp_path / "no such folder" / "queue.db"))
    looks = iter([0, 0, "found"])
    board.ring(MESSAGES, ["q"])
    assert Watch(board, MESSAGES).wait(["q"], lambda: (next(looks), 60.0), BOUND) == "found"
    other = Board(str(tmp_path / "no such folder" / "queue.db"))
    assert not other.is_gone(board.name)
    board.close()
    other.close()


# waiting


def test_a_wake_that_finds_nobody_is_for_the_next_wait_and_for_one_only(board: Board) -> None:
    watch = Watch(board, MESSAGES)
    watch.wake_one()
    watch.wake_one()
    begin = time.monotonic()
    assert watch.wait(["q"], lambda: ("", 60.0), BOUND) == ""
    assert time.monotonic() - begin < BOUND / 2
    assert watch.wait(["q"], lambda: ("", 60.0), 0.05) == ""
    assert not watch.take_wake()


def test_each_wake_makes_one_wait_return(board: Board, database: str) -> None:
    watch = Watch(board, MESSAGES)
    threads = [threading.Thread(target=watch.wait, args=(["q"], lambda: ("", 60.0), None)) for _ in range(3)]
    for number, thread in enumerate(threads, 1):
        thread.start()
        until(lambda number=number: len(marks(database)) == number, "one more sleeps")  # type: ignore[misc]
    for left in (2, 1, 0):
        watch.wake_one()
        until(lambda left=left: sum(thread.is_alive() for thread in threads) == left, "one less")  # type: ignore[misc]


def test_a_signal_handler_may_wake(board: Board, database: str) -> None:
    watch = Watch(board, MESSAGES)
    before = signal.signal(signal.SIGUSR1, lambda *_: watch.wake_one())

    def send() -> None:
        until(lambda: marks(database) == bytes([MESSAGES]), "it sleeps")
        os.kill(os.getpid(), signal.SIGUSR1)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        assert watch.wait(["q"], lambda: ("", 60.0), None) == ""
    finally:
        signal.signal(signal.SIGUSR1, before)
        sender.join()


def test_a_ring_that_comes_while_one_leaves_with_something_else_is_passed_on(board: Board, database: str) -> None:
    """Else the second message would lie there until someone looks unrung."""
    busy, asleep = board.seat(), board.seat()
    board.give_back(busy)
    looked = iter(["first"])

    def look() -> tuple[str, float]:
        asleep.arm(MESSAGES, 0)
        board._enter().ring(busy.number)  # someone rings for a second message, and rings this one only
        return next(looked), 0.0

    assert Watch(board, MESSAGES).wait(["q"], look, None) == "first"
    assert rung(asleep)


def test_closing_ends_all_waits_and_frees_all_seats(database: str) -> None:
    board = Board(database)
    watch = Watch(board, MESSAGES)
    threads = [threading.Thread(target=watch.wait, args=(["q"], lambda: ("", 60.0), None)) for _ in range(3)]
    for thread in threads:
        thread.start()
    until(lambda: len(marks(database)) == 3, "all sleep")
    watch.close()
    board.close()
    for thread in threads:
        thread.join(BOUND)
        assert not thread.is_alive()
    assert not list(Path(f"{database}-board").glob("bell-*"))


# liveness


def test_who_lives_is_not_gone_and_who_was_killed_is(board: Board, database: str) -> None:
    with another_peer(database) as peer:
        assert not board.is_gone(peer.name)
        assert not board.is_gone(board.name)
        peer.kill()
        assert board.is_gone(peer.name)


def test_who_is_merely_stopped_is_not_gone(board: Board, database: str) -> None:
    with another_peer(database) as peer:
        peer.process.send_signal(signal.SIGSTOP)
        assert not board.is_gone(peer.name)


def test_the_seat_of_the_dead_is_taken_again_and_its_name_stays_gone(board: Board, database: str) -> None:
    with another_peer(database) as first:
        first.kill()
        with another_peer(database) as second:
            assert second.name.partition(":")[0] == first.name.partition(":")[0]
            assert board.is_gone(first.name)
            assert not board.is_gone(second.name)


@pytest.mark.parametrize("name", ["", "-", "-:abc", "x:abc", "4000:abc", "1/../../x:a"])
def test_a_name_of_which_nothing_is_known_is_not_gone(board: Board, name: str) -> None:
    assert not board.is_gone(name)


def test_a_closed_board_leaves_its_seat(board: Board, database: str) -> None:
    other = Board(database)
    name = other.name
    assert not board.is_gone(name)
    other.close()
    assert board.is_gone(name)


@needs_fork
def test_a_forked_child_takes_a_seat_of_its_own_and_leaves_its_parents_alone(board: Board, database: str) -> None:
    name = board.name
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.write(writer, board.name.encode())
        board.close()
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    theirs = os.read(reader, 100).decode()
    os.close(reader)
    assert theirs != name

    watcher = Board(database)
    assert watcher.is_gone(theirs)
    assert not watcher.is_gone(name)
    seat = board.seat()
    seat.arm(MESSAGES, 0)
    watcher.ring(MESSAGES, ["q"])
    assert rung(seat)
    board.give_back(seat)
    watcher.close()


@needs_fork
def test_a_forked_child_that_lives_on_does_not_keep_its_parents_seat(board: Board, database: str) -> None:
    script = (
        "import os, sys, time; from celeriac_plugins._shared.board import Board; board = Board(sys.argv[1])\n"
        "name = board.name; child = os.fork()\n"
        "if child: print(name, child, flush=True); os._exit(0)\n"
        "os.close(1); time.sleep(60)"
    )
    said = subprocess.run([sys.executable, "-c", script, database], stdout=subprocess.PIPE, text=True).stdout
    name, child = said.split()
    assert board.is_gone(name)
    os.kill(int(child), signal.SIGKILL)


# files


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o660, 0o666])
def test_the_board_is_open_to_those_to_whom_the_database_is(database: str, mode: int) -> None:
    os.chmod(database, mode)
    board = Board(database)
    seat = board.seat()
    folder = Path(f"{database}-board")
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == mode, path
    assert stat.S_IMODE(folder.stat().st_mode) == mode | (mode & 0o444) >> 2
    board.give_back(seat)
    board.close()


def test_a_board_that_is_collected_leaves_its_seat_and_frees_its_files(database: str) -> None:
    files = Path("/proc/self/fd")
    if not files.is_dir():
        pytest.skip("this system does not list open files")
    gc.collect()  # what earlier tests have left
    before = len(list(files.iterdir()))
    board = Board(database)
    name = board.name
    del board
    gc.collect()
    assert len(list(files.iterdir())) == before
    watcher = Board(database)
    assert watcher.is_gone(name)
    watcher.close()
