"""Task ids that are not to start, as this worker has heard."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

LIMIT = 50_000
"""The oldest revocations beyond this number are forgotten."""


class Revoked:
    """A bounded set that forgets its oldest members first."""

    def __init__(self) -> None:
        self._ids: dict[str, None] = {}

    def __contains__(self, task_id: str) -> bool:
        return task_id in self._ids

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._ids))

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, task_ids: Iterable[str]) -> None:
        for task_id in task_ids:
            self._ids.pop(task_id, None)
            self._ids[task_id] = None
        while len(self._ids) > LIMIT:
            self._ids.pop(next(iter(self._ids)))
