"""What result stores share that count no members of chords: `join_open` refuses, so there is nothing to count."""

from __future__ import annotations

from collections.abc import Sequence

from celeriac.specs.backend import ResultBackend


class Uncounted(ResultBackend):
    """`join_open` is left to say why."""

    def join_seal(self, group: str, size: int, body: bytes, lease: float) -> None:
        return None

    def join_arrive(self, group: str, members: Sequence[str], lease: float) -> None:
        return None

    def join_close(self, group: str) -> None:
        """There is none."""

    def join_orphans(self, lease: float) -> list[tuple[str, bytes]]:
        return []
