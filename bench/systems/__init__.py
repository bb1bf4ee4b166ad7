"""Everything that is measured, in the order of the tables. Importing this imports none of it."""

from __future__ import annotations

from collections.abc import Iterator

from systems.system import Entry

_MAIN = "W1 W2 W3 W5"
_VARIANT = "W1 W3 W5"
_HEAVY = {"redis": " W7 W10", "rabbitmq": "", "sqlite": ""}
"""Rows that take long are made on one broker."""
_LATE, _EARLY = "at least once", "at most once"


def _ours(broker: str, solo: str) -> Iterator[Entry]:
    worker = (
        "systems.celeriac_memory:CeleriacMemory" if broker == "memory" else "systems.celeriac_worker:CeleriacWorker"
    )

    def entry(variant: str, rows: str, pool: str, concurrency: int, early: bool = False) -> Entry:
        options = {"pool": pool, "concurrency": concurrency, "early": early}
        promise = _EARLY if early else _LATE
        return Entry(f"celeriac:{variant}@{broker}", worker, frozenset(rows.split()), promise, options)

    yield entry("solo", solo, "solo", 1)
    yield entry("solo-early", "W1", "solo", 1, early=True)
    if broker == "memory":
        return
    yield entry("threads1", "W1 W3", "threads", 1)
    yield entry("prefork2", f"{_VARIANT} W6{_HEAVY[broker]}", "prefork", 2)
    yield entry("asyncio200", _VARIANT, "asyncio", 200)
    if broker != "rabbitmq":
        yield entry("asyncio1000", "W8", "asyncio", 1000)


def _floor(broker: str, name: str) -> Entry:
    return Entry(f"floor@{broker}", f"systems.floors.{broker}:{name}", frozenset(("W1", "W2", "W3")), _LATE)


def _celery(broker: str, variant: str, rows: str, pool: str, concurrency: int, late: bool = False) -> Entry:
    return Entry(
        f"celery:{variant}@{broker}",
        "systems.celery_memory:CeleryMemory" if broker == "memory" else "systems.celery_worker:CeleryWorker",
        frozenset(rows.split()),
        _LATE if late else _EARLY,
        {"pool": pool, "concurrency": concurrency, "late": late},
    )


def _celery_on_a_server(broker: str) -> Iterator[Entry]:
    yield _celery(broker, "solo", _MAIN, "solo", 1)
    yield _celery(broker, "solo-late", "W1", "solo", 1, late=True)
    yield _celery(broker, "threads1", "W1 W3", "threads", 1)
    yield _celery(broker, "prefork2", f"{_VARIANT} W6 W9{_HEAVY[broker]}", "prefork", 2)
    yield _celery(broker, "prefork2-late", "W1", "prefork", 2, late=True)


def _huey(broker: str, kind: str, workers: int, rows: str) -> Entry:
    options = {"kind": kind, "workers": workers}
    name = f"huey:{kind}{workers}@{broker}"
    return Entry(name, "systems.huey_system:HueySystem", frozenset(rows.split()), _EARLY, options)


def _dramatiq(broker: str, rows: str) -> Entry:
    options = {"processes": 1, "threads": 1}
    name, adapter = f"dramatiq:threads1@{broker}", "systems.dramatiq_system:DramatiqSystem"
    return Entry(name, adapter, frozenset(rows.split()), _LATE, options)


def _rq() -> Entry:
    return Entry("rq:simple@redis", "systems.rq_system:RqSystem", frozenset([*_MAIN.split(), "W9"]), _EARLY)


def _coroutines(peer: str, name: str, broker: str, concurrency: int, rows: str, promise: str) -> Entry:
    return Entry(
        f"{peer}:asyncio{concurrency}@{broker}",
        f"systems.{peer}_system:{name}",
        frozenset(rows.split()),
        promise,
        {"concurrency": concurrency},
        environment=peer,
    )


def _with_coroutines(peer: str, name: str, rows: str, promise: str) -> Iterator[Entry]:
    yield _coroutines(peer, name, "redis", 200, rows, promise)
    yield _coroutines(peer, name, "redis", 1000, "W8", promise)


ENTRIES: tuple[Entry, ...] = (
    *_ours("redis", f"{_MAIN} W6 W7 W9 W10 W11"),
    _floor("redis", "RedisFloor"),
    *_celery_on_a_server("redis"),
    _dramatiq("redis", f"{_MAIN} W6 W7 W9 W10"),
    _huey("redis", "thread", 1, f"{_MAIN} W6 W7 W9 W10"),
    _rq(),
    *_with_coroutines("arq", "ArqSystem", f"{_MAIN} W6 W9", _LATE),
    *_with_coroutines("saq", "SaqSystem", f"{_MAIN} W6 W9", _EARLY),
    *_with_coroutines("taskiq", "TaskiqSystem", f"{_MAIN} W9", _EARLY),
    *_ours("rabbitmq", f"{_MAIN} W6 W9 W11"),
    _floor("rabbitmq", "RabbitFloor"),
    *_celery_on_a_server("rabbitmq"),
    _dramatiq("rabbitmq", f"{_MAIN} W6 W9"),
    _coroutines("taskiq", "TaskiqSystem", "rabbitmq", 200, _MAIN, _LATE),
    *_ours("sqlite", f"{_MAIN} W6 W9 W11"),
    _floor("sqlite", "SqliteFloor"),
    _huey("sqlite", "thread", 1, f"{_MAIN} W6"),
    _huey("sqlite", "process", 2, _VARIANT),
    _celery("filesystem", "solo", _MAIN, "solo", 1),
    _celery("sqlalchemy", "solo", _MAIN, "solo", 1),
    *_ours("memory", "W1 W2 W3 W6 W11"),
    _floor("memory", "MemoryFloor"),
    _celery("memory", "solo", "W1 W2 W3 W6", "solo", 1),
)
