"""The folder of a transport, and those within it.

::

    owners/<holder>            locked by the transport object that holds messages under this name, while it lives
    staging/                   what is being written and is not there yet
    broadcasts/                see `fan_out`
    queues/<safe name>/name    the queue's name
    queues/<safe name>/ready/ delayed/ held/ dead/       its messages, see `names`
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from shutil import rmtree

from celeriac_plugins._shared.files import safe_name

from .edge import sync_folder, write_new
from .names import Stamps
from .queue import QueueFolder

_ABANDONED = 3600.0
"""Seconds after which a file in staging/ is that of a process which died while it wrote it."""


class Store:
    """Opened by the first `QueueFolder` that is made, or the first owner; reading what is not there finds it empty."""

    def __init__(self, root: str, token: str, *, sync: bool) -> None:
        self.root = root
        self.token = token
        self.sync = sync
        self.stamps = Stamps(token)
        self.staging = f"{root}/staging"
        self.owners = f"{root}/owners"
        self.broadcasts = f"{root}/broadcasts"
        self._queues = f"{root}/queues"
        self._known: dict[str, QueueFolder] = {}

    def open(self) -> None:
        """Make the folders; readable by our own user only when the outermost is ours to make."""
        if not os.path.isdir(self.root):  # noqa: PTH112
            os.makedirs(self.root, mode=0o700, exist_ok=True)  # noqa: PTH103
        # The staging folder comes last: where it is, another process takes all of them to be there.
        for folder in (self.owners, self.broadcasts, self._queues, self.staging):
            Path(folder).mkdir(exist_ok=True)
        if self.sync:
            sync_folder(self.root)
        for left in Path(self.staging).iterdir():
            with suppress(FileNotFoundError):  # its owner lives and has moved it
                if left.stat().st_mtime < time.time() - _ABANDONED:
                    rmtree(left) if left.is_dir() else left.unlink()

    def staged(self, data: bytes, *, lasting: bool = True) -> str:
        """Write `data` to a file of its own in staging/, if `lasting` as safe as we promise, and return its path."""
        path = f"{self.staging}/{self.stamps.next()}"
        try:
            write_new(path, data, sync=self.sync and lasting)
        except FileNotFoundError:
            self.open()
            write_new(path, data, sync=self.sync and lasting)
        return path

    def queue(self, name: str) -> QueueFolder:
        """The folder of a queue, whether it is there or not."""
        queue = self._known.get(name)
        if queue is None:
            queue = self._known.setdefault(name, QueueFolder(name, f"{self._queues}/{safe_name(name)}"))
        return queue

    def make_queue(self, name: str) -> QueueFolder:
        """The folder of a queue, made when it is not there: complete or not at all."""
        queue = self.queue(name)
        if not queue.exists():
            staged = f"{self.staging}/{self.stamps.next()}"
            self.open()
            queue.lay_out(staged, sync=self.sync)
            if self.sync:
                sync_folder(self._queues)
        return queue

    def queues(self) -> list[QueueFolder]:
        """All queues that have a folder."""
        found = []
        for folder in _subfolders(self._queues):
            name = _read_name(folder)
            if name is not None:
                found.append(self.queue(name))
        return found


def _subfolders(path: str) -> list[Path]:
    try:
        return list(Path(path).iterdir())
    except FileNotFoundError:
        return []


def _read_name(folder: Path) -> str | None:
    try:
        return (folder / "name").read_bytes().decode("utf-8", "surrogatepass")
    except (FileNotFoundError, NotADirectoryError, UnicodeDecodeError):
        return None
