"""A signature: a task's name, arguments and options as a value that can be passed on, combined, and called later."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, cast

from celeriac.canvas.plan import Plan
from celeriac.errors import ConfigurationError
from celeriac.ids import new_id
from celeriac.retry import RetryPolicy

if TYPE_CHECKING:
    from celeriac.app import Celeriac
    from celeriac.call import CallOptions
    from celeriac.canvas.chains import chain
    from celeriac.result import AsyncResult, GroupResult

R = TypeVar("R")

KEYS = ("task", "args", "kwargs", "options", "subtask_type", "immutable", "chord_size")


class Signature(dict[str, Any], Generic[R]):
    """A call that has not been made. It is a plain mapping with Celery's keys, so it travels in messages as it is.

    ::

        add.s(2, 2)                      # add.s(2).delay(2) fills in the rest
        add.s(2, 2) | mul.s(10)          # a chain
        add.signature_of((2, 2), countdown=10).delay()
    """

    subtask_type: str | None = None

    def __init__(
        self,
        task: str | Mapping[str, Any],
        args: Iterable[Any] | None = (),
        kwargs: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        immutable: bool = False,
        app: Celeriac | None = None,
    ) -> None:
        if isinstance(task, str):
            self["task"] = task
            self["args"] = list(args) if args else []
            self["kwargs"] = dict(kwargs) if kwargs else {}
            self["options"] = dict(options) if options else {}
            self["subtask_type"] = self.subtask_type
            self["immutable"] = immutable
            self["chord_size"] = None
        else:
            super().__init__(task)
        self._app = app

    # parts

    @property
    def task(self) -> str:
        return self["task"]  # type: ignore[no-any-return]

    @property
    def args(self) -> list[Any]:
        return self["args"]  # type: ignore[no-any-return]

    @property
    def kwargs(self) -> dict[str, Any]:
        return self["kwargs"]  # type: ignore[no-any-return]

    @property
    def options(self) -> CallOptions:
        return self["options"]  # type: ignore[no-any-return]

    @property
    def immutable(self) -> bool:
        return bool(self.get("immutable"))

    @property
    def id(self) -> str | None:
        """The id of its task, once it has one."""
        return self.options.get("task_id")

    @property
    def app(self) -> Celeriac:
        if self._app is None:
            raise ConfigurationError(f"{self!r} belongs to no app; use app.signature(…) or pass app=")
        return self._app

    def bound_to(self, app: Celeriac) -> Self:
        """The same signature, of that app."""
        self._app = app
        return self

    # making others

    def clone(self, args: Iterable[Any] = (), kwargs: Mapping[str, Any] | None = None, **options: Any) -> Self:
        """A copy with more: `args` come first, `kwargs` and `options` win. An immutable one takes options only."""
        new = type(self)(_copy(self), app=self._app)
        if not self.immutable:
            new["args"] = [*args, *self.args]
            new["kwargs"] = {**self.kwargs, **(kwargs or {})}
        new["options"] = {**new.options, **options}
        return new

    def set(self, immutable: bool | None = None, **options: Any) -> Self:
        """Change options in place: ``add.s(2, 2).set(queue="slow", countdown=10)``."""
        if immutable is not None:
            self["immutable"] = immutable
        self.options.update(options)  # type: ignore[typeddict-item]
        return self

    def link(self, callback: Signature[Any]) -> Self:
        """Call `callback` with the result."""
        return self._append("link", callback)

    def link_error(self, errback: Signature[Any]) -> Self:
        """Call `errback` with the task's id when it fails."""
        return self._append("link_error", errback)

    on_error = link_error

    def _append(self, option: str, other: Signature[Any]) -> Self:
        options = cast("dict[str, Any]", self.options)
        links = options.get(option) or []
        options[option] = links if isinstance(links, list) else [links]  # one alone, or a tuple, is as good in a call
        if other not in options[option]:
            options[option].append(other)
        return self

    def __or__(self, other: object) -> chain:  # type: ignore[override]
        from celeriac.canvas.chains import chain

        if not isinstance(other, Signature):
            return NotImplemented
        return chain(self, other)

    # calling

    def delay(self, *args: Any, **kwargs: Any) -> AsyncResult[R]:
        """Send it, with more arguments."""
        return self.apply_async(args, kwargs)

    def apply_async(
        self, args: Iterable[Any] = (), kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> AsyncResult[R]:
        """Send it, with more arguments and options."""
        plan = Plan()
        result = self.clone(args, kwargs, **options).compile(plan)
        plan.send(self.app)
        return cast("AsyncResult[R]", result)

    async def adelay(self, *args: Any, **kwargs: Any) -> AsyncResult[R]:
        """`delay` that never blocks the event loop."""
        import asyncio

        return await asyncio.to_thread(self.apply_async, args, kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run it here and now, as a plain function."""
        whole = self.clone(args, kwargs)
        return self.app.find_task(self.task)(*whole.args, **whole.kwargs)

    # compiling

    def freeze(self) -> str:
        """Give its task an id, if it has none, and return it."""
        return self.options.setdefault("task_id", new_id())

    def last(self) -> Signature[Any]:
        """The part whose end is the end of the whole, and which carries callbacks and group membership for it."""
        return self

    def compile(self, plan: Plan) -> AsyncResult[Any] | GroupResult[Any]:
        """Add the messages of this call to the plan, and return what stands for its result."""
        from celeriac.result import AsyncResult

        self.freeze()
        publication = self.app.caller.build(self.task, self.args, self.kwargs, self.options)
        plan.publications.append(publication)
        # Of a unique task, an equal call may stand for this one.
        return AsyncResult(publication.message.headers["id"], self.app, task=self.task)

    def __repr__(self) -> str:
        shown = [*map(repr, self.args), *(f"{name}={value!r}" for name, value in self.kwargs.items())]
        return f"{self.task}({', '.join(shown)})"


def _copy(signature: Mapping[str, Any]) -> dict[str, Any]:
    copied = dict(signature)
    for key in ("args", "kwargs", "options"):
        copied[key] = list(copied[key] or ()) if key == "args" else dict(copied[key] or {})
    for option in ("link", "link_error", "chain"):
        if copied["options"].get(option):
            value = copied["options"][option]
            copied["options"][option] = list(value) if isinstance(value, (list, tuple)) else [value]
    policy = copied["options"].get("task_retry_policy")
    if isinstance(policy, RetryPolicy):
        copied["options"]["task_retry_policy"] = policy.as_header()  # a signature is plain values, and travels
    return copied


def signature(value: Signature[Any] | Mapping[str, Any], app: Celeriac) -> Signature[Any]:
    """The signature that a mapping from a message stands for.

    Raises:
        ConfigurationError: it is none.
    """
    from celeriac.canvas.chains import chain
    from celeriac.canvas.chords import chord
    from celeriac.canvas.groups import group

    if isinstance(value, Signature):
        return value.bound_to(app)
    if not isinstance(value, Mapping) or not isinstance(value.get("task"), str):
        raise ConfigurationError(f"not a signature: {value!r}")
    whole = {
        "task": value["task"],
        "args": value.get("args") or [],
        "kwargs": value.get("kwargs") or {},
        "options": _understood(value.get("options") or {}),
        "subtask_type": value.get("subtask_type"),
        "immutable": bool(value.get("immutable")),
        "chord_size": value.get("chord_size"),
    }
    kinds: dict[str, type[Signature[Any]]] = {"chain": chain, "group": group, "chord": chord}
    kind = kinds.get(whole["subtask_type"] or "", Signature)
    made = kind.__new__(kind)
    Signature.__init__(made, _copy(whole), app=app)
    return made


def _understood(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as a message brings them. A Celery client's stamps become headers; what means nothing here goes, such as
    an exchange, or how its publisher was to try again."""
    from celeriac.call import KNOWN_OPTIONS

    understood = {name: value for name, value in options.items() if name in KNOWN_OPTIONS}
    if stamped := options.get("stamped_headers"):
        stamps = {name: options[name] for name in stamped if name in options}
        headers = {"stamped_headers": list(stamped), "stamps": stamps}
        understood["headers"] = {**(understood.get("headers") or {}), **headers}
    return understood
