"""Ports for the tests' servers, that nothing else takes while a server is down: neither another test's server nor a
connection on its way out, which the system gives a port of the ephemeral range."""

from __future__ import annotations

import random
import socket
from contextlib import suppress
from pathlib import Path
from typing import Final

_FIRST: Final = 10_000
_EPHEMERAL: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_random: Final = random.SystemRandom()  # one that hypothesis does not seed
_taken: list[socket.socket] = []


def free_port() -> int:
    """A port that is this process's until its end. The mark that keeps other test processes from it is the UDP port of
    the same number, which no server of the tests uses: it goes with the process, however that ends."""
    while True:
        port = _random.randrange(_FIRST, _first_ephemeral())
        mark = socket.socket(type=socket.SOCK_DGRAM)
        try:
            mark.bind(("127.0.0.1", port))
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            mark.close()
            continue
        _taken.append(mark)
        return port


def _first_ephemeral() -> int:
    with suppress(OSError):
        return max(int(_EPHEMERAL.read_text().split()[0]), _FIRST + 10_000)
    return 32_768  # below this of every usual system
