"""Dead letters."""

from __future__ import annotations

from typing import Final

from celeriac_plugins._shared.redis_link import Script

from .moves import LAYOUT, MOVES

_GRAVES: Final = """
local function parts_of_grave(buried)
  local a, b, c, rest = buried:match('^(%d+):(%d+):(%d+):(.*)$')
  a, b, c = tonumber(a), tonumber(b), tonumber(c)
  return rest:sub(1, a), rest:sub(a + 1, a + b), rest:sub(a + b + 1, a + b + c), rest:sub(a + b + c + 1)
end

local function dig_up(dead, graves, tasks, id)
  local buried = redis.call('HGET', dead, id)
  if not buried then return nil end
  local _, queue, task, message = parts_of_grave(buried)
  redis.call('HDEL', dead, id)
  redis.call('ZREM', graves, id)
  redis.call('ZREM', tasks, task .. '\\0' .. id)
  return queue, message
end
"""

BURY: Final = Script.of(
    LAYOUT,
    MOVES,
    _GRAVES,
    """
-- KEYS: the held ones, the dead ones. ARGV: layout, the most to keep, now; of each its token, task id and evidence.
local dead, graves, tasks = KEYS[4], KEYS[5], KEYS[6]
for i = 6, #ARGV, 3 do
  local token, task, evidence = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local message, _, queue = held_under(token)
  if message then
    message = with_head(message, 0)
    forget(token)
    redis.call('HSET', dead, token,
      string.format('%d:%d:%d:', #evidence, #queue, #task) .. evidence .. queue .. task .. message)
    redis.call('ZADD', graves, ARGV[5], token)
    redis.call('ZADD', tasks, 0, task .. '\\0' .. token)
  end
end
local over = redis.call('ZCARD', graves) - tonumber(ARGV[4])
if over > 0 then
  for _, id in ipairs(redis.call('ZRANGE', graves, 0, over - 1)) do dig_up(dead, graves, tasks, id) end
end
return 1
""",
)

NEWEST_DEAD: Final = Script.of("""
-- KEYS: the dead ones. ARGV: first, last. Returns ids and graves in turn.
local found = {}
for _, id in ipairs(redis.call('ZREVRANGE', KEYS[2], ARGV[1], ARGV[2])) do
  found[#found + 1] = id
  found[#found + 1] = redis.call('HGET', KEYS[1], id)
end
return found
""")

FIND_DEAD: Final = Script.of("""
-- KEYS: the dead ones. ARGV: ids and task ids. Returns ids and graves in turn.
local found, seen = {}, {}
local function show(id)
  local buried = not seen[id] and redis.call('HGET', KEYS[1], id)
  if buried then
    seen[id] = true
    found[#found + 1] = id
    found[#found + 1] = buried
  end
end
for _, name in ipairs(ARGV) do
  show(name)
  for _, member in ipairs(redis.call('ZRANGEBYLEX', KEYS[3], '[' .. name .. '\\0', '(' .. name .. '\\1')) do
    show(member:sub(#name + 2))
  end
end
return found
""")

REPLAY: Final = Script.of(
    LAYOUT,
    MOVES,
    _GRAVES,
    """
-- KEYS: the held ones, the dead ones. ARGV: layout, now, ids. Returns the queues, one for each message.
local queues = {}
for i = 5, #ARGV do
  local queue, message = dig_up(KEYS[4], KEYS[5], KEYS[6], ARGV[i])
  if queue then
    local changed, step = with_head(message, nil, ARGV[4])
    redis.call('LPUSH', list_of(queue, step), changed)
    queues[#queues + 1] = queue
  end
end
return queues
""",
)

DROP_DEAD: Final = Script.of(
    _GRAVES,
    """
-- KEYS: the dead ones. ARGV: ids.
local gone = 0
for _, id in ipairs(ARGV) do
  if dig_up(KEYS[1], KEYS[2], KEYS[3], id) then gone = gone + 1 end
end
return gone
""",
)
