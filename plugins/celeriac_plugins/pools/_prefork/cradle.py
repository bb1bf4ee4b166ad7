"""The parent's handle on its nursery."""

from __future__ import annotations

import os
import signal
import socket
import stat
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from celeriac_plugins.pools._prefork.nursery import Nursery
from celeriac_plugins.pools._prefork.orders import SIZE, Kind, Note, unpack


class Cradle:
    """One nursery process: forked when this is made, gone when it is closed.

    Fork it before there are threads and connections. A nursery that has to be forked later, because the first one died,
    has a copy of one thread only: a lock that another thread held at that moment stays locked in it and in its
    children. Sockets are taken from it, as two processes must not talk over one.
    """

    def __init__(self, live: Callable[[int, list[int], int], None], early: bool) -> None:
        for stream in (sys.stdout, sys.stderr):  # or else each child would write what is in their buffers once more
            with suppress(Exception):
                stream.flush()
        self.link, theirs = socket.socketpair()
        parent, main = os.getpid(), threading.current_thread() is threading.main_thread()
        try:
            self.pid = os.fork()
        except OSError:
            self.link.close()
            theirs.close()
            raise
        if not self.pid:
            self._become_nursery(theirs, parent, main, early, live)
        theirs.close()
        self._rest = b""

    def _become_nursery(
        self, link: socket.socket, parent: int, main: bool, early: bool, live: Callable[[int, list[int], int], None]
    ) -> None:
        try:
            self.link.close()
            if not early:
                _let_go_of_sockets(link.fileno())
            Nursery(link, parent, live).serve(main)
        finally:
            os._exit(0)

    def fork(self, number: int, fds: list[int]) -> None:
        """Order child `number`, whose ends of its channels are `fds`; the caller may close them."""
        with suppress(OSError):  # the nursery is gone: `reports` says so
            socket.send_fds(self.link, [Note(Kind.FORK, number).pack()], fds)

    def kill(self, number: int, signum: int) -> None:
        """Send child `number` a signal, unless it has ended."""
        with suppress(OSError):
            self.link.sendall(Note(Kind.KILL, number, signum).pack())

    def reports(self) -> list[Note] | None:
        """What the nursery has to say, when the socket is readable; None when it is gone."""
        try:
            data = self.link.recv(SIZE * 256)
        except OSError:
            return None
        if not data:
            return None
        data = self._rest + data
        whole = len(data) - len(data) % SIZE
        self._rest = data[whole:]
        return unpack(data[:whole])

    def close(self) -> None:
        """End the nursery, when its children are gone, and wait for it."""
        self.link.close()
        os.kill(self.pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)

    def bury(self, children: list[int]) -> None:
        """After the nursery has died by itself: make sure that its children do, and leave no zombie."""
        self.link.close()
        for pid in children:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in (self.pid, *children):  # where we are process 1, orphans become ours
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)


def _let_go_of_sockets(kept: int) -> None:
    """Put nothing in the place of each inherited socket but `kept`. The numbers stay taken, so that objects which still
    think that they own one cannot close another's."""
    folder = Path("/proc/self/fd") if Path("/proc/self/fd").exists() else Path("/dev/fd")
    nothing = os.open(os.devnull, os.O_RDWR)
    for name in list(folder.iterdir()):
        fd = int(name.name)
        with suppress(OSError):
            mode = os.fstat(fd).st_mode
            if fd > 2 and fd not in (kept, nothing) and (stat.S_ISSOCK(mode) or stat.S_ISFIFO(mode)):
                os.dup2(nothing, fd, inheritable=False)
    os.close(nothing)
