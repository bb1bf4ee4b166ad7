"""A chord: a group, and a body that is called once with the list of its results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast, overload

from celeriac.canvas.groups import compile_members, group
from celeriac.canvas.plan import BATCH, JOIN_SERIALIZER, Join, Plan
from celeriac.canvas.reading import as_list, signature
from celeriac.canvas.signatures import A, Signature
from celeriac.canvas.stamps import StampingVisitor, merged
from celeriac.ids import new_id
from celeriac.relay import LIMIT, relay_to

if TYPE_CHECKING:
    from celeriac.result import AsyncResult, GroupResult

R = TypeVar("R")
S = TypeVar("S")

MARK = {"celeriac": "join"}
"""What a member's message carries in ``embed["chord"]``: the rest stands in the group's completion record. Where other
systems count in the same store (``shared-join``), it carries the body, as theirs do; of a large one, a `relay`."""


@Signature.register_type("chord")
class chord(Signature[R, A]):  # noqa: N801 (Celery's name)
    """``chord(add.s(i, i) for i in range(10))(total.s())``, ``chord(header, body)``, or ``group(…) | body``.

    When a member fails, the body does not run: it ends as a failure with a ChordError that names the member, and
    the body's ``link_error`` callbacks are called.
    """

    subtask_type = "chord"

    @overload
    def __init__(self, header: group[S, A], body: Signature[R, list[S]], **options: Any) -> None: ...
    @overload
    def __init__(
        self, header: Iterable[Signature[S, A] | None], body: Signature[R, list[S]], **options: Any
    ) -> None: ...
    @overload
    def __init__(
        self, header: Signature[Any, A] | Iterable[Signature[Any, A] | None], body: None = None, **options: Any
    ) -> None: ...
    def __init__(self, header: Any, body: Signature[R, Any] | None = None, **options: Any) -> None:
        whole = header.expanded() if isinstance(header, Signature) else header
        members = whole if isinstance(whole, group) else group(whole)
        body_app = body._app if body is not None else None  # noqa: SLF001
        super().__init__("celery.chord", (), {"header": members, "body": body}, options, app=members._app or body_app)  # noqa: SLF001

    @property
    def header(self) -> group[Any]:
        """The group whose results the body takes."""
        header = self.kwargs["header"]
        if not isinstance(header, group):  # as JSON has it; Celery's clients may send a plain list
            if isinstance(header, Mapping):
                header = signature(header, self._app)
            header = header if isinstance(header, group) else group(header)
            self.kwargs["header"] = header
        if self._app is not None:
            header.bound_to(self._app)
        return header

    @property
    def tasks(self) -> group[Any]:
        """Celery's name of the header."""
        return self.header

    @property
    def body(self) -> Signature[R]:
        """What takes the results."""
        body = self.kwargs["body"] = signature(self.kwargs["body"], self._app)
        return body

    # making others

    def clone(self, args: Iterable[Any] = (), kwargs: Mapping[str, Any] | None = None, **options: Any) -> Self:
        """A copy in which every member of the header takes the arguments."""
        new = self._copy()
        new.kwargs["header"] = self.header.clone(args, kwargs)
        new.kwargs["body"] = self.body.clone()
        cast("dict[str, Any]", new.options).update(options)
        return new

    def link(self, callback: Signature[Any]) -> Self:
        """Call `callback` with the result of the body."""
        self.body.link(callback)
        return self

    def link_error(self, errback: Signature[Any]) -> Self:
        """Call `errback` when the body fails, which it also does when a member has failed. With the setting
        ``task_allow_error_cb_on_chord_header`` the members get it as well."""
        if self.app.conf.task_allow_error_cb_on_chord_header:
            self.header.link_error(errback)
        self.body.link_error(errback)
        return self

    def set_immutable(self, immutable: bool) -> None:
        """Whether the members take the result of the task before the chord."""
        self.header.set_immutable(immutable)

    def __or__(self, other: object) -> Any:
        """A chord whose body goes on."""
        if not isinstance(other, Signature):
            return NotImplemented
        new = self.clone()
        new.kwargs["body"] = new.body | other
        return new

    def stamp(self, visitor: StampingVisitor | None = None, append_stamps: bool = False, **headers: Any) -> Self:
        """Stamp every member and the body, callbacks included."""
        own = visitor.on_chord_header_start(self, **headers) if visitor else None
        header = self.header
        header.kwargs["tasks"] = list(header.members)
        for member in header.kwargs["tasks"]:
            member.stamp(visitor, append_stamps, **merged(headers, own))
        if visitor:
            visitor.on_chord_header_end(self, **headers)
        own = visitor.on_chord_body(self, **headers) if visitor else None
        self.body.stamp(visitor, append_stamps, **merged(headers, own))
        self.stamp_links(visitor, append_stamps, **headers)
        return self

    # calling

    def __call__(self, body: Signature[Any] | None = None, **options: Any) -> AsyncResult[R]:
        """Send it; `body` may be given here."""
        if body is not None:
            self["kwargs"]["body"] = body
            self._app = self._app or body._app  # noqa: SLF001
        return self.apply_async(**options)

    def apply_async(
        self, args: Iterable[Any] = (), kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> AsyncResult[R]:
        """Send the members. Many are sent in batches, those of a generator as they are read; the body waits until it is
        known how many there are."""
        header = self.header
        if self.app.conf.task_always_eager:
            eager: AsyncResult[R] = self.apply(args, kwargs, **options)
            return eager
        if not header.is_stream and len(header.tasks) <= BATCH:
            return super().apply_async(args, kwargs, **options)
        from celeriac.canvas.streaming import send_chord

        return send_chord(self, args, kwargs, options)

    # what it comes to

    def fix(self, make: Callable[[], str] = new_id) -> str:
        self.header.fix(make)
        return self.body.fix(make)

    def ends(self) -> list[Signature[Any]]:
        """The chord ends when its body ends."""
        return self.body.ends()

    def tasks_within(self) -> Iterator[Signature[Any]]:
        yield from self.header.tasks_within()
        yield from self.body.tasks_within()

    def errbacks(self) -> list[tuple[Signature[Any], Any]]:
        body = self.whole_body()
        return body.errbacks()

    def whole_body(self) -> Signature[Any]:
        """A copy of the body with the options that the chord itself was given for it."""
        body = self.body.clone()
        own = {name: value for name, value in self.options.items() if name not in _OF_THE_START}
        errbacks = as_list(own.pop("link_error", None))
        callbacks = as_list(own.pop("link", None))
        ends = {name: own.pop(name) for name in _OF_THE_END if name in own}
        body["options"] = {**own, **body.options}
        for errback in errbacks:
            body.link_error(errback)
        for end in body.ends():
            cast("dict[str, Any]", end.options).update(ends)
            for callback in callbacks:
                end.link(callback)
        return body

    def compile(self, plan: Plan) -> None:
        body = self.whole_body()
        group_id = self.header.options["task_id"]
        members = list(self.header.members)
        results = compile_members(plan, group_id, members, self.header_options(), 0, self.mark(body, group_id))
        if results:
            plan.joins.append(Join(group_id, [result.id for result in results], dict(body)))
        else:
            body.clone([[]]).compile(plan)

    def header_options(self) -> dict[str, Any]:
        """What holds for every member."""
        own = {name: value for name, value in self.options.items() if name not in _OF_THE_BODY}
        options = {**own, **self.header.options}
        if self.options.get("link_error") and self.app.conf.task_allow_error_cb_on_chord_header:
            options["link_error"] = as_list(self.options.get("link_error"))
        return options

    def mark(self, body: Signature[Any], group_id: str) -> Any:
        """What the messages of the members carry for the chord."""
        app = self.app
        if not app.backend.driver.supports("shared-join"):
            return MARK
        size = len(app.codec.serializer(JOIN_SERIALIZER).dumps(dict(body)))
        if size <= LIMIT:
            return dict(body)
        return relay_to(group_id, app.default_queue, f"{group_id}:body")

    def result(self, parent: AsyncResult[Any] | GroupResult[Any] | None = None) -> AsyncResult[Any] | GroupResult[Any]:
        return self.body.result(self.header.result(parent) if self.header.tasks else parent)

    def __repr__(self) -> str:
        return f"chord({self.kwargs['header']!r}, {self.kwargs['body']!r})"


_OF_THE_START = ("task_id", "countdown", "eta")
_OF_THE_END = ("group_id", "group_index", "chord", "chain")
_OF_THE_BODY = (*_OF_THE_END, "task_id", "link", "link_error")
