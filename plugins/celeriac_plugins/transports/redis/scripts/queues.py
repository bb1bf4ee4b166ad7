"""Counting and purging."""

from __future__ import annotations

from typing import Final

from celeriac_plugins._shared.redis_link import Script

from .moves import LAYOUT, MOVES

COUNT: Final = Script.of(
    LAYOUT,
    MOVES,
    """
-- KEYS: the held ones, the delayed ones, the lists. ARGV: layout, the queue's name, its tokens' beginning, that of
-- large messages.
local ready, held = 0, 0
for i = 5, #KEYS do ready = ready + redis.call('LLEN', KEYS[i]) end
for _, token in ipairs(redis.call('HKEYS', unacked)) do
  if #token == 31 and token:match('^c%x+$') then
    if token:sub(1, 9) == ARGV[5] then held = held + 1 end
  else
    local message, exchange, key = parts_of(redis.call('HGET', unacked, token))
    if message then
      for _, queue in ipairs(destinations(exchange, key)) do
        if queue == ARGV[4] then held = held + 1 end
      end
    end
  end
end
for _, token in ipairs(redis.call('ZRANGE', leases, 0, -1)) do
  if token:sub(1, 9) == ARGV[6] and is_held(token) then held = held + 1 end
end
return {ready, held, redis.call('ZCARD', KEYS[4])}
""",
)

PURGE: Final = Script.of("""
-- KEYS: the delayed ones, the lists.
local gone = redis.call('ZCARD', KEYS[1])
for i = 2, #KEYS do gone = gone + redis.call('LLEN', KEYS[i]) end
redis.call('DEL', unpack(KEYS))
return gone
""")
