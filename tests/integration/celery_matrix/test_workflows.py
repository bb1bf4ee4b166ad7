"""Workflows whose steps run at both sides, called by either."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from servers.shop_workers import Shops
from worker_process import until

PATIENCE = 10

Step = Callable[..., Any]


@pytest.fixture
def s(shops: Shops, side: str) -> Step:
    """Makes signatures of the calling side: ``s("add", 1, 2, at="theirs")``."""

    def make(name: str, *args: Any, at: str, **options: Any) -> Any:
        return shops.signature(side, name, *args, queue=at, **options)

    return make


@pytest.fixture
def canvas(side: str) -> Any:
    """chain, group and chord of the calling side."""
    import celery

    import celeriac

    return celery if side == "celery" else celeriac


def get(result: Any) -> Any:
    return result.get(timeout=PATIENCE)


def error_of(result: Any) -> BaseException:
    """What stands in the result itself; Celery's `get` raises the error of a member instead."""
    until(result.ready, "it has ended", PATIENCE)
    assert result.state == "FAILURE"
    error: BaseException = result.result
    return error


OTHER = {"ours": "theirs", "theirs": "ours"}
at_each_worker = pytest.mark.parametrize("at", ["ours", "theirs"])


@at_each_worker
def test_a_chain_goes_from_worker_to_worker(s: Step, at: str) -> None:
    whole = s("add", 1, 2, at=at) | s("mul", 10, at=OTHER[at]) | s("add", 5, at=at) | s("mul", 2, at=OTHER[at])
    result = whole.apply_async()
    assert get(result) == 70
    assert [get(result.parent), get(result.parent.parent)] == [35, 30]


def test_a_failure_ends_a_chain_and_its_error_link_is_called(shops: Shops, s: Step) -> None:
    shops.clear_diary()
    whole = s("add", 1, 0, at="ours") | s("divide", 0, at="theirs") | s("write", at="ours")
    result = whole.apply_async(link_error=s("write_failure", at="ours", immutable=False))
    with pytest.raises(ZeroDivisionError):
        result.parent.get(timeout=PATIENCE)
    until(lambda: shops.diary() == [f"failed {result.parent.id}"], "the error callback runs")


def test_a_group_runs_at_both(canvas: Any, s: Step) -> None:
    result = canvas.group(s("add", n, n, at="ours" if n % 2 else "theirs") for n in range(10)).apply_async()
    assert result.get(timeout=PATIENCE) == [2 * n for n in range(10)]


def test_a_chain_ends_in_a_group(canvas: Any, s: Step) -> None:
    whole = s("add", 1, 1, at="ours") | canvas.group(s("add", 10, at="theirs"), s("mul", 10, at="ours"))
    assert get(whole.apply_async()) == [12, 20]


HEADERS = {
    "all at theirs": ["theirs"] * 4,
    "all at ours": ["ours"] * 4,
    "ours last": ["theirs", "ours", "theirs", "ours"],
    "theirs last": ["ours", "ours", "theirs", "theirs"],
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
@at_each_worker
def test_a_chord_has_members_and_body_at_both(canvas: Any, s: Step, header: list[str], at: str) -> None:
    members = [s("add", number, 1, at=queue) for number, queue in enumerate(header)]
    assert get(canvas.chord(members)(s("echo", at=at))) == [1, 2, 3, 4]


@pytest.mark.parametrize("last", ["ours", "theirs"])
def test_whoever_counts_the_last_member_calls_the_body(canvas: Any, s: Step, last: str) -> None:
    members = [s("add", number, 1, at=OTHER[last]) for number in range(3)]
    members.append(s("add", 3, 1, at=last, countdown=0.6))
    assert get(canvas.chord(members)(s("echo", at="ours"))) == [1, 2, 3, 4]


@pytest.mark.parametrize("at", ["ours", "theirs"])
def test_a_member_of_a_chord_that_fails_fails_its_body(shops: Shops, canvas: Any, s: Step, at: str) -> None:
    shops.clear_diary()
    members = [s("add", 1, 1, at="ours"), s("divide", 1, 0, at=at), s("add", 1, 1, at="theirs")]
    body = s("total", at="ours")
    body.link_error(s("write_failure", at="theirs"))
    result = canvas.chord(members)(body)
    error = error_of(result)
    assert type(error).__name__ == "ChordError"
    assert "ZeroDivisionError" in str(error)
    until(lambda: shops.diary() == [f"failed {result.id}"], "the error callback of the body runs, once")


@at_each_worker
def test_a_chord_within_a_chain(canvas: Any, s: Step, at: str) -> None:
    header = canvas.group(s("add", 1, at="ours"), s("add", 2, at="theirs"))
    whole = s("add", 10, 10, at=OTHER[at]) | header | s("total", at=at) | s("mul", 2, at=OTHER[at])
    assert get(whole.apply_async()) == 86


def test_a_chain_is_a_member_of_a_chord(canvas: Any, s: Step) -> None:
    chained = s("add", 1, 2, at="ours") | s("mul", 10, at="theirs")
    backward = s("add", 1, 2, at="theirs") | s("mul", 100, at="ours")
    assert get(canvas.chord([chained, s("add", 1, 1, at="theirs"), backward])(s("echo", at="theirs"))) == [30, 2, 300]


def test_a_failing_step_of_a_member_fails_the_chord(canvas: Any, s: Step) -> None:
    chained = s("divide", 1, 0, at="ours") | s("mul", 10, at="theirs")
    result = canvas.chord([s("add", 1, 1, at="theirs"), chained])(s("echo", at="ours"))
    assert "ZeroDivisionError" in str(error_of(result))


@at_each_worker
def test_a_retried_member_of_a_chord_counts_once(canvas: Any, s: Step, at: str) -> None:
    members = [s("again", 2, at=at), s("add", 1, 1, at=OTHER[at])]
    assert get(canvas.chord(members)(s("echo", at=at))) == [2, 2]


@at_each_worker
@pytest.mark.parametrize("last", ["ours", "theirs"])
def test_b8_a_member_at_ours_adds_to_chord_one_at_either(canvas: Any, s: Step, at: str, last: str) -> None:
    members = [s("grow", 1, at, at="ours"), s("add", 2, at="theirs"), s("add", 3, at=last, countdown=0.4)]
    assert sorted(get(canvas.chord(members)(s("echo", at="ours")))) == [1, 2, 3, 101]


@at_each_worker
def test_b8_a_member_at_theirs_adds_to_chord_of_a_celery_client_one_at_either(shops: Shops, at: str) -> None:
    import celery

    s = partial(shops.signature, "celery")
    members = [s("grow", 1, at, queue="theirs"), s("add", 2, queue="ours")]
    assert sorted(get(celery.chord(members)(s("echo", queue="ours")))) == [1, 2, 101]


def test_b8_add_to_chord_is_refused_where_celery_keeps_the_shape_of_the_results(shops: Shops) -> None:
    import celery

    s = partial(shops.signature, "celery")
    nested = s("add", 1, queue="ours") | celery.group(s("add", 2, queue="ours"), s("add", 3, queue="ours"))
    result = celery.chord([s("grow", 1, "ours", queue="ours"), nested])(s("echo", queue="ours"))
    assert "has no place for another one" in str(error_of(result))


def test_a_chord_of_many(canvas: Any, s: Step) -> None:
    members = [s("add", number, 0, at="ours" if number % 3 else "theirs") for number in range(100)]
    assert get(canvas.chord(members)(s("total", at="ours"))) == sum(range(100))


@pytest.mark.parametrize("last", ["ours", "theirs"])
def test_a_body_too_large_for_every_message_is_called_whoever_counts(shops: Shops, last: str) -> None:
    import celeriac

    shops.clear_diary()
    large = {"padding": "x" * 10_000}

    def s(name: str, *args: Any, at: str, **options: Any) -> Any:
        return shops.signature("ours", name, *args, queue=at, **options)

    members = [*(s("add", number, 1, at=OTHER[last]) for number in range(3)), s("add", 3, 1, at=last, countdown=0.6)]
    result = celeriac.chord(members)(s("echo", at="theirs", headers=large))
    assert get(result) == [1, 2, 3, 4]

    members[3] = s("divide", 1, 0, at=last, countdown=0.6)
    body = s("total", at="theirs", headers=large).link_error(s("write_failure", at="theirs"))
    failing = celeriac.chord(members)(body)
    assert "ZeroDivisionError" in str(error_of(failing))
    until(lambda: shops.diary() == [f"failed {failing.id}"], "the error callback of the body runs, once")


def test_our_stamps_are_read_by_their_workers(shops: Shops) -> None:
    import celeriac

    steps = celeriac.chain(
        shops.signature("ours", "add", 1, 1, queue="ours"),
        shops.signature("ours", "request", queue="theirs", immutable=True),
    )
    seen = get(steps.stamp(tenant="blue").apply_async())
    assert (seen["stamps"], seen["stamped_headers"]) == ({"tenant": "blue"}, ["tenant"])
