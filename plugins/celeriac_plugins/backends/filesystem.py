"""Results in a folder, for the processes of one machine: nothing to install, nothing to run."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

import msgspec

from celeriac.errors import BackendDown, ConfigurationError
from celeriac.specs.backend import BackendOptions, Record, ResultBackend
from celeriac.states import READY_STATES
from celeriac_plugins._shared.files import locked, replace, safe_name
from celeriac_plugins._shared.transport_options import check_options

from ._file_joins import FileJoins
from ._file_locks import FileLocks

POLL = 0.02


class _Kept(msgspec.Struct, array_like=True):
    """What a file holds."""

    expires: float
    record: Record


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Kept).decode


class FilesystemBackend(ResultBackend):
    """One file for each record, in folders by the end of the id: ``filesystem:///var/lib/shop/results``.

    Writers take turns by a lock file, so that of two that store a ready record at once only the first does. Readers
    take no lock: a file is replaced in one step. That holds for each record; a reader may see a batch half done, and a
    writer that is killed may leave it so. A wait looks every 20 ms (transport option ``poll``, in seconds); what this
    object stores itself wakes it at once. A file that is damaged counts as absent. Not for network shares, whose locks
    and renames promise less.
    """

    capabilities = frozenset({"durable", "processes", "shared", "join", "join-grow", "lock"})

    def __init__(self, options: BackendOptions) -> None:
        super().__init__(options)
        check_options("result backend 'filesystem'", options.extra, ("poll",))
        self._poll = _seconds("poll", options.extra.get("poll", POLL))
        self._folder = _folder_of(options.url)
        self._records = self._folder / "records"
        self._joins = FileJoins(self._folder / "joins")
        self._locks = FileLocks(self._folder / "locks")
        self._changed = threading.Condition()
        self._stores = 0
        self._nudges = 0
        self._unheard = 0
        self._waiting = 0

    def store(self, batch: Sequence[Record]) -> None:
        if not batch:
            return
        now = self._now()
        expires = self._expiry(now)
        with self._mapped(), locked(self._folder / "lock"):
            for record in batch:
                path = self._path(record.id)
                known = _read(path)
                if known is None or known.expires <= now or known.record.state not in READY_STATES:
                    replace(path, _encode(_Kept(expires, record)), self._folder / "temporary")
        with self._changed:
            self._stores += 1
            self._changed.notify_all()

    def fetch(self, ids: Sequence[str]) -> dict[str, Record]:
        now = self._now()
        with self._mapped():
            found = ((key, _read(self._path(key))) for key in dict.fromkeys(ids))
            return {key: known.record for key, known in found if known is not None and known.expires > now}

    def wait(self, ids: Sequence[str], timeout: float | None) -> dict[str, Record]:
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        with self._changed:
            nudges = self._nudges - self._unheard
            self._unheard = 0
            self._waiting += 1
        try:
            return self._wait(ids, deadline, nudges)
        finally:
            with self._changed:
                self._waiting -= 1

    def _wait(self, ids: Sequence[str], deadline: float, nudges: int) -> dict[str, Record]:
        while True:
            stores = self._stores
            ready = {key: record for key, record in self.fetch(ids).items() if record.state in READY_STATES}
            left = deadline - time.monotonic()
            if ready or left <= 0:
                return ready
            with self._changed:
                if self._nudges == nudges and self._stores == stores:
                    self._changed.wait(min(left, self._poll))
                if self._nudges != nudges:
                    return {}

    def nudge(self) -> None:
        with self._changed:
            self._nudges += 1
            self._unheard = int(not self._waiting)
            self._changed.notify_all()

    def forget(self, ids: Sequence[str]) -> None:
        if ids:
            with self._mapped(), locked(self._folder / "lock"):
                for key in ids:
                    self._path(key).unlink(missing_ok=True)

    def sweep(self) -> int:
        now = self._now()
        with self._mapped():
            self._joins.sweep(now)
            self._locks.sweep(now)
            shards = list(self._records.iterdir()) if self._records.is_dir() else []
            return sum(self._sweep_shard(shard, now) for shard in shards)

    def _sweep_shard(self, shard: Path, now: float) -> int:
        def gone(path: Path) -> bool:
            known = _read(path)
            return known is None or known.expires <= now

        candidates = [path for path in shard.iterdir() if gone(path)]
        if not candidates:
            return 0
        with locked(self._folder / "lock"):  # look again: it may have been stored anew
            expired = [path for path in candidates if path.exists() and gone(path)]
            for path in expired:
                path.unlink()
            return len(expired)

    def join_open(self, group: str, size: int | None, body: bytes) -> None:
        with self._mapped():
            self._joins.open(group, size, body, self._now(), self._expiry(self._now()))

    def join_seal(self, group: str, size: int, body: bytes, lease: float) -> bytes | None:
        with self._mapped():
            return self._joins.seal(group, size, body, lease, self._now(), self._expiry(self._now()))

    def join_arrive(self, group: str, members: Sequence[str], lease: float) -> bytes | None:
        with self._mapped():
            return self._joins.arrive(group, members, lease, self._now(), self._expiry(self._now()))

    def join_grow(self, group: str, added: Mapping[str, bytes], body: bytes = b"") -> bool:  # noqa: ARG002
        with self._mapped():
            return self._joins.grow(group, added, self._now(), self._expiry(self._now()))

    def join_close(self, group: str) -> None:
        with self._mapped():
            self._joins.close(group)

    def join_orphans(self, lease: float) -> list[tuple[str, bytes]]:
        with self._mapped():
            return self._joins.orphans(lease, self._now())

    def lock_claim(self, name: str, owner: str, lease: float | None, replacing: str | None = None) -> str:
        with self._mapped():
            return self._locks.claim(name, owner, lease, replacing, self._now())

    def lock_holder(self, name: str) -> str | None:
        with self._mapped():
            return self._locks.holder(name, self._now())

    def lock_release(self, name: str, owner: str) -> bool:
        with self._mapped():
            return self._locks.release(name, owner, self._now())

    def close(self) -> None:
        """Nothing stays open between two calls."""

    def _path(self, key: str) -> Path:
        name = safe_name(key)
        return self._records / name[-2:] / name

    def _now(self) -> float:
        return self.options.clock.time()

    def _expiry(self, now: float) -> float:
        return math.inf if self.options.expires is None else now + self.options.expires

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        """The system's errors as ours."""
        try:
            yield
        except OSError as error:
            raise BackendDown(
                f"the results in {str(self._folder)!r} cannot be reached: {error.strerror or error}; "
                "check that the folder can be written and that its disk is not full"
            ) from error


def _read(path: Path) -> _Kept | None:
    try:
        return _decode(path.read_bytes())
    except (FileNotFoundError, msgspec.MsgspecError, ValueError):
        return None


def _folder_of(url: str) -> Path:
    path = unquote(url.partition("://")[2])
    if not path:
        raise ConfigurationError(
            f"result backend URL {url!r} names no folder; write 'filesystem:///an/absolute/folder'"
        )
    return Path(path)


def _seconds(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise ConfigurationError(f"transport option {name!r} takes a number of seconds over 0, not {value!r}")
    return float(value)
