"""A signature in place of a task that runs: with its id, and with everything that was to follow it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from celeriac.canvas.chains import chain, ends_in_a_group
from celeriac.canvas.reading import signature
from celeriac.canvas.signatures import Signature
from celeriac.errors import ConfigurationError

if TYPE_CHECKING:
    from celeriac.app import Celeriac
    from celeriac.context import Context


def in_place_of(context: Context, sig: Signature[Any] | Mapping[str, Any], app: Celeriac) -> Signature[Any]:
    """The signature, made ready to be called instead of the task of this run.

    A group becomes a chord whose body hands its results on, so that there is one task with the one id.

    Raises:
        ConfigurationError: it is empty, or a member of a chord.
    """
    whole = signature(sig, app).clone()
    if "chord" in whole.options:
        raise ConfigurationError(f"{whole!r} is a member of a chord, so it cannot replace a task")
    if isinstance(whole, chain) and not whole.tasks:
        raise ConfigurationError("an empty chain cannot replace a task")
    if ends_in_a_group(whole):
        whole = whole | app.signature("celery.accumulate", (), {"index": 0})
    for errback in context.errbacks or ():
        whole.link_error(errback)
    (end,) = whole.ends()
    for callback in context.callbacks or ():
        end.link(callback)
    options = cast("dict[str, Any]", end.options)
    options.update(_place_of(context))
    if context.chain:
        options["chain"] = [*context.chain, *(options.get("chain") or ())]
    whole.set(**{name: value for name, value in _shared_by_all(context).items() if name not in whole.options})
    return whole


def _place_of(context: Context) -> dict[str, Any]:
    """What the end of the replacement takes over, so that nobody sees a difference."""
    headers: dict[str, Any] = {"replaced_task_nesting": context.replaced_task_nesting + 1}
    if context.stamped_headers:
        headers |= {"stamped_headers": context.stamped_headers, "stamps": context.stamps}
    place = {
        "task_id": context.id,
        "parent_id": context.parent_id,
        "headers": headers,
        "group_id": context.group,
        "group_index": context.group_index,
        "chord": context.chord,
        "ignore_result": context.ignore_result or None,
    }
    return {name: value for name, value in place.items() if value is not None}


def _shared_by_all(context: Context) -> dict[str, Any]:
    shared = {"root_id": context.root_id, "reply_to": context.reply_to}
    return {name: value for name, value in shared.items() if value is not None}
