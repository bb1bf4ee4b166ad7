"""kombu's filesystem transport without its hole.

kombu gives a message its name before it writes it, and takes a file away before it reads it: a reader that comes in
between takes an empty file, and the message is lost. The names and contents here are kombu's (``<milliseconds of the
monotonic clock>_<uuid>.<queue>.msg``). But a message gets its name when it is complete, and what Celery is still
writing, which it does under a lock, is left for the next look.
"""

from __future__ import annotations

import fcntl
import shutil
import time
from contextlib import suppress
from pathlib import Path
from queue import Empty
from typing import Any, Final
from uuid import uuid4

from kombu.transport import filesystem
from kombu.utils import json

_dumps: Any = json.dumps
_loads: Any = json.loads
_UNFINISHED: Final = ".unfinished"


class Channel(filesystem.Channel):
    """Puts and takes files whole."""

    def _put(self, queue: str, payload: Any, **_: Any) -> None:  # type: ignore[override]  # kombu's classes disagree
        name = f"{round(time.monotonic() * 1000)}_{uuid4()}"
        folder = Path(self.data_folder_out)
        unfinished = folder / f"{name}{_UNFINISHED}"
        try:
            unfinished.write_text(_dumps(payload))
            unfinished.rename(folder / f"{name}.{queue}.msg")
        except BaseException:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
            raise

    def _get(self, queue: str, timeout: float | None = None) -> Any:  # noqa: ARG002  nothing here waits
        for path in sorted(Path(self.data_folder_in).iterdir()):
            if path.name.partition(".")[2] != f"{queue}.msg":
                continue
            with suppress(FileNotFoundError):  # another worker was first, at whichever step
                text = _complete(path)
                if text:
                    self._take_away(path)
                    return _parsed(text)
        raise Empty

    def _take_away(self, path: Path) -> None:
        if self.store_processed:
            shutil.move(path, self.processed_folder)
        else:
            path.unlink()


def _complete(path: Path) -> bytes:
    """What is in the file, when its writer is done with it; empty when it has only begun."""
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        return file.read()


def _parsed(text: bytes) -> Any:
    """The message, or the text as it is: the file is gone, so that is all that there is of it."""
    try:
        return _loads(text.decode())
    except (ValueError, RecursionError):
        return text.decode(errors="replace")
