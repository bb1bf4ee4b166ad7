"""Checked by mypy in strict mode, never run: what callers may write, and what they may not.

A line that must be refused carries ``type: ignore`` with its code: were it accepted, mypy would call that unused.
"""

from __future__ import annotations

from typing import Any, assert_type

from celeriac import AsyncResult, Celeriac, GroupResult, Signature, Task, chain, chord, group

app = Celeriac("typed", broker="memory://", task_default_queue="mail")


@app.task
def add(x: int, y: int) -> int:
    return x + y


@app.task
async def fetch(url: str) -> bytes:
    return url.encode()


@app.task(bind=True, max_retries=5)
def bound(self: Task[..., Any], name: str) -> str:
    return f"{self.request.id}{name}"


@app.task(name="named", queue="slow")
def named(x: float = 1.0) -> None: ...


def calls() -> None:
    assert_type(add(1, 2), int)
    assert_type(add.delay(1, 2), AsyncResult[int])
    assert_type(add.delay(1, y=2).get(timeout=3), int)
    assert_type(add.apply_async((1, 2), countdown=3, queue="slow", priority=5, expires=60), AsyncResult[int])
    assert_type(bound.delay("x"), AsyncResult[str])
    named.delay(x=2.0)

    add.delay("1", 2)  # type: ignore[arg-type]
    add.delay(1)  # type: ignore[call-arg]
    add.delay(1, 2, z=3)  # type: ignore[call-arg]
    bound.delay(3)  # type: ignore[arg-type]
    add.apply_async((1, 2), countdwn=3)  # type: ignore[call-arg]
    add.apply_async((1, 2), countdown="soon")  # type: ignore[arg-type]


async def awaits() -> None:
    assert_type(await fetch("u"), bytes)
    result = await fetch.adelay("u")
    assert_type(result, AsyncResult[bytes])
    assert_type(await result, bytes)
    await fetch.adelay(1)  # type: ignore[arg-type]


def canvas() -> None:
    assert_type(add.s(1, 2), Signature[int])
    assert_type(add.s(1) | bound.s(), chain[str])
    assert_type(group(add.s(1, 1), add.s(2, 2)).delay(), GroupResult[int])
    assert_type(chord([add.s(1, 1)], named.s()).delay(), AsyncResult[None])
    assert_type(group(add.s(1, 1)) | bound.s(), chord[str])
