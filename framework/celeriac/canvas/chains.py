"""A chain: each step is called with the result of the one before it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast, overload

from celeriac.canvas.chords import chord
from celeriac.canvas.groups import group
from celeriac.canvas.reading import as_list, signature
from celeriac.canvas.signatures import A, Signature
from celeriac.canvas.stamps import StampingVisitor, merged
from celeriac.errors import ConfigurationError
from celeriac.ids import new_id

if TYPE_CHECKING:
    from celeriac.canvas.plan import Plan
    from celeriac.result import AsyncResult, GroupResult

R = TypeVar("R")
S1 = TypeVar("S1")
S2 = TypeVar("S2")
S3 = TypeVar("S3")


@Signature.register_type("chain")
class chain(Signature[R, A]):  # noqa: N801 (Celery's name)
    """``chain(a, b, c)``, or ``a | b | c``.

    A group followed by a task becomes a chord; None is passed over. A message carries the steps after it in reverse
    order, so that the next one is taken off its end: Celery's format.
    """

    subtask_type = "chain"

    @overload
    def __init__(self, step: Signature[R, A], /, **options: Any) -> None: ...
    @overload
    def __init__(self, first: Signature[S1, A], last: Signature[R, S1], /, **options: Any) -> None: ...
    @overload
    def __init__(
        self, first: Signature[S1, A], second: Signature[S2, S1], last: Signature[R, S2], /, **options: Any
    ) -> None: ...
    @overload
    def __init__(
        self,
        first: Signature[S1, A],
        second: Signature[S2, S1],
        third: Signature[S3, S2],
        last: Signature[R, S3],
        /,
        **options: Any,
    ) -> None: ...
    @overload
    def __init__(
        self,
        first: Signature[Any, A],
        second: Signature[Any] | None,
        third: Signature[Any] | None,
        fourth: Signature[Any] | None,
        fifth: Signature[Any] | None,
        /,
        *more: Signature[Any] | None,
        **options: Any,
    ) -> None: ...
    @overload
    def __init__(self, steps: Iterable[Signature[Any] | None] | None = None, /, **options: Any) -> None: ...
    def __init__(self, *steps: Any, **options: Any) -> None:  # type: ignore[misc]  # it takes what all of them take
        given: Any = steps
        if len(steps) == 1 and not isinstance(steps[0], Signature):
            given = steps[0] or ()
        flat = _flattened(given)
        app = next((step._app for step in flat if step._app is not None), None)  # noqa: SLF001
        super().__init__("celery.chain", (), {"tasks": flat}, options, app=app)

    @property
    def tasks(self) -> list[Signature[Any]]:
        """The steps."""
        return self.kwargs["tasks"]  # type: ignore[no-any-return]

    def steps(self) -> list[Signature[Any]]:
        """The steps, each of this chain's app."""
        steps = self.kwargs["tasks"] = [signature(step, self._app or _app_of(step)) for step in self.tasks]
        return steps

    # making others

    def clone(self, args: Iterable[Any] = (), kwargs: Mapping[str, Any] | None = None, **options: Any) -> Self:
        """A copy whose first step takes the arguments. Options hold for every step that does not set them itself."""
        new = self._copy()
        steps = [step.clone() for step in self.steps()]
        if steps and (args or kwargs):
            steps[0] = steps[0].clone(args, kwargs)
        new.kwargs["tasks"] = steps
        cast("dict[str, Any]", new.options).update(options)
        return new

    def set_immutable(self, immutable: bool) -> None:
        """Whether the first step takes the result of the task before the chain."""
        self.steps()[0].set_immutable(immutable)

    def __call__(self, *args: Any, **kwargs: Any) -> AsyncResult[R]:
        """Send it, as Celery does when a chain is called."""
        return self.apply_async(args, kwargs)

    def stamp(self, visitor: StampingVisitor | None = None, append_stamps: bool = False, **headers: Any) -> Self:
        """Stamp every step, callbacks included."""
        own = visitor.on_chain_start(self, **headers) if visitor else None
        for step in self.steps():
            step.stamp(visitor, append_stamps, **merged(headers, own))
        self.stamp_links(visitor, append_stamps, **merged(headers, own))
        if visitor:
            visitor.on_chain_end(self, **headers)
        return self

    # what it comes to

    def apply_async(
        self, args: Iterable[Any] = (), kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> AsyncResult[R]:
        """Send its first step, with the others embedded in it."""
        if not self.tasks:
            raise ConfigurationError("an empty chain has nothing to call")
        if len(self.tasks) == 1 and not self.options and isinstance(self.tasks[0], (chord, group)):
            return cast("AsyncResult[R]", self.steps()[0].apply_async(args, kwargs, **options))  # it may be a stream
        return super().apply_async(args, kwargs, **options)

    def fix(self, make: Callable[[], str] = new_id) -> str:
        """Give every step its ids, and return that of the last one."""
        if not self.tasks:
            raise ConfigurationError("an empty chain has nothing to call")
        return [step.fix(make) for step in self.steps()][-1]

    def ends(self) -> list[Signature[Any]]:
        return self.steps()[-1].ends()

    def tasks_within(self) -> Iterator[Signature[Any]]:
        for step in self.spread():
            yield from step.tasks_within()

    def errbacks(self) -> list[tuple[Signature[Any], Any]]:
        return self.spread()[0].errbacks()

    def spread(self) -> list[Signature[Any]]:
        """Copies of the steps with the options of the whole: where it starts, how its end is followed; the rest for
        each step."""
        steps = [step.clone() for step in self.steps()]
        options: dict[str, Any] = dict(self.options)
        if not options or not steps:
            return steps
        options.pop("task_id", None)
        errbacks = as_list(options.pop("link_error", None))
        callbacks = as_list(options.pop("link", None))
        ends = {name: options.pop(name) for name in _OF_THE_END if name in options}
        starts = {name: options.pop(name) for name in _OF_THE_START if name in options}
        for step in steps:
            step["options"] = {**options, **step.options}
            for errback in errbacks:
                step.link_error(errback)
        cast("dict[str, Any]", steps[0].options).update(starts)
        for end in steps[-1].ends():
            cast("dict[str, Any]", end.options).update(ends)
            for callback in callbacks:
                end.link(callback)
        return steps

    def compile(self, plan: Plan) -> None:
        """The first step, with the others embedded in it."""
        steps = self.spread()
        if not steps:
            raise ConfigurationError("an empty chain has nothing to call")
        address = self.options.get("reply_to") or self.app.caller.address()
        if address:  # for the worker that sends the later steps
            for step in steps:
                step.options.setdefault("reply_to", address)
        first, rest = steps[0], steps[1:]
        if rest:
            # Celery's order: the next step is the last of the list.
            (end,) = first.ends()
            options = cast("dict[str, Any]", end.options)
            options["chain"] = [*(options.get("chain") or ()), *(dict(step) for step in reversed(rest))]
        first.compile(plan)
        if type(first) is Signature:
            self.steps()[0].options["task_id"] = first.options["task_id"]

    def result(self, parent: AsyncResult[Any] | GroupResult[Any] | None = None) -> AsyncResult[Any] | GroupResult[Any]:
        """That of the last step. Each result's parent is that of the step before."""
        result = parent
        for step in self.steps():
            result = step.result(result)
        assert result is not None
        return result

    def __len__(self) -> int:
        return len(self.tasks)

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return " | ".join(map(repr, self.tasks))


_OF_THE_START = ("countdown", "eta")
_OF_THE_END = ("group_id", "group_index", "chord", "chain")


def _app_of(step: Any) -> Any:
    return step._app if isinstance(step, Signature) else None  # noqa: SLF001


def _flattened(steps: Iterable[Any]) -> list[Signature[Any]]:
    """Chains within chains become one; what ends in a group and has a step after it becomes a chord."""
    flat: list[Signature[Any]] = []
    for step in steps:
        if step is None:
            continue
        whole = (step if isinstance(step, Signature) else signature(step)).expanded()
        for part in whole.spread() if isinstance(whole, chain) else [whole]:
            if flat and isinstance(flat[-1], group):
                flat[-1] = chord(flat[-1], part)
            elif flat and isinstance(flat[-1], chord) and ends_in_a_group(flat[-1]):
                flat[-1] = flat[-1] | part
            else:
                flat.append(part)
    return flat


def ends_in_a_group(sig: Signature[Any]) -> bool:
    """Whether its result is that of a group."""
    if isinstance(sig, chord):
        return ends_in_a_group(sig.body)
    if isinstance(sig, chain):
        return bool(sig.tasks) and ends_in_a_group(sig.steps()[-1])
    return isinstance(sig, group)
