"""From one result to those that came of it, and from what `as_tuple` has written back to results."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from celeriac.errors import IncompleteStream

if TYPE_CHECKING:
    from celeriac.app import Celeriac
    from celeriac.result import AsyncResult, GroupResult


def iterdeps(
    root: AsyncResult[Any] | GroupResult[Any], intermediate: bool
) -> Iterator[tuple[AsyncResult[Any] | None, AsyncResult[Any]]]:
    """The results below a root, each once, with what it came from. A group gives its members; what stands before a
    result in its chain, and is not known otherwise, comes before it."""
    from celeriac.result_set import GroupResult

    todo: deque[tuple[AsyncResult[Any] | None, AsyncResult[Any] | GroupResult[Any]]] = deque([(None, root)])
    seen: set[tuple[str | None, str]] = set()
    opened: set[str] = set()
    while todo:
        parent, node = todo.popleft()
        if isinstance(node, GroupResult):
            todo.extend((parent, member) for member in node.results)
            continue
        before = _results(node.parent) if parent is not None else []
        if before and parent not in before:  # the body of a chord, or a later step of a member: after those before it
            todo.extend((parent, one) for one in before)
            todo.extend((one, node) for one in before)
            continue
        key = (parent.id if parent is not None else None, node.id)
        if key in seen:
            continue
        seen.add(key)
        yield parent, node
        if node.id in opened:
            continue
        opened.add(node.id)
        if not node.ready():
            if not intermediate:
                raise IncompleteStream(f"task {node.id} has not ended, so more may come of it")
            continue
        todo.extend((node, child) for child in node.children)


def _results(result: AsyncResult[Any] | GroupResult[Any] | None) -> list[AsyncResult[Any]]:
    from celeriac.result_set import GroupResult

    if result is None:
        return []
    return result.results if isinstance(result, GroupResult) else [result]


def result_from_tuple(value: Sequence[Any] | AsyncResult[Any] | GroupResult[Any], app: Celeriac) -> Any:
    """The result that `as_tuple` has written: an AsyncResult or a GroupResult."""
    from celeriac.result import AsyncResult
    from celeriac.result_set import GroupResult

    if isinstance(value, (AsyncResult, GroupResult)):
        return value
    head, members = value
    id_, parent = head if isinstance(head, (list, tuple)) else (head, None)
    before = result_from_tuple(parent, app) if parent else None
    if members is not None:
        return GroupResult(id_, [result_from_tuple(member, app) for member in members], app, before)
    return AsyncResult(id_, app, before)
