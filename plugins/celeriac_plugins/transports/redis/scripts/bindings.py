"""Binding a list to an exchange, as kombu does with one that is to pass away."""

from __future__ import annotations

from typing import Final

from celeriac_plugins._shared.redis_link import Script

BIND: Final = Script.of("""
-- KEYS: the binding table, kombu's deadlines. ARGV: member, exchange, milliseconds for which it is of use.
redis.call('SADD', KEYS[1], ARGV[1])
local now = redis.call('TIME')
local till = now[1] * 1000 + ARGV[3]
redis.call('ZADD', KEYS[2], 'GT', string.format('%d', till), ARGV[2])
return 1
""")
"""As kombu binds a queue that is to pass away."""

UNBIND: Final = Script.of("""
-- KEYS: the binding table, kombu's deadlines, the queue. ARGV: member, exchange.
redis.call('SREM', KEYS[1], ARGV[1])
if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('ZREM', KEYS[2], ARGV[2]) end
redis.call('DEL', KEYS[3])
return 1
""")
