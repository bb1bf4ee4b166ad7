"""The boxes into which Celery's workers put their replies."""

from __future__ import annotations

from typing import Final

from celeriac_plugins._shared.redis_link import Script

TEND: Final = Script.of("""
-- KEYS: the box. ARGV: seconds of life. Returns what came, newest first.
local found = redis.call('LRANGE', KEYS[1], 0, -1)
local holds_place = found[#found] == ''
if holds_place then found[#found] = nil end
if #found > 0 or not holds_place then
  redis.call('DEL', KEYS[1])
  redis.call('RPUSH', KEYS[1], '')
end
redis.call('EXPIRE', KEYS[1], ARGV[1])
return found
""")
"""Empty the box, but for a text that holds the place: a list that is there when a reply comes keeps its end of life,
also when its owner has died meanwhile. One that a reply had to make would have none."""
