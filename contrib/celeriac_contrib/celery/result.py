"""Results: Celeriac's, with Celery's arguments and the current app where none is named."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from celeriac.errors import ResultTimeout
from celeriac.ids import new_id
from celeriac.joining import allow_join_result, refuse_join
from celeriac.result import AsyncResult as NativeAsyncResult
from celeriac.result import EagerResult as NativeEagerResult
from celeriac.result_graph import result_from_tuple as _from_tuple
from celeriac.result_set import GroupResult as NativeGroupResult
from celeriac.result_set import ResultSet
from celeriac_contrib.celery._state import app_or_default
from celeriac_contrib.celery.absent import absent

__all__ = (
    "ResultBase",
    "AsyncResult",
    "ResultSet",
    "GroupResult",
    "EagerResult",
    "result_from_tuple",
    "allow_join_result",
    "denied_join_result",
)


class ResultBase:
    """What all results are."""

    parent: Any = None


class _Any(type):
    """``isinstance(result, AsyncResult)`` holds for Celeriac's own results too: its canvas makes those."""

    native: Any

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, cls.native) or super().__instancecheck__(instance)


class AsyncResult(NativeAsyncResult[Any], ResultBase, metaclass=_Any):
    """``AsyncResult(id)`` of the current app, or ``AsyncResult(id, app=app)``."""

    native = NativeAsyncResult
    TimeoutError = ResultTimeout

    def __init__(
        self,
        id: str,
        backend: Any = None,
        task_name: str | None = None,
        app: Any = None,
        parent: Any = None,
        **_kwargs: Any,
    ) -> None:
        if app is None:
            app = app_or_default(getattr(backend, "app", None))
        super().__init__(id, app, parent, task_name)

    throw = NativeAsyncResult.maybe_throw
    maybe_reraise = NativeAsyncResult.maybe_throw

    @property
    def backend(self) -> Any:
        """The result backend by Celery's methods."""
        from celeriac_contrib.celery.backends.base import BackendFace

        return BackendFace(self.app)

    def get_leaf(self) -> Any:
        """The value of what the task has called last, and so on to the end."""
        value = None
        for _, result in self.iterdeps():
            value = result.get(disable_sync_subtasks=False)
        return value


class EagerResult(NativeEagerResult[Any], ResultBase, metaclass=_Any):
    """The result of a task that ran in place: ``EagerResult(id, value, state)``."""

    native = NativeEagerResult

    def __init__(
        self, id: str, ret_value: Any, state: str, traceback: str | None = None, name: str | None = None
    ) -> None:
        document = {"task_id": id, "status": state, "result": ret_value, "traceback": traceback, "children": []}
        super().__init__(id, app_or_default(), document)
        self.task = name


class GroupResult(NativeGroupResult[Any], ResultBase, metaclass=_Any):
    """``GroupResult(id, results)``."""

    native = NativeGroupResult

    def __init__(
        self, id: str | None = None, results: Iterable[Any] | None = None, parent: Any = None, app: Any = None,
        **_kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(id or new_id(), list(results or ()), app_or_default(app), parent)

    @classmethod
    def restore(cls, id: str, backend: Any = None, app: Any = None) -> Any:
        """The group that was saved under this id, or None."""
        return NativeGroupResult.restore(id, app_or_default(app or getattr(backend, "app", None)))


def result_from_tuple(r: Any, app: Any = None) -> Any:
    """The result that ``as_tuple`` has taken apart."""
    return _from_tuple(r, app_or_default(app))


def assert_will_not_block() -> None:
    """Raise when a running task waits for another."""
    refuse_join()


class denied_join_result:
    """Within it, a running task may not wait for another's result; which is so anyway."""

    def __enter__(self) -> None:
        """There is nothing to do."""

    def __exit__(self, *_error: object) -> None:
        """There is nothing to undo."""


__getattr__ = absent(__name__)
