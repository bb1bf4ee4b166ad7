"""The locks of the filesystem backend: a file for each name that is held."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec

from celeriac_plugins._shared.files import locked, replace, safe_name


class _Hold(msgspec.Struct, array_like=True):
    """What a file holds."""

    owner: str
    until: float


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Hold).decode


class FileLocks:
    """All changes happen under one lock file; a file is replaced in one step, so readers take none."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held = folder / "held"

    def claim(self, name: str, owner: str, lease: float | None, replacing: str | None, now: float) -> str:
        with locked(self._folder / "lock"):
            holder = self.holder(name, now)
            if holder is not None and holder not in (owner, replacing):
                return holder
            until = math.inf if lease is None else now + lease
            replace(self._path(name), _encode(_Hold(owner, until)), self._folder / "temporary")
            return owner

    def holder(self, name: str, now: float) -> str | None:
        hold = _read(self._path(name))
        return hold.owner if hold is not None and hold.until > now else None

    def release(self, name: str, owner: str, now: float) -> bool:
        if not self._folder.is_dir():
            return False
        with locked(self._folder / "lock"):
            if self.holder(name, now) != owner:
                return False
            self._path(name).unlink()
            return True

    def sweep(self, now: float) -> None:
        """Remove the files of leases that have run out."""
        if not self._held.is_dir():
            return
        with locked(self._folder / "lock"):
            for path in self._held.iterdir():
                hold = _read(path)
                if hold is None or hold.until <= now:
                    path.unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._held / safe_name(name)


def _read(path: Path) -> _Hold | None:
    try:
        return _decode(path.read_bytes())
    except (FileNotFoundError, msgspec.MsgspecError, ValueError):
        return None
