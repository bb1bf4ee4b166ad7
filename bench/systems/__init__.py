"""Everything that is measured, in the order of the tables. Importing this imports none of it."""

from __future__ import annotations

from systems.system import Entry

_OURS = "systems.celeriac_worker:CeleriacWorker"
_BASE = "celeriac:solo"

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "celeriac:solo",
        _OURS,
        "sqlite",
        {"W1": 20_000, "W2": 20_000, "W3": 1_000, "W5": 1, "W6": 2_000},
        _BASE,
        {"pool": "solo", "concurrency": 1},
    ),
    Entry(
        "celeriac:threads1",
        _OURS,
        "sqlite",
        {"W1": 20_000, "W3": 1_000, "W5": 1},
        _BASE,
        {"pool": "threads", "concurrency": 1},
    ),
    Entry(
        "celeriac:prefork2",
        _OURS,
        "sqlite",
        {"W1": 20_000, "W3": 1_000, "W5": 1, "W6": 2_000},
        _BASE,
        {"pool": "prefork", "concurrency": 2},
    ),
    Entry(
        "celeriac:asyncio200",
        _OURS,
        "sqlite",
        {"W1": 20_000, "W3": 1_000, "W5": 1, "W8": 2_000},
        _BASE,
        {"pool": "asyncio", "concurrency": 200},
    ),
    Entry("floor:sqlite", "systems.floor:Floor", "sqlite", {"W1": 20_000, "W2": 20_000}, _BASE),
    Entry(
        "huey:thread1",
        "systems.huey_sqlite:HueySqlite",
        "sqlite",
        {"W1": 20_000, "W2": 20_000, "W3": 1_000, "W5": 1, "W6": 2_000},
        _BASE,
        {"kind": "thread", "workers": 1},
    ),
    Entry(
        "huey:process2",
        "systems.huey_sqlite:HueySqlite",
        "sqlite",
        {"W1": 20_000, "W3": 1_000, "W5": 1},
        _BASE,
        {"kind": "process", "workers": 2},
    ),
    Entry(
        "celery:filesystem",
        "systems.celery_worker:CeleryWorker",
        "filesystem",
        {"W1": 2_000, "W2": 1_000, "W3": 1_000, "W5": 1},
        _BASE,
    ),
    Entry(
        "celery:sqlalchemy",
        "systems.celery_worker:CeleryWorker",
        "sqlalchemy",
        {"W1": 2_000, "W2": 1_000, "W3": 1_000, "W5": 1},
        _BASE,
    ),
    Entry(
        "celeriac:memory",
        "systems.celeriac_memory:CeleriacMemory",
        "memory",
        {"W1": 20_000, "W2": 20_000, "W3": 1_000, "W6": 2_000},
        "celeriac:memory",
        {"pool": "solo", "concurrency": 1},
    ),
    Entry(
        "celery:memory",
        "systems.celery_memory:CeleryMemory",
        "memory",
        {"W1": 2_000, "W2": 2_000, "W3": 1_000, "W6": 2_000},
        "celeriac:memory",
    ),
)
