"""Tasks that look whether somebody has asked them to stop: they end in good order, wherever they run.

::

    @app.task(bind=True, base=AbortableTask)
    def count(self):
        while not self.is_aborted():
            ...

    count.delay().abort()
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar, Unpack

from celeriac.result import AsyncResult, EagerResult
from celeriac.task import Task

if TYPE_CHECKING:
    from celeriac.call import CallOptions

P = ParamSpec("P")
R = TypeVar("R")

ABORTED: Final = "ABORTED"
"""The state that asks a task to stop. It is not final: how the task ends replaces it."""


class AbortableAsyncResult(AsyncResult[R]):
    """The result of an abortable task."""

    __slots__ = ()

    def is_aborted(self) -> bool:
        """Whether the task was asked to stop."""
        return self.state == ABORTED

    def abort(self) -> None:
        """Ask the task to stop. It does so when it looks; nothing ends it. After its end this does nothing."""
        self.app.store_state(self.id, ABORTED, None)


class AbortableTask(Task[P, R]):
    """A base for tasks that ask `is_aborted` at times."""

    def is_aborted(self, task_id: str | None = None) -> bool:
        """Whether this run was asked to stop: a look into the result store."""
        task_id = task_id or self.request.id
        return task_id is not None and self.AsyncResult(task_id).is_aborted()

    def AsyncResult(self, task_id: str) -> AbortableAsyncResult[R]:  # noqa: N802 (Celery's name)
        """The result of a call."""
        return AbortableAsyncResult(task_id, self.app, task=self.name)

    def delay(self, *args: P.args, **kwargs: P.kwargs) -> AbortableAsyncResult[R]:
        return self.apply_async(args, kwargs)

    async def adelay(self, *args: P.args, **kwargs: P.kwargs) -> AbortableAsyncResult[R]:
        return self.AsyncResult((await self.aapply_async(args, kwargs)).id)

    def apply_async(
        self,
        args: Iterable[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        **options: Unpack[CallOptions],
    ) -> AbortableAsyncResult[R]:
        result = super().apply_async(args, kwargs, **options)
        return result if isinstance(result, EagerResult) else self.AsyncResult(result.id)  # type: ignore[return-value]

    def update_state(
        self, task_id: str | None = None, state: str = "PROGRESS", meta: Mapping[str, Any] | None = None
    ) -> None:
        """As for every task, but what asks it to stop stands until it has stopped."""
        if not self.is_aborted(task_id):
            super().update_state(task_id, state, meta)
