"""A group: many calls at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from celeriac.canvas.plan import Plan
from celeriac.canvas.signatures import Signature, signature
from celeriac.errors import ConfigurationError
from celeriac.ids import new_id

if TYPE_CHECKING:
    from celeriac.result import AsyncResult, GroupResult


class group(Signature[Any]):  # noqa: N801 (Celery's name)
    """``group(add.s(i, i) for i in range(100))``: the members are published in batches, and run side by side."""

    subtask_type = "group"

    def __init__(self, *members: Signature[Any] | Iterable[Signature[Any]], **options: Any) -> None:
        if len(members) == 1 and not isinstance(members[0], Signature):
            members = tuple(members[0])
        tasks = _unroll(cast("tuple[Signature[Any], ...]", members))
        app = next((member._app for member in tasks if member._app is not None), None)  # noqa: SLF001
        super().__init__("celery.group", (), {"tasks": tasks}, options, app=app)

    @property
    def tasks(self) -> list[Signature[Any]]:
        return self.kwargs["tasks"]  # type: ignore[no-any-return]

    def clone(self, args: Iterable[Any] = (), kwargs: Mapping[str, Any] | None = None, **options: Any) -> group:
        """A copy in which every member takes the arguments."""
        args = tuple(args)
        new = group(
            *(signature(member, self.app).clone(args, kwargs) for member in self.tasks), **{**self.options, **options}
        )
        new._app = self._app
        return new

    def freeze(self) -> str:
        """Give the group and its members ids, if they have none, and return the group's."""
        for member in self.tasks:
            signature(member, self.app).freeze() if isinstance(member, Signature) else None
        return self.options.setdefault("task_id", new_id())

    def apply_async(  # type: ignore[override]
        self, args: Iterable[Any] = (), kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> GroupResult[Any]:
        """Send all members."""
        plan = Plan()
        result = self.clone(args, kwargs, **options).compile(plan)
        plan.send(self.app)
        return result

    def delay(self, *args: Any, **kwargs: Any) -> GroupResult[Any]:  # type: ignore[override]
        """Send all members, with more arguments."""
        return self.apply_async(args, kwargs)

    def compile(self, plan: Plan) -> GroupResult[Any]:
        return self.compile_members(plan, None)

    def compile_members(self, plan: Plan, chord: Mapping[str, Any] | None) -> GroupResult[Any]:
        """The messages of all members. `chord` is set in each of them when the group is a chord's header."""
        from celeriac.result import GroupResult

        group_id = self.options.get("task_id") or new_id()
        shared: dict[str, Any] = {
            name: value
            for name, value in self.options.items()
            if name not in ("task_id", "chord", "group_id", "group_index")
        }
        results: list[AsyncResult[Any]] = []
        for index, member in enumerate(self.tasks):
            whole = signature(member, self.app).clone()
            whole["options"] = {**shared, **whole.options}
            end = cast("dict[str, Any]", whole.last().options)
            end.update(group_id=group_id, group_index=index)
            if chord is not None:
                if isinstance(whole.last(), group):
                    raise ConfigurationError(
                        f"a member of a chord cannot end in a group: {whole!r}; put a task after the group"
                    )
                end["chord"] = chord
            result = whole.compile(plan)
            results.extend(result.results if isinstance(result, GroupResult) else [result])
        return GroupResult(group_id, results, self.app)

    def placeholder(self, parent: Any) -> GroupResult[Any]:
        """The result of a group that is published later, as the last step of a chain; its ids are fixed already."""
        from celeriac.result import AsyncResult, GroupResult

        results = [
            AsyncResult[Any](signature(member, self.app).freeze(), self.app, parent=parent) for member in self.tasks
        ]
        return GroupResult(self.freeze(), results, self.app, parent=parent)

    def __len__(self) -> int:
        return len(self.tasks)

    def __bool__(self) -> bool:
        return True

    def __call__(self, *args: Any, **kwargs: Any) -> GroupResult[Any]:
        """Send all members, as Celery does when a group is called."""
        return self.apply_async(args, kwargs)

    def __repr__(self) -> str:
        return f"group({', '.join(map(repr, self.tasks[:10]))}{', …' if len(self.tasks) > 10 else ''})"


def _unroll(members: Iterable[Signature[Any]]) -> list[Signature[Any]]:
    """Groups within a group are part of it."""
    unrolled: list[Signature[Any]] = []
    for member in members:
        unrolled.extend(member.tasks if isinstance(member, group) else [member])
    return unrolled
