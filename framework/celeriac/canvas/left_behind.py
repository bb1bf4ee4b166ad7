"""What a failed task leaves behind: the later steps of its chain, which will never run, and who waits for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from celeriac.canvas.chains import chain
from celeriac.canvas.chords import chord
from celeriac.canvas.groups import group
from celeriac.canvas.signatures import Signature, signature

if TYPE_CHECKING:
    from collections.abc import Iterator

    from celeriac.app import Celeriac


def left_behind(app: Celeriac, embed: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    """The id of each task that would have followed, and the group of the chord that waits for it, or None."""
    for step in embed.get("chain") or ():
        yield from _ends(signature(step, app), app)


def _ends(step: Signature[Any], app: Celeriac) -> Iterator[tuple[str, str | None]]:
    if isinstance(step, (group, chain)):
        for member in step.tasks:
            yield from _ends(signature(member, app), app)
    elif isinstance(step, chord):
        yield from _ends(step.body, app)
    elif step.id is not None:
        options = step.options
        yield step.id, options.get("group_id") if options.get("chord") else None
        # The body of a chord within a chain carries what comes after it.
        yield from left_behind(app, {"chain": options.get("chain")})
