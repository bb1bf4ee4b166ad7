"""Publishing many batches: each is made and written while the broker still confirms the one before."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from celeriac.call import CallOptions

if TYPE_CHECKING:
    from celeriac.app import Celeriac
    from celeriac.message import Publication
    from celeriac.specs.transport import Transport

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
    """Two batches are under way at most. When one fails, the one that was begun behind it is left to its fate, which
    is what a failed publish leaves: its messages may be there.

    Raises:
        TransportDown: the broker did not take a batch in time.
    """
    source = iter(batches)
    under_way: _UnderWay | None = None
    try:
        while True:
            asked = time.monotonic()
            batch = next(source, None)
            if under_way is not None:
                under_way.deadline += time.monotonic() - asked  # a slow source is no fault of the broker's
            if batch is None:
                break
            begun = _begin(app, batch)
            last, under_way = under_way, None
            if last is not None:
                _finish(app, last)
            under_way = begun
    finally:
        if under_way is not None:
            _finish(app, under_way)


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
