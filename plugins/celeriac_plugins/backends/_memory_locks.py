"""The locks of the memory backend: who holds a name, and until when."""

from __future__ import annotations

import math
import threading


class MemoryLocks:
    """Shared by the backends of one URL. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[str, tuple[str, float]] = {}

    def claim(self, name: str, owner: str, lease: float | None, replacing: str | None, now: float) -> str:
        with self._lock:
            holder = self._holder(name, now)
            if holder is not None and holder not in (owner, replacing):
                return holder
            self._held[name] = (owner, math.inf if lease is None else now + lease)
            return owner

    def holder(self, name: str, now: float) -> str | None:
        with self._lock:
            return self._holder(name, now)

    def release(self, name: str, owner: str, now: float) -> bool:
        with self._lock:
            if self._holder(name, now) != owner:
                return False
            del self._held[name]
            return True

    def sweep(self, now: float) -> None:
        """Forget the leases that have run out."""
        with self._lock:
            for name in [name for name, (_, until) in self._held.items() if until <= now]:
                del self._held[name]

    def _holder(self, name: str, now: float) -> str | None:
        owner, until = self._held.get(name, (None, 0.0))
        return owner if until > now else None
