"""What a failed task leaves behind: the later steps of its chain, which will never run, and who waits for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from celeriac.canvas.chains import chain
from celeriac.canvas.chords import chord
from celeriac.canvas.groups import group
from celeriac.canvas.signatures import Signature, signature

if TYPE_CHECKING:
    from collections.abc import Iterator

    from celeriac.app import Celeriac


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
        yield from _ends(signature(step, app), app)


def _ends(step: Signature[Any], app: Celeriac) -> Iterator[Behind]:
    if isinstance(step, (group, chain)):
        for member in step.tasks:
            yield from _ends(signature(member, app), app)
    elif isinstance(step, chord):
        yield from _ends(step.body, app)
    elif step.id is not None:
        options = cast("dict[str, Any]", step.options)
        waiting = options.get("chord")
        yield Behind(step.id, options.get("group_id") if waiting else None, options.get("group_index"), waiting)
        # The body of a chord within a chain carries what comes after it.
        yield from left_behind(app, {"chain": options.get("chain")})
