"""A program that lives in an event loop: a web handler, a bot. Nothing here ever blocks the loop."""

import asyncio

from numbers_app import add, app, slowly

from celeriac import group


async def one() -> int:
    """Call a task and await its result."""
    result = await add.adelay(2, 3)
    return await result


async def as_they_finish() -> list[int]:
    """A group's members, the fastest first."""
    members = group(slowly.s(number, number / 5) for number in (3, 1, 2))
    return [await result async for result in await members.adelay()]


async def all_at_once(count: int) -> list[int]:
    """Many calls and waits at a time: one thread waits for all of them together."""

    async def one_of(number: int) -> int:
        return await (await add.adelay(number, number))

    return await asyncio.gather(*map(one_of, range(count)))


async def impatient() -> str:
    """A timeout, as for anything else that is awaited."""
    result = await slowly.adelay(0, 60)
    try:
        async with asyncio.timeout(0.2):
            await result
    except TimeoutError:
        return "gave up"
    return "waited"


async def main() -> None:
    print("one:", await one())
    print("as they finish:", await as_they_finish())
    print("all at once:", await all_at_once(100))
    print("impatient:", await impatient())
    app.close()


if __name__ == "__main__":
    asyncio.run(main())
