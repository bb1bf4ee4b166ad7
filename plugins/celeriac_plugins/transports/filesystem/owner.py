"""Who holds messages, and whether that process still lives.

An object that holds messages keeps a file in owners/ locked (flock). The system unlocks it when the process dies,
however it dies. So an owner's file that can be locked is that of a dead one, and a holder without a file is one that
closed its transport, or lives where files cannot be locked: what it held waits for its lease.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import suppress

from celeriac_plugins._shared.forks import tell_of_forks

from .edge import remove
from .store import Store


class Owner:
    """The sign that this transport object lives."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._path = f"{store.owners}/{store.token}"
        self._descriptor: int | None = None
        self._signed = False

    def sign(self) -> None:
        """Done once, before the first message is held. The file is locked before it can be seen in its place."""
        if self._signed:
            return
        staged = self._store.staged(b"", lasting=False)
        descriptor = os.open(staged, os.O_RDWR | os.O_CLOEXEC)
        try:
            if _lock(descriptor):
                os.rename(staged, self._path)  # noqa: PTH104
                self._descriptor, descriptor = descriptor, -1
                tell_of_forks(self)
        finally:
            if descriptor >= 0:
                os.close(descriptor)
                remove(staged)
        self._signed = True

    def close(self) -> None:
        """First the file goes, then its lock: who closes in order is not taken for dead."""
        if self._descriptor is not None:
            with suppress(OSError):
                remove(self._path)
            os.close(self._descriptor)
            self._descriptor = None
        self._signed = False

    def before_fork(self) -> None:
        """The child's copy of the lock is let go in the child."""

    def after_fork(self, *, child: bool) -> None:
        if child and self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def the_dead(store: Store) -> Iterator[str]:
    """The holders that have died. The file of each is ours until the next is asked for, and then deleted."""
    try:
        holders = os.listdir(store.owners)  # noqa: PTH208
    except FileNotFoundError:
        return
    for holder in holders:
        if holder == store.token:
            continue
        try:
            descriptor = os.open(f"{store.owners}/{holder}", os.O_RDONLY | os.O_CLOEXEC)
        except (FileNotFoundError, PermissionError):
            continue
        try:
            # Without links, it closed between our look and our lock.
            if _lock(descriptor) and os.fstat(descriptor).st_nlink:
                yield holder
                remove(f"{store.owners}/{holder}")
        finally:
            os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Whether the lock was free, on a file system that has locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
