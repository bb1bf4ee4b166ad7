"""Running a task where it is called, as a worker would: ``task.apply()`` and ``task_always_eager``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from celeriac import states
from celeriac.context import Context, current
from celeriac.errors import Ignore, Reject, Retry
from celeriac.failure import ErrorInfo, format_traceback, to_document
from celeriac.ids import new_id
from celeriac.result import EagerResult
from celeriac.task import has_handlers, what_to_call

if TYPE_CHECKING:
    from collections.abc import Mapping

    from celeriac.task import Task

R = TypeVar("R")


def apply(
    task: Task[..., R], args: tuple[Any, ...], kwargs: dict[str, Any], options: Mapping[str, Any]
) -> EagerResult[R]:
    """Run the task, its retries (without their countdowns) and its callbacks, one after the other."""
    app = task.app
    task_id = options.get("task_id") or new_id()
    embed = {"callbacks": _as_list(options.get("link")), "errbacks": _as_list(options.get("link_error"))}
    retries = 0
    while True:
        headers = {"retries": retries, "root_id": options.get("root_id"), **(options.get("headers") or {})}
        context = Context(
            task.name, task_id, list(args), kwargs, headers, called_directly=False, is_eager=True, embed=embed
        )
        state, result, traceback = _run(task, context)
        if state != states.RETRY:
            break
        new_args, new_kwargs, _ = result.changed
        args, kwargs = tuple(args if new_args is None else new_args), dict(kwargs if new_kwargs is None else new_kwargs)
        retries += 1
    document = {"task_id": task_id, "status": state, "result": result, "traceback": traceback, "children": []}
    if state == states.FAILURE and app.conf.task_eager_propagates:
        raise result
    stores = app.conf.task_store_eager_result if task.store_eager_result is None else task.store_eager_result
    if stores and state in states.READY_STATES:
        stored = to_document(result) if state == states.FAILURE else result
        app.backend.store_state(task_id, state, stored)
    _follow(app, state, result, task_id, embed)
    return EagerResult(task_id, app, document)


def _run(task: Task[..., Any], context: Context) -> tuple[str, Any, str | None]:
    token = current.set(context)
    try:
        state, value, traceback = _outcome(task, context)
        if has_handlers(task):
            _tell(task, context, state, value, traceback)
    finally:
        current.reset(token)
    return state, value, traceback


def _outcome(task: Task[..., Any], context: Context) -> tuple[str, Any, str | None]:
    try:
        task.before_start(context.id or "", context.args, context.kwargs)
        value = what_to_call(task)(*context.args, **context.kwargs)
        if task.is_async:
            import asyncio

            value = asyncio.run(value)
    except Retry as control:
        return states.RETRY, control, None
    except (Ignore, Reject) as control:
        return states.IGNORED if isinstance(control, Ignore) else states.REJECTED, None, None
    except Exception as error:
        again = task.automatic_retry(error)
        if again is not None:
            return states.RETRY, again, None
        return states.FAILURE, error, format_traceback(error, (__file__,))
    return states.SUCCESS, value, None


def _tell(task: Task[..., Any], context: Context, state: str, value: Any, traceback: str | None) -> None:
    """Call the task's handlers as a worker does; but what one raises is the caller's to see."""
    call = context.id or "", context.args, context.kwargs
    if state == states.SUCCESS:
        task.on_success(value, *call)
        task.after_return(state, value, *call, None)
    elif state == states.RETRY:
        error = value.exc or value
        task.on_retry(error, *call, ErrorInfo(format_traceback(error), error))
    elif state == states.FAILURE:
        info = ErrorInfo(traceback or "", value)
        task.on_failure(value, *call, info)
        task.after_return(state, value, *call, info)


def _follow(app: Any, state: str, result: Any, task_id: str, embed: dict[str, Any]) -> None:
    from celeriac.canvas import signature

    if state == states.SUCCESS:
        for callback in embed["callbacks"]:
            signature(callback, app).apply_async((result,))
    elif state == states.FAILURE:
        for errback in embed["errbacks"]:
            signature(errback, app).apply_async((task_id,))


def _as_list(value: Any) -> list[Any]:
    if not value:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]
