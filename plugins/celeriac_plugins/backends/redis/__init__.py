"""Results in Redis, as Celery keeps them: ``celery-task-meta-<id>``, stored and published in one step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from celeriac.errors import BackendDown, BackendError
from celeriac.specs.backend import Arrival, BackendOptions, Record, ResultBackend
from celeriac.states import READY_STATES
from celeriac_plugins._shared.redis_errors import Faces
from celeriac_plugins._shared.redis_line import Line
from celeriac_plugins._shared.redis_place import Place

from . import document, scripts
from .joins import Joins
from .locks import Locks
from .watch import Watch

_TASK = "celery-task-meta-"
_MOST = 1000
"""Records in one step."""


class RedisBackend(ResultBackend):
    """``redis://user:password@host:6379/1``; see `_shared.redis_place.Place` for the URL and its options."""

    capabilities = frozenset(
        {"durable", "processes", "multi-host", "shared", "push", "join", "join-grow", "shared-join", "lock"}
    )

    def __init__(self, options: BackendOptions) -> None:
        super().__init__(options)
        place = Place.parse("result backend 'redis'", options.url, options.extra)
        faces = Faces(BackendDown, BackendError)
        prefix = _celery_prefix(place.prefix)
        self._prefix = prefix + _TASK
        self._life = "" if options.expires is None else max(int(options.expires * 1000), 1)
        self._line = Line(place, faces)
        self._watch = Watch(place, faces)
        self._joins = Joins(self._line, prefix, options.clock, self._life)
        self._locks = Locks(self._line, prefix)

    # results

    def store(self, batch: Sequence[Record]) -> None:
        for start in range(0, len(batch), _MOST):
            some = batch[start : start + _MOST]
            arguments: list[Any] = [self._life]
            for record in some:
                arguments += (document.write(record), int(record.state in READY_STATES))
            self._line.run(scripts.STORE, self._names([record.id for record in some]), arguments)

    def fetch(self, ids: Sequence[str]) -> dict[str, Record]:
        if not ids:
            return {}
        (values,) = self._line.call([("MGET", *self._names(ids))])
        return {task: document.read(task, value) for task, value in zip(ids, values, strict=True) if value is not None}

    def _names(self, ids: Sequence[str]) -> list[str]:
        return [self._prefix + task for task in ids]

    def forget(self, ids: Sequence[str]) -> None:
        if ids:
            self._line.call([("DEL", *self._names(ids))])

    def sweep(self) -> int:
        """Nothing to do: the server lets go of what has expired."""
        return 0

    # waiting

    def wait(self, ids: Sequence[str], timeout: float | None) -> dict[str, Record]:
        if (timeout is not None and timeout <= 0) or self._watch.take_wake():
            found = self.fetch(ids)
        else:
            names = dict(zip(self._names(ids), ids, strict=True))
            values = self._watch.wait(names, timeout)
            found = {names[name]: document.read(names[name], value) for name, value in values.items()}
        return {task: record for task, record in found.items() if record.state in READY_STATES}

    def nudge(self) -> None:
        self._watch.wake_all()

    # joins

    def join_open(self, group: str, size: int | None, body: bytes) -> None:
        self._joins.open(group, size, body)

    def join_seal(self, group: str, size: int, body: bytes, lease: float) -> bytes | None:
        return self._joins.seal(group, size, body, lease)

    def join_arrive(self, group: str, members: Sequence[str], lease: float) -> bytes | None:
        return self._joins.arrive(group, members, lease)

    def join_grow(self, group: str, added: Mapping[str, bytes], body: bytes = b"") -> bool:
        return self._joins.grow(group, added, body)

    def join_share(self, group: str, arrivals: Sequence[Arrival]) -> None:
        self._joins.share(group, arrivals)

    def join_relayed(self, group: str, lease: float) -> bytes | None:
        return self._joins.relayed(group, lease)

    def join_entries(self, group: str) -> list[bytes]:
        return self._joins.entries(group)

    def join_shape(self, group: str) -> bytes | None:
        return self._joins.shape(group)

    def join_close(self, group: str) -> None:
        self._joins.close(group)

    def join_orphans(self, lease: float) -> list[tuple[str, bytes]]:
        return self._joins.orphans(lease)

    # locks

    def lock_claim(self, name: str, owner: str, lease: float | None, replacing: str | None = None) -> str:
        return self._locks.claim(name, owner, lease, replacing)

    def lock_holder(self, name: str) -> str | None:
        return self._locks.holder(name)

    def lock_release(self, name: str, owner: str) -> bool:
        return self._locks.release(name, owner)

    # life

    def close(self) -> None:
        self._watch.close()
        self._line.close()


def _celery_prefix(prefix: str) -> str:
    """Celery's backend parts its prefix from the name that follows."""
    return prefix if not prefix or prefix[-1] in ":_-." else f"{prefix}_"
