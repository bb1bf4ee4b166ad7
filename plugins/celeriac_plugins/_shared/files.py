"""Files that several processes write, and over which any of them may die: names, locks, replacement in one step."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789_-")
_LONGEST = 180


def safe_name(text: str) -> str:
    """A file name for any text: different for different texts, on file systems that ignore case too.

    Small ASCII letters, digits, ``-`` and ``_`` stay, every other byte of the UTF-8 is written as ``%xx``. What gets
    too long becomes ``%%`` and the SHA-256 of the text, in hex.
    """
    data = text.encode("utf-8", "surrogatepass")
    name = "".join(chr(byte) if byte in _PLAIN else f"%{byte:02x}" for byte in data) or "%"
    return name if len(name) <= _LONGEST else f"%%{hashlib.sha256(data).hexdigest()}"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path` (made, with its folder, when it is missing) against other threads and processes.

    The system releases the lock of a process that dies. The file is opened anew each time, so that threads exclude each
    other too, and nothing stays open that a forked child could inherit.
    """
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(lock, fcntl.LOCK_UN)
    finally:
        os.close(lock)


def replace(path: Path, data: bytes, temporary: Path, *, sync: bool = False) -> None:
    """Write `path`, so that everyone sees either the old content or the new, never a part, whenever we die.

    `temporary` is on the same file system and nobody else's: what an earlier writer left there is overwritten. With
    `sync`, the new content also survives a loss of power from the moment of return.
    """
    with temporary.open("wb") as file:
        file.write(data)
        if sync:
            file.flush()
            os.fsync(file.fileno())
    try:
        temporary.replace(path)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.replace(path)
    if sync:
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
