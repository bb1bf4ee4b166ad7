"""The result backend by Celery's methods: ``task.backend``, ``app.backend``'s neighbour."""

from __future__ import annotations

from typing import Any

from celeriac import states
from celeriac.errors import CeleriacError
from celeriac_contrib.celery.absent import absent
from celeriac_contrib.celery.backends.disabled import DisabledStore as DisabledBackend

__all__ = ("BackendFace", "DisabledBackend", "unpickle_backend")


class BackendFace:
    """Reads and writes states by task id, as code around Celery does."""

    READY_STATES = states.READY_STATES
    UNREADY_STATES = states.UNREADY_STATES
    EXCEPTION_STATES = states.EXCEPTION_STATES

    def __init__(self, app: Any) -> None:
        self.app = app

    def get_task_meta(self, task_id: str, cache: bool = True) -> dict[str, Any]:
        """The stored document."""
        return self.app.backend.fetch([task_id]).get(task_id) or {"status": states.PENDING, "result": None}

    def get_state(self, task_id: str) -> str:
        return self.app.AsyncResult(task_id).state

    get_status = get_state

    def get_result(self, task_id: str) -> Any:
        return self.app.AsyncResult(task_id).result

    def get_traceback(self, task_id: str) -> Any:
        return self.app.AsyncResult(task_id).traceback

    def store_result(self, task_id: str, result: Any, state: str, traceback: Any = None, **_kw: Any) -> Any:
        """Store a state; of an exception, what it says."""
        from celeriac.failure import to_document
        from celeriac.specs.backend import Record

        store = self.app.backend
        value = to_document(result) if isinstance(result, BaseException) else result
        store.driver.store([Record(task_id, state, store.encode(task_id, state, value, traceback))])
        return result

    def mark_as_started(self, task_id: str, **meta: Any) -> Any:
        return self.store_result(task_id, meta, states.STARTED)

    def mark_as_done(self, task_id: str, result: Any, **_kw: Any) -> Any:
        return self.store_result(task_id, result, states.SUCCESS)

    def mark_as_failure(self, task_id: str, exc: BaseException, traceback: Any = None, **_kw: Any) -> Any:
        return self.store_result(task_id, exc, states.FAILURE, traceback)

    def mark_as_revoked(self, task_id: str, reason: str = "", **_kw: Any) -> Any:
        from celeriac.errors import TaskRevoked

        return self.store_result(task_id, TaskRevoked(reason), states.REVOKED)

    def forget(self, task_id: str) -> None:
        self.app.backend.driver.forget([task_id])

    def cleanup(self) -> None:
        """Delete what has expired."""
        self.app.backend.driver.sweep()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.app.backend, name)


def unpickle_backend(cls: Any, args: Any, kwargs: Any) -> Any:
    """Celery's way to make a backend again; here an app makes its own.

    Raises:
        CeleriacError: always.
    """
    raise CeleriacError(f"{cls!r} cannot be made from {args!r} and {kwargs!r}: result backends are drivers of an app")


__getattr__ = absent(__name__)
