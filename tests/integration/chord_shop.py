"""The app of the chord tests, imported by them and by their workers. A worker that is told to dies at one step of
calling a body, once."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from celeriac import Celeriac

PLACE = Path(os.environ.get("SHOP_PLACE", "/nonexistent"))
URL = os.environ.get("CHORD_URL") or f"sqlite://{PLACE}/queue.db"
LAST = "m4"
"""The id of the member that ends last."""

app = Celeriac("chords", broker=URL, backend=URL, worker_lease=float(os.environ.get("CHORD_LEASE", "30")))


@app.task(name="member")
def member(number: int) -> int:
    return number


@app.task(name="body")
def body(values: list[int]) -> int:
    descriptor = os.open(PLACE / "diary", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(descriptor, b"body\n")
    os.close(descriptor)
    return sum(values)


def _die_at(owner: Any, method: str, when: Callable[..., bool], *, after: bool) -> None:
    real = getattr(owner, method)

    def dying(self: Any, *args: Any) -> Any:
        if not after and when(None, *args):
            _die()
        result = real(self, *args)
        if after and when(result, *args):
            _die()
        return result

    setattr(owner, method, dying)


def _die() -> None:
    try:
        os.close(os.open(PLACE / "died", os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


STEPS: dict[str, Callable[[Any], None]] = {
    "before the result is stored": lambda store: _die_at(
        store, "store", lambda _, batch: any(record.id == LAST for record in batch), after=False
    ),
    "before the member is counted": lambda store: _die_at(
        store, "store", lambda _, batch: any(record.id == LAST for record in batch), after=True
    ),
    "before the body is published": lambda store: _die_at(
        store, "join_arrive", lambda body, *_: body is not None, after=True
    ),
    "before the join is closed": lambda store: _die_at(store, "join_close", lambda *_: True, after=False),
    "before the member is acknowledged": lambda store: _die_at(store, "join_close", lambda *_: True, after=True),
}

if os.environ.get("CHORD_KILL"):
    STEPS[os.environ["CHORD_KILL"]](type(app.backend.driver))
if os.environ.get("CHORD_FAST"):
    from celeriac.worker import join, keeper

    join.JOIN_LEASE = keeper.JOIN_LEASE = 1.0  # type: ignore[attr-defined]
    keeper.ORPHANS_EVERY = 1.0
