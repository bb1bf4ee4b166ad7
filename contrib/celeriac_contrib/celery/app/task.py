"""The task by Celery's name: Celeriac's, with any attribute that a project puts on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NoReturn, cast

from celeriac.context import Context
from celeriac.errors import MaxRetriesExceeded, TransportDown
from celeriac.errors import Retry as NativeRetry
from celeriac.task import AsyncTask as NativeAsyncTask
from celeriac.task import Task as NativeTask
from celeriac_contrib.celery.absent import absent
from celeriac_contrib.celery.app.autoretry import with_celerys_options
from celeriac_contrib.celery.app.options import call_options
from celeriac_contrib.celery.exceptions import Retry

__all__ = ("Context", "Task")


class _App:
    """`Task.app` of a task that was not bound to one: the current app. (A bound one has it as an attribute of its own,
    which is read on the message path.)"""

    def __get__(self, task: Any, owner: Any = None) -> Any:
        from celeriac_contrib.celery._state import get_current_app

        return get_current_app()


class Task(NativeTask[..., Any]):
    """A base of tasks: ``class MyTask(Task)`` with `run`, or with handlers for ``@app.task(base=MyTask)``."""

    app: Any = _App()  # type: ignore[assignment]

    abstract = True
    MaxRetriesExceededError = MaxRetriesExceeded
    OperationalError = TransportDown
    Strategy = "celery.worker.strategy:default"
    Request = "celery.worker.request:Request"

    def __init__(self) -> None:
        self._prepare()

    def _prepare(self) -> None:
        """What Celeriac works out for each task once; also of one whose class has an ``__init__`` of its own."""
        for name, value in with_celerys_options(_own_options(self)).items():
            setattr(self, name, value)
        NativeTask.__init__(self)
        self.signature = _Signature(self, self.signature)  # type: ignore[assignment]

    def bind_to(self, app: Any) -> None:
        """The task is registered with the app."""
        if not hasattr(self, "_arity"):
            self._prepare()
        self.app = app
        type(self).on_bound(app)

    def _get_app(self) -> Any:
        """By this name packages around Celery ask for it."""
        return self.app

    @classmethod
    def on_bound(cls, app: Any) -> None:
        """For subclasses: the task was registered with the app."""

    # calling

    def apply_async(
        self,
        args: Iterable[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        task_id: str | None = None,
        producer: Any = None,
        link: Any = None,
        link_error: Any = None,
        shadow: str | None = None,
        **options: Any,
    ) -> Any:
        """Send the task: Celery's arguments, in Celery's order."""
        if options or task_id or link or link_error or shadow:
            more = {"task_id": task_id, "link": link, "link_error": link_error, "shadow": shadow}
            options = call_options({**options, **{name: value for name, value in more.items() if value}})
        return super().apply_async(args, kwargs, **options)

    def apply(
        self,
        args: Iterable[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        link: Any = None,
        link_error: Any = None,
        task_id: str | None = None,
        retries: int = 0,
        throw: bool | None = None,
        logfile: Any = None,
        loglevel: Any = None,
        headers: Any = None,
        **options: Any,
    ) -> Any:
        """Run here and now as a worker would; with `throw` its error is raised."""
        more = {"task_id": task_id, "link": link, "link_error": link_error, "headers": headers}
        given = {name: value for name, value in more.items() if value}
        result = super().apply(args, kwargs, **call_options({**options, **given}))
        if throw:
            result.get(disable_sync_subtasks=False)
        return result

    def AsyncResult(self, task_id: str, **kwargs: Any) -> Any:
        """The result of a call of this task."""
        return self.app.AsyncResult(task_id, task_name=self.name, **kwargs)

    # signatures

    def signature(self, args: Any = None, *starargs: Any, **starkwargs: Any) -> Any:
        """A signature of the task: ``add.signature((2, 2), countdown=10)``."""
        return _Signature(self, None)(args, *starargs, **starkwargs)

    def signature_of(self, args: Any = (), kwargs: Any = None, immutable: bool = False, **options: Any) -> Any:
        return super().signature_of(args, kwargs, immutable, **call_options(options))

    def subtask(self, args: Any = None, *starargs: Any, **starkwargs: Any) -> Any:
        """Celery's old name of `signature`."""
        return cast("Any", self.signature)(args, *starargs, **starkwargs)

    def subtask_from_request(self, request: Any = None, args: Any = None, kwargs: Any = None, **extra: Any) -> Any:
        """The signature of the run that is going on."""
        request = request or self.request
        args = request.args if args is None else args
        kwargs = request.kwargs if kwargs is None else kwargs
        options = {"task_id": request.id, "retries": request.retries, **extra}
        return cast("Any", self.signature)(args, kwargs, **options)

    signature_from_request = subtask_from_request

    # inside a run

    def retry(self, *args: Any, **kwargs: Any) -> Any:
        """As Celeriac's; what it raises is Celery's `Retry`."""
        kwargs = {name: value for name, value in kwargs.items() if name not in _NOT_OF_RETRIES}
        try:
            return _celerys(super().retry(*args, **kwargs))
        except NativeRetry as control:
            raise _celerys(control) from None

    def update_state(self, task_id: str | None = None, state: str = "PROGRESS", meta: Any = None, **_kw: Any) -> None:
        """Store a state of the task's own; also a final one, as Celery lets a task do."""
        from celeriac import states

        task_id = task_id or self.request.id
        if state in states.READY_STATES and task_id:
            self.app.backend.store_state(task_id, state, meta)
            return
        super().update_state(task_id, state, meta)

    def start_strategy(self, app: Any, consumer: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError(
            "strategies are Celery's worker's own; hooks see each message (docs/reference/hooks.md)"
        )

    @property
    def backend(self) -> Any:
        """The result backend, for ``task.backend.get(…)`` and the like."""
        from celeriac_contrib.celery.backends.base import BackendFace

        return BackendFace(self.app)

    @property
    def __name__(self) -> str:
        return str(type(self).__qualname__)

    def __reduce__(self) -> Any:
        return _named, (self.name, self.app)


class AsyncTask(Task, NativeAsyncTask[..., Any]):
    """A task whose function is a coroutine."""


_NOT_OF_RETRIES = frozenset({"producer", "connection", "retry", "retry_policy", "exchange"})


def _own_options(task: Task) -> dict[str, Any]:
    names = ("retry_kwargs", "autoretry_for", "dont_autoretry_for", "throws")
    return {name: value for name in names if (value := getattr(task, name, None))}


def _celerys(control: NativeRetry) -> Retry:
    if isinstance(control, Retry):
        return control
    new = Retry(control.message, control.exc, control.when)
    new.__dict__.update({**new.__dict__, **control.__dict__, "excs": new.excs})
    new.args = control.args
    return new


def _named(name: str, app: Any) -> Any:
    return app.tasks[name]


class _Signature:
    """``task.signature``: called, it makes a signature, as in Celery; else it is the signature of the function."""

    def __init__(self, task: Task, of_function: Any) -> None:
        self._task = task
        self._of_function = of_function

    def __call__(self, args: Any = None, *starargs: Any, **starkwargs: Any) -> Any:
        kwargs = starargs[0] if starargs else starkwargs.pop("kwargs", None)
        options = starargs[1] if len(starargs) > 1 else starkwargs.pop("options", None)
        starkwargs.pop("app", None)
        return self._task.signature_of(args or (), kwargs, **{**(options or {}), **starkwargs})

    def __getattr__(self, name: str) -> Any:
        return getattr(self._of_function, name)

    def __str__(self) -> str:
        return str(self._of_function)


__getattr__ = absent(__name__)
