"""The joins of the filesystem backend: who of a group has arrived, and who has its body."""

from __future__ import annotations

import errno
import hashlib
import math
import os
import struct
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from celeriac_plugins._shared.files import locked, replace, safe_name

_HEADER = struct.Struct("<ddqq")
_DIGEST = 16
_UNKNOWN = 1 << 62
"""The size of a group whose size is not known yet: it never comes to that."""


class _Tally(NamedTuple):
    """The head of a tally file. `claimed_until` is minus infinity before the first claim."""

    expires: float
    claimed_until: float
    size: int
    closed: int


class FileJoins:
    """A group has two files: its body, and a tally; a third one with the members that were added to it and their notes,
    when there are such. That one is replaced as a whole, so that what counts and what is handed out are one.

    The tally is a head of fixed size, and behind it 16 bytes (BLAKE2b) for each member that has arrived, so that an
    arrival appends a few bytes however large the group is. What is overwritten in place is within one write of 32
    bytes; a tail that is cut short is overwritten by the next arrival. A file in ``claims`` names a group whose body
    was handed out, so that looking for orphans does not read every tally. All changes happen under one lock.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = folder / "lock"
        self._temporary = folder / "temporary"
        self._claims = folder / "claims"

    def open(self, group: str, size: int | None, body: bytes, now: float, expires: float) -> None:
        with locked(self._lock):
            known = self._tally(group)
            if known is not None and known.expires > now:
                return
            self._remove(group)
            replace(self._path(group, "body"), body, self._temporary)
            head = _HEADER.pack(expires, -math.inf, _UNKNOWN if size is None else size, 0)
            replace(self._path(group, "tally"), head, self._temporary)

    def seal(self, group: str, size: int, body: bytes, lease: float, now: float, expires: float) -> bytes | None:
        if not self._folder.is_dir():
            return None
        with locked(self._lock):
            tally = self._tally(group)
            if tally is None or tally.closed or tally.expires <= now or tally.size != _UNKNOWN:
                return None
            tally = tally._replace(size=size, expires=expires)
            replace(self._path(group, "body"), body, self._temporary)  # first the body: nobody gets it without a size
            if self._count(group, ()) >= size + len(self._added(group)):
                return self._claim(group, tally, now + lease)
            self._write(group, tally)
            return None

    def arrive(self, group: str, members: Sequence[str], lease: float, now: float, expires: float) -> bytes | None:
        if not self._folder.is_dir():
            return None
        with locked(self._lock):
            tally = self._tally(group)
            if tally is None or tally.closed or tally.expires <= now:
                return None
            complete = self._count(group, members) >= tally.size + len(self._added(group))
            claim = complete and tally.claimed_until <= now
            if claim:
                return self._claim(group, tally._replace(expires=expires), now + lease)
            self._write(group, tally._replace(expires=expires))
            return None

    def grow(self, group: str, added: Mapping[str, bytes], now: float, expires: float) -> bool:
        if not self._folder.is_dir():
            return False
        with locked(self._lock):
            tally = self._tally(group)
            if tally is None or tally.closed or tally.expires <= now:
                return False
            known = self._added(group)
            fresh = {member: note for member, note in added.items() if member not in known}
            if not fresh:
                return True
            if self._count(group, ()) >= tally.size + len(known):
                return False
            replace(self._path(group, "added"), msgspec.msgpack.encode({**known, **fresh}), self._temporary)
            self._write(group, tally._replace(expires=expires))
            return True

    def close(self, group: str) -> None:
        if not self._folder.is_dir():
            return
        with locked(self._lock):
            tally = self._tally(group)
            if tally is not None:
                self._write(group, tally._replace(closed=1))
                for suffix in ("body", "added"):
                    self._path(group, suffix).unlink(missing_ok=True)
                self._claim_file(group).unlink(missing_ok=True)

    def orphans(self, lease: float, now: float) -> list[tuple[str, bytes]]:
        if not self._claims.is_dir():
            return []
        found = []
        with locked(self._lock):
            for file in sorted(self._claims.iterdir()):
                group = file.read_bytes().decode("utf-8", "surrogatepass")
                tally = self._tally(group)
                if tally is None or tally.closed:
                    file.unlink()
                elif tally.claimed_until <= now < tally.expires:
                    found.append((group, self._claim(group, tally, now + lease)))
        return found

    def sweep(self, now: float) -> None:
        if not self._folder.is_dir():
            return
        for tally in {path.with_suffix(".tally") for path in self._folder.glob("groups/*/*")}:
            if _has_expired(tally, now):
                with locked(self._lock):  # look again: it may have been opened anew
                    if _has_expired(tally, now):
                        for path in (*map(tally.with_suffix, (".tally", ".body", ".added")), self._claims / tally.stem):
                            path.unlink(missing_ok=True)

    def _count(self, group: str, members: Sequence[str]) -> int:
        """Add those members that are not in the tally, and return how many are."""
        path = self._path(group, "tally")
        known = path.read_bytes()[_HEADER.size :]
        whole = len(known) // _DIGEST
        known = known[: whole * _DIGEST]
        fresh = [digest for digest in dict.fromkeys(map(_digest, members)) if not _contains(known, digest)]
        _overwrite(path, b"".join(fresh), _HEADER.size + len(known))
        return whole + len(fresh)

    def _claim(self, group: str, tally: _Tally, until: float) -> bytes:
        body = self._path(group, "body").read_bytes() + b"".join(self._added(group).values())
        # first the file, then the claim: one that is not followed by the claim does no harm
        replace(self._claim_file(group), group.encode("utf-8", "surrogatepass"), self._temporary)
        self._write(group, tally._replace(claimed_until=until))
        return body

    def _remove(self, group: str) -> None:
        paths = (self._path(group, suffix) for suffix in ("tally", "body", "added"))
        for path in (*paths, self._claim_file(group)):
            path.unlink(missing_ok=True)

    def _added(self, group: str) -> dict[str, bytes]:
        with suppress(FileNotFoundError):
            return msgspec.msgpack.decode(self._path(group, "added").read_bytes(), type=dict[str, bytes])
        return {}

    def _tally(self, group: str) -> _Tally | None:
        return _read(self._path(group, "tally"))

    def _write(self, group: str, tally: _Tally) -> None:
        _overwrite(self._path(group, "tally"), _HEADER.pack(*tally), 0)

    def _path(self, group: str, suffix: str) -> Path:
        name = safe_name(group)
        return self._folder / "groups" / name[-2:] / f"{name}.{suffix}"

    def _claim_file(self, group: str) -> Path:
        return self._claims / safe_name(group)


def _read(path: Path) -> _Tally | None:
    with suppress(FileNotFoundError, struct.error), path.open("rb") as file:
        return _Tally(*_HEADER.unpack(file.read(_HEADER.size)))
    return None


def _has_expired(path: Path, now: float) -> bool:
    tally = _read(path)
    return tally is None or tally.expires <= now


def _overwrite(path: Path, data: bytes, offset: int) -> None:
    if not data:
        return
    handle = os.open(path, os.O_WRONLY)
    try:
        if os.pwrite(handle, data, offset) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    finally:
        os.close(handle)


def _digest(member: str) -> bytes:
    return hashlib.blake2b(member.encode("utf-8", "surrogatepass"), digest_size=_DIGEST).digest()


def _contains(known: bytes, digest: bytes) -> bool:
    at = known.find(digest)
    while at >= 0 and at % _DIGEST:
        at = known.find(digest, at + 1)
    return at >= 0
