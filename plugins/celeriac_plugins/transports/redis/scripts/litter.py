"""What dead processes have left behind."""

from __future__ import annotations

from typing import Final

from celeriac_plugins._shared.redis_link import Script

from .moves import HELD, LAYOUT

STRAY: Final = Script.of(
    LAYOUT,
    HELD,
    """
-- KEYS: the held ones. ARGV: layout. Returns the tokens in the indices under which no message is held.
local found, seen = {}, {}
for i = 2, 3 do
  for _, token in ipairs(redis.call('ZRANGE', KEYS[i], 0, -1)) do
    if not seen[token] and not is_held(token) then
      seen[token] = true
      found[#found + 1] = token
    end
  end
end
return found
""",
)

DROP_STRAY: Final = Script.of(
    LAYOUT,
    HELD,
    """
-- KEYS: the held ones. ARGV: layout, a token.
if is_held(ARGV[4]) then return 0 end
return math.min(redis.call('ZREM', index, ARGV[4]) + redis.call('ZREM', leases, ARGV[4]), 1)
""",
)

DROP_UNREAD: Final = Script.of("""
-- KEYS: a list. ARGV: seconds without a touch.
if redis.call('TTL', KEYS[1]) ~= -1 then return 0 end
if (redis.call('OBJECT', 'IDLETIME', KEYS[1]) or 0) < tonumber(ARGV[1]) then return 0 end
return redis.call('DEL', KEYS[1])
""")

UNBIND: Final = Script.of("""
-- KEYS: the bindings of an exchange, the permanent ones among them, kombu's deadlines. ARGV: the exchange, how the
-- members end.
local gone = 0
for _, member in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  if member:sub(-#ARGV[2]) == ARGV[2] then
    gone = 1
    redis.call('SREM', KEYS[1], member)
    redis.call('SREM', KEYS[2], member)
  end
end
if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('ZREM', KEYS[3], ARGV[1]) end
return gone
""")
