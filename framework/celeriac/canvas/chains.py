"""A chain: each step is called with the result of the one before it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from celeriac.canvas.signatures import Signature, signature

if TYPE_CHECKING:
    from celeriac.canvas.plan import Plan
    from celeriac.result import AsyncResult, GroupResult


class chain(Signature[Any]):  # noqa: N801 (Celery's name)
    """``chain(a, b, c)``, or ``a | b | c``.

    A group followed by a task becomes a chord. A message carries the steps after it in reverse order, so that the
    next one is taken off its end: Celery's format.
    """

    subtask_type = "chain"

    def __init__(self, *steps: Signature[Any] | Iterable[Signature[Any]], **options: Any) -> None:
        if len(steps) == 1 and not isinstance(steps[0], Signature):
            steps = tuple(steps[0])
        flat = _flatten(cast("tuple[Signature[Any], ...]", steps))
        app = next((step._app for step in flat if step._app is not None), None)  # noqa: SLF001
        super().__init__("celery.chain", (), {"tasks": flat}, options, app=app)

    @property
    def tasks(self) -> list[Signature[Any]]:
        return self.kwargs["tasks"]  # type: ignore[no-any-return]

    def clone(self, args: Iterable[Any] = (), kwargs: Any = None, **options: Any) -> chain:
        """A copy whose first step takes the arguments. Options hold for every step that does not set them itself."""
        steps = [signature(step, self.app).clone() for step in self.tasks]
        if steps:
            steps[0] = steps[0].clone(args, kwargs)
        new = chain(*steps, **{**self.options, **options})
        new._app = self._app
        return new

    def last(self) -> Signature[Any]:
        return signature(self.tasks[-1], self.app).last()

    def freeze(self) -> str:
        """Give the last step an id and return it."""
        return self.tasks[-1].freeze()

    def compile(self, plan: Plan) -> AsyncResult[Any] | GroupResult[Any]:
        """The first step, with the others embedded in it. Each result's parent is that of the step before."""
        from celeriac.errors import ConfigurationError
        from celeriac.result import AsyncResult

        steps = [signature(step, self.app).clone() for step in self.tasks]
        if not steps:
            raise ConfigurationError("an empty chain has nothing to call")
        self._spread_options(steps)
        first, rest = steps[0], steps[1:]
        for step in rest:
            step.freeze()
        if rest:
            # Celery's order: the next step is the last of the list.
            embedded = [*(first.options.get("chain") or []), *reversed(rest)]
            first.last().options["chain"] = [dict(step) for step in embedded]
        result = first.compile(plan)
        for step in rest:
            following = step.placeholder(result) if hasattr(step, "placeholder") else None
            result = following or AsyncResult(step.freeze(), self.app, parent=result, task=step.task)
        return result

    def _spread_options(self, steps: list[Signature[Any]]) -> None:
        """Options of the whole: where it starts, how its end is followed; the rest for each step."""
        options: dict[str, Any] = dict(self.options)
        options.pop("task_id", None)
        options.pop("link_error", None)
        address = options.get("reply_to") or self.app.caller.address()
        if address:
            options["reply_to"] = address  # for the worker that sends the later steps
        ends = {name: options.pop(name) for name in _OF_THE_END if name in options}
        starts = {name: options.pop(name) for name in _OF_THE_START if name in options}
        for step in steps:
            step["options"] = {**options, **step.options}
        cast("dict[str, Any]", steps[0].options).update(starts)
        end = steps[-1].last()
        for name, value in ends.items():
            if name == "link":
                for callback in value if isinstance(value, (list, tuple)) else [value]:
                    end.link(callback)
            else:
                cast("dict[str, Any]", end.options)[name] = value
        for errback in _errbacks(self):
            for step in steps:
                step.link_error(errback)

    def __repr__(self) -> str:
        return " | ".join(map(repr, self.tasks))


_OF_THE_START = ("countdown", "eta")
_OF_THE_END = ("link", "group_id", "group_index", "chord", "chain")


def _errbacks(whole: Signature[Any]) -> list[Any]:
    value = whole.options.get("link_error") or []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _flatten(steps: Iterable[Signature[Any]]) -> list[Signature[Any]]:
    """Chains within chains become one; a group with a step after it becomes a chord."""
    from celeriac.canvas.chords import chord
    from celeriac.canvas.groups import group

    flat: list[Signature[Any]] = []
    for step in steps:
        inner = step.tasks if isinstance(step, chain) and not step.options else [step]
        for part in inner:
            if flat and isinstance(flat[-1], group):
                flat[-1] = chord(flat[-1], part)
            else:
                flat.append(part)
    return flat
