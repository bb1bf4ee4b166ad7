"""What a failed task leaves behind: the later steps of its chain, which will never run, and who waits for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from celeriac.canvas.reading import signature

if TYPE_CHECKING:
    from collections.abc import Iterator

    from celeriac.app import Celeriac
    from celeriac.canvas.signatures import Signature


class Behind(NamedTuple):
    """A task that would have followed."""

    id: str
    group: str | None
    """Of the chord that waits for it."""
    place: int | None
    chord: Any
    """What its message would have carried for the chord."""


def left_behind(app: Celeriac, embed: Mapping[str, Any]) -> Iterator[Behind]:
    """Each task that would have followed."""
    for step in embed.get("chain") or ():
        yield from never_run(signature(step, app))


def never_run(whole: Signature[Any]) -> Iterator[Behind]:
    """Each task of a workflow that is not begun, and of what was to follow it."""
    for task in whole.tasks_within():
        if task.id is None:
            continue
        options: Mapping[str, Any] = task.options
        waiting = options.get("chord")
        yield Behind(task.id, options.get("group_id") if waiting else None, options.get("group_index"), waiting)
        # The body of a chord within a chain carries what comes after it.
        yield from left_behind(task.app, {"chain": options.get("chain")})
