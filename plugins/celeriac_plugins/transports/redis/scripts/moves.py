"""What the scripts have in common: moving one message from where it is to where it belongs."""

from __future__ import annotations

from typing import Final

LAYOUT: Final = """
local unacked, index, leases = KEYS[1], KEYS[2], KEYS[3]
local prefix, sep, steps = ARGV[1], ARGV[2], {}
for step in ARGV[3]:gmatch('%d+') do steps[#steps + 1] = tonumber(step) end
"""

HELD: Final = """
-- The list of its own in which a large message is held; nil for the others, which are in the hash.
local function apart(token)
  return token:sub(1, 1) == 'l' and prefix .. 'celeriac.held.' .. token or nil
end

local function is_held(token)
  local key = apart(token)
  return (key and redis.call('EXISTS', key) or redis.call('HEXISTS', unacked, token)) == 1
end
"""

MOVES: Final = (
    HELD
    + r"""
local function list_of(queue, step)
  if step == 0 then return prefix .. queue end
  return prefix .. queue .. sep .. step
end

-- Where the JSON string begins whose closing quote is at i.
local function opening(text, i)
  local backslashes
  repeat
    repeat i = i - 1 until i < 1 or text:byte(i) == 34
    backslashes = 0
    while i - backslashes > 1 and text:byte(i - backslashes - 1) == 92 do backslashes = backslashes + 1 end
  until i < 1 or backslashes % 2 == 0
  return i
end

-- The string before i, and where it begins; nil when something else stands there.
local function string_before(entry, i)
  local close = i - 1
  while close > 0 and entry:byte(close) ~= 34 do
    local byte = entry:byte(close)
    if byte ~= 44 and byte ~= 32 and byte ~= 93 then return nil end
    close = close - 1
  end
  local open = opening(entry, close)
  if open < 1 then return nil end
  local ok, decoded = pcall(cjson.decode, '[' .. entry:sub(open, close) .. ']')
  if not ok then return nil end
  return decoded[1], open
end

-- Message, exchange and routing key of one of kombu's entries.
local function parts_of(entry)
  local key, at = string_before(entry, #entry + 1)
  if not key then return nil end
  local exchange, before = string_before(entry, at)
  if not exchange then return nil end
  return entry:sub(2, before - 1):gsub(',%s*$', ''), exchange, key
end

-- The queues to which a peer's message goes back; kombu's own rule, but for that none is lost.
local function destinations(exchange, key)
  if exchange == '' then return {key} end
  local found = {}
  for _, member in ipairs(redis.call('SMEMBERS', prefix .. '_kombu.binding.' .. exchange)) do
    local first = member:find(sep, 1, true)
    local second = first and member:find(sep, first + #sep, true)
    if second then
      local bound = member:sub(1, first - 1)
      local pattern = bound:gsub('[%%%^%$%(%)%.%[%]%+%-%?]', '%%%0'):gsub('%*', '[^.]+'):gsub('#', '.*')
      if bound == key or key:match('^' .. pattern .. '$') then found[#found + 1] = member:sub(second + #sep) end
    end
  end
  return #found > 0 and found or {key}
end

local function foreign_step(message)
  local step = steps[1]
  local ok, decoded = pcall(cjson.decode, message)
  local properties = ok and type(decoded) == 'table' and decoded.properties
  local priority = type(properties) == 'table' and tonumber(properties.priority) or 0
  for _, each in ipairs(steps) do
    if each <= priority then step = each end
  end
  return step
end

-- The message with `begun` more deliveries and, if given, a new time since which it waits; and its step.
local function with_head(message, begun, since)
  local count, waits, step, flags, rest = message:match('^{"x%-celeriac": ?"(%d+);([^;]*);(%d+);(%a*)", ?(.*)$')
  if not count then
    if message:sub(1, 1) ~= '{' or message:match('^{%s*}') then return message, steps[1] end
    count, waits, step, flags, rest = 0, '', foreign_step(message), 'f', message:sub(2)
  end
  step, count = tonumber(step), tonumber(count)
  -- A Celery peer does not count; it marks what it restores.
  if count == 0 and message:find('redelivered": ?true') then count = 1 end
  count = begun and count + begun or 0
  return string.format('{"x-celeriac":"%d;%s;%d;%s",', count, since or waits, step, flags) .. rest, step
end

-- Message, exchange and routing key of what is held under a token; false when nothing is, nil when it is unreadable.
local function held_under(token)
  local key = apart(token)
  if key then
    local message = redis.call('LINDEX', key, 0)
    return message, '', token:sub(32)
  end
  local entry = redis.call('HGET', unacked, token)
  if not entry then return false end
  return parts_of(entry)
end

local function forget(token)
  local key = apart(token)
  if key then
    redis.call('UNLINK', key)
  else
    redis.call('HDEL', unacked, token)
    redis.call('ZREM', index, token)
  end
  redis.call('ZREM', leases, token)
end

-- Ahead of all that waits: the end of the list is where consumers take from.
local function give_back(token, begun)
  local message, exchange, key = held_under(token)
  if message == nil then
    redis.call('ZREM', index, token)
    redis.call('ZREM', leases, token)
    return
  end
  forget(token)
  if not message then return end
  local changed, step = with_head(message, begun)
  for _, queue in ipairs(destinations(exchange, key)) do redis.call('RPUSH', list_of(queue, step), changed) end
end
"""
)

LOOKING: Final = """
local function bring_back(now, old)
  local gone = redis.call('ZRANGEBYSCORE', leases, '-inf', now * 1000, 'LIMIT', 0, 1000)
  for i = #gone, 1, -1 do give_back(gone[i], 1) end
  gone = redis.call('ZRANGEBYSCORE', index, '-inf', old, 'LIMIT', 0, 100)
  for i = #gone, 1, -1 do
    if not redis.call('ZSCORE', leases, gone[i]) then give_back(gone[i], 1) end
  end
end

local function bring_due(queue, delayed, now)
  local due = redis.call('ZRANGEBYSCORE', delayed, '-inf', now, 'LIMIT', 0, 1000)
  for _, message in ipairs(due) do
    redis.call('ZREM', delayed, message)
    redis.call('LPUSH', list_of(queue, tonumber(message:match('^{"x%-celeriac": ?"%d+;[^;]*;(%d+)'))), message)
  end
end

local function first(key)
  local head = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  return head[2] and tonumber(head[2])
end
"""
