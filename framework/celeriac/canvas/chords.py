"""A chord: a group, and a body that is called once with the list of its results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from celeriac.canvas.groups import group
from celeriac.canvas.plan import Join, Plan
from celeriac.canvas.signatures import Signature, signature

if TYPE_CHECKING:
    from celeriac.result import AsyncResult

MARK = {"celeriac": "join"}
"""What a member's message carries in ``embed["chord"]``: the rest stands in the group's completion record. Where other
systems count in the same store (``shared-join``), it carries the body, as theirs do."""


class chord(Signature[Any]):  # noqa: N801 (Celery's name)
    """``chord(add.s(i, i) for i in range(10))(total.s())``, ``chord(header, body)``, or ``group(…) | body``.

    When a member fails, the body does not run: it ends as a failure with a ChordError that names the member, and
    the body's ``link_error`` callbacks are called.
    """

    subtask_type = "chord"

    def __init__(
        self, header: Signature[Any] | Iterable[Signature[Any]], body: Signature[Any] | None = None, **options: Any
    ) -> None:
        members = header if isinstance(header, group) else group(header)
        body_app = body._app if body is not None else None  # noqa: SLF001
        super().__init__("celery.chord", (), {"header": members, "body": body}, options, app=members._app or body_app)  # noqa: SLF001

    @property
    def header(self) -> group:
        return cast("group", signature(self.kwargs["header"], self.app))

    @property
    def body(self) -> Signature[Any]:
        return signature(self.kwargs["body"], self.app)

    def clone(self, args: Iterable[Any] = (), kwargs: Mapping[str, Any] | None = None, **options: Any) -> chord:
        """A copy in which every member of the header takes the arguments."""
        new = chord(self.header.clone(args, kwargs), self.body.clone(), **{**self.options, **options})
        new._app = self._app
        return new

    def __call__(self, body: Signature[Any] | None = None, **options: Any) -> AsyncResult[Any]:
        """Send it; `body` may be given here."""
        if body is not None:
            self["kwargs"]["body"] = body
            self._app = self._app or body._app  # noqa: SLF001
        return self.apply_async(**options)

    def freeze(self) -> str:
        """Give the body an id, if it has none, and return it."""
        body = self.body
        self.kwargs["body"] = body
        return body.freeze()

    def last(self) -> Signature[Any]:
        """The chord ends when its body ends."""
        body = self.body
        self.kwargs["body"] = body
        return body.last()

    def compile(self, plan: Plan) -> AsyncResult[Any]:
        from celeriac.result import AsyncResult

        header, body = self.header.clone(), self.body
        body["options"] = {**{k: v for k, v in self.options.items() if k not in ("task_id",)}, **body.options}
        body_id = body.freeze()
        if not header.tasks:
            result = body.clone([[]]).compile(plan)
            return cast("AsyncResult[Any]", result)
        group_id = header.freeze()
        is_shared = self.app.backend.driver.supports("shared-join")
        results = header.compile_members(plan, dict(body) if is_shared else MARK)
        plan.joins.append(Join(group_id, [result.id for result in results.results], dict(body)))
        return AsyncResult(body_id, self.app, parent=results, task=body.task)

    def __repr__(self) -> str:
        return f"chord({self.kwargs['header']!r}, {self.kwargs['body']!r})"
