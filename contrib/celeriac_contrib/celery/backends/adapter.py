"""A driver over a result backend of Celery's kind: django-celery-results', or one of a project's own.

What is left of such a backend here: states are stored, looked up and forgotten. Nobody is woken, so a waiter looks a
few times a second; members of chords are not counted, so chords are refused.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, NoReturn

from celeriac.registry import list_entry_points
from celeriac.settings.urls import split_scheme
from celeriac.specs.backend import BackendOptions, Record
from celeriac.states import READY_STATES
from celeriac_contrib.celery._state import get_current_app
from celeriac_contrib.celery.backends.uncounted import Uncounted
from celeriac_contrib.celery.utils.imports import symbol_by_name

GROUP = "celery.result_backends"
PLACE = f"{__name__}:CeleryBackend"
INTERVAL = 0.1


def installed(name: str) -> str | None:
    """Where the backend is that a package offers to Celery under this name, as ``module:Class``."""
    return next((each.value for each in list_entry_points(GROUP) if each.name == name), None)


class CeleryBackend(Uncounted):
    """``…:CeleryBackend://module:Class``."""

    capabilities = frozenset({"durable", "processes", "multi-host", "shared"})

    def __init__(self, options: BackendOptions) -> None:
        super().__init__(options)
        self._name = split_scheme(options.url)[1]
        self._made: Any = None
        self._lock = threading.Lock()
        self._nudged = threading.Event()

    @property
    def theirs(self) -> Any:
        """The backend itself, made when it is first used: it may want a framework that is set up by then."""
        with self._lock:
            if self._made is None:
                self._made = symbol_by_name(self._name)(app=get_current_app(), url=self._name)
            return self._made

    def store(self, batch: Sequence[Record]) -> None:
        theirs = self.theirs
        for record in batch:
            if self.fetch_one(record.id).state in READY_STATES:
                continue  # a final state stays
            document = json.loads(record.payload)
            theirs._store_result(
                record.id,
                document["result"],
                record.state,
                document["traceback"],
                request=_request(record.id, document),
            )

    def fetch_one(self, task_id: str) -> Record:
        """The state of one task; PENDING where there is none."""
        meta = dict(self.theirs._get_task_meta_for(task_id) or {})
        state = str(meta.get("status") or "PENDING")
        done: Any = meta.get("date_done")
        document = {
            "task_id": task_id,
            "status": state,
            "result": meta.get("result"),
            "traceback": meta.get("traceback"),
            "children": meta.get("children") or [],
            "date_done": done.isoformat() if hasattr(done, "isoformat") else done,
        }
        return Record(task_id, state, json.dumps(document, default=str).encode())

    def fetch(self, ids: Sequence[str]) -> dict[str, Record]:
        records = [self.fetch_one(task_id) for task_id in ids]
        return {record.id: record for record in records if record.state != "PENDING"}

    def wait(self, ids: Sequence[str], timeout: float | None) -> dict[str, Record]:
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            ready = {id_: record for id_, record in self.fetch(ids).items() if record.state in READY_STATES}
            left = INTERVAL if deadline is None else deadline - time.monotonic()
            if ready or left <= 0 or self._nudged.wait(min(left, INTERVAL)):
                self._nudged.clear()
                return ready

    def nudge(self) -> None:
        self._nudged.set()

    def forget(self, ids: Sequence[str]) -> None:
        for task_id in ids:
            self.theirs._forget(task_id)

    def sweep(self) -> int:
        self.theirs.cleanup()
        return 0

    def join_open(self, group: str, size: int, body: bytes) -> NoReturn:
        raise NotImplementedError(
            f"{self._name} counts no members of chords here; keep results in Redis or SQLite for workflows with chords"
        )

    def close(self) -> None:
        """It is the framework's to close."""


def _request(task_id: str, document: dict[str, Any]) -> Any:
    """What such a backend asks the run for, as far as the document knows it (setting ``result_extended``)."""
    args, kwargs = document.get("args"), document.get("kwargs")
    return SimpleNamespace(
        id=task_id,
        task=document.get("name"),
        argsrepr=None if args is None else repr(tuple(args)),
        kwargsrepr=None if kwargs is None else repr(kwargs),
        args=args,
        kwargs=kwargs,
        hostname=document.get("worker"),
        periodic_task_name=None,
        children=[],
        meta={},
    )
