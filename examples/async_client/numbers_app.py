import asyncio

from celeriac import Celeriac

app = Celeriac("numbers")


@app.task
def add(x: int, y: int) -> int:
    return x + y


@app.task
async def slowly(number: int, seconds: float) -> int:
    await asyncio.sleep(seconds)
    return number
