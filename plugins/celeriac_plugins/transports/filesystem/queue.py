"""The folder of one queue: every step of a message is one rename within it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from shutil import rmtree

from .edge import move, remove, write_new
from .listing import Listing, names_in
from .names import DEAD, DELAYED, HELD, READY, Name, micros, seconds

_SWEEP = 1.0
"""Seconds between two looks for leases of others that have run out."""
_LATELY = 86_400.0


class Holding:
    """The token of a delivery: one holding of one message, by the name of its file. Renewing it changes that name."""

    __slots__ = ("file", "name", "queue")

    def __init__(self, queue: QueueFolder, name: Name, file: str) -> None:
        self.queue = queue
        self.name = name
        self.file = file


class QueueFolder:
    """As one transport object sees it. Its caller has that object's lock."""

    def __init__(self, name: str, path: str) -> None:
        self.name = name
        self.path = path
        self.ready, self.delayed, self.held, self.dead = (
            f"{path}/{each}" for each in ("ready", "delayed", "held", "dead")
        )
        self._ready = Listing(self.ready, READY)
        self._delayed = Listing(self.delayed, DELAYED)
        self._next_sweep = 0.0

    # its life

    def exists(self) -> bool:
        return os.path.isdir(self.ready)  # noqa: PTH112

    def lay_out(self, staged: str, *, sync: bool) -> None:
        """Make it beside its place, then rename it into it; somebody may have been faster."""
        os.mkdir(staged)  # noqa: PTH102
        for folder in (self.ready, self.delayed, self.held, self.dead):
            os.mkdir(f"{staged}/{Path(folder).name}")  # noqa: PTH102
        write_new(f"{staged}/name", self.name.encode("utf-8", "surrogatepass"), sync=sync)
        try:
            os.rename(staged, self.path)  # noqa: PTH104
        except OSError:
            rmtree(staged)
            if not self.exists():
                raise

    def is_in_use(self) -> bool:
        """Whether it holds anything, or did within a day."""
        for folder in (self.ready, self.delayed, self.held):
            try:
                if os.stat(folder).st_mtime > time.time() - _LATELY or os.listdir(folder):  # noqa: PTH116, PTH208
                    return True
            except FileNotFoundError:
                continue
        return False

    # putting

    def put(self, source: str, name: Name, due: float | None, now: float) -> str | None:
        """Rename `source` into the queue, to be due at `due`; its new path, or None when it was gone."""
        if due is None or due <= now:
            listing, text = self._ready, str(name)
        else:
            listing, text = self._delayed, f"{micros(due)}.{name}"
        target = f"{listing.path}/{text}"
        if not move(source, target):
            return None
        listing.add(text)
        return target

    # taking

    def bring(self, now: float) -> None:
        """Make ready what is due, and what was held under a lease that has run out."""
        self._delayed.refresh()
        until = micros(now)
        while (text := self._delayed.first()) is not None and text[:17] <= until:
            self._delayed.pop()
            self.put(f"{self.delayed}/{text}", Name.of(text).ready_since(text[:17]), None, now)
        if now >= self._next_sweep:
            self._next_sweep = now + _SWEEP
            for text in names_in(self.held, HELD):
                if text[:17] <= until:
                    self.put(f"{self.held}/{text}", Name.of(text), None, now)
                else:
                    self._next_sweep = min(self._next_sweep, seconds(text[:17]))

    def bring_from(self, holder: str, now: float) -> None:
        """Make ready what this holder held."""
        for text in names_in(self.held, HELD):
            if text.split(".")[1] == holder:
                self.put(f"{self.held}/{text}", Name.of(text), None, now)

    def take(self, limit: int, until: float, stamp: str) -> list[Holding]:
        """Hold up to `limit` ready messages: whoever renames the file has it. `stamp` names this holder and, among its
        holdings, these."""
        self._ready.refresh()
        self._next_sweep = min(self._next_sweep, until)
        taken: list[Holding] = []
        while len(taken) < limit and (text := self._ready.pop()) is not None:
            name = Name.of(text).counted(1)
            holding = Holding(self, name, f"{self.held}/{micros(until)}.{stamp}.{name}")
            if move(f"{self.ready}/{text}", holding.file):
                taken.append(holding)
        return taken

    def renew(self, holding: Holding, until: float) -> bool:
        _, holder, number, rest = Path(holding.file).name.split(".", 3)
        file = f"{self.held}/{micros(until)}.{holder}.{number}.{rest}"
        if not move(holding.file, file):
            return False
        holding.file = file
        return True

    # looking

    def counts(self) -> tuple[int, int, int]:
        """Ready, held, delayed; a message that moves meanwhile may be in two of them, or in none."""
        return len(self.ready_names()), len(names_in(self.held, HELD)), len(names_in(self.delayed, DELAYED))

    def ready_names(self) -> list[str]:
        return names_in(self.ready, READY)

    def dead_names(self) -> list[str]:
        return names_in(self.dead, DEAD)

    def purge(self) -> int:
        ready = sum(remove(f"{self.ready}/{text}") for text in self.ready_names())
        return ready + sum(remove(f"{self.delayed}/{text}") for text in names_in(self.delayed, DELAYED))
