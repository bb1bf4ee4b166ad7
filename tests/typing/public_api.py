"""What callers may write, and what they may not: checked by mypy and by pyright, each in strict mode, and never run.

A line that must be refused ends in ``# refused``. Every such line, and no other, must be an error to both checkers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, assert_type

from celeriac import (
    AsyncResult,
    Celeriac,
    GroupResult,
    RetryPolicy,
    Signature,
    Task,
    Unique,
    chain,
    chord,
    current_app,
    group,
    shared_task,
)
from celeriac.abortable import AbortableAsyncResult, AbortableTask

app = Celeriac("typed", broker="memory://", task_default_queue="mail")


@app.task
def add(x: int, y: int) -> int:
    return x + y


@app.task
async def fetch(url: str, depth: int = 1) -> bytes:
    return url.encode() * depth


@app.task(bind=True, max_retries=5)
def bound(self: Task[..., Any], name: str) -> str:
    return f"{self.request.id}{name}"


@app.task(name="named", queue="slow")
def named(x: float = 1.0) -> None: ...


@app.task
def show(x: int, *, wide: bool = False) -> str:
    return f"{x:>{80 if wide else 8}}"


@app.task
def total(values: list[int]) -> int:
    return sum(values)


@app.task
def longest(values: Sequence[bytes]) -> int:
    return max(map(len, values))


@app.task
def three(x: int, y: int, z: int) -> str:
    return show(x + y + z)


@app.task
def anything(*args: Any, **kwargs: Any) -> Any:
    return args, kwargs


class Abortable(AbortableTask[[int], str]):
    def run(self, number: int) -> str:
        return "x" * number


def calls() -> None:
    assert_type(add(1, 2), int)
    assert_type(add.delay(1, 2), AsyncResult[int])
    assert_type(add.delay(1, y=2).get(timeout=3), int)
    assert_type(add.apply_async((1, 2), countdown=3, queue="slow", priority=5, expires=60), AsyncResult[int])
    assert_type(add.apply_async((1, 2), task_retry_policy=RetryPolicy(attempts=3)), AsyncResult[int])
    assert_type(bound.delay("x"), AsyncResult[str])
    assert_type(Abortable().delay(3), AbortableAsyncResult[str])
    named.delay(x=2.0)

    add.delay("1", 2)  # refused
    add.delay(1)  # refused
    add.delay(1, 2, z=3)  # refused
    bound.delay(3)  # refused
    Abortable().delay("3")  # refused
    add.apply_async((1, 2), countdwn=3)  # refused
    add.apply_async((1, 2), countdown="soon")  # refused
    RetryPolicy(attemps=3)  # refused
    text: str = add.delay(1, 2).get()  # refused
    del text


async def awaits() -> None:
    assert_type(await fetch("u"), bytes)
    result = await fetch.adelay("u", depth=2)
    assert_type(result, AsyncResult[bytes])
    assert_type(await result, bytes)
    await fetch.adelay(1)  # refused
    await fetch.adelay("u", deep=2)  # refused


def signatures() -> None:
    """A signature that lacks the first argument knows its type; one that is complete may take anything."""
    assert_type(add.s(1, 2), Signature[int])
    assert_type(add.s(1), Signature[int, int])
    assert_type(add.s(y=1), Signature[int, int])
    assert_type(total.s(), Signature[int, list[int]])
    assert_type(show.s(wide=True), Signature[str, int])
    assert_type(three.s(1), Signature[str, int])
    assert_type(fetch.s("u"), Signature[bytes])
    assert_type(fetch.s(), Signature[bytes, str])
    assert_type(named.si(), Signature[None])
    assert_type(add.s(1, 2).delay().get(), int)

    add.s("1", 2)  # refused
    add.s(1, 2, 3)  # refused
    add.s("2")  # refused
    add.s(z=2)  # refused
    show.s(wide=3)  # refused
    add.si(1)  # refused
    fetch.s("u", "deep")  # refused


def chains() -> None:
    assert_type(add.s(1, 2) | add.s(3), chain[int])
    assert_type(add.s(1, 2) | show.s() | bound.s(), chain[str])
    assert_type(add.s(1, 2) | show.s(wide=True) | fetch.s(), chain[bytes])
    assert_type((add.s(1, 2) | show.s()).delay(), AsyncResult[str])
    assert_type(chain(add.s(1, 2), add.s(3), show.s()), chain[str])
    assert_type(add.s(1, 2) | named.si(), chain[None])
    add.s(1, 2) | anything.s()
    anything.s(1) | add.s(3)
    app.signature("by.name", (1,)) | add.s(3)
    chain(add.s(i, i) for i in range(3))

    add.s(1, 2) | bound.s()  # refused
    add.s(1, 2) | show.s() | add.s(3)  # refused
    add.s(1, 2) | total.s()  # refused
    bound.s("x") | add.s(3)  # refused
    fetch.s("u") | show.s()  # refused
    chain(add.s(1, 2), bound.s())  # refused
    chain(add.s(1, 2), add.s(3), fetch.s())  # refused


def groups() -> None:
    assert_type(group(add.s(1, 1), add.s(2, 2)).delay(), GroupResult[int])
    assert_type(group(add.s(1, 1), add.s(2, 2)).delay().get(), list[int])
    assert_type(group(add.s(i, i) for i in range(3)) | total.s(), chord[int])
    assert_type(group([fetch.s("a"), fetch.s("b")]) | longest.s(), chord[int])
    assert_type(chord([add.s(1, 1)], total.s()).delay(), AsyncResult[int])
    assert_type(chord((add.s(i, i) for i in range(3)), total.s()).delay().get(), int)
    assert_type(add.s(1, 2) | group(add.s(1), add.s(2)), chain[list[int]])
    assert_type(add.s(1, 2) | group(add.s(1), add.s(2)) | total.s(), chain[int])
    chord(add.s(i, i) for i in range(3))(total.s())

    group(add.s(1, 1)) | show.s()  # refused
    group(fetch.s("u")) | total.s()  # refused
    chord([fetch.s("u")], total.s())  # refused
    show.s(1) | group(add.s(1), add.s(2))  # refused


@shared_task(unique=Unique(key=["x"]))
def shared(x: int) -> str:
    return str(x)


@shared_task
async def shared_later(x: int) -> str:
    return str(x)


def shared_tasks() -> None:
    assert_type(shared.delay(1), AsyncResult[str])
    assert_type(shared_later.delay(1).get(), str)
    assert_type(current_app.conf.worker_lease, float)

    shared.delay("1")  # refused
    shared_later.delay()  # refused
    current_app.no_such_name()  # refused
    Unique("until_later")  # refused
