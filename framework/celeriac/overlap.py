"""Publishing many batches: each is made and written while the broker still confirms the ones before it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from celeriac.call import CallOptions

if TYPE_CHECKING:
    from celeriac.app import Celeriac
    from celeriac.message import Publication
    from celeriac.specs.transport import Transport

MOST: Final = 4
"""Batches that are under way at once. RabbitMQ confirms what is on its disk, and writes when it has a moment: with two
it still waits for us now and then, and with more than four it gains next to nothing."""
_NO_OPTIONS: CallOptions = {}


@dataclass(slots=True)
class _UnderWay:
    """A batch that was begun."""

    batch: Sequence[Publication]
    transport: Transport
    finish: Callable[[float], None] | None
    """None: it is done."""
    deadline: float


def publish_all(app: Celeriac, batches: Iterable[Sequence[Publication]]) -> None:
    """When a batch fails, those that were begun behind it are left to their fate, which is what a failed publish leaves
    behind: their messages may be there.

    Raises:
        TransportDown: the broker did not take a batch in time.
    """
    source, under_way = iter(batches), deque[_UnderWay]()
    try:
        while True:
            with _uncounted(under_way):  # a slow source is no fault of the broker's
                batch = next(source, None)
            if batch is None:
                break
            begun = _begin(app, batch)
            if begun is not None:
                under_way.append(begun)
            if len(under_way) >= MOST:
                _finish_first(app, under_way)
    finally:
        while under_way:
            _finish_first(app, under_way)


@contextmanager
def _uncounted(batches: Iterable[_UnderWay]) -> Iterator[None]:
    """The time of this is not that of these batches."""
    begun = time.monotonic()
    yield
    for batch in batches:
        batch.deadline += time.monotonic() - begun


def _finish_first(app: Celeriac, under_way: deque[_UnderWay]) -> None:
    first = under_way.popleft()
    try:
        with _uncounted(under_way):  # the broker takes one batch after the other
            _finish(app, first)
    except BaseException:
        under_way.clear()
        raise


def _begin(app: Celeriac, batch: Sequence[Publication]) -> _UnderWay | None:
    caller = app.caller
    if app.has_unique and caller.holds_names(batch):
        caller.publish(batch)
        return None
    deadline = caller.deadline()
    transport = app.write_transport
    batch = caller.ready(batch, transport)
    finish = caller.deliver(batch, deadline, _NO_OPTIONS, transport, partial(transport.begin_publish, batch))
    return _UnderWay(batch, transport, finish, deadline)


def _finish(app: Celeriac, begun: _UnderWay) -> None:
    if begun.finish is not None:
        app.caller.deliver(begun.batch, begun.deadline, _NO_OPTIONS, begun.transport, begun.finish)
    if app.hooks.after_publish:
        app.hooks.after_publish(app=app, batch=begun.batch)
