import asyncio

from celeriac import Celeriac

app = Celeriac("hello")


@app.task
def add(x: int, y: int) -> int:
    return x + y


@app.task
async def greet(name: str) -> str:
    await asyncio.sleep(0.1)
    return f"hello, {name}"
