"""Where errors of the operating system become ours, and how files are written so that they last."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from celeriac.errors import TransportCorrupt, TransportDown, TransportError

_DAMAGE = frozenset({errno.EIO, getattr(errno, "EUCLEAN", errno.EIO)})


@contextmanager
def mapped(doing: str, root: str) -> Iterator[None]:
    """Raises TransportCorrupt for a damaged disk and TransportDown for all else that a file system can say."""
    try:
        yield
    except TransportError:  # one of ours already, and some of ours are OSErrors
        raise
    except OSError as error:
        kind = TransportCorrupt if error.errno in _DAMAGE else TransportDown
        advice = (
            "check the disk" if kind is TransportCorrupt else "check that it exists, is ours to write, and has room"
        )
        raise kind(f"cannot {doing} the filesystem transport at {root}: {error}; {advice}") from error


def write_new(path: str, data: bytes, *, sync: bool) -> None:
    """Write a file that was not there; with `sync` its content is on the disk when this returns."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        if sync:
            os.fsync(descriptor)
    except BaseException:
        remove(path)
        raise
    finally:
        os.close(descriptor)


def sync_folder(path: str) -> None:
    """What was renamed into or out of this folder is so on the disk when this returns."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read(path: str) -> bytes:
    with open(path, "rb") as file:  # noqa: PTH123  called in a loop
        return file.read()


def move(source: str, target: str) -> bool:
    """Rename in one step; False when the source was gone."""
    try:
        os.rename(source, target)  # noqa: PTH104  called in a loop
    except FileNotFoundError:
        return False
    return True


def remove(path: str) -> bool:
    """Delete in one step; False when it was gone."""
    try:
        os.unlink(path)  # noqa: PTH108  called in a loop
    except FileNotFoundError:
        return False
    return True
