"""What follows a task: its callbacks, the next step of its chain.

Worked out in the slot, published when the task is settled.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from inspect import Parameter
from typing import TYPE_CHECKING, Any, cast

from celeriac.call import AGAIN
from celeriac.ids import derived

if TYPE_CHECKING:
    from celeriac.app import Celeriac
    from celeriac.context import Context
    from celeriac.message import Publication

logger = logging.getLogger("celeriac.worker")


def after_success(app: Celeriac, context: Context, value: Any, again: bool = False) -> list[Publication]:
    """The callbacks with the value, and the next step of the chain, which carries the rest of it."""
    embed = context.embed
    callbacks, chain = embed.get("callbacks"), embed.get("chain")
    if not callbacks and not chain:
        return []
    calls: list[tuple[Any, list[Any] | None]] = [(callback, None) for callback in callbacks or ()]
    if chain:
        calls.append((chain[-1], chain[:-1]))
    return _compile(app, context, calls, (value,), again, trail=True)


def after_failure(
    app: Celeriac, context: Context, error: BaseException, traceback: str, again: bool = False
) -> list[Publication]:
    """The error callbacks of a task that has failed."""
    return call_errbacks(app, context, context.embed.get("errbacks") or (), error, traceback, again)


def call_errbacks(
    app: Celeriac, context: Context, errbacks: Iterable[Any], error: BaseException, traceback: str, again: bool = False
) -> list[Publication]:
    """One that takes ``(request, exc, traceback)`` is called here, as in Celery; the others are sent with the id of the
    task that failed."""
    old: list[tuple[Any, None]] = []
    for errback in errbacks:
        task = app.tasks.get(errback.get("task", "")) if isinstance(errback, Mapping) else None
        if task is None or errback.get("immutable") or not _takes_three(task.signature.parameters.values()):
            old.append((errback, None))
            continue
        try:
            task(context, error, traceback, *errback.get("args", ()), **errback.get("kwargs", {}))
        except Exception:
            logger.exception("the error callback %s of %s[%s] failed itself", task.name, context.task, context.id)
    return _compile(app, context, old, (context.id,), again) if old else []


def in_place(app: Celeriac, replacement: Any) -> list[Publication]:
    """The messages of the signature that has taken the task's place."""
    from celeriac.canvas.plan import Plan

    plan = Plan()
    replacement.fix(derived(replacement.ends()[0].id))
    replacement.compile(plan)
    app.caller.check_queues(plan.publications)
    plan.open_joins(app)
    return plan.publications


def _compile(
    app: Celeriac,
    context: Context,
    calls: list[tuple[Any, list[Any] | None]] | list[tuple[Any, None]],
    args: tuple[Any, ...],
    again: bool,
    trail: bool = False,
) -> list[Publication]:
    from celeriac.canvas import Signature, signature
    from celeriac.canvas.plan import Plan

    plan = Plan()
    make = None
    for value, rest in calls:
        whole = signature(value, app).clone(args)
        if type(whole) is not Signature or whole.id is None:
            # The same each time, so that what is published a second time after a crash is known to be the same.
            make = make or derived(context.id or "")
            whole.fix(make)
        if context.reply_to:  # who waits for the task, waits for what follows it
            whole.options.setdefault("reply_to", context.reply_to)
        if rest:
            (end,) = whole.ends()
            cast("dict[str, Any]", end.options)["chain"] = rest
        whole.compile(plan)
        if trail:
            context.add_child(whole.result(), app)
    app.caller.check_queues(plan.publications)
    plan.open_joins(app)
    if again:
        for publication in plan.publications:
            publication.message.headers[AGAIN] = True
    return plan.publications


def _takes_three(parameters: Any) -> bool:
    positional = [
        parameter
        for parameter in parameters
        if parameter.kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    ]
    return len(positional) >= 3 and positional[2].default is Parameter.empty
