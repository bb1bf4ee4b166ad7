"""A running member of a chord adds others to it.

The completion record grows first, then the members are sent: one that ended before it is counted would stand for one
that has not ended. Who adds has not ended either, so the chord cannot complete meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from celeriac.call import AGAIN
from celeriac.canvas.groups import flat
from celeriac.canvas.plan import JOIN_SERIALIZER, Plan, note_of, remembered
from celeriac.canvas.reading import signature
from celeriac.canvas.signatures import Signature
from celeriac.errors import ConfigurationError, EncodeError, UnsupportedCapability
from celeriac.ids import derived
from celeriac.states import READY_STATES

if TYPE_CHECKING:
    from celeriac.app import Celeriac
    from celeriac.context import Context


def add_to_chord(context: Context, sig: Signature[Any] | Mapping[str, Any], app: Celeriac, lazy: bool) -> Any:
    """See `Task.add_to_chord`."""
    group = context.group
    if not context.chord or not group or context.id is None:
        raise ConfigurationError("the task that runs is not a member of a chord, so nothing can be added to it")
    whole = signature(sig, app).clone().expanded()
    _give_ids(context, whole, app)
    _give_place(context, whole)
    plan = Plan()
    whole.compile(plan)
    result = whole.result()
    app.caller.check_queues(plan.publications)
    if not _grow(context, group, [each.id for each in flat(result)], app):
        return whole if lazy else result
    if lazy:
        return whole
    for publication in plan.publications:
        publication.message.headers[AGAIN] = True
    try:
        plan.send(app)
    except Exception as error:
        from celeriac.worker.join import give_up

        give_up(app, whole, error)
        raise
    return remembered(result, app)


def _give_ids(context: Context, whole: Signature[Any], app: Celeriac) -> None:
    """A run that is repeated after a crash gives what it adds the ids that it had the first time."""
    try:
        what = app.codec.serializer(JOIN_SERIALIZER).dumps(dict(whole)).decode()
    except EncodeError:
        what = whole.task
    whole.fix(derived(f"{context.id}\0{what}\0{context.number_of(what)}"))


def _give_place(context: Context, whole: Signature[Any]) -> None:
    place = {"group_id": context.group, "group_index": context.group_index, "chord": context.chord}
    for end in whole.ends():
        if "chord" in end.options:
            raise ConfigurationError(f"{end!r} is a member of a chord already")
        cast("dict[str, Any]", end.options).update(place)


def _grow(context: Context, group: str, members: list[str], app: Celeriac) -> bool:
    """Have them counted. False: this run is a repetition, and the chord was complete without it."""
    driver = app.backend.driver
    if not driver.supports("join-grow"):
        raise UnsupportedCapability(
            f"{type(driver).__name__} counts no members that are added to a chord; use another result_backend, such as "
            "redis://"
        )
    body = b""
    if driver.supports("shared-join") and isinstance(context.chord, Mapping):
        if driver.join_shape(group) is not None:
            raise ConfigurationError(
                "a Celery client has called this chord, with a member that ends in a group: its body takes the "
                "results in that shape, which has no place for another one"
            )
        body = app.codec.serializer(JOIN_SERIALIZER).dumps({"body": context.chord})
    if not members or driver.join_grow(group, {member: note_of(context.id, member) for member in members}, body):
        return True
    own = driver.fetch([context.id or ""]).get(context.id or "")
    if own is not None and own.state in READY_STATES:
        return False
    raise ConfigurationError(
        f"the chord of group {group} is not open: it was given up, has expired (setting result_expires), or its "
        "members are counted elsewhere than in this result backend"
    )
