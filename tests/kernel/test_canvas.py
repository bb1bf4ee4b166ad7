"""Chains, groups, chords."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from celeriac import Celeriac, chain, chord, group, signature
from celeriac.errors import ChordError, ConfigurationError, TaskFailed, TaskRevoked
from celeriac.testing import WorkerInTest


def test_a_chain_passes_each_result_on(app: Celeriac, worker: WorkerInTest) -> None:
    add = app.tasks["add"]

    result = (add.s(1, 1) | add.s(2) | add.s(3)).delay()

    assert result.get(timeout=5) == 7
    assert result.parent.get(timeout=5) == 4
    assert result.parent.parent.get(timeout=5) == 2


def test_an_immutable_step_takes_no_result(app: Celeriac, worker: WorkerInTest) -> None:
    add = app.tasks["add"]

    assert chain(add.s(1, 1), add.si(10, 10)).delay().get(timeout=5) == 20


def test_chains_of_chains_are_one(app: Celeriac, worker: WorkerInTest) -> None:
    add = app.tasks["add"]
    inner = add.s(1) | add.s(2)

    whole = add.s(0, 0) | inner | add.s(3)

    assert len(whole.tasks) == 4
    assert whole.delay().get(timeout=5) == 6


def test_a_failed_step_ends_the_chain_and_calls_its_errback(app: Celeriac, worker: WorkerInTest) -> None:
    fail, note = app.tasks["fail"], app.tasks["note"]

    result = chain(fail.s(), note.s()).on_error(note.s("errback")).delay()

    with pytest.raises(ValueError, match="no"):
        result.parent.get(timeout=5)
    worker.drain()
    assert app.ran == ["fail", ("note", (result.parent.id, "errback"), {})]  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="no"):
        result.get(timeout=5)


def test_callbacks_get_the_result(app: Celeriac, worker: WorkerInTest) -> None:
    add, note = app.tasks["add"], app.tasks["note"]

    add.apply_async((2, 2), link=[note.s("one"), note.s("two")])
    worker.drain()

    notes = sorted(entry[1] for entry in app.ran if entry[0] == "note")  # type: ignore[attr-defined]
    assert notes == [(4, "one"), (4, "two")]


def test_a_group_runs_all_and_keeps_the_order(app: Celeriac, worker: WorkerInTest) -> None:
    add = app.tasks["add"]

    result = group(add.s(i, i) for i in range(1000)).delay()

    assert result.get(timeout=20) == [2 * i for i in range(1000)]
    assert result.ready()
    assert result.successful()
    assert result.completed_count() == 1000


def test_members_of_a_group_are_awaitable_as_they_finish(app: Celeriac, worker: WorkerInTest) -> None:
    add = app.tasks["add"]

    async def main() -> list[int]:
        return sorted([await member async for member in group(add.s(i, i) for i in range(20)).delay()])

    assert asyncio.run(main()) == [2 * i for i in range(20)]


def test_a_failed_member_is_raised_by_get(app: Celeriac, worker: WorkerInTest) -> None:
    result = group(app.tasks["add"].s(1, 1), app.tasks["fail"].s("this one")).delay()

    with pytest.raises(ValueError, match="this one"):
        result.get(timeout=5)
    values = result.get(timeout=5, propagate=False)
    assert values[0] == 2
    assert isinstance(values[1], ValueError)


def test_a_chord_calls_its_body_once_with_all_results_in_order(app: Celeriac, worker: WorkerInTest) -> None:
    add, note = app.tasks["add"], app.tasks["note"]

    chord(add.s(i, i) for i in range(50))(note.s())
    worker.drain()

    assert [entry for entry in app.ran if entry[0] == "note"] == [("note", ([2 * i for i in range(50)],), {})]  # type: ignore[attr-defined]


def test_a_group_followed_by_a_task_is_a_chord(app: Celeriac, worker: WorkerInTest) -> None:
    add, total = app.tasks["add"], app.tasks["total"]

    result = (group(add.s(i, i) for i in range(10)) | total.s() | add.s(1)).delay()

    assert result.get(timeout=5) == 91


def test_a_chord_within_a_chain_takes_the_result_before_it(app: Celeriac, worker: WorkerInTest) -> None:
    add, total = app.tasks["add"], app.tasks["total"]

    whole = add.s(1, 1) | group(add.s(10), add.s(20)) | total.s()

    assert whole.delay().get(timeout=5) == 34


def test_a_chain_may_end_in_a_group(app: Celeriac, worker: WorkerInTest) -> None:
    add = app.tasks["add"]

    result = (add.s(1, 1) | group(add.s(10), add.s(20))).delay()

    assert result.get(timeout=5) == [12, 22]


def test_members_of_a_chord_may_be_chains_and_chords(app: Celeriac, worker: WorkerInTest) -> None:
    add, total = app.tasks["add"], app.tasks["total"]

    nested = chord([add.s(1, 1) | add.s(1), chord([add.s(2, 2), add.s(3, 3)], total.s())], total.s())

    assert nested.delay().get(timeout=5) == 3 + 10


def test_a_failed_member_keeps_the_body_from_running_and_names_itself(app: Celeriac, worker: WorkerInTest) -> None:
    add, fail, total, note = (app.tasks[name] for name in ("add", "fail", "total", "note"))

    result = chord([add.s(1, 1), fail.s("broken")], total.s().on_error(note.s("errback"))).delay()

    with pytest.raises(ChordError, match=r"Dependency .* raised ValueError: broken"):
        result.get(timeout=5)
    worker.drain()
    assert not [entry for entry in app.ran if entry[0] == "total"]  # type: ignore[attr-defined]
    assert ("note", (result.id, "errback"), {}) in app.ran  # type: ignore[attr-defined]


def test_a_chord_of_no_members_calls_its_body_with_an_empty_list(app: Celeriac, worker: WorkerInTest) -> None:
    assert chord([], app.tasks["total"].s()).delay().get(timeout=5) == 0


def test_a_member_that_ignores_its_result_still_counts(app: Celeriac, worker: WorkerInTest) -> None:
    add, total = app.tasks["add"], app.tasks["total"]

    result = chord([add.s(1, 1).set(ignore_result=True), add.s(2, 2)], total.s()).delay()

    assert result.get(timeout=5) == 6


def test_messages_of_a_chord_do_not_grow_with_it(app: Celeriac) -> None:
    from celeriac.canvas.plan import Plan

    add, total = app.tasks["add"], app.tasks["total"]

    def largest(width: int) -> int:
        plan = Plan()
        whole = chord([add.s(1, 1) for _ in range(width)], total.s())
        whole.fix()
        whole.compile(plan)
        return max(len(publication.message.body) for publication in plan.publications)

    assert largest(1000) == largest(2)


def test_a_signature_survives_json(app: Celeriac, worker: WorkerInTest) -> None:
    import json

    add, total = app.tasks["add"], app.tasks["total"]
    whole = group(add.s(i, i) for i in range(3)) | total.s()

    again = signature(json.loads(json.dumps(whole)), app)

    assert again.apply_async().get(timeout=5) == 6


def test_partial_arguments_come_first_and_options_are_kept(app: Celeriac, worker: WorkerInTest) -> None:
    add = app.tasks["add"]

    assert add.s(3).delay(4).get(timeout=5) == 7
    assert add.s(1).set(countdown=60).options == {"countdown": 60}
    assert repr(add.s(1, y=2)) == "add(1, y=2)"


def test_what_is_no_signature_is_refused(app: Celeriac) -> None:
    with pytest.raises(ConfigurationError, match="not a signature"):
        signature({"name": "add"}, app)
    with pytest.raises(ConfigurationError, match="empty chain"):
        chain().bound_to(app).delay()


def test_a_member_of_a_chord_may_end_in_a_group(app: Celeriac, worker: WorkerInTest) -> None:
    add, total = app.tasks["add"], app.tasks["total"]

    whole = chord([add.s(1, 1) | group(add.s(1), add.s(2)), add.s(10, 10)], total.s())

    assert whole.delay().get(timeout=5) == 3 + 4 + 20


def test_groups_within_a_group_are_unrolled(app: Celeriac, worker: WorkerInTest) -> None:
    add = app.tasks["add"]

    result = group(group(add.s(1, 1), add.s(2, 2)), add.s(3, 3)).delay()

    assert result.get(timeout=5) == [2, 4, 6]


def test_an_errback_that_takes_request_error_and_traceback_is_called_in_place(
    app: Celeriac, worker: WorkerInTest
) -> None:
    seen: list[Any] = []

    @app.task(name="new_style")
    def new_style(request: Any, exc: BaseException, traceback: str) -> None:
        seen.append((request.id, str(exc), "ValueError" in traceback))

    result = app.tasks["fail"].apply_async(("odd",), link_error=new_style.s())
    worker.drain()

    assert seen == [(result.id, "odd", True)]


def test_a_chord_hears_of_a_member_whose_chain_fails_on_the_way(app: Celeriac, worker: WorkerInTest) -> None:
    add, fail, total = app.tasks["add"], app.tasks["fail"], app.tasks["total"]

    result = chord([add.s(1, 1), fail.si("early") | add.s(1) | add.s(2)], total.s()).delay()

    with pytest.raises(ChordError, match="ValueError: early"):
        result.get(timeout=5)


def test_a_chord_hears_of_members_that_are_revoked_expired_or_dead(app: Celeriac, worker: WorkerInTest) -> None:
    add, total = app.tasks["add"], app.tasks["total"]
    expired = chord([add.s(1, 1), add.s(2, 2).set(countdown=10, expires=5)], total.s()).delay()
    dead = chord([add.s(1, 1), app.signature("unknown")], total.s()).delay()
    after_it = (app.signature("unknown") | add.s(1)).delay()

    worker.advance(11)

    with pytest.raises(ChordError, match="expired"):
        expired.get(timeout=5)
    with pytest.raises(ChordError, match="unknown task"):
        dead.get(timeout=5)
    with pytest.raises(TaskFailed, match="unknown task"):
        after_it.get(timeout=5)


def test_later_steps_of_a_revoked_chain_are_revoked_too(app: Celeriac, worker: WorkerInTest) -> None:
    add, total = app.tasks["add"], app.tasks["total"]

    whole = add.s(1, 1).set(countdown=10, expires=5) | group(add.s(1), add.s(2)) | total.s() | add.s(3)
    result = whole.delay()
    worker.advance(11)

    with pytest.raises(TaskRevoked, match="expired"):
        result.get(timeout=5)


def test_a_chain_takes_one_error_callback_as_well_as_a_list(app: Celeriac, worker: WorkerInTest) -> None:
    heard: list[str] = []
    app.task(name="hear")(lambda task_id: heard.append(task_id))

    for errbacks in (app.signature("hear"), [app.signature("hear")]):
        whole = app.tasks["add"].s(1, "no number") | app.tasks["add"].s(1)
        result = whole.apply_async(link_error=errbacks)
        with pytest.raises(TypeError):
            result.parent.get(timeout=5)
        worker.drain()
        assert heard.pop() == result.parent.id
        assert heard == []


def test_options_of_a_celery_client_are_understood_or_passed_over(app: Celeriac) -> None:
    whole = signature(
        {
            "task": "add",
            "options": {
                "queue": "fast",
                "exchange": "x",
                "connection": None,
                "stamped_headers": ["tenant"],
                "tenant": "blue",
            },
        },
        app,
    )
    assert whole.options == {"queue": "fast", "exchange": "x", "stamped_headers": ["tenant"], "tenant": "blue"}
    headers = app.caller.build(whole.task, whole.args, whole.kwargs, whole.options).message.headers
    assert (headers["stamped_headers"], headers["stamps"]) == (["tenant"], {"tenant": "blue"})
