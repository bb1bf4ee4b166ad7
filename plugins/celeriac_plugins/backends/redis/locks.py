"""The locks of the Redis backend: a key for each name that is held, which the server lets go of in time."""

from __future__ import annotations

from typing import Final

from celeriac_plugins._shared.redis_line import Line
from celeriac_plugins._shared.redis_link import Script

_CLAIM: Final = Script.of("""
-- KEYS: the lock. ARGV: who wants it, milliseconds or nothing, who may be replaced or nothing.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] and (ARGV[3] == '' or holder ~= ARGV[3]) then return holder end
if ARGV[2] == '' then redis.call('SET', KEYS[1], ARGV[1]) else redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
return ARGV[1]
""")

_RELEASE: Final = Script.of("""
-- KEYS: the lock. ARGV: who holds it.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
""")


class Locks:
    """Each under ``celeriac.lock.<name>``."""

    def __init__(self, line: Line, prefix: str) -> None:
        self._line = line
        self._prefix = f"{prefix}celeriac.lock."

    def claim(self, name: str, owner: str, lease: float | None, replacing: str | None) -> str:
        life = "" if lease is None else max(int(lease * 1000), 1)
        holder: bytes = self._line.run(_CLAIM, [self._prefix + name], (owner, life, replacing or ""))
        return holder.decode()

    def holder(self, name: str) -> str | None:
        (found,) = self._line.call([("GET", self._prefix + name)])
        return None if found is None else found.decode()

    def release(self, name: str, owner: str) -> bool:
        return bool(self._line.run(_RELEASE, [self._prefix + name], (owner,)))
