"""A group: many calls at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast, overload

from celeriac.canvas.members import Stream, read_members
from celeriac.canvas.plan import BATCH, Plan, remembered
from celeriac.canvas.reading import as_list, signature
from celeriac.canvas.signatures import A, Signature
from celeriac.canvas.stamps import StampingVisitor, merged
from celeriac.ids import new_id

if TYPE_CHECKING:
    from celeriac.canvas.chords import chord
    from celeriac.message import Publication
    from celeriac.result import AsyncResult, GroupResult

R = TypeVar("R")
S = TypeVar("S")


@Signature.register_type("group")
class group(Signature[list[R], A]):  # noqa: N801 (Celery's name)
    """``group(add.s(i, i) for i in range(100))``: the members are published in batches, and run side by side.

    Members may come from a generator of any length; beyond the first thousand it is read while they are published.
    Groups within a group are part of it, and None is passed over.
    """

    subtask_type = "group"

    @overload
    def __init__(self, *members: Signature[R, A] | None, **options: Any) -> None: ...
    @overload
    def __init__(self, members: Iterable[Signature[R, A] | None], /, **options: Any) -> None: ...
    def __init__(self, *members: Any, **options: Any) -> None:  # type: ignore[misc]  # it takes what both take
        given: Any = members
        if len(members) == 1 and not isinstance(members[0], Signature):
            given = members[0] or ()
        tasks = read_members(_unrolled(given) if not isinstance(given, (list, tuple)) else list(_unrolled(given)))
        some = tasks if isinstance(tasks, list) else tasks.head
        app = next((member._app for member in some if member._app is not None), None)  # noqa: SLF001
        super().__init__("celery.group", (), {"tasks": tasks}, options, app=app)

    @property
    def tasks(self) -> list[Signature[R]]:
        """The members."""
        tasks = self.kwargs["tasks"]
        if isinstance(tasks, Stream):
            tasks = self.kwargs["tasks"] = tasks.everyone()
        return tasks  # type: ignore[no-any-return]

    @property
    def members(self) -> Iterator[Signature[R]]:
        """The members, each of this group's app."""
        app = self._app
        for member in self.tasks:
            yield signature(member, app or member._app)  # noqa: SLF001

    @property
    def is_stream(self) -> bool:
        """Whether its members are still in a generator."""
        return isinstance(self.kwargs["tasks"], Stream)

    # making others

    def clone(self, args: Iterable[Any] = (), kwargs: Mapping[str, Any] | None = None, **options: Any) -> Self:
        """A copy in which every member takes the arguments."""
        args = tuple(args)
        new = self._copy()
        new.kwargs["tasks"] = [member.clone(args, kwargs) for member in self.members]
        cast("dict[str, Any]", new.options).update(options)
        return new

    def link_error(self, errback: Signature[Any]) -> Self:
        """Call `errback` for every member that fails."""
        for member in self.members:
            member.link_error(errback)
        return self

    def skew(self, start: float = 1.0, stop: float | None = None, step: float = 1.0) -> Self:
        """Give the members countdowns that grow, so that they do not start at once: `start`, `start` + `step`, … up to
        `stop` (excluded), from which on all get the last one."""
        countdown = start
        for member in self.members:
            member.set(countdown=countdown)
            if stop is None or countdown + step < stop:
                countdown += step
        return self

    def set_immutable(self, immutable: bool) -> None:
        """Whether the members take the result of the task before the group."""
        for member in self.members:
            member.set_immutable(immutable)

    def __or__(self, other: Signature[S, list[R]]) -> chord[S, A]:  # type: ignore[override]
        from celeriac.canvas.chords import chord

        if not isinstance(other, Signature):
            return NotImplemented
        return chord(self, other)

    def stamp(self, visitor: StampingVisitor | None = None, append_stamps: bool = False, **headers: Any) -> Self:
        """Stamp every member, callbacks included."""
        own = visitor.on_group_start(self, **headers) if visitor else None
        self.kwargs["tasks"] = list(self.members)
        for member in self.kwargs["tasks"]:
            member.stamp(visitor, append_stamps, **merged(headers, own))
        self.stamp_links(visitor, append_stamps, **merged(headers, own))
        if visitor:
            visitor.on_group_end(self, **headers)
        return self

    # calling

    def apply_async(  # type: ignore[override]
        self, args: Iterable[Any] = (), kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> GroupResult[R]:
        """Send all members, in batches; the first are sent before the last are read from a generator."""
        from celeriac.result import GroupResult

        if self.app.conf.task_always_eager:
            eager: GroupResult[R] = self.apply(args, kwargs, **options)
            return eager
        shared: dict[str, Any] = {**self.options, **options}
        group_id = shared.get("task_id") or new_id()
        results: list[AsyncResult[R]] = []

        def batches() -> Iterator[list[Publication]]:
            for members in self.batches():
                plan = Plan()
                results.extend(compile_members(plan, group_id, members, shared, len(results), None, args, kwargs))
                yield from plan.batches(self.app)

        self.app.caller.publish_all(batches())
        return remembered(GroupResult(group_id, results, self.app), self.app)

    def batches(self) -> Iterator[list[Signature[Any]]]:
        """The members, as many as are published together. Of a generator, each once."""
        tasks = self.kwargs["tasks"]
        source = tasks.used_up() if isinstance(tasks, Stream) else iter(tasks)
        app = self.app
        while batch := [signature(member, app) for member in islice(source, BATCH)]:
            yield batch

    def delay(self, *args: Any, **kwargs: Any) -> GroupResult[R]:  # type: ignore[override]
        """Send all members, with more arguments."""
        return self.apply_async(args, kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> GroupResult[R]:
        """Send all members, as Celery does when a group is called."""
        return self.apply_async(args, kwargs)

    # what it comes to

    def freeze(self, task_id: str | None = None) -> GroupResult[R]:  # type: ignore[override]
        """Give the group and its members their ids, and return its result before it is called."""
        self.fix_end(task_id)
        self.fix()
        return self.result()

    def fix_end(self, task_id: str | None) -> None:
        if task_id is not None:
            cast("dict[str, Any]", self.options)["task_id"] = task_id

    def fix(self, make: Callable[[], str] = new_id) -> str:
        self.kwargs["tasks"] = list(self.members)
        for member in self.kwargs["tasks"]:
            member.fix(make)
        return super().fix(make)

    def ends(self) -> list[Signature[Any]]:
        self.kwargs["tasks"] = list(self.members)
        return [end for member in self.kwargs["tasks"] for end in member.ends()]

    def tasks_within(self) -> Iterator[Signature[Any]]:
        for member in self.members:
            yield from member.tasks_within()

    def errbacks(self) -> list[tuple[Signature[Any], Any]]:
        own = as_list(self.options.get("link_error"))
        return [(member, errback) for member in self.members for errback in own] + [
            each for member in self.members for each in member.errbacks()
        ]

    def compile(self, plan: Plan) -> None:
        compile_members(plan, self.options["task_id"], list(self.members), self.options, 0)

    def result(self, parent: AsyncResult[Any] | GroupResult[Any] | None = None) -> GroupResult[Any]:
        from celeriac.result import GroupResult

        results = [each for member in self.members for each in flat(member.result(parent))]
        return GroupResult(self.options["task_id"], results, self.app, parent=parent)

    def __len__(self) -> int:
        return len(self.tasks)

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        if self.is_stream:
            return "group(…)"
        return f"group({', '.join(map(repr, self.tasks[:10]))}{', …' if len(self.tasks) > 10 else ''})"


def compile_members(
    plan: Plan,
    group_id: str,
    members: list[Signature[Any]],
    shared: Mapping[str, Any],
    first: int,
    chord: Any = None,
    args: Iterable[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
) -> list[AsyncResult[Any]]:
    """Add the messages of members, with these arguments. `shared` are the group's options, `first` the place of the
    first member; `chord` is set in each when the group is a chord's header. Returns the results."""
    from celeriac.result import AsyncResult

    common = {name: value for name, value in shared.items() if name not in _ITS_OWN}
    marks = {"group_id": group_id} if chord is None else {"group_id": group_id, "chord": chord}
    args = tuple(args)
    results: list[AsyncResult[Any]] = []
    for member in members:
        if type(member) is Signature:
            publication = _message_of(member, args, kwargs, common, marks, first + len(results))
            plan.publications.append(publication)
            headers = publication.message.headers
            results.append(AsyncResult(headers["id"], member.app, task=member.task))
            continue
        whole = member.clone(args, kwargs, **{name: common[name] for name in common if name not in member.options})
        _add_links(cast("dict[str, Any]", whole.options), common, member.options)
        whole.fix()
        for place, end in enumerate(whole.ends(), first + len(results)):
            _mark(cast("dict[str, Any]", end.options), marks, place)
        whole.compile(plan)
        results += flat(whole.result())
    return results


def _message_of(
    member: Signature[Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any] | None,
    common: Mapping[str, Any],
    marks: Mapping[str, Any],
    place: int,
) -> Publication:
    """Of a member that is a task: what its clone would compile to, without making one."""
    own: dict[str, Any] = member["options"]
    options: Any = {**common, **own}
    _add_links(options, common, own)
    _mark(options, marks, place)
    given, named = member["args"], member["kwargs"]
    if not member["immutable"]:
        given = [*args, *given] if args else given
        named = {**named, **kwargs} if kwargs else named
    publication = member.app.caller.build(member["task"], given, named, options)
    if "task_id" in own:
        own["task_id"] = publication.message.headers["id"]  # of a unique task, an equal call may stand for this one
    return publication


def _add_links(options: dict[str, Any], common: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    """Callbacks of the group are in addition to those of a member."""
    for name in ("link", "link_error"):
        if name in common and name in own:
            more = as_list(common[name])
            options[name] = [*as_list(own[name]), *(link for link in more if link not in as_list(own[name]))]


def _mark(options: dict[str, Any], marks: Mapping[str, Any], place: int) -> None:
    if "chord" not in options:  # else it belongs to a chord that this group is the end of
        options.update(marks)
        options["group_index"] = place


def flat(result: AsyncResult[Any] | GroupResult[Any]) -> list[AsyncResult[Any]]:
    """The results of a member: several, where it ends in a group."""
    from celeriac.result import GroupResult

    return result.results if isinstance(result, GroupResult) else [result]


_ITS_OWN = frozenset({"task_id", "chord", "group_id", "group_index"})


def _unrolled(members: Iterable[Any]) -> Iterator[Signature[Any]]:
    """Groups within a group are part of it."""
    for member in members:
        if member is None:
            continue
        whole = (member if isinstance(member, Signature) else signature(member)).expanded()
        if isinstance(whole, group):
            yield from whole.tasks
        else:
            yield whole
