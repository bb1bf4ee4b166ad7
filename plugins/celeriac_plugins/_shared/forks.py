"""What must not cross a fork: told to let go before it, and to forget what it inherited after it.

A forked child inherits open files, locks held by threads that it does not have, and SQLite's own memory of which locks
the process holds. SQLite says of its connections: "do not open one, then fork, then use it in the child"; a connection
that the child opens anew is no better off, as SQLite shares its view of a file among all connections of a process.
So what can be closed is closed before the fork, and the child starts from nothing.
"""

from __future__ import annotations

import os
import threading
from typing import Protocol
from weakref import WeakSet


class Forkable(Protocol):
    def before_fork(self) -> None:
        """In the parent, just before: let go of what a child must not inherit, and let nobody take it up again."""
        ...

    def after_fork(self, *, child: bool) -> None:
        """In the parent or the child, just after. The child forgets without harm to its parent."""
        ...


class _Forks:
    """Tells every living subject of each fork of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subjects: WeakSet[Forkable] = WeakSet()
        self._told: list[Forkable] = []
        self._installed = False

    def add(self, subject: Forkable) -> None:
        with self._lock:
            self._subjects.add(subject)
            if not self._installed and hasattr(os, "register_at_fork"):
                self._installed = True
                os.register_at_fork(
                    before=self._before, after_in_parent=self._after_in_parent, after_in_child=self._after_in_child
                )

    def _before(self) -> None:
        self._lock.acquire()
        self._told = list(self._subjects)
        for subject in self._told:
            subject.before_fork()

    def _after_in_parent(self) -> None:
        self._after(child=False)

    def _after_in_child(self) -> None:
        if not self._lock.locked():  # a fork by foreign C code, which announces itself in the child only
            self._lock.acquire()
            self._told = list(self._subjects)
        self._after(child=True)

    def _after(self, *, child: bool) -> None:
        told, self._told = self._told, []
        try:
            for subject in told:
                subject.after_fork(child=child)
        finally:
            self._lock.release()


_forks = _Forks()
"""The one registry of its kind: `os.register_at_fork` cannot be undone, so a process calls it once, at first use."""


def tell_of_forks(subject: Forkable) -> None:
    """Tell `subject` of every fork for as long as it lives; it is not kept alive."""
    _forks.add(subject)
