"""A workflow that runs where it is called, one task after the other: ``apply()``, and ``task_always_eager``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from celeriac import states
from celeriac.canvas.chains import chain
from celeriac.canvas.chords import chord
from celeriac.canvas.groups import group
from celeriac.errors import ChordError
from celeriac.failure import describe
from celeriac.result import EagerResult, GroupResult

if TYPE_CHECKING:
    from celeriac.canvas.signatures import Signature
    from celeriac.result import AsyncResult


def run_here(whole: Signature[Any], args: Sequence[Any] = ()) -> AsyncResult[Any] | GroupResult[Any]:
    """Run it all. What stands behind a failure does not run, and ends with the same error, as in workers."""
    if isinstance(whole, chain):
        return _chain(whole, args)
    if isinstance(whole, chord):
        return _chord(whole, args)
    if isinstance(whole, group):
        results = [each for member in whole.members for each in _flat(run_here(member, args))]
        return GroupResult(whole.options["task_id"], results, whole.app)
    called = whole.clone(args)
    options: Any = {name: value for name, value in called.options.items() if name not in _NOT_HERE}
    return called.type.apply(called.args, called.kwargs, **options)


def _chain(whole: chain[Any], args: Sequence[Any]) -> AsyncResult[Any] | GroupResult[Any]:
    last: AsyncResult[Any] | GroupResult[Any] | None = None
    for step in whole.spread():
        failed = _failure(last) if last is not None else None
        result = run_here(step, args) if failed is None else _failed(step, failed.result)
        if result.parent is None:
            result.parent = last
        last = result
        args = [[each.result for each in last] if isinstance(last, GroupResult) else last.result]
    assert last is not None
    return last


def _chord(whole: chord[Any], args: Sequence[Any]) -> AsyncResult[Any] | GroupResult[Any]:
    header = run_here(whole.header, args)
    assert isinstance(header, GroupResult)
    body = whole.whole_body()
    failed = _failure(header)
    if failed is None:
        result = run_here(body, [[each.result for each in header]])
    else:
        error = ChordError(f"Dependency {failed.id} raised {describe(failed.result)}")
        result = _failed(body, error)
        for task, errback in body.errbacks():
            run_here(errback.bound_to(whole.app), [task.id])
        if whole.app.conf.task_eager_propagates:
            raise error
    result.parent = header
    return result


def _failure(result: AsyncResult[Any] | GroupResult[Any]) -> AsyncResult[Any] | None:
    return next((each for each in _flat(result) if each.state != states.SUCCESS), None)


def _failed(step: Signature[Any], error: BaseException) -> AsyncResult[Any] | GroupResult[Any]:
    def failure(task_id: str) -> EagerResult[Any]:
        document = {"status": states.FAILURE, "result": error, "traceback": None, "children": []}
        return EagerResult(task_id, step.app, document)

    shape = step.result()
    if isinstance(shape, GroupResult):
        return GroupResult(shape.id, [failure(member.id) for member in shape], step.app)
    return failure(shape.id)


def _flat(result: AsyncResult[Any] | GroupResult[Any]) -> list[AsyncResult[Any]]:
    return result.results if isinstance(result, GroupResult) else [result]


_NOT_HERE = frozenset({"chain", "chord", "group_id", "group_index", "stamped_headers"})
"""Options that say where a message belongs."""
