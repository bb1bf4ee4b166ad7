"""The steps that must be one: they run inside the server.

A message is in exactly one place: in a list of its queue, in kombu's ``unacked`` hash, in our sorted set of delayed
ones, or in the hash of dead ones. Each script moves it from one to another. Held messages are entries
``[message, exchange, routing key]`` under a token of their holding; a token that is not in the hash is stale, so
settling needs no further check. ``unacked_index`` has the time of the last renewal, which is what kombu's peers judge
by, and ``celeriac.leases`` the end of the lease in milliseconds, which is what we judge by. Both are whole numbers: in
a small sorted set, the server would parse the text of each fraction again at each step.

The texts of messages are moved as they are, never decoded and encoded again: Lua's numbers and empty tables would not
survive it.
"""

from __future__ import annotations

from .boxes import TEND
from .graves import BURY, DROP_DEAD, FIND_DEAD, NEWEST_DEAD, REPLAY
from .litter import DROP_STRAY, DROP_UNREAD, STRAY, UNBIND
from .queues import COUNT, PURGE
from .receiving import CLAIM, LOOK
from .settling import DELAY, PUBLISH, REJECT, RENEW

__all__ = [
    "BURY", "CLAIM", "COUNT", "DELAY", "DROP_DEAD", "DROP_STRAY", "DROP_UNREAD", "FIND_DEAD", "LOOK", "NEWEST_DEAD",
    "PUBLISH", "PURGE", "REJECT", "RENEW", "REPLAY", "STRAY", "TEND", "UNBIND",
]  # fmt: skip
