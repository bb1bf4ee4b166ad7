"""The file: all messages of all queues, read and replaced as a whole, by one process or thread at a time."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec

from celeriac.errors import TransportCorrupt, TransportDown

PATIENCE = 5.0
"""Seconds to wait for the lock, where the caller names no bound."""


class Item(msgspec.Struct, array_like=True):
    """A message: ready when neither `claim` nor `due` is set."""

    number: int
    """Its place in the order of publishing."""
    queue: str
    priority: int
    data: bytes
    since: float
    """When it was published or became due."""
    due: float | None = None
    count: int = 0
    claim: int | None = None
    """Names the present holding; every holding has its own."""
    until: float = 0.0
    """When the lease of the holding runs out."""

    @property
    def order(self) -> tuple[int, int]:
        return -self.priority, self.number


class Dead(msgspec.Struct, array_like=True):
    """A message that is delivered no more."""

    id: str
    item: Item
    reason: str
    detail: str
    at: float


class Content(msgspec.Struct, array_like=True):
    """What the file holds."""

    numbers: int = 0
    items: list[Item] = []
    dead: list[Dead] = []

    def next_number(self) -> int:
        self.numbers += 1
        return self.numbers

    def tidy(self, now: float) -> None:
        """Make ready what is due, and what is held past its lease."""
        for item in self.items:
            if item.due is not None and item.due <= now:
                item.since, item.due = item.due, None
            if item.claim is not None and item.until <= now:
                item.claim = None

    def ready(self, queue: str) -> list[Item]:
        """The queue's ready messages, in the order in which they are received."""
        found = [item for item in self.items if item.queue == queue and item.claim is None and item.due is None]
        return sorted(found, key=lambda item: item.order)

    def held(self, claim: object) -> Item | None:
        """The message of that holding, if it is still held."""
        return next((item for item in self.items if claim is not None and item.claim == claim), None)

    def next_change(self) -> float:
        """The next time at which something becomes ready by itself."""
        times = [item.until if item.claim is not None else item.due for item in self.items]
        return min((moment for moment in times if moment is not None), default=float("inf"))


class Shelf:
    """Keeps no file open between two uses, so threads and forked children may share it freely."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock_path = path.with_name(f"{path.name}.lock")
        self._decoder = msgspec.msgpack.Decoder(Content)

    def mark(self) -> object:
        """Something that differs after every change."""
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size

    @contextmanager
    def reading(self) -> Iterator[Content]:
        """The content as it is. What is changed in it is not kept."""
        with _errors(self._path), self._locked(PATIENCE):
            content = self._read()
        yield content

    @contextmanager
    def changing(self, timeout: float = PATIENCE) -> Iterator[Content]:
        """The content, to be changed; it is written when the block ends without an error.

        Raises:
            TransportDown: others held the lock for `timeout` seconds, or the file cannot be used.
            TransportCorrupt: the file holds something else.
        """
        with _errors(self._path), self._locked(timeout):
            content = self._read()
            before = msgspec.msgpack.encode(content)
            yield content
            after = msgspec.msgpack.encode(content)
            if after != before:
                # A rename is one step: who is killed half way leaves the old file.
                new = self._path.with_name(f"{self._path.name}.new")
                new.write_bytes(after)
                new.replace(self._path)

    def _read(self) -> Content:
        try:
            return self._decoder.decode(self._path.read_bytes())
        except FileNotFoundError:
            return Content()

    @contextmanager
    def _locked(self, timeout: float) -> Iterator[None]:
        deadline = time.monotonic() + timeout
        with self._lock_path.open("ab") as lock:
            while not _lock(lock):
                if time.monotonic() > deadline:
                    raise TransportDown(f"{self._path} was locked for {timeout:g} s")
                time.sleep(0.002)
            try:
                yield
            finally:
                # Closing would not do: a child that was forked meanwhile has the same open file.
                fcntl.flock(lock, fcntl.LOCK_UN)


def _lock(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    """Foreign errors become Celeriac's here, and nowhere else."""
    try:
        yield
    except msgspec.DecodeError as error:
        raise TransportCorrupt(f"{path} is no shelf of messages: {error}") from error
    except OSError as error:
        if isinstance(error, TransportDown):  # which is an OSError as well
            raise
        raise TransportDown(f"{path} cannot be used: {error}") from error
