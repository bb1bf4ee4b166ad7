"""Single tasks: each side's client with the other side's worker."""

from __future__ import annotations

import socket
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from celeriac import RetryPolicy
from celeriac.control import Control
from servers.shop_workers import Shops
from worker_process import until

PATIENCE = 10


def get(result: Any) -> Any:
    return result.get(timeout=PATIENCE)


def name_of(raised: pytest.ExceptionInfo[BaseException]) -> str:
    """The class by its name: each side has its own classes for what the system raises."""
    return type(raised.value).__name__


def test_arguments_arrive_and_results_come_back(shops: Shops, side: str) -> None:
    assert get(shops.call(side, "add", 1, 2)) == 3
    assert get(shops.call(side, "add", 1, kwargs={"y": 2})) == 3
    assert get(shops.call(side, "echo", {"Grüße": ["🥬\n\x00", 1.5, None, True, {"x": []}]})) == {
        "Grüße": ["🥬\n\x00", 1.5, None, True, {"x": []}]
    }
    many = [shops.call(side, "add", number, number) for number in range(50)]
    assert [get(result) for result in many] == [2 * number for number in range(50)]


def test_a_result_tells_the_other_side_all_about_its_end(shops: Shops, side: str) -> None:
    result = shops.call(side, "add", 1, 2)
    get(result)
    assert (result.state, result.result, result.traceback) == ("SUCCESS", 3, None)
    done = result.date_done if result.date_done.tzinfo else result.date_done.replace(tzinfo=UTC)
    assert abs(datetime.now(UTC) - done) < timedelta(seconds=PATIENCE)


def test_an_exception_comes_back_as_what_it_was(shops: Shops, side: str) -> None:
    result = shops.call(side, "divide", 1, 0)
    with pytest.raises(ZeroDivisionError, match="division by zero"):
        get(result)
    assert result.state == "FAILURE"
    assert isinstance(result.result, ZeroDivisionError)
    assert "in divide" in result.traceback
    assert result.traceback.rstrip().endswith("ZeroDivisionError: division by zero")


def test_an_exception_of_the_tasks_own_is_rebuilt_with_its_arguments(shops: Shops, side: str) -> None:
    with pytest.raises(Exception, match="noon") as raised:
        get(shops.call(side, "close", "noon", 3))
    assert (name_of(raised), raised.value.args) == ("ShopClosed", ("noon", 3))


def test_a_retry_runs_where_the_task_ran(shops: Shops, side: str) -> None:
    assert get(shops.call(side, "again", 2)) == 2
    assert get(shops.call(side, "flaky", 2)) == 2, "what is retried by itself"


@pytest.mark.parametrize(
    ("task", "times", "error"), [("give_up", 2, "ShopClosed"), ("flaky", 3, "ConnectionError"), ("again", 0, None)]
)
def test_after_the_last_retry_the_error_is_the_result(
    shops: Shops, side: str, task: str, times: int, error: str | None
) -> None:
    result = shops.call(side, task, times)
    if error is None:
        assert get(result) == 0
        return
    with pytest.raises(Exception, match=r"always|not yet") as raised:
        get(result)
    assert name_of(raised) == error
    if error == "ShopClosed":
        assert raised.value.args == ("always", times), "every retry has run, and counted"


@pytest.mark.parametrize("when", ["countdown", "eta"])
def test_what_is_due_later_waits(shops: Shops, side: str, when: str) -> None:
    begin = time.time()
    options: dict[str, Any] = (
        {"countdown": 1.5} if when == "countdown" else {"eta": datetime.now(UTC) + timedelta(seconds=1.5)}
    )
    result = shops.call(side, "moment", **options)
    at_once = shops.call(side, "moment")
    assert get(at_once) - begin < 1.5, "what is due later holds nobody up"
    assert 1.5 <= get(result) - begin < 5


@pytest.mark.parametrize("how", ["seconds", "moment"])
def test_what_has_expired_is_revoked(shops: Shops, side: str, how: str) -> None:
    shops.clear_diary()
    options: dict[str, Any] = (
        {"expires": 0.2, "countdown": 0.5}
        if how == "seconds"
        else {"expires": datetime.now(UTC) - timedelta(seconds=5)}
    )
    result = shops.call(side, "write", "too late", **options)
    with pytest.raises(Exception, match="expired") as raised:
        get(result)
    assert name_of(raised) in ("TaskRevoked", "TaskRevokedError")
    assert result.state == "REVOKED"
    assert shops.diary() == []


def test_an_ignored_result_is_not_kept(shops: Shops, side: str) -> None:
    shops.clear_diary()
    result = shops.call(side, "write", "ignored", ignore_result=True)
    until(lambda: shops.diary() == ["ignored"], "it runs")
    get(shops.call(side, "add", 1, 1))
    with shops.server.client() as client:
        assert not client.exists(f"celery-task-meta-{result.id}")


def test_links_follow_success(shops: Shops, side: str) -> None:
    shops.clear_diary()
    followed = shops.signature(side, "write")
    result = shops.call(side, "echo", "linked", link=followed)
    assert get(result) == "linked"
    until(lambda: shops.diary() == ["linked"], "the callback runs")


@pytest.mark.parametrize("errback", ["write_failure", "write_error"])
def test_error_links_follow_failure(shops: Shops, side: str, errback: str) -> None:
    """Both kinds: the one that is sent with an id, and the one that is called with request, error and traceback."""
    shops.clear_diary()
    result = shops.call(side, "divide", 1, 0, link_error=shops.signature(side, errback))
    with pytest.raises(ZeroDivisionError):
        get(result)
    expected = f"failed {result.id}"
    if errback == "write_error":
        expected = f"error of {result.id}: ZeroDivisionError: division by zero"
    until(lambda: shops.diary() == [expected], "the error callback runs")


def test_the_hard_limit_ends_a_task(shops: Shops, side: str) -> None:
    result = shops.call(side, "nap", 30, time_limit=0.6)
    with pytest.raises(Exception) as raised:
        get(result)
    assert name_of(raised) == "TimeLimitExceeded"
    assert result.state == "FAILURE"


def test_the_soft_limit_is_raised_in_the_task(shops: Shops, side: str) -> None:
    shops.clear_diary()
    result = shops.call(side, "nap", 30, soft_time_limit=1, time_limit=20)
    with pytest.raises(Exception) as raised:
        get(result)
    assert name_of(raised) == "SoftTimeLimitExceeded"
    assert shops.diary() == ["napping", "woken by SoftTimeLimitExceeded"]


def test_what_is_revoked_before_it_starts_does_not_run(shops: Shops, side: str) -> None:
    shops.clear_diary()
    result = shops.call(side, "write", "revoked", countdown=2)
    result.revoke()
    with pytest.raises(Exception, match="revoked"):
        get(result)
    assert result.state == "REVOKED"
    assert shops.diary() == []


def test_what_runs_is_terminated(shops: Shops, side: str) -> None:
    shops.clear_diary()
    result = shops.call(side, "nap", 30)
    until(lambda: shops.diary() == ["napping"], "it runs")
    result.revoke(terminate=True)
    with pytest.raises(Exception, match=r"terminated|revoked"):  # a Celery worker that hears of it may say so first
        get(result)
    assert result.state == "REVOKED"
    until(lambda: not any(Control(shops.ours).ask("active", 0.5).values()), "nobody runs it any more")
    assert shops.diary() == ["napping"], "nor has it run again"
    assert get(shops.call(side, "add", 1, 1)) == 2, "the worker goes on"


def test_what_a_task_calls_runs(shops: Shops, side: str) -> None:
    shops.clear_diary()
    get(shops.call(side, "spread", 7))
    until(lambda: shops.diary() == ["called 7"], "it runs")


def test_b4_the_policy_of_one_call_travels_over_the_broker_and_celerys_worker_passes_over_it(shops: Shops) -> None:
    def policy(attempts: int) -> RetryPolicy:
        return RetryPolicy(attempts=attempts, factor=0.05, jitter=False, deadline=60, retry_for=ConnectionError)

    flaky = shops.ours.tasks["shop.flaky"]
    assert get(flaky.apply_async((2,), queue="ours", task_retry_policy=policy(3))) == 2
    with pytest.raises(ConnectionError):
        get(flaky.apply_async((2,), queue="ours", task_retry_policy=policy(2)))
    assert get(shops.call("ours", "add", 2, 3, task_retry_policy=policy(3))) == 5


def test_f7_a_limited_task_is_held_to_its_rate_over_the_broker(shops: Shops) -> None:
    """Upwards only: how fast it goes is for the machine to say."""
    name = f"ours@{socket.gethostname()}"

    def limit(rate: str) -> None:
        (answer,) = Control(shops.ours).rate_limit("shop.moment", rate, [name], reply=True, timeout=10)
        assert "ok" in answer[name]

    limit("10/s")
    try:
        results = [shops.ours.tasks["shop.moment"].apply_async(queue="ours") for _ in range(25)]
        began = sorted(result.get(timeout=30) for result in results)
    finally:
        limit("0")
    assert all(later - earlier >= 0.8 for earlier, later in zip(began, began[11:], strict=False))
