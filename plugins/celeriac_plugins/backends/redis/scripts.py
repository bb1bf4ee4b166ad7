"""The steps that must be one: they run inside the server."""

from __future__ import annotations

from typing import Final

from celeriac.states import READY_STATES
from celeriac_plugins._shared.redis_link import Script

_READY = ", ".join(f"['{state}'] = true" for state in sorted(READY_STATES))

STORE: Final = Script.of(
    f"local ready = {{{_READY}}}",
    r"""
-- As `document` has it: in pickle perhaps a memo, then a text with its length; in msgpack a short text.
local function binary_state_of(value)
  local _, last = value:find('status', 1, true)
  if not last then return end
  local rest = value:sub(last + 1, last + 40)
  rest = rest:match('^q.(.*)') or rest:match('^r....(.*)') or rest:match('^\148(.*)') or rest
  return rest:match('^X....(%u+)') or rest:match('^\140.(%u+)') or rest:match('^[\160-\191](%u+)')
end

local function state_of(value)
  local state = value:match('^%zceleriac:([^%z]*)') or value:match('^{"status": ?"([^"\\]*)"')
    or value:match('^{"task_id": ?"[^"\\]*", ?"status": ?"([^"\\]*)"')
  if state then return state end
  local ok, decoded = pcall(cjson.decode, value)
  if ok then return type(decoded) == 'table' and decoded.status end
  if value:byte() >= 128 then return binary_state_of(value) end
  return value:match('^status: (%u+)') or value:match('\nstatus: (%u+)')
end

local life = ARGV[1] ~= '' and ARGV[1]
local function put(key, value, ...)
  if life then return redis.call('SET', key, value, 'PX', life, ...) end
  return redis.call('SET', key, value, ...)
end

-- KEYS: of the records. ARGV: milliseconds of life or nothing; of each record its value and whether it is ready.
for i, key in ipairs(KEYS) do
  local value = ARGV[2 * i]
  if put(key, value, 'NX') or (not ready[state_of(redis.call('GET', key))] and put(key, value)) then
    redis.call('PUBLISH', key, value)
  end
end
return 1
""",
)

OPEN: Final = Script.of("""
-- KEYS: the join, the size for Celery. ARGV: life or nothing, size or nothing, body.
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'body', ARGV[3])
if ARGV[2] == '' then
  redis.call('HSET', KEYS[1], 'open', 1)
else
  redis.call('HSET', KEYS[1], 'size', ARGV[2])
  redis.call('SET', KEYS[2], ARGV[2])
end
if ARGV[1] ~= '' then for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[1]) end end
return 1
""")

SHARE: Final = Script.of("""
-- KEYS: as of ARRIVE. ARGV: life or nothing, body; of each member its id, its place and its entry.
local join, _, _, entries, noted, size, added, claimed = unpack(KEYS)
if redis.call('GET', claimed) == 'done' then return 0 end
if redis.call('EXISTS', join) == 0 then redis.call('HSET', join, 'body', ARGV[2]) end
if redis.call('HEXISTS', join, 'body') == 0 then return 0 end
for i = 3, #ARGV, 3 do
  if redis.call('SADD', noted, ARGV[i] .. ':' .. ARGV[i + 1]) == 1 then
    redis.call('ZADD', entries, ARGV[i + 1], ARGV[i + 2])
  end
end
if ARGV[1] ~= '' then
  for _, key in ipairs({join, entries, noted, size, added}) do redis.call('PEXPIRE', key, ARGV[1]) end
end
return 1
""")

# `shared` is Celery's claim: its own token, ours, or that it is done. Theirs is respected.
_CLAIM: Final = """
local function claim(join, claims, shared, group, now, till)
  local body, claimed, notes = unpack(redis.call('HMGET', join, 'body', 'claimed', 'notes'))
  local peer = redis.call('GET', shared)
  if not body or (claimed and tonumber(claimed) > now) or (peer and peer ~= 'celeriac') then return false end
  redis.call('SET', shared, 'celeriac', 'PX', math.max(1, math.ceil((till - now) * 1000)))
  redis.call('HSET', join, 'claimed', till)
  redis.call('ZADD', claims, till, group)
  redis.call('EXPIRE', claims, ARGV[1])
  return notes and body .. notes or body
end
"""

_COMPLETE: Final = """
local function complete(join, members, entries, shared_size, added)
  local size = redis.call('HGET', join, 'size') or redis.call('GET', shared_size)
  if not size then return false end  -- Celery writes it when it sends the last member; `SEAL` does
  size = size + (redis.call('GET', added) or 0)
  return math.max(redis.call('SCARD', members), redis.call('ZCARD', entries)) >= size
end
"""

SEAL: Final = Script.of(
    _CLAIM,
    _COMPLETE,
    """
-- KEYS: as of ARRIVE. ARGV: life of the claims, life or nothing, group, now, until, size, body.
local join, members, claims, entries, _, shared_size, added, shared = unpack(KEYS)
if redis.call('HDEL', join, 'open') == 0 or redis.call('HEXISTS', join, 'body') == 0 then return false end
redis.call('HSET', join, 'size', ARGV[6], 'body', ARGV[7])
redis.call('SET', shared_size, ARGV[6])
if ARGV[2] ~= '' then
  for _, key in ipairs({join, members, shared_size}) do redis.call('PEXPIRE', key, ARGV[2]) end
end
if not complete(join, members, entries, shared_size, added) then return false end
return claim(join, claims, shared, ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]))
""",
)

ARRIVE: Final = Script.of(
    _CLAIM,
    _COMPLETE,
    """
-- KEYS: the join, its members, the claims; for Celery the entries, the members in them, the size, what was added to it,
-- the claim. ARGV: life of the claims, life or nothing, group, now, until, members.
local join, members, claims, entries, _, shared_size, added, shared = unpack(KEYS)
if redis.call('HEXISTS', join, 'body') == 0 then return false end
for i = 6, #ARGV, 1000 do redis.call('SADD', members, unpack(ARGV, i, math.min(i + 999, #ARGV))) end
if ARGV[2] ~= '' then
  redis.call('PEXPIRE', join, ARGV[2])
  redis.call('PEXPIRE', members, ARGV[2])
end
if not complete(join, members, entries, shared_size, added) then return false end
return claim(join, claims, shared, ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]))
""",
)

GROW: Final = Script.of(
    _COMPLETE,
    """
-- KEYS: as of ARRIVE. ARGV: life or nothing, body or nothing; of each member that is added its id and its note. A group
-- that Celery's workers have claimed, or are done with, does not grow.
local join, members, _, entries, _, shared_size, added, shared = unpack(KEYS)
local peer = redis.call('GET', shared)
if peer and peer ~= 'celeriac' then return 0 end
if ARGV[2] ~= '' and redis.call('EXISTS', join) == 0 then redis.call('HSET', join, 'body', ARGV[2]) end
if redis.call('HEXISTS', join, 'body') == 0 then return 0 end
local fresh, notes = {}, {redis.call('HGET', join, 'notes') or ''}
for i = 3, #ARGV, 2 do
  if redis.call('HEXISTS', join, '+' .. ARGV[i]) == 0 then
    fresh[#fresh + 1] = ARGV[i]
    notes[#notes + 1] = ARGV[i + 1]
  end
end
if #fresh == 0 then return 1 end
if complete(join, members, entries, shared_size, added) then return 0 end
for _, member in ipairs(fresh) do redis.call('HSET', join, '+' .. member, 1) end
redis.call('HSET', join, 'notes', table.concat(notes))
redis.call('INCRBY', added, #fresh)
if ARGV[1] ~= '' then
  for _, key in ipairs({join, members, entries, shared_size, added}) do redis.call('PEXPIRE', key, ARGV[1]) end
end
return 1
""",
)

RELAYED: Final = Script.of(
    _CLAIM,
    """
-- KEYS: as of ARRIVE. ARGV: life of the claims, group, now, until. Celery's workers have claimed it, or are done with
-- it, and have told us: so their claim is set aside.
if redis.call('GET', KEYS[8]) ~= 'celeriac' then redis.call('DEL', KEYS[8]) end
return claim(KEYS[1], KEYS[3], KEYS[8], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]))
""",
)

CLOSE: Final = Script.of("""
-- KEYS: as of ARRIVE. ARGV: group, milliseconds for which it is remembered that it was.
redis.call('DEL', KEYS[2])
redis.call('ZREM', KEYS[3], ARGV[1])
if redis.call('DEL', unpack(KEYS, 4, 7)) > 0 then redis.call('SET', KEYS[8], 'done', 'PX', ARGV[2]) end
if redis.call('HEXISTS', KEYS[1], 'body') == 1 then
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'closed', 1)
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 1
""")

ORPHANS: Final = Script.of(
    _CLAIM,
    """
-- KEYS: the claims. ARGV: life of the claims, how a join's key begins, now, until, how Celery's begins. Returns groups
-- and bodies in turn.
local found = {}
for _, group in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[3], 'LIMIT', 0, 100)) do
  redis.call('ZREM', KEYS[1], group)
  local shared = ARGV[5] .. group .. '.c'
  local body = claim(ARGV[2] .. group, KEYS[1], shared, group, tonumber(ARGV[3]), tonumber(ARGV[4]))
  if body then
    found[#found + 1] = group
    found[#found + 1] = body
  end
end
return found
""",
)
