"""The tasks that both sides have, and what they leave behind in the Redis of the test."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import redis

DIARY = os.environ["SHOP_DIARY"]
BROKER = os.environ["SHOP_BROKER"]
SETTINGS: dict[str, Any] = json.loads(os.environ["SHOP_SETTINGS"])
"""For both apps: the names are the same."""


class ShopClosed(Exception):
    """An exception of the tasks' own."""


def note(text: str) -> None:
    with redis.Redis.from_url(DIARY) as client:
        client.rpush("diary", text)


def add(x: int, y: int = 0) -> int:
    return x + y


def mul(x: int, y: int) -> int:
    return x * y


def total(values: list[int], base: int = 0) -> int:
    return base + sum(values)


def echo(value: Any) -> Any:
    return value


def divide(x: int, y: int) -> float:
    return x / y


def close(until: str, hours: int) -> None:
    raise ShopClosed(until, hours)


def moment() -> float:
    return time.time()


def block(seconds: float) -> None:
    note("blocking")
    time.sleep(seconds)


def nap(seconds: float) -> str:
    """Says when it begins, and how it is woken."""
    note("napping")
    try:
        time.sleep(seconds)
    except Exception as error:
        note(f"woken by {type(error).__name__}")
        raise
    return "slept"


def write(text: str) -> str:
    note(text)
    return text


def write_failure(task_id: str) -> None:
    note(f"failed {task_id}")


def write_error(request: Any, error: BaseException, _traceback: Any) -> None:
    note(f"error of {request.id}: {type(error).__name__}: {error}")


def book(number: int, seconds: float) -> int:
    """Writes down that it begins and that it has ended, where no broker is needed."""
    line = os.open(os.environ["SHOP_BOOK"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(line, b"begin %d\n" % number)
        time.sleep(seconds)
        os.write(line, b"end %d\n" % number)
    finally:
        os.close(line)
    return number


def again(self: Any, times: int) -> int:
    """Succeeds in its retry number `times`, and returns that."""
    if self.request.retries < times:
        raise self.retry(countdown=0.05, max_retries=times)
    retries: int = self.request.retries
    return retries


def give_up(self: Any, times: int) -> None:
    """Asks for a retry until there are none left."""
    try:
        raise ShopClosed("always", self.request.retries)
    except ShopClosed as error:
        raise self.retry(exc=error, countdown=0.05, max_retries=times) from error


def flaky(self: Any, times: int) -> int:
    """Raises what is retried by itself, until its retry number `times`."""
    if self.request.retries < times:
        raise ConnectionError("not yet")
    retries: int = self.request.retries
    return retries


def spread(self: Any, number: int) -> None:
    """Calls another task from within."""
    self.app.send_task("shop.write", (f"called {number}",), queue=self.request.delivery_info["routing_key"])


def grow(self: Any, x: int, queue: str) -> int:
    """Adds a member to the chord it is in: one that gives 100 more."""
    self.add_to_chord(self.app.signature("shop.add", (x, 100)).set(queue=queue))
    return x


def request(self: Any) -> dict[str, Any]:
    """What the task knows of its call."""
    names = (
        "id root_id parent_id group group_index retries eta expires origin argsrepr kwargsrepr shadow "
        "replaced_task_nesting stamped_headers stamps correlation_id ignore_result timelimit lang"
    )
    return {name: self.request.get(name) for name in names.split()}


PLAIN = (add, mul, total, echo, divide, close, moment, block, nap, write, write_failure, write_error, book)
BOUND = (again, give_up, spread, grow, request)


def register(app: Any, **options: Any) -> None:
    """Make tasks of one app of all of them."""
    for function in PLAIN:
        app.task(name=f"shop.{function.__name__}", **options)(function)
    for function in BOUND:
        app.task(name=f"shop.{function.__name__}", bind=True, **options)(function)
    retrying = {"autoretry_for": (ConnectionError,), "retry_backoff": 0.05, "retry_jitter": False, "max_retries": 2}
    app.task(name="shop.flaky", bind=True, **retrying, **options)(flaky)
