"""Does what the README says, and checks what comes of it."""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from checking import PATIENCE, copy_of, done, running

with copy_of(__file__):
    import client
    from numbers_app import app

    async def check() -> None:
        assert await client.one() == 5
        assert await client.as_they_finish() == [1, 2, 3]
        assert await client.all_at_once(100) == [2 * number for number in range(100)]
        assert await client.impatient() == "gave up"

    with running("-A", "numbers_app", "worker", "-P", "asyncio", "-c", "50", "--grace", "0.5"):
        asyncio.run(asyncio.wait_for(check(), PATIENCE))
    app.close()
done(__file__)
