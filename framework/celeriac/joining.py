"""Whether a running task may wait for another one's result."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from celeriac.context import current

_may_join: ContextVar[bool] = ContextVar("celeriac_may_join", default=False)


def refuse_join() -> None:
    """Raise when a running task waits for another: with all slots waiting, nothing could run what they wait for."""
    context = current.get()
    if context is not None and not context.called_directly and not context.is_eager and not _may_join.get():
        raise RuntimeError(
            f"task {context.task} waits for another task's result, which can block a worker for ever; "
            "use a chain or a chord, or get(disable_sync_subtasks=False)"
        )


@contextmanager
def allow_join_result() -> Iterator[None]:
    """Within it, a task may wait for another's result, on the caller's own responsibility."""
    yield from _joining(True)


@contextmanager
def denied_join_result() -> Iterator[None]:
    """Within it, a task may not wait for another's result, though an outer block allows it."""
    yield from _joining(False)


def _joining(allowed: bool) -> Iterator[None]:
    token = _may_join.set(allowed)
    try:
        yield
    finally:
        _may_join.reset(token)
