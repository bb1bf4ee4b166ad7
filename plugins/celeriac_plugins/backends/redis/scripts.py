"""The steps that must be one: they run inside the server."""

from __future__ import annotations

from typing import Final

from celeriac.states import READY_STATES
from celeriac_plugins._shared.redis_link import Script

_READY = ", ".join(f"['{state}'] = true" for state in sorted(READY_STATES))

STORE: Final = Script.of(
    f"local ready = {{{_READY}}}",
    r"""
local function state_of(value)
  local state = value:match('^%zceleriac:([^%z]*)') or value:match('^{"status": ?"([^"\\]*)"')
    or value:match('^{"task_id": ?"[^"\\]*", ?"status": ?"([^"\\]*)"')
  if state then return state end
  local ok, decoded = pcall(cjson.decode, value)
  return ok and type(decoded) == 'table' and decoded.status
end

-- KEYS: of the records. ARGV: milliseconds of life or nothing; of each record its value and whether it is ready.
for i, key in ipairs(KEYS) do
  local value = ARGV[2 * i]
  local old = redis.call('GET', key)
  if not old or not ready[state_of(old)] then
    if ARGV[1] == '' then redis.call('SET', key, value) else redis.call('SET', key, value, 'PX', ARGV[1]) end
    redis.call('PUBLISH', key, value)
  end
end
return 1
""",
)

OPEN: Final = Script.of("""
-- KEYS: the join. ARGV: life or nothing, size, body.
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'size', ARGV[2], 'body', ARGV[3])
if ARGV[1] ~= '' then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return 1
""")

_CLAIM: Final = """
local function claim(join, claims, group, now, till)
  local size, body, claimed = unpack(redis.call('HMGET', join, 'size', 'body', 'claimed'))
  if not body or (claimed and tonumber(claimed) > now) then return false end
  redis.call('HSET', join, 'claimed', till)
  redis.call('ZADD', claims, till, group)
  redis.call('EXPIRE', claims, ARGV[1])
  return body
end
"""

ARRIVE: Final = Script.of(
    _CLAIM,
    """
-- KEYS: the join, its members, the claims. ARGV: life of the claims, life or nothing, group, now, until, members.
if redis.call('HEXISTS', KEYS[1], 'body') == 0 then return false end
for i = 6, #ARGV, 1000 do redis.call('SADD', KEYS[2], unpack(ARGV, i, math.min(i + 999, #ARGV))) end
if ARGV[2] ~= '' then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  redis.call('PEXPIRE', KEYS[2], ARGV[2])
end
if redis.call('SCARD', KEYS[2]) < tonumber(redis.call('HGET', KEYS[1], 'size')) then return false end
return claim(KEYS[1], KEYS[3], ARGV[3], tonumber(ARGV[4]), ARGV[5])
""",
)

CLOSE: Final = Script.of("""
-- KEYS: the join, its members, the claims. ARGV: group, milliseconds for which it is remembered that it was.
redis.call('DEL', KEYS[2])
redis.call('ZREM', KEYS[3], ARGV[1])
if redis.call('HDEL', KEYS[1], 'body', 'claimed') > 0 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1
""")

ORPHANS: Final = Script.of(
    _CLAIM,
    """
-- KEYS: the claims. ARGV: life of the claims, how a join's key begins, now, until. Returns groups and bodies in turn.
local found = {}
for _, group in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[3], 'LIMIT', 0, 100)) do
  redis.call('ZREM', KEYS[1], group)
  local body = claim(ARGV[2] .. group, KEYS[1], group, tonumber(ARGV[3]), ARGV[4])
  if body then
    found[#found + 1] = group
    found[#found + 1] = body
  end
end
return found
""",
)
