"""The result backend of a project that names none: nothing is stored, and to ask is an error, as in Celery."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from celeriac.specs.backend import Record
from celeriac_contrib.celery.backends.uncounted import Uncounted

TEXT = "No result backend is configured. Set result_backend to have results kept; docs/coming-from-celery.md says more."


class DisabledStore(Uncounted):
    """Takes results and keeps none."""

    capabilities = frozenset({"shared", "processes", "multi-host"})

    def store(self, batch: Sequence[Record]) -> None:
        """Nothing is kept."""

    def fetch(self, ids: Sequence[str]) -> dict[str, Record]:
        # A worker asks as well, whether a task that comes a second time has ended: it does not know.
        return {}

    def wait(self, ids: Sequence[str], timeout: float | None) -> NoReturn:
        raise NotImplementedError(TEXT)

    def nudge(self) -> None:
        """Nobody waits."""

    def forget(self, ids: Sequence[str]) -> None:
        """There is nothing."""

    def sweep(self) -> int:
        return 0

    def join_open(self, group: str, size: int | None, body: bytes) -> NoReturn:
        raise NotImplementedError(f"a chord counts its members in the result backend. {TEXT}")

    def close(self) -> None:
        """There is nothing."""
