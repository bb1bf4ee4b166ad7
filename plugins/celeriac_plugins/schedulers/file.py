"""A schedule that remembers in a file what has fired, also for several schedulers on one machine."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import msgspec

from celeriac.errors import ConfigurationError, SchedulerError
from celeriac.specs.scheduler import Entry, Firing, Scheduler, SchedulerOptions
from celeriac_plugins._shared.agenda import Agenda
from celeriac_plugins._shared.files import locked, replace

CLAIM = 30.0
"""Seconds for which a firing that one scheduler was given is not given to another."""

_log = logging.getLogger("celeriac.beat")


class _Claim(msgspec.Struct):
    due: float
    owner: str
    until: float


class _Kept(msgspec.Struct, omit_defaults=True):
    """What is remembered of an entry: its schedule in words, and up to when its firings are done."""

    schedule: str
    since: float
    claim: _Claim | None = None


class _Memory(msgspec.Struct):
    entries: dict[str, _Kept] = {}


_decode = msgspec.json.Decoder(_Memory, strict=True).decode


class FileScheduler(Scheduler):
    """The memory is a small JSON file at `options.location`, replaced in one step, so that it is whole whenever a
    process is killed; what `done` says survives a loss of power too. A file that is damaged is set aside, with a
    warning.

    Schedulers that share the file take turns by a lock file beside it. What `due` returns is claimed for 30 seconds: in
    that time no other scheduler sees it, and when its claimer died before `done`, another gets it then.
    """

    capabilities = frozenset({"durable", "processes"})

    def __init__(self, options: SchedulerOptions) -> None:
        super().__init__(options)
        if not options.location:
            raise ConfigurationError("the scheduler 'file' needs a place for its memory; set beat_schedule_filename")
        self._path = Path(options.location)
        self._owner = str(uuid4())
        self._lock = threading.Lock()
        self._agenda = Agenda(options.catch_up)

    def set_entries(self, entries: Sequence[Entry]) -> None:
        now = self.options.clock.time()
        words = {entry.name: repr(entry.schedule) for entry in entries}
        with self._memory() as memory:
            known = {name: kept for name, kept in memory.entries.items() if kept.schedule == words.get(name)}
            self._agenda.set(entries, now, {name: kept.since for name, kept in known.items()})
            for name, line in self._agenda.lines.items():
                claim = known[name].claim if name in known else None
                known[name] = _Kept(words[name], line.since, claim)
            if known != memory.entries:
                self._write(_Memory(known))

    def entries(self) -> list[Entry]:
        with self._lock:
            return [self._agenda.lines[name].entry for name in sorted(self._agenda.lines)]

    def due(self) -> list[Firing]:
        now = self.options.clock.time()
        if not self._agenda.lines:
            return []
        with self._memory() as memory:
            mine = [
                firing
                for firing in self._agenda.firings(now)
                if firing.due <= now and self._foreign_claim(memory, firing, now) is None
            ]
            for firing in mine:
                kept = self._kept(memory, firing.entry.name)
                kept.claim = _Claim(firing.due, self._owner, now + CLAIM)
            if mine:
                self._write(memory, sync=False)
            return mine

    def next_due(self) -> float | None:
        now = self.options.clock.time()
        if not self._agenda.lines:
            return None
        with self._memory() as memory:
            claims = ((firing, self._foreign_claim(memory, firing, now)) for firing in self._agenda.firings(now))
            return min((firing.due if claim is None else claim.until for firing, claim in claims), default=None)

    def done(self, firing: Firing) -> None:
        name = firing.entry.name
        with self._memory() as memory:
            if name in self._agenda.lines:
                self._agenda.advance(name, firing.due)
                line = self._agenda.lines[name]
                memory.entries[name] = _Kept(repr(line.entry.schedule), line.since)
                self._write(memory)

    def close(self) -> None:
        """Give up the claims, so that another scheduler need not wait for their end."""
        if not self._agenda.lines:
            return
        with self._memory() as memory:
            claimed = [kept for kept in memory.entries.values() if kept.claim and kept.claim.owner == self._owner]
            for kept in claimed:
                kept.claim = None
            if claimed:
                self._write(memory, sync=False)
            self._agenda = Agenda(self.options.catch_up)

    def _foreign_claim(self, memory: _Memory, firing: Firing, now: float) -> _Claim | None:
        """Another scheduler's claim on this firing."""
        kept = memory.entries.get(firing.entry.name)
        claim = kept.claim if kept else None
        if claim is None or claim.owner == self._owner or claim.due != firing.due:
            return None
        return claim if now < claim.until <= now + CLAIM else None

    def _kept(self, memory: _Memory, name: str) -> _Kept:
        line = self._agenda.lines[name]
        return memory.entries.setdefault(name, _Kept(repr(line.entry.schedule), line.since))

    @contextmanager
    def _memory(self) -> Iterator[_Memory]:
        """What the file says, ours alone while the block runs; the agenda knows by then what others have done."""
        with self._lock, self._mapped(), locked(self._beside(".lock")):
            memory = self._read()
            for name, line in self._agenda.lines.items():
                kept = memory.entries.get(name)
                if kept is not None and kept.schedule == repr(line.entry.schedule):
                    self._agenda.advance(name, kept.since)
            yield memory

    def _read(self) -> _Memory:
        try:
            return _decode(self._path.read_bytes())
        except FileNotFoundError:
            return _Memory()
        except (msgspec.MsgspecError, ValueError) as error:
            aside = self._beside(f".damaged-{uuid4().hex[:8]}")
            self._path.replace(aside)
            _log.warning(
                "%s is no memory of a schedule (%s); it is kept as %s, and every entry counts as new",
                self._path, error, aside,
            )  # fmt: skip
            return _Memory()

    def _write(self, memory: _Memory, *, sync: bool = True) -> None:
        data = msgspec.json.format(msgspec.json.encode(memory), indent=1)
        replace(self._path, data, self._beside(".temporary"), sync=sync)

    def _beside(self, suffix: str) -> Path:
        return self._path.with_name(self._path.name + suffix)

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        """The system's errors as ours."""
        try:
            yield
        except OSError as error:
            raise SchedulerError(
                f"the schedule's memory {str(self._path)!r} cannot be kept: {error.strerror or error}; "
                "check beat_schedule_filename, its folder and the space on its disk"
            ) from error
