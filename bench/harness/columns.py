"""What the tables show of each row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """A value of a row; with `ratio` its comparison comes first, with `floor` that with the bare loop on the same
    broker, with `range` its least and most follow."""

    name: str
    title: str
    digits: int = 0
    ratio: bool = False
    floor: bool = False
    range: bool = False


COLUMNS: Mapping[str, tuple[Column, ...]] = {
    "W1": (
        Column("rate", "tasks/s", ratio=True, floor=True, range=True),
        Column("cpu_us", "CPU µs/task", 1),
        Column("server_us", "server's", 1),
        Column("done", "done"),
        Column("settled_ms", "settled after ms"),
        Column("rss", "RSS MiB"),
        Column("pss", "PSS MiB"),
    ),
    "W3": (
        Column("p50", "p50 ms", 3, ratio=True, floor=True, range=True),
        Column("p99", "p99 ms", 2),
        Column("max", "max ms", 2),
        Column("trips", "trips"),
    ),
    "W5": (
        Column("first_ms", "exec to first task ms", ratio=True, range=True),
        Column("rss", "RSS MiB"),
        Column("parent", "parent's"),
        Column("child", "a child's"),
        Column("pss", "PSS MiB"),
        Column("idle_cpu", "idle CPU %", 1),
    ),
    "W6": (
        Column("p50", "late p50 ms", 2, ratio=True, range=True),
        Column("p99", "p99 ms", 2),
        Column("max", "max ms", 2),
        Column("early", "early"),
        Column("done", "done"),
    ),
    "W7": (
        Column("group", "group of 1,000 ms", ratio=True),
        Column("chord", "chord of 1,000 ms", ratio=True),
        Column("chain", "chain of 100 ms", ratio=True),
    ),
    "W8": (
        Column("rate", "tasks/s", ratio=True, range=True),
        Column("of_ideal", "of the ideal", 2),
        Column("done", "done"),
    ),
    "W9": (
        Column("rate", "tasks/s", ratio=True, range=True),
        Column("megabytes", "MB/s"),
        Column("cpu_us", "CPU µs/task"),
        Column("server_us", "server's"),
        Column("rss", "RSS MiB"),
    ),
    "W10": (
        Column("done", "tasks"),
        Column("before", "RSS before MiB", 1),
        Column("after", "after", 1),
        Column("growth", "growth", 1),
    ),
    "W11": (
        Column("delay", "publish, one by one", 1),
        Column("batch", "publish, batch", 1),
        Column("receive", "receive", 1),
        Column("admit", "admit", 1),
        Column("run", "run", 1),
        Column("settle", "settle", 1),
        Column("store", "store results", 1),
        Column("ack", "acknowledge", 1),
        Column("sum", "worker's sum", 1),
        Column("wall", "wall", 1),
    ),
}
WAYS = ("one by one", "batch", "group")
"""W2's columns are ways to enqueue: each is a line there, compared with ours of the same kind."""
NOTES = {"W11": "Processor time in µs a task, by stage; *wall* is the time that passed in the stages of the worker."}
"""What is said above the table of a row."""
