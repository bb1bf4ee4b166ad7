"""A chord of many, or over a generator: its members are sent as they are read, and its completion record learns at the
end how many there are.

Until then the record is open without a size, and nothing can fire the body: should the producer die, or the generator
raise, the members that were sent run, and the body does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from celeriac.canvas.groups import compile_members
from celeriac.canvas.plan import Plan, check_joins, encoded, remembered
from celeriac.ids import new_id

if TYPE_CHECKING:
    from celeriac.canvas.chords import chord
    from celeriac.message import Publication
    from celeriac.result import AsyncResult


def send_chord(
    whole: chord[Any], args: Iterable[Any], kwargs: Mapping[str, Any] | None, options: Mapping[str, Any]
) -> AsyncResult[Any]:
    """Send the members, then say how many there were."""
    from celeriac.result import GroupResult
    from celeriac.worker.join import seal

    app, header = whole.app, whole.header
    check_joins(app)
    args, whole = tuple(args), whole.replace(options={**whole.options, **options})
    body = whole.whole_body()
    body.fix_end(whole.options.get("task_id"))
    body.fix()
    group_id = header.options.get("task_id") or new_id()
    mark, shared = whole.mark(body, group_id), whole.header_options()
    driver = app.backend.driver
    driver.join_open(group_id, None, b"")
    results: list[AsyncResult[Any]] = []

    def batches() -> Iterator[list[Publication]]:
        for members in header.batches():
            plan = Plan()
            results.extend(compile_members(plan, group_id, members, shared, len(results), mark, args, kwargs))
            yield from plan.batches(app)

    try:
        app.caller.publish_all(batches())
    except BaseException:
        driver.join_close(group_id)
        raise
    ids = [result.id for result in results]
    seal(app, group_id, len(ids), encoded(app, dict(body), ids))
    return cast("AsyncResult[Any]", remembered(body.result(GroupResult(group_id, results, app)), app))
