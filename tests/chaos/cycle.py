"""A number of cycles of one fault, and what they showed."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from random import Random

from chaos.brokers import BROKERS, Embedded
from chaos.faults import FAULTS, Fault
from chaos.ledger import Span
from chaos.scene import LEASE, Scene, play

POOLS = ("solo", "prefork", "threads", "asyncio")


@dataclass(frozen=True, slots=True)
class Combination:
    broker: str
    pool: str
    fault: str

    def __str__(self) -> str:
        return f"{self.broker}-{self.pool}-{self.fault}"


@dataclass(slots=True)
class Outcome:
    """One line of the table."""

    combination: Combination
    cycles: int = 0
    published: int = 0
    unknown: int = 0
    executed: int = 0
    dead: int = 0
    lost: int = 0
    doubles: int = 0
    slowest_start: float = 0.0
    """The longest from the moment when what was broken answered again to the start of a new task, in seconds."""
    slowest_publish: float = 0.0
    """The same to the return of the next publish of a client behind the line."""
    problems: list[str] = field(default_factory=list)

    def __add__(self, other: Outcome) -> Outcome:
        """Of two runs of one combination."""
        counts = {name: getattr(self, name) + getattr(other, name) for name in _COUNTS}
        slowest = {name: max(getattr(self, name), getattr(other, name)) for name in _SLOWEST}
        return Outcome(self.combination, **counts, **slowest, problems=self.problems + other.problems)


_COUNTS = ("cycles", "published", "unknown", "executed", "dead", "lost", "doubles")
_SLOWEST = ("slowest_start", "slowest_publish")


def combinations() -> Iterator[Combination]:
    """The whole matrix, in the order of the table."""
    for broker, make in BROKERS.items():
        for name, fault in FAULTS.items():
            if not (fault.networked and make is Embedded):
                for pool in POOLS:
                    yield Combination(broker, pool, name)


def mixed(chosen: Sequence[Combination]) -> list[Combination]:
    """In an order in which lanes side by side have different faults, as starting a broker takes all of a processor and
    a worker that stands still takes none."""
    by_fault = [[each for each in chosen if each.fault == fault] for fault in FAULTS]
    return [each for row in zip_longest(*by_fault) for each in row if each is not None]


def run(combination: Combination, cycles: int, seed: int = 20261, lease: float = LEASE, size: int = 0) -> Outcome:
    """Break and mend so many times, then balance the books. What is not as promised is among the problems; a start
    that comes too late ends the cycles, for the worker may never consume again."""
    chance, fault, outcome = Random(seed), FAULTS[combination.fault], Outcome(combination)
    with (
        tempfile.TemporaryDirectory(prefix="celeriac-chaos-") as folder,
        play(combination.broker, combination.pool, fault.workers, lease, size, Path(folder)) as scene,
    ):
        try:
            for _ in range(cycles):
                one(scene, fault, chance, outcome)
            balance = scene.finish()
        except AssertionError as error:
            outcome.problems.append(str(error))
            return outcome
    for name in ("published", "unknown", "executed", "dead", "doubles"):
        setattr(outcome, name, getattr(balance, name))
    outcome.lost = len(balance.lost)
    outcome.problems += [f"lost: {task_id}" for task_id in balance.lost]
    outcome.problems += [f"ran again for no reason: {task_id}" for task_id in balance.unexplained]
    return outcome


def one(scene: Scene, fault: Fault, chance: Random, outcome: Outcome) -> None:
    """One cycle: some quiet, the fault, and the proof that everybody is at work again."""
    scene.calm()
    time.sleep(chance.uniform(0, 0.3))  # so that the fault comes at any moment of a worker's life
    began = time.monotonic()
    fault.happen(scene, chance)
    mended = time.monotonic()
    scene.ledger.fault(Span(began, mended))
    outcome.slowest_start = max(outcome.slowest_start, scene.prove_a_start(mended))
    outcome.slowest_publish = max(outcome.slowest_publish, scene.prove_a_publish(mended))
    for worker in scene.workers:
        assert worker.process.poll() is None, f"a worker has ended by itself\n{scene.logs()}"
    outcome.cycles += 1
