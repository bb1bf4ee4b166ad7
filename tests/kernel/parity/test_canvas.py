"""Canvas as Celery has it, id by id (D1 to D10)."""

from __future__ import annotations

import copy
import io
import json
import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from celeriac import Celeriac, Signature, chain, chord, group, signature
from celeriac.canvas import StampingVisitor
from celeriac.errors import ChordError, ConfigurationError
from celeriac.testing import WorkerInTest, start_worker
from kernel.parity.places import EVERYWHERE, working
from servers.redis_server import RedisServer, own_redis, redis_server, shared_redis

__all__ = ["own_redis", "redis_server", "shared_redis"]


@pytest.fixture
def app() -> Iterator[Celeriac]:
    app = Celeriac("canvas", broker="memory://canvas", backend="memory://canvas")
    app.seen = []  # type: ignore[attr-defined]
    seen: list[Any] = app.seen  # type: ignore[attr-defined]

    @app.task(name="add")
    def add(x: int, y: int) -> int:
        return x + y

    @app.task(name="total")
    def total(values: list[int]) -> int:
        seen.append(("total", len(values)))
        return sum(values)

    @app.task(name="echo")
    def echo(value: Any) -> Any:
        return value

    @app.task(name="fail")
    def fail(*_: Any) -> None:
        raise ValueError("no")

    @app.task(name="heard")
    def heard(task_id: str) -> None:
        seen.append(("heard", task_id))

    @app.task(name="told")
    def told(request: Any, exc: BaseException, traceback: str) -> None:
        seen.append(("told", request.id, request.task, type(exc).__name__, str(exc), bool(traceback)))

    @app.task(name="stamped", bind=True)
    def stamped(self: Any, *_: Any) -> dict[str, Any]:
        seen.append((self.request.id, dict(self.request.stamps)))
        return dict(self.request.stamps)

    yield app
    app.close()


@pytest.fixture
def worker(app: Celeriac) -> Iterator[WorkerInTest]:
    with start_worker(app) as worker:
        yield worker


def seen(app: Celeriac) -> list[Any]:
    return app.seen  # type: ignore[attr-defined,no-any-return]


# D1


def test_d1_a_signature_that_was_json_equals_the_original_and_runs(app: Celeriac, worker: WorkerInTest) -> None:
    add, total = app.tasks["add"], app.tasks["total"]
    for whole, value in [
        (add.s(1, 2), 3),
        (add.s(1, 2) | add.s(3), 6),
        (group(add.s(1, 2), add.s(3, 4)), [3, 7]),
        (chord([add.s(1, 2), add.s(3, 4)], total.s()), 10),
        (add.s(1, y=2).set(queue="celery", priority=3), 3),
    ]:
        again = signature(json.loads(json.dumps(whole)), app)
        assert again == whole
        assert type(again) is type(whole)
        assert again.apply_async().get(timeout=5) == value


def test_d1_copies_and_pickles_are_signatures_of_their_own(app: Celeriac) -> None:
    whole = app.tasks["add"].s(1, 2) | app.tasks["add"].s([3])
    for again in (copy.copy(whole), copy.deepcopy(whole), pickle.loads(pickle.dumps(whole)), whole.clone()):
        assert again == whole
        again.tasks[0].set(queue="other")
        assert whole.tasks[0].options == {}
    assert copy.deepcopy(whole).tasks[1].args[0] is not whole.tasks[1].args[0]


def test_d1_partial_arguments_come_first_and_options_are_merged(app: Celeriac) -> None:
    add = app.tasks["add"]
    partial = add.s(2)

    assert partial.clone((1,)).args == [1, 2]
    assert partial.clone(kwargs={"y": 3}, priority=1) == add.signature_of((2,), {"y": 3}, priority=1)
    assert partial.args == [2]
    assert partial.merge((1,), {"z": 1}, {"queue": "q"}) == ([1, 2], {"z": 1}, {"queue": "q"})
    assert partial.replace(args=(7,), kwargs={"a": 1}, options={"queue": "q"}) == add.signature_of(
        (7,), {"a": 1}, queue="q"
    )


def test_d1_an_immutable_signature_takes_options_only(app: Celeriac, worker: WorkerInTest) -> None:
    fixed = app.tasks["add"].si(1, 1)

    assert fixed.immutable
    assert fixed.clone((5,), {"y": 3}, queue="q") == app.tasks["add"].signature_of((1, 1), immutable=True, queue="q")
    assert fixed.merge((5,), force=True)[0] == [5, 1, 1]
    assert app.tasks["add"].s(1, 1).set(immutable=True).delay(5).get(timeout=5) == 2


def test_d1_freeze_gives_the_result_before_the_call(app: Celeriac, worker: WorkerInTest) -> None:
    add, total = app.tasks["add"], app.tasks["total"]
    for whole in (add.s(1, 1), add.s(1, 1) | add.s(1), group(add.s(1, 1), add.s(2, 2)), group(add.s(1, 1)) | total.s()):
        frozen = whole.freeze()
        called = whole.apply_async()
        assert called.id == frozen.id
        assert frozen.get(timeout=5) == called.get(timeout=5)
    assert add.s(1, 1).freeze("mine").id == "mine"


def test_d1_links_are_called_and_listed(app: Celeriac, worker: WorkerInTest) -> None:
    add, echo = app.tasks["add"], app.tasks["echo"]
    inner = echo.s().link(echo.si("deep"))
    whole = add.s(1, 1).link(inner).link(inner)

    assert whole.flatten_links() == [whole, inner, echo.si("deep")]
    assert whole.on_error(app.tasks["heard"].s()).options["link_error"] == [app.tasks["heard"].s()]


def test_d1_it_reads_as_it_is_written(app: Celeriac) -> None:
    add = app.tasks["add"]
    assert add.s(2, y=3).reprcall() == repr(add.s(2, y=3)) == "add(2, y=3)"
    assert add.s(2).reprcall(1) == "add(1, 2)"
    assert add.s(1).name == "add"
    assert add.s(1).type is add


def test_d1_a_kind_of_signature_can_be_added(app: Celeriac) -> None:
    @Signature.register_type("twice")
    class Twice(Signature[Any]):
        subtask_type = "twice"

    try:
        made = Signature.from_dict(json.loads(json.dumps(Twice("add", (1, 2), app=app))), app)
        assert type(made) is Twice
    finally:
        del Signature.TYPES["twice"]


def test_d1_an_id_that_is_given_to_a_call_is_that_of_its_end(app: Celeriac, worker: WorkerInTest) -> None:
    add, total = app.tasks["add"], app.tasks["total"]
    for number, whole in enumerate(
        [
            add.s(1, 1),
            add.s(1, 0) | add.s(1),
            chord([add.s(1, 1)], total.s()),
            chord([add.s(0, 0)] * 600 + [add.s(1, 1)], total.s()),
        ]
    ):
        result = whole.apply_async(task_id=f"mine-{number}")
        assert result.id == f"mine-{number}"
        assert result.get(timeout=5) == 2
    assert group(add.s(1, 1), add.s(1, 1)).apply_async(task_id="group").id == "group"


def test_d1_callbacks_of_a_group_are_in_addition_to_those_of_its_members(app: Celeriac, worker: WorkerInTest) -> None:
    fail, heard, told = app.tasks["fail"], app.tasks["heard"], app.tasks["told"]
    result = group(fail.s().on_error(heard.s()), fail.s(1) | fail.s()).apply_async(link_error=told.s())
    result.get(timeout=5, propagate=False)
    worker.drain()
    assert sorted(each[0] for each in seen(app)) == ["heard", "told", "told"]


# D2


def test_d2_the_parents_of_a_chain_are_walkable(app: Celeriac, worker: WorkerInTest) -> None:
    add = app.tasks["add"]

    result = (add.s(1, 1) | add.s(2) | add.s(3))()

    assert result.get(timeout=5) == 7
    assert [result.parent.get(timeout=5), result.parent.parent.get(timeout=5)] == [4, 2]
    assert result.parent.parent.parent is None


def test_d2_chains_nest_and_none_is_passed_over(app: Celeriac, worker: WorkerInTest) -> None:
    add = app.tasks["add"]
    assert len(chain(chain(add.s(1, 1), chain(add.s(2))), None, add.s(3)).tasks) == 3
    assert chain([add.s(1, 1), None])().get(timeout=5) == 2
    assert group(None, add.s(1, 1), None).delay().get(timeout=5) == [2]
    with pytest.raises(ConfigurationError, match="empty chain"):
        chain().bound_to(app).apply_async()
    assert group([]).bound_to(app).delay().get(timeout=5) == []


def test_d2_options_of_a_chain_within_a_chain_hold_for_its_steps(app: Celeriac) -> None:
    add = app.tasks["add"]
    inner = chain(add.s(2), add.s(3)).set(priority=7)
    whole = add.s(1, 1) | inner | add.s(4)
    assert [step.options.get("priority") for step in whole.tasks] == [None, 7, 7, None]


# D3


def test_d3_a_group_of_a_thousand_keeps_the_order_it_was_given_in(app: Celeriac, worker: WorkerInTest) -> None:
    echo = app.tasks["echo"]
    result = group(echo.s(number) for number in range(1000)).delay()
    assert result.join(timeout=20) == list(range(1000))
    assert result.completed_count() == 1000


def test_d3_a_group_over_a_long_generator_is_published_while_it_is_read(app: Celeriac, worker: WorkerInTest) -> None:
    ended: list[int] = []
    results: list[Any] = []

    def members() -> Iterator[Signature[Any]]:
        for number in range(2500):
            yield app.tasks["echo"].s(number).set(task_id=f"m{number}")
            if number == 2499:
                results.append(app.AsyncResult("m0").get(timeout=5))  # the first has run before the last is made
            ended.append(number)

    whole = group(members())
    assert whole.is_stream
    assert len(ended) < 1500
    assert whole.delay().get(timeout=20) == list(range(2500))
    assert results == [0]
    with pytest.raises(ConfigurationError, match="generator"):
        whole.delay()


def test_d3_skew_spreads_the_starts(app: Celeriac) -> None:
    add = app.tasks["add"]
    countdowns = [m.options["countdown"] for m in group(add.s(n, n) for n in range(4)).skew(start=1, stop=3).tasks]
    assert countdowns == [1, 2, 2, 2]


# D4


@EVERYWHERE
def test_d4_a_failed_member_keeps_the_body_from_running_and_its_errback_gets_the_error(
    app: Celeriac, where: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with working(app, where, tmp_path, request) as worker:
        body = app.tasks["total"].s().on_error(app.tasks["told"].s()).on_error(app.tasks["heard"].s())
        failing = app.tasks["fail"].s()
        result = chord([app.tasks["add"].s(1, 1), failing], body).delay()
        with pytest.raises(ChordError, match="ValueError: no") as caught:
            result.get(timeout=5)
        worker.drain()
        assert result.parent.results[1].id in str(caught.value)
        told = next(each for each in seen(app) if each[0] == "told")
        assert told[1:4] == (result.id, "total", "ChordError")
        assert result.parent.results[1].id in told[4]
        assert ("heard", result.id) in seen(app)
        assert not [each for each in seen(app) if each[0] == "total"]


def test_d4_an_error_callback_of_a_chord_is_the_bodys_and_by_setting_the_headers_too(app: Celeriac) -> None:
    for both in (False, True):
        with start_worker(app, task_allow_error_cb_on_chord_header=both) as worker:
            seen(app).clear()
            result = chord([app.tasks["fail"].s()], app.tasks["total"].s()).link_error(app.tasks["heard"].s()).delay()
            with pytest.raises(ChordError):
                result.get(timeout=5)
            worker.drain()
            expected = [result.id, result.parent.results[0].id] if both else [result.id]
            assert sorted(each[1] for each in seen(app)) == sorted(expected)


def test_d4_an_error_goes_up_through_chords_within_chords(app: Celeriac, worker: WorkerInTest) -> None:
    add, total, fail, heard = (app.tasks[name] for name in ("add", "total", "fail", "heard"))
    inner = chord([add.s(1, 1), fail.s()], total.s() | add.s(1))
    result = (chord([inner, add.s(1, 1)], total.s().on_error(heard.s())) | add.s(5)).delay()
    with pytest.raises(ChordError):
        result.get(timeout=5)
    worker.drain()
    assert seen(app) == [("heard", result.parent.id)]
    assert all(member.failed() for member in (result, result.parent, result.parent.parent.results[0]))


def test_d4_a_body_that_cannot_be_called_fails_instead_of_hanging(app: Celeriac) -> None:
    with start_worker(app, message_max_size=2000):
        result = chord([app.tasks["echo"].s("x" * 300) for _ in range(10)], app.tasks["echo"].s()).delay()
        with pytest.raises(Exception, match="limit is 2000"):
            result.get(timeout=5)


# D6


def test_d6_both_styles_of_error_callbacks_get_their_arguments(app: Celeriac, worker: WorkerInTest) -> None:
    result = app.tasks["fail"].s(1).on_error(app.tasks["heard"].s()).on_error(app.tasks["told"].s()).delay()
    with pytest.raises(ValueError, match="no"):
        result.get(timeout=5)
    worker.drain()
    assert ("heard", result.id) in seen(app)
    assert ("told", result.id, "fail", "ValueError", "no", True) in seen(app)


# D7


class Recorder(StampingVisitor):
    def __init__(self) -> None:
        self.calls: list[str] = []

    def on_signature(self, sig: Any, **headers: Any) -> dict[str, Any]:
        self.calls.append("signature")
        return {"task": sig.task}

    def on_group_start(self, group: Any, **headers: Any) -> dict[str, Any]:
        self.calls.append("group")
        return {"in_group": True}

    def on_group_end(self, group: Any, **headers: Any) -> None:
        self.calls.append("group end")

    def on_chain_start(self, chain: Any, **headers: Any) -> dict[str, Any]:
        self.calls.append("chain")
        return {"in_chain": True, "unstamped": 1, "stamped_headers": ["in_chain"]}

    def on_chain_end(self, chain: Any, **headers: Any) -> None:
        self.calls.append("chain end")

    def on_chord_header_start(self, chord: Any, **headers: Any) -> dict[str, Any]:
        self.calls.append("header")
        return {"in_header": True}

    def on_chord_header_end(self, chord: Any, **headers: Any) -> None:
        self.calls.append("header end")

    def on_chord_body(self, chord: Any, **headers: Any) -> dict[str, Any]:
        self.calls.append("body")
        return {"in_body": True}

    def on_callback(self, callback: Any, **headers: Any) -> dict[str, Any]:
        self.calls.append("callback")
        return {"callback": True}

    def on_errback(self, errback: Any, **headers: Any) -> dict[str, Any]:
        self.calls.append("errback")
        return {"errback": True}


def test_d7_a_stamp_is_read_in_every_member_of_a_nested_workflow(app: Celeriac, worker: WorkerInTest) -> None:
    s = app.tasks["stamped"].s
    callback, errback = app.tasks["stamped"].si(), app.tasks["stamped"].si()
    whole = s() | group(s().link(callback), s() | s()) | s() | group(s(), app.tasks["fail"].s().on_error(errback))
    visitor = Recorder()

    whole.stamp(visitor, tenant="blue").apply_async().get(timeout=5, propagate=False)
    worker.drain()

    assert len(seen(app)) == 8
    stamps = [stamp for _, stamp in seen(app)]
    assert all(stamp["tenant"] == "blue" and stamp["task"] == "stamped" and stamp["in_chain"] for stamp in stamps)
    assert not any("unstamped" in stamp for stamp in stamps)
    assert sum("in_header" in stamp for stamp in stamps) == 4  # the callback is within as well
    assert sum("in_body" in stamp for stamp in stamps) == 1
    assert sum("in_group" in stamp for stamp in stamps) == 2
    assert sum("callback" in stamp for stamp in stamps) == 1
    assert sum("errback" in stamp for stamp in stamps) == 1
    assert set(visitor.calls) >= {"group", "group end", "chain", "chain end", "header", "header end", "body"}


def test_d7_stamps_of_before_give_way_or_are_added_to(app: Celeriac, worker: WorkerInTest) -> None:
    stamped = app.tasks["stamped"]
    assert stamped.s().stamp(a=1).stamp(a=2, b=3).delay().get(timeout=5) == {"a": 2, "b": 3}
    assert stamped.s().stamp(a=1).stamp(None, True, a=2).delay().get(timeout=5) == {"a": [1, 2]}
    linked = stamped.s().link(stamped.si())
    linked.stamp_links(only="links")
    assert linked.delay().get(timeout=5) == {}
    worker.drain()
    assert seen(app)[-1][1] == {"only": "links"}


# D8


def test_d8_a_group_with_a_step_after_it_is_a_chord(app: Celeriac, worker: WorkerInTest) -> None:
    add, total = app.tasks["add"], app.tasks["total"]
    members = [add.s(1, 1), add.s(2, 2)]
    upgraded = group(members) | total.s()
    assert isinstance(upgraded, chord)
    assert upgraded == chord(members, total.s())
    assert upgraded.delay().get(timeout=5) == chord(members, total.s()).delay().get(timeout=5) == 6
    assert isinstance((add.s(1, 1) | group(add.s(1), add.s(2)) | total.s()).tasks[-1], chord)
    assert (group(add.s(1, 1)) | group(total.s(), total.s()) | total.s() | add.s(1)).delay().get(timeout=5) == 5


def test_d8_a_task_may_be_replaced_within_a_workflow(app: Celeriac, worker: WorkerInTest) -> None:
    add, total = app.tasks["add"], app.tasks["total"]

    @app.task(name="grow", bind=True)
    def grow(self: Any, x: int) -> Any:
        raise self.replace(group(add.s(x, 1), add.s(x, 2)) | total.s())

    @app.task(name="spread", bind=True)
    def spread(self: Any, x: int) -> Any:
        raise self.replace(group(add.s(x, n) for n in range(3)))

    assert chord([grow.s(1), add.s(1, 1)], total.s()).delay().get(timeout=5) == 7
    assert (add.s(1, 1) | grow.s() | add.s(1)).delay().get(timeout=5) == 8
    assert (spread.s(1) | total.s()).delay().get(timeout=5) == 6
    assert chord([grow.s(1) | grow.s(), spread.s(1) | total.s()], total.s()).delay().get(timeout=5) == 13 + 6


# D10


@EVERYWHERE
def test_d10_every_member_delivered_twice_the_body_runs_once(
    app: Celeriac, where: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with working(app, where, tmp_path, request) as worker:
        transport = app.transport
        publish = transport.publish

        def twice(batch: Any, timeout: float) -> None:
            members = [each for each in batch if each.message.task == "add"]
            publish([*batch, *members], timeout)

        transport.publish = twice  # type: ignore[method-assign]
        result = chord([app.tasks["add"].s(n, n) for n in range(100)], app.tasks["total"].s()).delay()
        assert result.get(timeout=20) == 9900
        worker.drain()
        assert [each for each in seen(app) if each[0] == "total"] == [("total", 100)]


@pytest.mark.parametrize("where", ["memory", "sqlite", "redis"])
def test_d10_a_chord_of_ten_thousand_calls_its_body_once(
    app: Celeriac, where: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    import logging

    logging.getLogger("celeriac.worker").setLevel(logging.WARNING)
    with working(app, where, tmp_path, request) as worker:
        result = chord((app.tasks["echo"].s(n) for n in range(10_000)), app.tasks["total"].s()).delay()
        assert result.get(timeout=60) == sum(range(10_000))
        worker.drain()
        assert seen(app) == [("total", 10_000)]


def test_d10_a_producer_that_fails_midway_leaves_nothing_that_fires(app: Celeriac, worker: WorkerInTest) -> None:
    def members() -> Iterator[Signature[Any]]:
        for number in range(1500):
            yield app.tasks["echo"].s(number)
        raise KeyError("no more")

    body = app.tasks["total"].s()
    result = body.freeze()
    with pytest.raises(KeyError, match="no more"):
        chord(members(), body).delay()
    worker.drain()
    worker.advance(60)
    assert app.backend.driver.join_orphans(1) == []
    assert (seen(app), result.state) == ([], "PENDING")


# D5


def test_d5_chunks_send_ten_messages_for_a_hundred_calls(app: Celeriac, worker: WorkerInTest) -> None:
    add = app.tasks["add"]
    pieces = add.chunks(zip(range(100), range(100), strict=True), 10)

    result = pieces()

    assert len(result) == 10
    values = result.get(timeout=5)
    assert [value for part in values for value in part] == [2 * n for n in range(100)]
    assert [len(part) for part in values] == [10] * 10
    assert len(add.chunks([(1, 1)] * 25, 10).group()) == 3
    assert add.chunks([(1, 1)] * 3, 2).apply_async(queue="celery").get(timeout=5) == [[2, 2], [2]]
    assert type(pieces).apply_chunks(add.s(), [(1, 1)], 2).get(timeout=5) == [[2]]
    skewed = add.chunks([(1, 1)] * 6, 2).group().skew(start=1)
    assert [member.options["countdown"] for member in skewed.tasks] == [1, 2, 3]


def test_d5_chunks_are_a_group_within_a_workflow_and_survive_json(app: Celeriac, worker: WorkerInTest) -> None:
    pieces = app.tasks["add"].chunks([[n, n] for n in range(5)], 2)
    again = signature(json.loads(json.dumps(pieces)), app)

    assert type(again) is type(pieces)
    assert again == pieces
    assert again.delay().get(timeout=5) == [[0, 2], [4, 6], [8]]
    for whole in (pieces | app.tasks["echo"].s(), chord(pieces, app.tasks["echo"].s())):
        assert whole.delay().get(timeout=5) == [[0, 2], [4, 6], [8]]
    assert (app.tasks["echo"].s(1) | pieces).delay().get(timeout=5) == [[0, 2], [4, 6], [8]]
    assert pieces.clone().apply().get() == [[0, 2], [4, 6], [8]]


def test_d5_map_and_starmap_are_one_task_each(app: Celeriac, worker: WorkerInTest) -> None:
    assert app.tasks["echo"].map(range(5)).delay().get(timeout=5) == [0, 1, 2, 3, 4]
    assert app.tasks["add"].starmap([(1, 1), (2, 2)]).delay().get(timeout=5) == [2, 4]
    assert (app.tasks["echo"].map([1, 2]) | app.tasks["total"].s()).delay().get(timeout=5) == 3


# D9


def test_d9_the_graph_of_a_workflow_has_every_task_once(app: Celeriac, worker: WorkerInTest) -> None:
    add, total, echo = (app.tasks[name] for name in ("add", "total", "echo"))
    result = (add.s(1, 1) | group(add.s(1).link(echo.s()), add.s(2) | add.s(3)) | total.s() | echo.s()).delay()
    assert result.get(timeout=5) == 10
    worker.drain()
    header = result.parent.parent
    every = {result.id, result.parent.id, header.parent.id}
    every |= {header.results[0].id, header.results[1].id, header.results[1].parent.id}
    every |= {header.results[0].children[0].id}

    graph = result.build_graph()
    dot = io.StringIO()
    graph.to_dot(dot)

    assert set(graph) == every
    nodes = [line.strip() for line in dot.getvalue().splitlines() if "->" not in line]
    assert sorted(nodes[1:-1]) == sorted(f'"{id_}";' for id_ in every)
    order = graph.topsort()
    assert order.index(header.parent.id) < order.index(result.parent.id) < order.index(result.id)
    assert set(graph[result.parent.id]) >= {member.id for member in header.results}


def test_d9_children_and_what_they_came_to_are_collected(app: Celeriac, worker: WorkerInTest) -> None:
    @app.task(name="parent")
    def parent() -> str:
        app.tasks["add"].delay(1, 1)
        group(app.tasks["echo"].s(5), app.tasks["echo"].s(6)).delay()
        return "called"

    result = parent.delay()
    result.get(timeout=5)
    worker.drain()

    assert [type(child).__name__ for child in result.children] == ["AsyncResult", "GroupResult"]
    assert [value for _, value in result.collect()] == ["called", 2, 5, 6]
    assert [(source and source.id) for source, _ in result.iterdeps()] == [None, result.id, result.id, result.id]
    first = (app.tasks["add"].s(1, 1) | app.tasks["add"].s(1)).delay()
    first.get(timeout=5)
    assert [value for _, value in first.parent.collect()] == [2, 3]


def test_d10_a_chord_over_a_long_generator_calls_its_body_once_and_holds_little(
    app: Celeriac, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Short here; with LONG_TESTS=1 a hundred thousand, on SQLite and Redis too."""
    is_long = os.environ.get("LONG_TESTS") == "1"
    count = 100_000 if is_long else 5_000
    process = psutil.Process()
    for where in ("memory", "sqlite", "redis") if is_long else ("memory",):
        seen(app).clear()
        with working(app, where, tmp_path, request) as worker:
            began = process.memory_info().rss
            result = chord((app.tasks["echo"].s(n) for n in range(count)), app.tasks["total"].s()).delay()
            published = process.memory_info().rss
            assert result.get(timeout=100) == sum(range(count))
            worker.drain(60)
            assert seen(app) == [("total", count)]
            if where != "memory":  # where the queue is in this process
                assert published - began < 200_000_000


def test_d10_a_member_weighs_the_same_however_wide_the_chord_is(app: Celeriac, worker: WorkerInTest) -> None:
    def heaviest(width: int) -> int:
        with start_worker(app, queues=["nothing"]):
            chord((app.tasks["echo"].s(1) for _ in range(width)), app.tasks["total"].s()).delay()
            return max(len(message.body) for message in app.transport.peek("celery", width))

    assert heaviest(2) == heaviest(600) == heaviest(3000)


def test_d10_messages_do_not_grow_with_what_follows_a_chord(app: Celeriac, redis_server: RedisServer) -> None:
    """On Redis, where members carry the body for Celery's workers, a large one is left in the completion record."""
    total, echo = app.tasks["total"], app.tasks["echo"]
    for where in ({}, {"broker_url": redis_server.url, "result_backend": redis_server.url}):
        with start_worker(app, queues=["nothing"], **where):
            wide = group(echo.si(n) for n in range(300))
            (group(echo.s(1), echo.s(2)) | total.s() | wide | total.s()).delay()
            sizes = [len(message.body) for message in app.transport.peek("celery", 10)]
            assert len(sizes) == 2
            assert max(sizes) < 1000
        with start_worker(app, **where) as worker:
            result = (group(echo.s(1), echo.s(2)) | total.s() | wide | total.s()).delay()
            assert result.get(timeout=10) == sum(range(300))
            worker.drain()
            app.transport.purge("celery")
