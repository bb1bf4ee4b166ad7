"""Random workflows come to what plain Python makes of them, whatever fails and whatever is delivered twice."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from celeriac import Celeriac, chain, chord, group
from celeriac.call import AGAIN
from celeriac.message import Message
from celeriac.result import GroupResult
from celeriac.specs.transport import Transport
from celeriac.states import FAILURE, READY_STATES, SUCCESS
from kernel.parity.places import working
from servers.redis_server import own_redis, redis_server, shared_redis

__all__ = ["own_redis", "redis_server", "shared_redis"]

PATIENCE = 5.0


class Step(NamedTuple):
    number: int
    fails: bool


class Chain(NamedTuple):
    steps: list[Any]


class Group(NamedTuple):
    members: list[Any]


class Chord(NamedTuple):
    members: list[Any]
    body: Any


class Failed(NamedTuple):
    """What stands for an error: any is as good as another."""


class Many(NamedTuple):
    """The outcome of what ends in a group: one for each member."""

    outcomes: list[Any]
    in_vain: bool = False
    """It was never called: then what follows it is not, even where it has no members that could fail."""


FAILED = Failed()

steps = st.builds(Step, st.integers(0, 99), st.sampled_from([False] * 7 + [True]))


def wider(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.builds(Chain, st.lists(inner, min_size=1, max_size=4)),
        st.builds(Group, st.lists(inner, max_size=4)),
        st.builds(Chord, st.lists(inner, max_size=3), inner),
    )


def workflows(depth: int = 5) -> st.SearchStrategy[Any]:
    """Workflows nested up to `depth` deep."""
    strategy: st.SearchStrategy[Any] = steps
    for _ in range(depth - 1):
        strategy = st.one_of(steps, wider(strategy))
    return wider(strategy).filter(lambda whole: leaves(whole) <= 40)


def leaves(whole: Any) -> int:
    if isinstance(whole, Step):
        return 1
    parts = whole.steps if isinstance(whole, Chain) else [*whole.members, *([whole.body] if len(whole) == 2 else [])]
    return sum(map(leaves, parts))


# in plain Python


def work(value: Any, number: int, fails: bool) -> int:
    if fails:
        raise ValueError(number)
    return (zlib.crc32(json.dumps(value).encode()) * 31 + number) % 1_000_003


def evaluated(whole: Any, value: Any) -> Any:
    """What a workflow comes to: a value, FAILED, or Many of these."""
    if isinstance(whole, Step):
        return FAILED if whole.fails else work(value, *whole)
    if isinstance(whole, Group):
        return Many([each for member in whole.members for each in outcomes(evaluated(member, value))])
    steps = whole.steps if isinstance(whole, Chain) else [Group(whole.members), whole.body]
    outcome = value
    for place, step in enumerate(steps):
        values = outcomes(outcome)
        if place and (FAILED in values or (isinstance(outcome, Many) and outcome.in_vain)):
            return in_vain(steps[-1])
        outcome = evaluated(step, values if isinstance(outcome, Many) else outcome)
    return outcome


def outcomes(outcome: Any) -> list[Any]:
    return outcome.outcomes if isinstance(outcome, Many) else [outcome]


def in_vain(whole: Any) -> Any:
    """What it comes to when it never runs: a failure of each end."""
    if isinstance(whole, Group):
        return Many([each for member in whole.members for each in outcomes(in_vain(member))], True)
    if isinstance(whole, Step):
        return FAILED
    return in_vain(whole.steps[-1] if isinstance(whole, Chain) else whole.body)


# in tasks


def signature_of(whole: Any, app: Celeriac) -> Any:
    if isinstance(whole, Step):
        return app.signature("work", whole)
    if isinstance(whole, Chain):
        return chain(signature_of(step, app) for step in whole.steps)
    members = [signature_of(member, app) for member in whole.members]
    return group(members) if isinstance(whole, Group) else chord(members, signature_of(whole.body, app))


def outcome_of(result: Any) -> Any:
    if isinstance(result, GroupResult):
        return [outcome_of(member) for member in result.results]
    value = result.get(timeout=PATIENCE, propagate=False)
    assert result.state in (SUCCESS, FAILURE)
    return value if result.state == SUCCESS else FAILED


def every(result: Any) -> Iterator[Any]:
    """The results of all tasks that lead to this one."""
    while result is not None:
        if isinstance(result, GroupResult):
            for member in result.results:
                yield from every(member)
        else:
            yield result
        result = result.parent


def _flagged(message: Message) -> Message:
    return Message({**message.headers, AGAIN: True}, *msgspec.structs.astuple(message)[1:])


@contextmanager
def doubled(app: Celeriac, seed: int) -> Iterator[None]:
    """Many a message is published twice."""
    transport = app.transport
    publish = type(transport).publish

    def twice(self: Any, batch: Any, timeout: Any) -> None:
        again = [each for each in batch if zlib.crc32(f"{seed}{each.message.id}".encode()) % 3 == 0]
        if seed > 1:  # the second one is known to be one that may have been there before
            again = [msgspec.structs.replace(each, message=_flagged(each.message)) for each in again]
        publish(self, [*batch, *again] if seed else batch, timeout)

    with (
        patch.object(type(transport), "publish", twice),
        patch.object(type(transport), "begin_publish", Transport.begin_publish),  # which publishes
    ):
        yield


# Hypothesis looks whether drawing has changed the state of `random`; when another thread has, it tells the strategy.
@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@pytest.mark.parametrize(("where", "examples"), [("memory", 300), ("sqlite", 60), ("redis", 80)])
def test_random_workflows_come_to_what_plain_python_makes_of_them(
    where: str, examples: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    app = Celeriac("random")
    app.task(name="work")(work)

    with working(app, where, tmp_path, request) as worker:

        @settings(
            max_examples=examples,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
            derandomize=True,
        )
        @given(workflows(), st.integers(0, 3))
        def check(whole: Any, seed: int) -> None:
            with doubled(app, seed):
                sig = signature_of(whole, app).bound_to(app)
                result = sig.apply_async((0,))
                expected = evaluated(whole, 0)
                assert outcome_of(result) == (expected.outcomes if isinstance(expected, Many) else expected)
                worker.drain()
            assert [each for each in every(result) if each.state not in READY_STATES] == []

        check()
