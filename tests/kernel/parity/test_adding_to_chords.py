"""B8: a running member of a chord adds others to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from celeriac import Celeriac, chain, chord, group
from celeriac.errors import ChordError, ConfigurationError, TransportDown
from celeriac.testing import WorkerInTest
from kernel.parity.places import EVERYWHERE, working
from servers.redis_server import own_redis, redis_server, shared_redis

__all__ = ["own_redis", "redis_server", "shared_redis"]


@pytest.fixture
def app() -> Celeriac:
    app = Celeriac("growing")
    bodies: list[list[int]] = []
    app.bodies = bodies  # type: ignore[attr-defined]

    @app.task(name="echo")
    def echo(x: int) -> int:
        return x

    @app.task(name="twice")
    def twice(x: int) -> int:
        return 2 * x

    @app.task(name="body")
    def body(xs: list[int]) -> list[int]:
        bodies.append(xs)
        return xs

    @app.task(name="split", bind=True)
    def split(self: Any, x: int, deep: int = 0) -> int:
        """Adds two members as long as it is not 0."""
        if deep:
            self.add_to_chord(split.s(10 * x + 1, deep - 1))
            self.add_to_chord(split.s(10 * x + 2, deep - 1))
        return x

    return app


@EVERYWHERE
def test_b8_the_body_waits_for_members_that_add_to_chord_has_added_and_gets_their_results(
    app: Celeriac, where: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    split, echo, body = (app.tasks[name] for name in ("split", "echo", "body"))
    with working(app, where, tmp_path, request, worker_pool="threads", worker_concurrency=4) as worker:
        result = chord([split.s(1, 2), echo.s(5), split.s(2, 1)], body.s()).delay()
        assert result.get(timeout=20) == [1, 11, 111, 112, 12, 121, 122, 5, 2, 21, 22]
        worker.drain()
        assert len(app.bodies) == 1  # type: ignore[attr-defined]


@EVERYWHERE
def test_b8_add_to_chord_takes_chains_and_groups(
    app: Celeriac, where: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    echo, twice = app.tasks["echo"], app.tasks["twice"]
    added = []

    @app.task(bind=True)
    def member(self: Any) -> int:
        added.append(self.add_to_chord(chain(echo.s(3), twice.s())))
        added.append(self.add_to_chord(group(echo.s(7), echo.s(8))))
        self.add_to_chord(echo.s(9), lazy=True).delay()
        return 1

    with working(app, where, tmp_path, request):
        result = chord([member.s(), echo.s(2)], app.tasks["body"].s()).delay()
        assert result.get(timeout=20) == [1, 6, 7, 8, 9, 2]
        assert [each.get(timeout=5) for each in added] == [6, [7, 8]]


@EVERYWHERE
def test_b8_a_member_that_runs_again_adds_to_chord_what_it_has_added_once(
    app: Celeriac, where: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    echo = app.tasks["echo"]

    @app.task(bind=True)
    def member(self: Any) -> int:
        is_cut_short = self.request.retries == 0  # counted, but not sent: as if it had been killed in between
        self.add_to_chord(echo.s(7), lazy=is_cut_short)
        self.add_to_chord(echo.s(7))
        if self.request.retries < 2:
            raise self.retry(countdown=0)
        return 1

    with working(app, where, tmp_path, request) as worker:
        result = chord([member.s(), echo.s(2)], app.tasks["body"].s()).delay()
        assert result.get(timeout=20) == [1, 7, 7, 2]
        worker.drain()
        assert len(app.bodies) == 1  # type: ignore[attr-defined]


@EVERYWHERE
def test_b8_a_chord_over_a_generator_grows_before_it_is_known_how_many_there_are(
    app: Celeriac, where: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    split, echo = app.tasks["split"], app.tasks["echo"]
    with working(app, where, tmp_path, request) as worker:

        def members() -> Any:
            yield split.s(1, 1)
            for _ in range(1500):
                yield echo.s(0)
            worker.drain()
            yield echo.s(5)

        found = chord(members(), app.tasks["body"].s()).delay().get(timeout=30)
        assert [x for x in found if x] == [1, 11, 12, 5]


@EVERYWHERE
def test_b8_the_body_fails_when_a_member_that_add_to_chord_has_added_fails(
    app: Celeriac, where: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    @app.task
    def fail() -> None:
        raise KeyError("no")

    @app.task(bind=True)
    def member(self: Any) -> None:
        self.add_to_chord(chain(fail.si(), app.tasks["echo"].si(1)))

    with working(app, where, tmp_path, request):
        result = chord([member.s()], app.tasks["body"].s()).delay()
        with pytest.raises(ChordError, match="KeyError"):
            result.get(timeout=20)


def test_b8_a_member_that_add_to_chord_cannot_send_fails_the_chord(
    app: Celeriac, worker: WorkerInTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    @app.task(bind=True)
    def member(self: Any) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(app.caller, "publish_all", down)
            with pytest.raises(TransportDown):
                self.add_to_chord(app.tasks["echo"].s(1))

    def down(*_: Any, **__: Any) -> None:
        raise TransportDown("the broker is away")

    result = chord([member.s(), app.tasks["echo"].s(2)], app.tasks["body"].s()).delay()
    with pytest.raises(ChordError, match="the broker is away"):
        result.get(timeout=10)


def test_b8_a_repetition_after_the_chord_is_complete_adds_to_chord_nothing(app: Celeriac, worker: WorkerInTest) -> None:
    from celeriac.context import Context, current

    contexts: list[Context] = []

    @app.task(bind=True)
    def member(self: Any) -> int:
        contexts.append(self.request)
        return 1

    assert chord([member.s()], app.tasks["body"].s()).delay().get(timeout=10) == [1]
    worker.drain()
    token = current.set(contexts[0])
    try:
        late = member.add_to_chord(app.tasks["echo"].s(1))
    finally:
        current.reset(token)
    worker.drain()
    assert (late.state, len(app.bodies)) == ("PENDING", 1)  # type: ignore[attr-defined]


def test_b8_add_to_chord_outside_of_a_chord_is_an_error(app: Celeriac, worker: WorkerInTest) -> None:
    @app.task(bind=True)
    def member(self: Any) -> None:
        self.add_to_chord(app.tasks["echo"].s(1))

    for result in (member.delay(), group([member.s()]).delay().results[0]):
        with pytest.raises(ConfigurationError, match="not a member of a chord"):
            result.get(timeout=10)
