"""Results: Celeriac's, with Celery's arguments and the current app where none is named."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

from celeriac import states
from celeriac.errors import ResultTimeout
from celeriac.ids import new_id
from celeriac.result import AsyncResult as NativeAsyncResult
from celeriac.result import EagerResult as NativeEagerResult
from celeriac.result import GroupResult as NativeGroupResult
from celeriac.result import allow_join_result, refuse_join
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
        super().__init__(id, app_or_default(app or getattr(backend, "app", None)), parent, task_name)

    @property
    def task_id(self) -> str:
        return self.id

    def as_tuple(self) -> Any:
        """The result as plain values, for `result_from_tuple`."""
        return result_as_tuple(self)

    def as_list(self) -> list[Any]:
        """The ids of this result and those before it."""
        before = self.parent.as_list() if isinstance(self.parent, AsyncResult) else []
        return [self.id, *before]

    def maybe_throw(self, propagate: bool = True, callback: Callable[[str, Any], Any] | None = None) -> Any:
        """The value, or the error raised, as far as the task has ended."""
        state, value = self.state, self.result
        if state in states.PROPAGATE_STATES and propagate:
            raise cast("BaseException", value)
        if callback is not None:
            callback(self.id, value)
        return value

    maybe_reraise = throw = maybe_throw

    def __reduce__(self) -> Any:
        return AsyncResult, (self.id, None, self.task, None, self.parent)


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

    @property
    def children(self) -> list[Any]:
        return self.results

    def as_tuple(self) -> Any:
        """The result as plain values, for `result_from_tuple`."""
        return (self.id, None), [result_as_tuple(each) for each in self.results]

    @classmethod
    def restore(cls, id: str, backend: Any = None, app: Any = None) -> Any:
        """The group that was saved under this id, or None."""
        return app_or_default(app or getattr(backend, "app", None)).restore_group(id)


class ResultSet(ResultBase):
    """Any results together."""

    app: Any = None

    def __init__(self, results: Iterable[Any], app: Any = None, ready_barrier: Any = None, **_kwargs: Any) -> None:
        self.app = app_or_default(app or self.app)
        self.results: list[Any] = list(results)

    def add(self, result: Any) -> None:
        """Take in a result that is not in."""
        if result not in self.results:
            self.results.append(result)

    def remove(self, result: Any) -> None:
        """Take out a result, or the one of that id.

        Raises:
            KeyError: it is not in.
        """
        for each in self.results:
            if each == result or each.id == result:
                self.results.remove(each)
                return
        raise KeyError(result)

    def discard(self, result: Any) -> None:
        """Take out a result, if it is in."""
        if result in self.results:
            self.results.remove(result)

    def update(self, results: Iterable[Any]) -> None:
        """Take in several."""
        for each in results:
            self.add(each)

    def clear(self) -> None:
        """Take out all."""
        self.results.clear()

    def _whole(self) -> Any:
        return NativeGroupResult("", self.results, self.app)

    def get(self, timeout: float | None = None, propagate: bool = True, **options: Any) -> list[Any]:
        """Wait for all, and return their values in order."""
        callback = options.get("callback")
        values = self._whole().get(timeout, propagate, options.get("disable_sync_subtasks", True))
        if callback is not None:
            for each, value in zip(self.results, values, strict=True):
                callback(each.id, value)
            return []
        return cast("list[Any]", values)

    join = join_native = get

    def ready(self) -> bool:
        return all(each.ready() for each in self.results)

    def waiting(self) -> bool:
        return any(not each.ready() for each in self.results)

    def successful(self) -> bool:
        return all(each.successful() for each in self.results)

    def failed(self) -> bool:
        return any(each.failed() for each in self.results)

    def completed_count(self) -> int:
        return sum(bool(each.successful()) for each in self.results)

    def forget(self) -> None:
        """Delete the stored results."""
        for each in self.results:
            each.forget()

    def revoke(self, connection: Any = None, terminate: bool = False, signal: Any = None, **_kw: Any) -> None:
        """Revoke them all."""
        self._whole().revoke(terminate=terminate, signal=signal or "SIGTERM")

    def __iter__(self) -> Iterator[Any]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    def __getitem__(self, index: int) -> Any:
        return self.results[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ResultSet) and other.results == self.results

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: [{', '.join(each.id for each in self.results)}]>"


def result_as_tuple(result: Any) -> Any:
    """Any result as plain values."""
    if isinstance(result, NativeGroupResult):
        return (result.id, None), [result_as_tuple(each) for each in result.results]
    return (result.id, result_as_tuple(result.parent) if result.parent is not None else None), None


def result_from_tuple(r: Any, app: Any = None) -> Any:
    """The result that ``as_tuple`` has taken apart."""
    app = app_or_default(app)
    if isinstance(r, (NativeAsyncResult, NativeGroupResult, ResultSet)):
        return r
    whole, members = r
    id, parent = whole if isinstance(whole, (list, tuple)) else (whole, None)
    parent = result_from_tuple(parent, app) if parent else None
    if members is not None:
        return GroupResult(id, [result_from_tuple(each, app) for each in members], parent, app)
    return AsyncResult(id, app=app, parent=parent)


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
