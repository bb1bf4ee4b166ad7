"""Ties the life of a process to that of its parent, where the system can."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def die_with_parent(parent: int) -> bool:
    """Have the system kill this process when the thread that forked it ends; False when `parent` is gone already.

    On systems other than Linux only the second half is done: there the end of the parent shows as the end of a socket.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    return os.getppid() == parent
