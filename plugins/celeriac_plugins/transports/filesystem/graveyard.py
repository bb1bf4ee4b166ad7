"""Dead letters: the message itself in its queue's dead/, renamed there, and beside it its evidence, written before.

So a letter is there with its evidence or not at all; evidence without a letter is left by a process that died between
the two, and means nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from celeriac.message import unpack
from celeriac.specs.transport import DeadLetter

from .edge import move, read, remove, sync_folder
from .names import Name, micros, seconds
from .queue import Holding, QueueFolder
from .store import Store

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[str, str]).decode

Grave = tuple[str, QueueFolder]
"""The name of the file, which begins with the letter's id, and its queue."""


class Graveyard:
    """The dead letters of all queues of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._room = 0
        """So many more need no look whether the limit is reached."""

    def bury(self, holding: Holding, reason: str, detail: str, now: float) -> bool:
        """False when it was no longer held."""
        letter = self._store.stamps.next()
        queue = holding.queue
        evidence = f"{queue.dead}/{letter}.evidence"
        if not move(self._store.staged(_encode((reason, detail))), evidence):
            return False
        if not move(holding.file, f"{queue.dead}/{letter}.{micros(now)}.{holding.name}"):
            remove(evidence)
            return False
        if self._store.sync:
            sync_folder(queue.dead)
        self._room -= 1
        return True

    def trim(self, limit: int) -> None:
        """Drop the oldest beyond `limit`. Counted afresh only when half of the room may be used up, so that several
        processes together may go over it by a part of that."""
        if self._room > 0:
            return
        graves = self.graves()
        for grave in graves[limit:]:
            self.drop(grave)
        self._room = (limit - len(graves)) // 2

    def graves(self) -> list[Grave]:
        """Newest first."""
        found = [(text, queue) for queue in self._store.queues() for text in queue.dead_names()]
        return sorted(found, key=_text, reverse=True)

    def named(self, ids: Iterable[str]) -> Iterator[Grave]:
        by_id = {_id(text): (text, queue) for text, queue in self.graves()}
        for each in dict.fromkeys(ids):
            if each in by_id:
                yield by_id[each]

    def letter(self, grave: Grave) -> DeadLetter | None:
        """None when it is gone meanwhile."""
        text, queue = grave
        try:
            data = read(f"{queue.dead}/{text}")
        except FileNotFoundError:
            return None
        reason, detail = self._evidence(queue, _id(text))
        at = seconds(text.split(".")[1])
        return DeadLetter(_id(text), queue.name, unpack(data), reason, detail, Name.of(text).count, at)

    def _evidence(self, queue: QueueFolder, id: str) -> tuple[str, str]:
        try:
            return _decode(read(f"{queue.dead}/{id}.evidence"))
        except (FileNotFoundError, msgspec.MsgspecError, ValueError):
            return "unknown: the file with the evidence is missing or damaged", ""

    def replay(self, grave: Grave, now: float) -> bool:
        """Into its queue again, as if it were published now; False when it is gone meanwhile."""
        text, queue = grave
        name = Name(Name.of(text).urgency, self._store.stamps.next(), micros(now), 0)
        if not queue.put(f"{queue.dead}/{text}", name, None, now):
            return False
        if self._store.sync:
            sync_folder(queue.ready)
        remove(f"{queue.dead}/{_id(text)}.evidence")
        return True

    def drop(self, grave: Grave) -> bool:
        text, queue = grave
        if not remove(f"{queue.dead}/{text}"):
            return False
        remove(f"{queue.dead}/{_id(text)}.evidence")
        return True


def _text(grave: Grave) -> str:
    return grave[0]


def _id(text: str) -> str:
    return text.partition(".")[0]
