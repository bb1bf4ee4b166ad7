"""A signature: a task's name, arguments and options as a value that can be passed on, combined, and called later."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import GenericAlias
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Never, Self, TypeVar, cast

from celeriac.canvas.plan import Plan, remembered
from celeriac.canvas.reading import as_list, copied, signature
from celeriac.canvas.stamps import Stampable
from celeriac.ids import new_id

if TYPE_CHECKING:
    from celeriac.app import Celeriac
    from celeriac.call import CallOptions
    from celeriac.canvas.chains import chain
    from celeriac.result import AsyncResult, GroupResult
    from celeriac.task import Task

R = TypeVar("R")
S = TypeVar("S")
Kind = TypeVar("Kind", bound="Signature[Any]")
if TYPE_CHECKING:
    from typing_extensions import TypeVar as TypeVarWithDefault

    A = TypeVarWithDefault("A", contravariant=True, default=Any)
    """What it takes from the step before it, where that is known: its first argument is missing."""
else:
    A = TypeVar("A", contravariant=True)


class Signature(Stampable, dict[str, Any], Generic[R, A]):
    """A call that has not been made. It is a plain mapping with Celery's keys, so it travels in messages as it is.

    ::

        add.s(2, 2)                      # add.s(2).delay(2) fills in the rest
        add.s(2, 2) | mul.s(10)          # a chain
        add.signature_of((2, 2), countdown=10).delay()
    """

    subtask_type: str | None = None
    TYPES: ClassVar[dict[str, type[Signature[Any]]]] = {}
    """The kinds of signatures by their ``subtask_type``; `register_type` adds one."""

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

    @classmethod
    def register_type(cls, name: str | None = None) -> Callable[[type[Kind]], type[Kind]]:
        """A decorator for a kind of signature of your own: mappings with this ``subtask_type`` become one."""

        def register(kind: type[Kind]) -> type[Kind]:
            cls.TYPES[name or kind.subtask_type or kind.__name__] = kind
            return kind

        return register

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any], app: Celeriac | None = None) -> Signature[Any]:
        """The signature that a mapping stands for, of the kind that it names."""
        return signature(mapping, app)

    # parts

    @property
    def task(self) -> str:
        return self["task"]  # type: ignore[no-any-return]

    @property
    def name(self) -> str:
        """The name of the task."""
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
            from celeriac.current import apps

            return apps.current()
        return self._app

    @property
    def type(self) -> Task[..., R]:
        """The task itself.

        Raises:
            NotRegistered: it is not known here.
        """
        return self.app.find_task(self.task)

    def bound_to(self, app: Celeriac) -> Self:
        """The same signature, of that app."""
        self._app = app
        return self

    # making others

    def clone(self, args: Iterable[Any] = (), kwargs: Mapping[str, Any] | None = None, **options: Any) -> Self:
        """A copy with more: `args` come first, `kwargs` and `options` win. An immutable one takes options only."""
        new = self._copy()
        if not self.immutable:
            if args:
                new["args"] = [*args, *new["args"]]
            if kwargs:
                new["kwargs"].update(kwargs)
        if options:
            new["options"].update(options)
        return new

    def _copy(self) -> Self:
        made = self.__class__.__new__(self.__class__)
        Signature.__init__(made, copied(self), app=self._app)
        return made

    def merge(
        self,
        args: Iterable[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        force: bool = False,
    ) -> tuple[list[Any], dict[str, Any], dict[str, Any]]:
        """The arguments and options of `clone`. `force`: an immutable one takes arguments too."""
        new_options = {**copied(self)["options"], **(options or {})}
        if self.immutable and not force:
            return list(self.args), dict(self.kwargs), new_options
        return [*args, *self.args], {**self.kwargs, **(kwargs or {})}, new_options

    def replace(
        self,
        args: Iterable[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Self:
        """A copy with other arguments or options in the place of its own."""
        new = self._copy()
        if args is not None:
            new["args"] = list(args)
        if kwargs is not None:
            new["kwargs"] = dict(kwargs)
        if options is not None:
            new["options"] = dict(options)
        return new

    def set(self, immutable: bool | None = None, **options: Any) -> Self:
        """Change options in place: ``add.s(2, 2).set(queue="slow", countdown=10)``."""
        if immutable is not None:
            self.set_immutable(immutable)
        self.options.update(options)  # type: ignore[typeddict-item]
        return self

    def set_immutable(self, immutable: bool) -> None:
        """Whether it takes the result of the task before it."""
        self["immutable"] = immutable

    def link(self, callback: Signature[Any]) -> Self:
        """Call `callback` with the result."""
        return self._append("link", callback)

    def link_error(self, errback: Signature[Any]) -> Self:
        """Call `errback` when it fails: with its task's id, or with ``(request, exc, traceback)`` where it takes three
        arguments."""
        return self._append("link_error", errback)

    def on_error(self, errback: Signature[Any]) -> Self:
        """The same as `link_error`."""
        return self.link_error(errback)

    def _append(self, option: str, other: Signature[Any]) -> Self:
        options = cast("dict[str, Any]", self.options)
        links = options.get(option) or []
        options[option] = links if isinstance(links, list) else [links]  # one alone, or a tuple, is as good in a call
        if other not in options[option]:
            options[option].append(other)
        return self

    def flatten_links(self) -> list[Signature[Any]]:
        """Itself, its callbacks, and theirs."""
        links = as_list(self.options.get("link"))
        return [self, *(each for link in links for each in signature(link, self._app).flatten_links())]

    if not TYPE_CHECKING:  # checkers know that the second parameter may be left out; `Generic` does not

        def __class_getitem__(cls, parameters: Any) -> GenericAlias:
            return GenericAlias(cls, parameters)

    def __or__(self, other: Signature[S, R]) -> chain[S, A]:  # type: ignore[override]
        from celeriac.canvas.chains import chain

        if not isinstance(other, Signature):
            return NotImplemented
        return chain(self, other)

    if TYPE_CHECKING:  # a mapping may stand for a step; were that known, a wrong step could, too

        def __ror__(self, other: Never) -> Any: ...  # type: ignore[override]

    else:

        def __ror__(self, other: Mapping[str, Any]) -> chain[R]:
            """A chain whose first step is a plain mapping."""
            from celeriac.canvas.chains import chain

            return chain(signature(other, self._app), self)

    # calling

    def delay(self, *args: Any, **kwargs: Any) -> AsyncResult[R]:
        """Send it, with more arguments."""
        return self.apply_async(args, kwargs)

    def apply_async(
        self, args: Iterable[Any] = (), kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> AsyncResult[R]:
        """Send it, with more arguments and options."""
        if self.app.conf.task_always_eager:
            eager: AsyncResult[R] = self.apply(args, kwargs, **options)
            return eager
        whole = self._called(args, kwargs, options)
        plan = Plan()
        whole.compile(plan)
        plan.send(self.app)
        return cast("AsyncResult[R]", remembered(whole.result(), self.app))

    def apply(self, args: Iterable[Any] = (), kwargs: Mapping[str, Any] | None = None, **options: Any) -> Any:
        """Run it here and now as workers would, one task after the other, and return the result: of a group, the
        group's."""
        from celeriac.canvas.local import run_here

        return run_here(self._called(args, kwargs, options))

    def _called(self, args: Iterable[Any], kwargs: Mapping[str, Any] | None, options: dict[str, Any]) -> Self:
        """A copy as it is called, with fixed ids. An id that is given is that of its end."""
        task_id = options.pop("task_id", None)
        whole = self.clone(args, kwargs, **options)
        whole.fix_end(task_id)
        whole.fix()
        return whole

    async def adelay(self, *args: Any, **kwargs: Any) -> AsyncResult[R]:
        """`delay` that never blocks the event loop."""
        return await self.aapply_async(args, kwargs)

    async def aapply_async(
        self, args: Iterable[Any] = (), kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> AsyncResult[R]:
        """`apply_async` that never blocks the event loop."""
        import asyncio

        return await asyncio.to_thread(self.apply_async, args, kwargs, **options)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run it here and now, as a plain function."""
        whole = self.clone(args, kwargs)
        return self.app.find_task(self.task)(*whole.args, **whole.kwargs)

    # what it comes to

    def freeze(self, task_id: str | None = None) -> AsyncResult[R]:
        """Give its tasks their ids, and return its result before it is called."""
        self.fix_end(task_id)
        self.fix()
        return cast("AsyncResult[R]", self.result())

    def fix_end(self, task_id: str | None) -> None:
        """Give its end this id, if it is one."""
        if task_id is not None:
            for end in self.ends()[:1]:
                cast("dict[str, Any]", end.options)["task_id"] = task_id

    def fix(self, make: Callable[[], str] = new_id) -> str:
        """Give every task in it that has no id one that `make` makes. Returns the id of the whole."""
        options = cast("dict[str, Any]", self.options)
        return options.get("task_id") or options.setdefault("task_id", make())  # type: ignore[no-any-return]

    def expanded(self) -> Signature[Any]:
        """What it stands for within a workflow."""
        return self

    def ends(self) -> list[Signature[Any]]:
        """The tasks whose ends are the end of the whole: callbacks and group membership of the whole are theirs."""
        return [self]

    def tasks_within(self) -> Iterator[Signature[Any]]:
        """Every task of it, itself where it is one."""
        yield self

    def errbacks(self) -> list[tuple[Signature[Any], Any]]:
        """The error callbacks of what would have run first, each with whose it is."""
        return [(self, errback) for errback in as_list(self.options.get("link_error"))]

    def compile(self, plan: Plan) -> None:
        """Add the messages of this call to the plan. Ids must be fixed."""
        publication = self.app.caller.build(self.task, self.args, self.kwargs, self.options)
        plan.publications.append(publication)
        # Of a unique task, an equal call may stand for this one.
        self.options["task_id"] = publication.message.headers["id"]

    def result(self, parent: AsyncResult[Any] | GroupResult[Any] | None = None) -> AsyncResult[Any] | GroupResult[Any]:
        """What stands for its result. Ids must be fixed."""
        from celeriac.result import AsyncResult

        return AsyncResult(self.options["task_id"], self.app, parent=parent, task=self.task)

    # as a value

    def reprcall(self, *args: Any, **kwargs: Any) -> str:
        """How it is written: ``add(2, 2)``."""
        given, named, _ = self.merge(args, kwargs, force=True)
        return f"{self.task}({', '.join([*map(repr, given), *(f'{name}={value!r}' for name, value in named.items())])})"

    def __json__(self) -> dict[str, Any]:
        return dict(self)

    def __copy__(self) -> Self:
        return self.clone()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        from copy import deepcopy

        made = self.__class__.__new__(self.__class__)
        Signature.__init__(made, deepcopy(dict(self), memo), app=self._app)
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return signature, (dict(self),)

    def __repr__(self) -> str:
        return self.reprcall()
