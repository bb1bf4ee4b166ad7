"""Result backends by Celery's methods: the face of an app's own, and the base of those that others write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from celeriac import states
from celeriac.errors import CeleriacError
from celeriac_contrib.celery._state import get_current_task
from celeriac_contrib.celery.absent import absent
from celeriac_contrib.celery.backends.disabled import DisabledStore as DisabledBackend

__all__ = (
    "BackendFace",
    "BaseBackend",
    "BaseDictBackend",
    "DisabledBackend",
    "KeyValueStoreBackend",
    "get_current_task",
    "unpickle_backend",
)


class _States:
    READY_STATES = states.READY_STATES
    UNREADY_STATES = states.UNREADY_STATES
    EXCEPTION_STATES = states.EXCEPTION_STATES


class BackendFace(_States):
    """Reads and writes the states of an app's tasks, as code around Celery does with ``task.backend``."""

    def __init__(self, app: Any) -> None:
        self.app = app

    def get_task_meta(self, task_id: str, cache: bool = True) -> Mapping[str, Any]:
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


class BaseBackend(_States):
    """What a result backend of Celery's kind derives from: it defines `_store_result` and `_get_task_meta_for`.

    `celery.backends.adapter` makes a driver of it; ``result_backend = "django-db"`` (an entry point of
    ``celery.result_backends``) or ``"module:Class"`` chooses it.
    """

    def __init__(
        self, app: Any, serializer: Any = None, expires: Any = None, url: str | None = None, **_kwargs: Any
    ) -> None:  # fmt: skip
        self.app = app
        self.url = url
        self.serializer = serializer or app.conf.result_serializer
        self.expires = app.conf.result_expires if expires is None else expires

    def _encode(self, data: Any) -> tuple[str, str, Any]:
        """Content type, encoding, and the data written."""
        writer = self.app.codec.serializer(self.serializer)
        written = writer.dumps(data)
        return (
            writer.content_type,
            writer.content_encoding,
            written if self.serializer == "pickle" else written.decode(),
        )

    def encode(self, data: Any) -> Any:
        return self._encode(data)[2]

    def decode(self, payload: Any) -> Any:
        if payload is None:
            return None
        return self.app.codec.serializer(self.serializer).loads(
            payload.encode() if isinstance(payload, str) else payload
        )

    def current_task_children(self, request: Any = None) -> list[Any]:
        request = request or getattr(get_current_task(), "request", None)
        return [child.as_tuple() for child in getattr(request, "children", None) or ()]

    def meta_from_decoded(self, meta: Any) -> Any:
        return meta

    def prepare_expires(self, value: Any, type: Any = None) -> Any:
        value = self.app.conf.result_expires if value is None else value
        return value if type is None or value is None else type(value)

    def _forget(self, task_id: str) -> None:
        raise NotImplementedError("this backend forgets nothing")

    def cleanup(self) -> None:
        """Delete what has expired."""

    def process_cleanup(self) -> None:
        """A process ends."""


BaseDictBackend = BaseBackend


class KeyValueStoreBackend(BaseBackend):
    """The same over a store of values by keys: it defines `get`, `set` and `delete`."""

    task_keyprefix = "celery-task-meta-"

    def get_key_for_task(self, task_id: str, key: str = "") -> str:
        return f"{self.task_keyprefix}{task_id}{key}"

    def _store_result(self, task_id: str, result: Any, state: str, traceback: Any = None, **_kw: Any) -> Any:
        meta = {"task_id": task_id, "status": state, "result": result, "traceback": traceback, "children": []}
        self.set(self.get_key_for_task(task_id), self.encode(meta))
        return result

    def _get_task_meta_for(self, task_id: str) -> Any:
        found = self.get(self.get_key_for_task(task_id))
        return {"status": states.PENDING, "result": None} if found is None else self.decode(found)

    def _forget(self, task_id: str) -> None:
        self.delete(self.get_key_for_task(task_id))

    def get(self, key: str) -> Any:
        raise NotImplementedError("a backend of keys and values defines get")

    def set(self, key: str, value: Any) -> Any:
        raise NotImplementedError("a backend of keys and values defines set")

    def delete(self, key: str) -> Any:
        raise NotImplementedError("a backend of keys and values defines delete")


def unpickle_backend(cls: Any, args: Any, kwargs: Any) -> Any:
    """Celery's way to make a backend again; here an app makes its own.

    Raises:
        CeleriacError: always.
    """
    raise CeleriacError(f"{cls!r} cannot be made from {args!r} and {kwargs!r}: result backends are drivers of an app")


__getattr__ = absent(__name__)
