"""The nursery: a process with one thread that does nothing but fork children, signal them and reap them."""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
from collections.abc import Callable
from contextlib import suppress

from celeriac_plugins.pools._prefork.kinship import die_with_parent
from celeriac_plugins.pools._prefork.orders import SIZE, Kind, Note, unpack

_LOOK = 1000
"""Milliseconds between looks at whether the parent still lives: its end of the socket may be held open elsewhere."""


class Nursery:
    """Lives in its own process from `serve` on, until the parent closes the socket or dies."""

    def __init__(self, link: socket.socket, parent: int, live: Callable[[int, list[int], int], None]) -> None:
        self._link = link
        self._parent = parent
        self._live = live
        self._numbers: dict[int, int] = {}

    def serve(self, main_thread: bool) -> None:
        """Serve until there is nobody to serve, then leave no child behind.

        Args:
            main_thread: the parent's main thread forked us. Linux can tie our life to that of the thread that did, and
                only the main one lives as long as its process.
        """
        if main_thread and not die_with_parent(self._parent):
            return
        self._pid = os.getpid()
        self._wake, wake = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(wake, False)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2):
            signal.signal(number, signal.SIG_IGN)  # the parent decides
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        self._wake_end = wake
        gc.freeze()  # what is inherited is not collected, so its pages stay shared
        try:
            self._serve()
        finally:
            for pid in self._numbers:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def _serve(self) -> None:
        poll = select.poll()
        poll.register(self._link, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        while os.getppid() == self._parent:
            ready = {fd for fd, _ in poll.poll(_LOOK)}
            if self._wake in ready:
                with suppress(BlockingIOError):
                    os.read(self._wake, 4096)
                self._reap()
            if self._link.fileno() in ready and not self._obey():
                return

    def _obey(self) -> bool:
        """Carry out one order; False when the parent is gone."""
        data, fds, _, _ = socket.recv_fds(self._link, SIZE, 3)
        if len(data) != SIZE:
            return False
        order = unpack(data)[0]
        if order.kind == Kind.FORK:
            self._fork(order.number, fds)
        else:
            self._kill(order.number, order.value)
        return True

    def _fork(self, number: int, fds: list[int]) -> None:
        try:
            pid = os.fork()
        except OSError as error:
            self._tell(Note(Kind.STILLBORN, number, error.errno or 0))
        else:
            if not pid:
                self._become_child(number, fds)
            self._numbers[pid] = number
            self._tell(Note(Kind.BORN, number, pid))
        for fd in fds:
            os.close(fd)

    def _become_child(self, number: int, fds: list[int]) -> None:
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.close(self._wake)
            os.close(self._wake_end)
            self._link.close()
            self._live(number, fds, self._pid)
        finally:
            os._exit(70)  # `_live` does not return

    def _kill(self, number: int, signum: int) -> None:
        for pid, each in self._numbers.items():
            if each == number:  # not reaped, so the process id is still its own
                with suppress(OSError):  # no such signal
                    os.kill(pid, signum)

    def _reap(self) -> None:
        while self._numbers:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            number = self._numbers.pop(pid, None)
            if number is not None:
                self._tell(Note(Kind.DIED, number, status))

    def _tell(self, note: Note) -> None:
        with suppress(OSError):  # the parent is gone: the loop will see it
            self._link.sendall(note.pack())
