"""The bare loop: results, acknowledgements and the next claim of a hundred messages leave in one write; blocks on the
list itself while there is nothing."""

from __future__ import annotations

import time
from typing import Any

from systems.bodies import count
from systems.floors import BATCH, RESULT
from systems.floors.redis_line import RedisLine
from systems.setup import Setup

QUEUE, HELD, LEASES, WAITED = "floor", "floor.held", "floor.leases", "floor.waited"
_LIFE = 3600
_CLAIM = """
local taken = redis.call('RPOP', KEYS[1], ARGV[1])
if not taken then return {} end
local entries, ends = {}, {}
for i, message in ipairs(taken) do
  local token = string.sub(message, 1, 36)
  entries[2 * i - 1], entries[2 * i] = token, message
  ends[2 * i - 1], ends[2 * i] = ARGV[2], token
end
redis.call('HSET', KEYS[2], unpack(entries))
redis.call('ZADD', KEYS[3], unpack(ends))
return taken
"""


def key_of(message: bytes) -> bytes:
    """Under which its result is."""
    return b"floor-result-" + message[:36]


def work(line: RedisLine, results: bool) -> None:
    """Until the process is ended."""
    (script,) = line.ask(("SCRIPT", "LOAD", _CLAIM))
    settled: list[tuple[Any, ...]] = []
    while True:
        claim = ("EVALSHA", script, 3, QUEUE, HELD, LEASES, BATCH, time.time() + 30)
        taken = line.ask(*settled, claim)[-1]
        for _ in taken:
            count()
        settled = _settling(taken, results)
        if taken:
            tokens = [message[:36] for message in taken]
            settled += [("HDEL", HELD, *tokens), ("ZREM", LEASES, *tokens)]
        elif (waited := line.ask(("BLMOVE", QUEUE, WAITED, "RIGHT", "LEFT", 1))[0]) is not None:
            count()
            settled = [*_settling([waited], results), ("LPOP", WAITED)]


def _settling(messages: list[bytes], results: bool) -> list[tuple[Any, ...]]:
    if not results:
        return []
    keys = [key_of(message) for message in messages]
    return [it for key in keys for it in (("SETEX", key, _LIFE, RESULT), ("PUBLISH", key, RESULT))]


if __name__ == "__main__":
    setup = Setup.from_environment()
    work(RedisLine(setup.redis), setup.results)
