"""What dead processes have left behind."""

from __future__ import annotations

from typing import Final

from celeriac_plugins._shared.redis_link import Script

STRAY: Final = Script.of("""
-- KEYS: the held ones. Returns the tokens in the indices under which no message is held.
local found, seen = {}, {}
for i = 2, 3 do
  for _, token in ipairs(redis.call('ZRANGE', KEYS[i], 0, -1)) do
    if not seen[token] and redis.call('HEXISTS', KEYS[1], token) == 0 then
      seen[token] = true
      found[#found + 1] = token
    end
  end
end
return found
""")

DROP_STRAY: Final = Script.of("""
-- KEYS: the held ones. ARGV: a token.
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then return 0 end
return math.min(redis.call('ZREM', KEYS[2], ARGV[1]) + redis.call('ZREM', KEYS[3], ARGV[1]), 1)
""")

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
