"""Ports for the tests' servers, that nothing else takes while a server is down: neither another test's server nor a
connection on its way out, which the system gives a port of the ephemeral range."""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

_FIRST: Final = 10_000
_EPHEMERAL: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_random: Final = random.SystemRandom()  # one that hypothesis does not seed
_taken: set[int] = set()


def free_port() -> int:
    """A port that is this process's until its end."""
    while True:
        port = _random.randrange(_FIRST, _first_ephemeral())
        if port in _taken:
            continue
        with suppress(OSError), socket.socket() as probe:
            fcntl.lockf(_marks(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
            _taken.add(port)
            probe.bind(("127.0.0.1", port))
            return port


@cache
def _marks() -> int:
    """The file in which each test process has a lock on the byte of each port of its own; the locks go with it, however
    it ends, and its children do not have them."""
    path = Path(tempfile.gettempdir(), f"celeriac-test-ports-{os.getuid()}")
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _first_ephemeral() -> int:
    with suppress(OSError):
        return max(int(_EPHEMERAL.read_text().split()[0]), _FIRST + 10_000)
    return 32_768  # below this of every usual system
