"""Taking messages, and bringing back what has to be taken again."""

from __future__ import annotations

from typing import Final

from celeriac_plugins._shared.redis_link import Script

from .moves import LAYOUT, LOOKING, MOVES

LOOK: Final = Script.of(
    LAYOUT,
    MOVES,
    LOOKING,
    """
-- ARGV: layout, now, old; then for each queue its name, of which KEYS has the delayed ones.
bring_back(ARGV[4], ARGV[5])
for i = 6, #ARGV do bring_due(ARGV[i], KEYS[i - 2], ARGV[4]) end
return 1
""",
)
"""Bring back what is held too long, and what is due."""

CLAIM: Final = Script.of(
    LAYOUT,
    MOVES,
    LOOKING,
    """
-- KEYS: the held ones, then for each queue its delayed ones and its lists.
-- ARGV: layout, now, old, until, span of the visibility time-out, limit, whether to look around, life of the leases,
-- bytes in all; then for each queue its name, its tokens' beginning, the end of its entries.
local now, old, till, span, limit = ARGV[4], ARGV[5], ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8])
-- So late that no peer of ours takes what it holds for left behind before its lease ends.
local second = string.format('%d', math.ceil(math.max(now, till / 1000 - span)))
redis.call('HLEN', unacked)  -- an error now, and not when a message is in no place
redis.call('ZCARD', index)
redis.call('ZCARD', leases)
local queues = (#ARGV - 11) / 3
local width = #steps + 1
if ARGV[9] == '1' then
  bring_back(now, old)
  for q = 1, queues do bring_due(ARGV[9 + 3 * q], KEYS[4 + (q - 1) * width], now) end
end

local taken, entries, failure = {''}, {}, nil
-- How many to take out at once: a first one shows how large they are.
local portion, budget = 1, tonumber(ARGV[11])
local function take(q, wanted)
  local given, s = 0, 1
  while s <= #steps and given < wanted and budget > 0 do
    local asked = math.min(wanted - given, portion)
    local list = redis.pcall('RPOP', KEYS[4 + (q - 1) * width + s], asked)
    if list and list.err then
      failure = list
      list = nil
    end
    if not list or #list < asked then s = s + 1 end
    if list then
      local bytes = 0
      for _, message in ipairs(list) do
        given = given + 1
        bytes = bytes + #message
        local token = ARGV[10 + 3 * q] .. string.format('%04x', #taken / 2)
        local place = #entries
        entries[place + 1] = token
        entries[place + 2] = '[' .. message .. ARGV[11 + 3 * q]
        taken[place + 2] = q
        taken[place + 3] = message
      end
      budget = budget - bytes
      portion = math.max(1, math.min(8 * portion, math.floor(budget * #list / bytes)))
    end
  end
  return given
end

-- The queues share the limit evenly as far as they have enough.
local giving = {}
for q = 1, queues do giving[q] = q end
while #giving > 0 and limit > 0 and budget > 0 do
  local share = math.max(1, math.floor(limit / #giving))
  local still = {}
  for _, q in ipairs(giving) do
    local wanted = math.min(share, limit)
    if wanted < 1 then break end
    local given = take(q, wanted)
    limit = limit - given
    if given == wanted then still[#still + 1] = q end
  end
  giving = still
end

for i = 1, #entries, 2000 do
  local last = math.min(i + 1999, #entries)
  redis.call('HSET', unacked, unpack(entries, i, last))
  -- The greatest token first: a small sorted set is searched from its beginning for where each belongs.
  local scores = {}
  for at = last - 1, i, -2 do
    scores[#scores + 1] = second
    scores[#scores + 1] = entries[at]
  end
  redis.call('ZADD', index, unpack(scores))
  for at = 1, #scores, 2 do scores[at] = till end
  redis.call('ZADD', leases, unpack(scores))
end
if #entries > 0 then
  redis.call('EXPIRE', leases, ARGV[10])
  return taken
end
if failure then return failure end

-- Nothing: when will there be something without anybody's doing?
local function text(time) return time and string.format('%.6f', time) or '' end
local due
for q = 1, queues do
  local head = first(KEYS[4 + (q - 1) * width])
  if head and (not due or head < due) then due = head end
end
local held = first(leases)
if held then held = held / 1000 end
local peers = first(index)
if peers and (not held or peers + span < held) then held = peers + span end
taken[1] = text(due) .. ';' .. text(held)
return taken
""",
)
"""Take messages and hold them. Returns, flat, queue number and message of each after a first text; when there are none,
that is when the next one is due and when the first holding ends, with a semicolon between."""
