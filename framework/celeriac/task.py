"""Tasks: functions with a name, options, and ways to call them elsewhere.

More than 500 lines, because it is what a task is to those who write one: the attributes, the ways to call it, what it
may do while it runs. What they do is elsewhere.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping
from datetime import datetime
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Concatenate,
    Generic,
    Literal,
    NoReturn,
    ParamSpec,
    TypeVar,
    Unpack,
    overload,
)

from celeriac import states
from celeriac.context import Context, current
from celeriac.errors import ConfigurationError, MaxRetriesExceeded, Replaced, Retry
from celeriac.fitting import Fit
from celeriac.retry import RetryPolicy, automatic_retry, chosen_policy, first_run

if TYPE_CHECKING:
    from celeriac.app import Celeriac
    from celeriac.call import CallOptions
    from celeriac.canvas import Signature, chunks, xmap, xstarmap
    from celeriac.failure import ErrorInfo
    from celeriac.result import AsyncResult, EagerResult
    from celeriac.result import AsyncResult as ResultOfTask
    from celeriac.unique import Unique

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
R1 = TypeVar("R1")
A1 = TypeVar("A1")
A2 = TypeVar("A2")

_NO_OPTIONS: CallOptions = {}


class Task(Generic[P, R]):
    """A task. One instance serves all its calls in a process; what belongs to one run is in `request`.

    ``@app.task`` makes one from a function. A class may derive from ``app.Task``, define `run`, and be given to
    ``app.register_task``; or serve as ``base=`` for function tasks that share its handlers.
    """

    name: str = ""
    app: Celeriac = None  # type: ignore[assignment]  # set when the task is registered

    typing: bool = True
    """Check the arguments against the signature when the task is called, not only when it runs."""
    queue: str | None = None
    exchange: str | None = None
    routing_key: str | None = None
    """The same as `queue`, which wins."""
    priority: int | None = None
    serializer: str | None = None
    compression: str | None = None
    expires: float | datetime | None = None
    ignore_result: bool | None = None
    store_errors_even_if_ignored: bool | None = None
    store_eager_result: bool | None = None
    """Store the result also where the task runs eagerly; None: the setting."""
    trail: bool = True
    """Remember which tasks this one has called: ``request.children``."""
    send_events: bool = True
    """Events of this task are sent where events are on."""
    resultrepr_maxsize: int = 1024
    """Characters of the result that events show."""
    rate_limit: str | float | None = None
    """How many runs a worker begins, over all its slots: ``10/s``, ``100/m``, ``1000/h``, or a number for each second.
    None: the setting; 0: no limit, whatever the setting says."""
    track_started: bool | None = None
    time_limit: float | None = None
    soft_time_limit: float | None = None
    shadow_name: str | Callable[..., str] | None = None
    """Shown in logs and events instead of the name: a text, or ``f(task, args, kwargs, options)`` that gives one."""

    unique: Unique | Literal[True] | None = None
    """Of equal calls one runs, and all get its result."""
    delivery: str | None = None
    """``at_least_once`` or ``at_most_once``; None: the setting."""
    acks_late: bool | None = None
    """Celery's word for the same: True is at least once."""
    acks_on_failure_or_timeout: bool | None = None
    """False: one that fails becomes a dead letter, one that is ended by its time limit is delivered again."""
    reject_on_worker_lost: bool | None = None
    max_deliveries: int | None = None

    max_retries: int | None = 3
    """None: without end."""
    default_retry_delay: float = 180.0
    autoretry_for: tuple[type[BaseException], ...] = ()
    dont_autoretry_for: tuple[type[BaseException], ...] = ()
    retry_backoff: bool | float = False
    retry_backoff_max: float = 600.0
    retry_jitter: bool = True
    retry_kwargs: Mapping[str, Any] | None = None
    """For automatic retries: ``max_retries`` and ``countdown`` in place of the task's."""
    retry_policy: RetryPolicy | Mapping[str, Any] | None = None
    """In place of all these."""
    throws: tuple[type[BaseException], ...] = ()
    """Expected errors: they fail the task and are logged without a traceback."""

    pydantic: bool = False
    """Arguments whose annotation names a pydantic model are validated and reach the task as one; a model that it
    returns is stored as plain values. Needs the extra ``pydantic``."""
    pydantic_strict: bool = False
    """Validate strictly: no text for a number."""
    pydantic_context: Mapping[str, Any] | None = None
    """Handed to the models' validators."""
    pydantic_dump_kwargs: Mapping[str, Any] | None = None
    """For the ``model_dump`` of the result."""

    is_async: bool = False
    bind: bool = False

    OPTIONS: ClassVar[frozenset[str]]
    REFUSED: ClassVar[Mapping[str, str]] = {
        "Strategy": "where a task runs is the pool's business; choose that by worker_pool, or write a pool",
        "Request": "what a worker does with a message can be followed by hooks",
        "backend": "all results of an app are in one store; make a second app for another one",
    }
    """Celery's options that mean nothing here, and why."""

    run: Callable[..., Any]
    """What the task does."""

    def __init__(self) -> None:
        run = getattr(self, "run", None)
        if run is None:
            raise ConfigurationError(f"{type(self).__qualname__} defines no run method")
        self.is_async = inspect.iscoroutinefunction(run)
        self.signature = inspect.signature(run)
        self._fit = Fit(self.signature)
        if self.pydantic:
            from celeriac.pydantic_tasks import validated

            self.run = validated(self)

    # calling

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run here and now, as a plain function."""
        context = current.get()
        if context is not None and context.own_call:
            context.own_call = False  # from a class's own __call__, in the run that goes on
            return self.run(*args, **kwargs)  # type: ignore[no-any-return]
        token = current.set(Context(self.name, args=list(args), kwargs=dict(kwargs)))
        try:
            return self.run(*args, **kwargs)  # type: ignore[no-any-return]
        finally:
            current.reset(token)

    def delay(self, *args: P.args, **kwargs: P.kwargs) -> AsyncResult[R]:
        """Send the task to a worker.

        Raises:
            TypeError: the arguments do not fit the task.
            EncodeError: they cannot be serialized.
            TransportDown: the broker did not take the message in time.
        """
        return self.apply_async(args, kwargs)

    async def adelay(self, *args: P.args, **kwargs: P.kwargs) -> AsyncResult[R]:
        """`delay` that never blocks the event loop."""
        return await self.aapply_async(args, kwargs)

    def apply_async(
        self,
        args: Iterable[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        **options: Unpack[CallOptions],
    ) -> AsyncResult[R]:
        """Send the task with options: ``countdown``, ``eta``, ``expires``, ``queue``, ``priority``, ``link`` …"""
        app = self.app
        args = args if isinstance(args, (tuple, list)) else tuple(args or ())
        kwargs = dict(kwargs) if kwargs else {}
        if self.pydantic:
            args, kwargs = _without_models(args, kwargs)
        if self.typing:
            self.check_arguments(args, kwargs)
        if app.conf.task_always_eager:
            return self.apply(args, kwargs, **options)
        publication = app.caller.build(self.name, args, kwargs, options, self)
        app.caller.publish([publication], options.get("publish_timeout"), options)
        result: AsyncResult[R] = app.result_of(publication)
        context = current.get()
        if context is not None and not context.called_directly and options.get("add_to_parent", True):
            context.add_child(result, app)
        return result

    async def aapply_async(
        self,
        args: Iterable[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        **options: Unpack[CallOptions],
    ) -> AsyncResult[R]:
        """`apply_async` that never blocks the event loop."""
        import asyncio

        return await asyncio.to_thread(self.apply_async, args, kwargs, **options)

    def AsyncResult(self, task_id: str) -> AsyncResult[R]:  # noqa: N802 (Celery's name)
        """The result of a call of this task."""
        from celeriac.result import AsyncResult

        return AsyncResult(task_id, self.app, task=self.name)

    def apply(
        self,
        args: Iterable[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        **options: Unpack[CallOptions],
    ) -> EagerResult[R]:
        """Run here and now as a worker would, with request, retries and callbacks, and return the result."""
        from celeriac.eager import apply

        return apply(self, tuple(args or ()), dict(kwargs or {}), options)

    def check_arguments(self, args: Collection[Any], kwargs: Mapping[str, Any]) -> None:
        """Raise TypeError, naming the task, when these are no arguments for it."""
        if self._fit.is_sure(args, kwargs):
            return
        try:
            self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self.name}{self.signature}: {error}") from None

    # signatures

    # One that is complete, or lacks its first argument, or its first two. (To checkers a task is the function.)
    @overload
    def s(self, *args: P.args, **kwargs: P.kwargs) -> Signature[R]: ...
    @overload
    def s(self: Callable[Concatenate[A1, Q], R1], *args: Q.args, **kwargs: Q.kwargs) -> Signature[R1, A1]: ...
    @overload
    def s(self: Callable[Concatenate[A1, A2, Q], R1], *args: Q.args, **kwargs: Q.kwargs) -> Signature[R1, A1]: ...
    def s(self, *args: Any, **kwargs: Any) -> Any:
        """A signature of the task with these arguments, which need not be all of them."""
        return self.signature_of(args, kwargs)

    def si(self, *args: P.args, **kwargs: P.kwargs) -> Signature[R]:
        """An immutable signature: it takes no result of the task before it."""
        return self.signature_of(args, kwargs, immutable=True)

    def signature_of(
        self,
        args: Iterable[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        immutable: bool = False,
        **options: Unpack[CallOptions],
    ) -> Signature[R]:
        """A signature with options."""
        from celeriac.canvas import Signature

        if self.pydantic:
            args, kwargs = _without_models(args, kwargs or {})
        return Signature(self.name, args, kwargs, options, immutable=immutable, app=self.app)

    def signature_from_request(
        self,
        request: Context | None = None,
        args: Iterable[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Signature[R]:
        """A signature that calls the task as this run was called: same arguments, id, workflow and options, unless
        others are given."""
        request = request or self.request
        return self.signature_of(
            request.args if args is None else args,
            request.kwargs if kwargs is None else kwargs,
            **{**request.as_execution_options(), **options},
        )

    def map(self, it: Iterable[Any]) -> xmap[R]:
        """One task that calls this one with each item in turn, where it runs."""
        from celeriac.canvas import xmap

        return xmap(self.s(), it)

    def starmap(self, it: Iterable[Iterable[Any]]) -> xstarmap[R]:
        """One task that calls this one with each list of arguments in turn, where it runs."""
        from celeriac.canvas import xstarmap

        return xstarmap(self.s(), it)

    def chunks(self, it: Iterable[Iterable[Any]], n: int) -> chunks:
        """The calls with these lists of arguments, `n` in a message."""
        from celeriac.canvas import chunks

        return chunks(self.s(), it, n)

    # inside a run

    @property
    def request(self) -> Context:
        """The run that is going on in this thread or asyncio task; an empty one outside of any."""
        return current.get() or Context(self.name)

    @overload
    def retry(
        self,
        args: Iterable[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        exc: BaseException | None = None,
        throw: Literal[True] = True,
        eta: datetime | None = None,
        countdown: float | None = None,
        max_retries: int | None = None,
        policy: RetryPolicy | None = None,
        **options: Any,
    ) -> NoReturn: ...
    @overload
    def retry(
        self,
        args: Iterable[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        exc: BaseException | None = None,
        *,
        throw: Literal[False],
        eta: datetime | None = None,
        countdown: float | None = None,
        max_retries: int | None = None,
        policy: RetryPolicy | None = None,
        **options: Any,
    ) -> Retry: ...
    def retry(
        self,
        args: Iterable[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        exc: BaseException | None = None,
        throw: bool = True,
        eta: datetime | None = None,
        countdown: float | None = None,
        max_retries: int | None = None,
        policy: RetryPolicy | None = None,
        **options: Any,
    ) -> Retry:
        """Have the task run again later: ``raise self.retry(exc=error, countdown=60)``.

        When, and how often, `policy` says; else the one that was chosen for the call, the task or by configuration;
        else ``default_retry_delay`` and ``max_retries``. What is given here wins over each. `options` are those of
        ``apply_async`` that the next run is to have. With ``throw=False`` the next run is published at once, and this
        one goes on.

        Raises:
            Retry: always while tries are left (the worker catches it), unless ``throw=False``.
            BaseException: `exc`, when there are none left and it was given.
            MaxRetriesExceeded: when there are none left.
        """
        request = self.request
        if request.called_directly:
            raise exc or MaxRetriesExceeded(f"{self.name} asked for a retry, but was called directly")
        policy = policy or chosen_policy(self, request)
        now = self.app.clock.time()
        if eta is not None:
            when = self.app.localize(eta).timestamp()
        elif countdown is not None:
            when = now + countdown
        else:
            when = now + (self.default_retry_delay if policy is None else policy.wait(request.retries))
        if max_retries is not None or policy is None:
            most = self.max_retries if max_retries is None else max_retries
            is_left = most is None or request.retries < most
        else:
            is_left = policy.allows(request.retries)
        first = None if policy is None or policy.deadline is None else first_run(request, now)
        if first is not None and policy is not None:
            is_left = is_left and policy.in_time(when, first)
        if not is_left:
            raise exc or MaxRetriesExceeded(
                f"{self.name}[{request.id}] still asks for a retry after {request.retries} retries"
            )
        control = Retry(None if exc is None else str(exc), exc, when)
        control.changed = (args, kwargs, options)
        control.first_run = first
        if throw:
            raise control
        if not request.is_eager:
            from celeriac.retrying import retried

            self.app.caller.publish([retried(self.app, request, control)])
            control.is_sent = True
        return control

    def automatic_retry(self, error: BaseException) -> Retry | None:
        """The retry after this error, when the task runs again by itself for it; else None."""
        return automatic_retry(self, self.request, error)

    def replace(self, sig: Signature[Any]) -> Any:
        """Have this signature run in place of this run, under its id: who waits for the task gets the result of `sig`,
        and what was to follow the task follows that. ``raise self.replace(…)``, or call it last.

        Raises:
            Replaced: always (the worker catches it), unless the task runs eagerly: then the result is returned.
            ConfigurationError: `sig` is empty, or the member of a chord already.
        """
        from celeriac.canvas.replacing import in_place_of

        return self.on_replace(in_place_of(self.request, sig, self.app))

    @overload
    def add_to_chord(self, sig: Signature[R1], lazy: Literal[False] = False) -> ResultOfTask[R1]: ...
    @overload
    def add_to_chord(self, sig: Signature[R1], lazy: Literal[True]) -> Signature[R1]: ...
    def add_to_chord(self, sig: Signature[Any], lazy: bool = False) -> Any:
        """Add this signature to the chord that the running task is a member of: the body waits for it, and finds its
        result behind this task's. Of a group, every member is added. `lazy`: it is counted and returned, not sent;
        what is returned must be called.

        A run that is repeated, after a crash or as a retry, and adds the same again adds it once.

        Raises:
            ConfigurationError: the task that runs is no member of a chord, or the chord is not open any more.
            UnsupportedCapability: the result backend does not count members that are added.
        """
        from celeriac.canvas.adding import add_to_chord

        return add_to_chord(self.request, sig, self.app, lazy)

    def add_trail(self, result: Any) -> Any:
        """Remember the result of a task that this one has called, if `trail` is on; returns it."""
        if self.trail:
            self.request.children.append(result)
        return result

    def update_state(
        self, task_id: str | None = None, state: str = "PROGRESS", meta: Mapping[str, Any] | None = None
    ) -> None:
        """Store a state of the task's own while it runs; ``AsyncResult.state`` and ``.info`` show it."""
        if state in states.READY_STATES:
            raise ConfigurationError(f"a task cannot set the final state {state}; return or raise instead")
        task_id = task_id or self.request.id
        if task_id is None:
            raise ConfigurationError("update_state needs a task_id outside of a running task")
        self.app.store_state(task_id, state, dict(meta or {}))

    def progress(self, done: float, total: float | None = None, message: str | None = None, **more: Any) -> None:
        """Say how far this run has come: state PROGRESS with ``done``, ``total``, ``percent`` and ``message`` in
        ``AsyncResult.info``, and an event ``task-progress`` where events are on."""
        percent = round(100 * done / total, 1) if total else None
        meta = {"done": done, "total": total, "percent": percent, "message": message, **more}
        self.update_state(state="PROGRESS", meta=meta)
        if self.app.conf.worker_send_task_events and self.send_events:
            self.send_event("task-progress", **meta)

    def send_event(self, type: str, **fields: Any) -> None:
        """Send an event of one's own about this run: its id is in ``uuid``. Never waits, never fails."""
        request = self.request
        fields.setdefault("hostname", request.hostname or self.app.events.hostname)
        self.app.events.send(type, **{"uuid": request.id, **fields})

    # handlers, for classes that derive from Task

    def before_start(self, task_id: str, args: list[Any], kwargs: dict[str, Any]) -> None:
        """Called before the task runs."""

    def on_success(self, retval: Any, task_id: str, args: list[Any], kwargs: dict[str, Any]) -> None:
        """Called when the task has returned."""

    def on_retry(
        self, exc: BaseException, task_id: str, args: list[Any], kwargs: dict[str, Any], einfo: ErrorInfo
    ) -> None:
        """Called when the task will run again."""

    def on_failure(
        self, exc: BaseException, task_id: str, args: list[Any], kwargs: dict[str, Any], einfo: ErrorInfo
    ) -> None:
        """Called when the task has failed for good."""

    def after_return(
        self,
        status: str,
        retval: Any,
        task_id: str,
        args: list[Any],
        kwargs: dict[str, Any],
        einfo: ErrorInfo | None,
    ) -> None:
        """Called after the task has returned or failed; not after a retry."""

    @classmethod
    def on_bound(cls, app: Celeriac) -> None:
        """Called when the task is registered with its app."""

    def on_replace(self, sig: Signature[Any]) -> Any:
        """Called by `replace` with the signature that takes the task's place."""
        if self.request.is_eager:
            return sig.apply_async().get()
        raise Replaced(sig)

    def __repr__(self) -> str:
        return f"<@task: {self.name} of {self.app.main if self.app else '?'}>"


class AsyncTask(Task[P, R]):
    """A task whose function is a coroutine: calling it directly gives the coroutine."""

    if TYPE_CHECKING:

        def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:  # type: ignore[override]
            ...

        @overload  # type: ignore[override]
        def s(self, *args: P.args, **kwargs: P.kwargs) -> Signature[R]: ...
        @overload
        def s(
            self: Callable[Concatenate[A1, Q], Coroutine[Any, Any, R1]], *args: Q.args, **kwargs: Q.kwargs
        ) -> Signature[R1, A1]: ...
        @overload
        def s(
            self: Callable[Concatenate[A1, A2, Q], Coroutine[Any, Any, R1]], *args: Q.args, **kwargs: Q.kwargs
        ) -> Signature[R1, A1]: ...
        def s(self, *args: Any, **kwargs: Any) -> Any: ...


_NO_OPTION = frozenset({"app", "is_async", "OPTIONS", "REFUSED", "run"})
_HANDLERS = frozenset({"before_start", "on_success", "on_retry", "on_failure", "after_return"})
Task.OPTIONS = frozenset(name for name in Task.__annotations__ if name not in _NO_OPTION) | {"base"}


def _without_models(args: Iterable[Any], kwargs: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    from celeriac.pydantic_tasks import as_plain, as_plain_mapping

    return as_plain(args), as_plain_mapping(kwargs)


def has_handlers(task: Task[..., Any]) -> bool:
    """Whether the task's class defines any handler: asked once per task, not once per run."""
    return any(getattr(type(task), name) is not getattr(Task, name) for name in _HANDLERS)


def what_to_call(task: Task[..., Any]) -> Callable[..., Any]:
    """What runs a task in a worker: its function, or its class's own ``__call__``, should it have one."""
    if type(task).__call__ is Task.__call__:
        return task.run

    def through_call(*args: Any, **kwargs: Any) -> Any:
        context = current.get()
        if context is not None:
            context.own_call = True
        return task(*args, **kwargs)

    return through_call
