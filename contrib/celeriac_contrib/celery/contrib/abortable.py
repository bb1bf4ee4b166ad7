"""Tasks that look whether they are to go on."""

from __future__ import annotations

from typing import Any

from celeriac_contrib.celery.absent import absent
from celeriac_contrib.celery.app.task import Task
from celeriac_contrib.celery.result import AsyncResult

__all__ = ("AbortableAsyncResult", "AbortableTask")

ABORTED = "ABORTED"


class AbortableAsyncResult(AsyncResult):
    """The result of a task that can be asked to stop."""

    def is_aborted(self) -> bool:
        """Whether it has been asked."""
        return self.state == ABORTED

    def abort(self) -> None:
        """Ask it to stop; when it looks, it sees that."""
        self.app.backend.store_state(self.id, ABORTED, None)


class AbortableTask(Task):
    """A base of tasks that call `is_aborted` now and then."""

    abstract = True

    def AsyncResult(self, task_id: str, **_kwargs: Any) -> AbortableAsyncResult:
        return AbortableAsyncResult(task_id, task_name=self.name, app=self.app)

    def apply_async(self, *args: Any, **kwargs: Any) -> Any:
        result = super().apply_async(*args, **kwargs)
        return self.AsyncResult(result.id) if type(result) is AsyncResult else result

    def is_aborted(self, **kwargs: Any) -> bool:
        """Whether this run (or ``task_id``) has been asked to stop; asks the result backend."""
        task_id: Any = kwargs.get("task_id", self.request.id)
        return bool(task_id) and self.AsyncResult(task_id).is_aborted()


__getattr__ = absent(__name__)
