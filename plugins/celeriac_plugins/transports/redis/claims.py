"""One take of messages from the lists: by a script, or, where they are large, by moving each into a list of its own.

A script in Redis costs by the byte of each text that it touches: Lua hashes it, and kombu's layout wants it wrapped
where it is held, which is another one. Above `LARGE` that is more than all the rest, so those are moved by plain
commands (`LMOVE`), which touch nothing, once it is known what waits where. See
docs/decisions/0013-large-messages-are-held-apart.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from hiredis import ReplyError

from celeriac.message import Delivery
from celeriac_plugins._shared.redis_link import Command, Link, fine

from . import envelope, scripts
from .keys import Keys, QueueKeys

LARGE: Final = 16_384
"""Bytes of a message, on the average of a claim, from which on the next ones are held apart."""
BUDGET: Final = 1_048_576
"""Bytes after which a claim ends: very many large messages together cost the server several times what they cost in
portions."""
LEASES_LIFE: Final = 7 * 86_400
"""Seconds for which the set of leases stays when nobody touches it; without it, kombu's time-out holds."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What is common to both kinds of claim."""

    keys: Keys
    queues: Sequence[QueueKeys]
    name: str
    """Of this claim; no other one has it."""
    limit: int
    now: float
    lease: float
    span: float
    """kombu's visibility time-out, in seconds."""
    look: bool
    """Whether what is due and what was left behind is brought in first."""

    @property
    def until(self) -> int:
        """When the lease ends, in milliseconds."""
        return int((self.now + self.lease) * 1000)

    @property
    def life(self) -> int:
        return int(self.lease) + LEASES_LIFE


class Claim:
    """What was found on these terms."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.found: list[Delivery] = []
        self.size = 0
        """Bytes of a message, on the average."""

    @property
    def is_full(self) -> bool:
        """Whether there is probably more."""
        return len(self.found) >= self.terms.limit or self.size >= LARGE


class ScriptedClaim(Claim):
    """One run of the script `CLAIM`; held messages lie in kombu's hash."""

    next_due: float | None = None
    next_end: float | None = None
    """When nothing was found: when a message gets due, and when a holding ends."""

    def take(self, link: Link, commands: Sequence[Command], deadline: float) -> list[Any]:
        """Claim; returns the replies to the commands, which go out in the same write."""
        reply, *told = link.run_before(scripts.CLAIM, *self._arguments(), commands, deadline)
        self._read(reply)
        return told

    def send(self, link: Link, deadline: float) -> None:
        """Claim; the answer is to be read."""
        names, arguments = self._arguments()
        link.send([("EVALSHA", scripts.CLAIM.digest, len(names), *names, *arguments)], deadline)

    def read(self, link: Link, deadline: float) -> None:
        reply = link.reply(deadline)
        if isinstance(reply, ReplyError):
            if str(reply).startswith("NOSCRIPT"):  # the server was emptied; the next claim brings the script
                return
            raise reply
        self._read(reply)

    def _arguments(self) -> tuple[list[str], list[Any]]:
        terms = self.terms
        names = [*terms.keys.held]
        found: list[Any] = [*terms.keys.layout, terms.now, terms.now - terms.span, terms.until, terms.span]
        found += (terms.limit, int(terms.look), terms.life, BUDGET)
        for each in terms.queues:
            names += (each.delayed, *each.lists)
            found += (each.name, each.digest + terms.name, each.tail)
        return names, found

    def _read(self, reply: list[Any]) -> None:
        """Queue number and message of each stand in turn, behind a first text."""
        read, queues, name, found = envelope.read, self.terms.queues, self.terms.name, self.found
        for number in range((len(reply) - 1) // 2):
            keys = queues[reply[2 * number + 1] - 1]
            message, begun = read(reply[2 * number + 2])
            found.append(Delivery(message, keys.name, begun + 1, f"{keys.digest}{name}{number:04x}"))
        if found:
            self.size = sum(map(len, reply[2::2])) // len(found)
        else:
            due, _, held = reply[0].partition(b";")
            self.next_due, self.next_end = float(due) if due else None, float(held) if held else None


class LargeClaim(Claim):
    """By plain commands. The leases are noted and the messages moved under their tokens in one transaction, so each
    is in one place at every moment, and that has a lease."""

    def take(self, link: Link, expected: int, deadline: float) -> None:
        """Claim as many as the budget allows if they are of the expected size."""
        terms, keys = self.terms, self.terms.keys
        places = self._places(self._lengths(link, deadline), min(terms.limit, max(1, BUDGET // expected)))
        if not places:
            return
        tokens = [f"{each.apart}{terms.name}{number:04x}{each.name}" for number, (each, _) in enumerate(places)]
        leases = [text for token in tokens for text in (terms.until, token)]
        note = [("ZADD", keys.leases, *leases), ("EXPIRE", keys.leases, terms.life)]
        moves = [
            ("LMOVE", source, keys.apart(token), "RIGHT", "LEFT")
            for (_, source), token in zip(places, tokens, strict=True)
        ]
        *_, done = fine(link.call([("MULTI",), *note, *moves, ("EXEC",)], deadline))
        missing = []
        for (each, _), token, text in zip(places, tokens, fine(done[len(note) :]), strict=True):
            if text is None:  # others were faster
                missing.append(token)
                continue
            message, begun = envelope.read(text)
            self.found.append(Delivery(message, each.name, begun + 1, token))
            self.size += len(text)
        if missing:
            link.tell([("ZREM", keys.leases, *missing)], deadline)
        self.size //= len(self.found) or 1

    def _lengths(self, link: Link, deadline: float) -> dict[str, list[int]]:
        """How many messages wait in each of a queue's lists."""
        terms, keys = self.terms, self.terms.keys
        if terms.look:
            delayed, names = [each.delayed for each in terms.queues], [each.name for each in terms.queues]
            arguments = (*keys.layout, terms.now, terms.now - terms.span, *names)
            link.run(scripts.LOOK, (*keys.held, *delayed), arguments, deadline)
        lists = [name for each in terms.queues for name in each.lists]
        lengths = fine(link.call([("LLEN", name) for name in lists], deadline))
        width = len(keys.steps)
        return {each.name: lengths[at * width : (at + 1) * width] for at, each in enumerate(terms.queues)}

    def _places(self, lengths: dict[str, list[int]], most: int) -> list[tuple[QueueKeys, str]]:
        """Queue and list of each message to move: the queues in turn, of each the most urgent first."""
        places: list[tuple[QueueKeys, str]] = []
        giving = [each for each in self.terms.queues if any(lengths[each.name])]
        while giving and len(places) < most:
            for each in giving[: most - len(places)]:
                left = lengths[each.name]
                at = next(at for at, length in enumerate(left) if length)
                left[at] -= 1
                places.append((each, each.lists[at]))
            giving = [each for each in giving if any(lengths[each.name])]
        return places
