"""How much memory this process holds."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path


class MemoryGauge:
    """Resident memory in KiB: the present figure on Linux, the highest so far elsewhere."""

    def __init__(self) -> None:
        self._statm = os.open("/proc/self/statm", os.O_RDONLY) if Path("/proc/self/statm").exists() else -1
        self._page = resource.getpagesize() // 1024

    def read(self) -> int:
        if self._statm >= 0:
            return int(os.pread(self._statm, 128, 0).split()[1]) * self._page
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak // 1024 if sys.platform == "darwin" else peak
