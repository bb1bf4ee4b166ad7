"""What becomes of a message: published, given back, delayed, held on to."""

from __future__ import annotations

from typing import Final

from celeriac_plugins._shared.redis_link import Script

from .moves import HELD, LAYOUT, MOVES

PUBLISH: Final = Script.of("""
-- KEYS: for each message its list, the delayed ones, the bell, the sign of a worker of ours. ARGV: life of the bell;
-- for each its due time or nothing, whether its headers say the time too, and the message.
for i = 1, #KEYS / 4 do
  local list, delayed, bell, here = unpack(KEYS, 4 * i - 3, 4 * i)
  local due, told, message = unpack(ARGV, 3 * i - 1, 3 * i + 1)
  if due == '' or (told == '1' and redis.call('EXISTS', here) == 0) then
    redis.call('LPUSH', list, message)
  else
    redis.call('ZADD', delayed, due, message)
    if redis.call('ZRANK', delayed, message) == 0 then redis.call('SET', bell, due, 'EX', ARGV[1]) end
  end
end
return 1
""")
"""Where Celery's workers are alone on a queue, nobody would bring out what is due: so a message that says its time
itself (``eta``) goes to them at once, as from a Celery client. A worker of ours that gets it, puts it back."""

REJECT: Final = Script.of(
    LAYOUT,
    MOVES,
    """
-- ARGV: layout, deliveries to add, tokens, youngest first.
for i = 5, #ARGV do give_back(ARGV[i], tonumber(ARGV[4])) end
return 1
""",
)

DELAY: Final = Script.of(
    LAYOUT,
    MOVES,
    """
-- ARGV: layout, deliveries to add, now, life of the bell; token and due time of each, youngest first.
local begun, now = tonumber(ARGV[4]), tonumber(ARGV[5])
for i = 7, #ARGV, 2 do
  local token, due = ARGV[i], ARGV[i + 1]
  local message, exchange, key = held_under(token)
  local changed = message and with_head(message, begun, due)
  if not message or tonumber(due) <= now or changed == message then
    give_back(token, begun)
  else
    forget(token)
    for _, queue in ipairs(destinations(exchange, key)) do
      local delayed = prefix .. 'celeriac.delayed.' .. queue
      redis.call('ZADD', delayed, due, changed)
      if redis.call('ZRANK', delayed, changed) == 0 then
        redis.call('SET', prefix .. 'celeriac.due.' .. queue, due, 'EX', ARGV[6])
      end
    end
  end
end
return 1
""",
)

RENEW: Final = Script.of(
    LAYOUT,
    HELD,
    """
-- KEYS: the held ones. ARGV: layout, now in seconds, until in milliseconds, life of the leases, tokens. Returns for
-- each whether it is held.
local held = {}
for i = 7, #ARGV do
  local token = ARGV[i]
  held[i - 6] = is_held(token) and 1 or 0
  if held[i - 6] == 1 then
    if not apart(token) then redis.call('ZADD', index, ARGV[4], token) end
    redis.call('ZADD', leases, ARGV[5], token)
  end
end
redis.call('EXPIRE', leases, ARGV[6])
return held
""",
)
