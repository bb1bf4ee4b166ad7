"""The gate on speed: ours against the bare loop on the same broker, in the same run, as ratios only.

    make gate

Some short rounds in turns; what counts is the median of the rounds' ratios. A limit is about six tenths of what a quiet
machine shows, so that noise does not fail it, and a change that costs half does. The exit status is 1 when a ratio is
below its limit, or something did not run.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from statistics import median

from harness.isolation import Isolation
from harness.measurement import Question
from harness.plan import GATE
from harness.servers import missing, running
from systems import ENTRIES
from systems.system import Entry

ROUNDS, TASKS, SECONDS = 5, 4_000, 30.0
LIMITS: Mapping[str, Mapping[str, float]] = {
    "redis": {"one by one": 0.4, "batch": 0.07, "throughput": 0.32, "round trip": 0.24},
    "sqlite": {"one by one": 0.36, "batch": 0.24, "throughput": 0.28, "round trip": 0.24},
    "memory": {"one by one": 0.065, "batch": 0.04, "throughput": 0.034, "round trip": 0.1},
    "rabbitmq": {"one by one": 0.4, "batch": 0.38, "throughput": 0.13, "round trip": 0.38},
}
"""By broker and value: the least that ours may have of what the bare loop has."""

_BY_NAME: Mapping[str, Entry] = {entry.name: entry for entry in ENTRIES}
Values = Mapping[str, float]


def main() -> int:
    failed, lines = [], []
    with running() as servers:
        isolation = Isolation(servers, None)
        for broker, limits in LIMITS.items():
            lacking = missing(broker)
            if lacking:
                print(f"{broker} is left out: {lacking}", flush=True)
                failed += [f"{broker}: {lacking}"] if os.environ.get("CI") == "true" else []
                continue
            rounds, problems = measure(isolation, broker)
            failed += problems
            for name, limit in limits.items():
                found = median(ours[name] / floor[name] for ours, floor in rounds) if rounds else 0.0
                lines.append([broker, name, *_figures(rounds, name), f"{found:.3f}", f"{limit:.3f}"])
                if found < limit and not problems:
                    failed.append(f"{broker}, {name}: {found:.3f} of the bare loop, and at least {limit:.3f} is wanted")
    show([["broker", "value", "ours /s", "bare loop /s", "ratio", "limit"], *lines])
    for failure in failed:
        print(f"FAILED {failure}")
    if failed:
        print(
            "Slower than it was, or a very busy machine: run `make gate` again; the stages of our own path are told by"
        )
        print("`python bench/run.py --rows W11`.")
    return int(bool(failed))


def measure(isolation: Isolation, broker: str) -> tuple[list[tuple[Values, Values]], list[str]]:
    """Each round's values of ours and of the bare loop; rounds with problems are told instead."""
    rounds, problems = list[tuple[Values, Values]](), list[str]()
    for _ in range(ROUNDS):
        ours, floor = (
            isolation.ask(
                _BY_NAME[f"{system}@{broker}"], Question(GATE, f"{system}@{broker}", True, TASKS, SECONDS), 60
            )
            for system in ("celeriac:solo", "floor")
        )
        problems += [f"{broker}: {problem}" for problem in (*ours.problems, *floor.problems)]
        if not (ours.problems or floor.problems):
            rounds.append((ours.values, floor.values))
    return rounds, problems


def _figures(rounds: Sequence[tuple[Values, Values]], name: str) -> list[str]:
    return [f"{median(values[name] for values in each):,.0f}" for each in zip(*rounds, strict=True)] or ["-", "-"]


def show(lines: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = zip(line, widths, strict=True)
        print("  ".join(cell.rjust(width) if at > 1 else cell.ljust(width) for at, (cell, width) in enumerate(cells)))


if __name__ == "__main__":
    sys.exit(main())
