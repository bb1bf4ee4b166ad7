"""What the clauses of all subjects share: the driver under test and a stage to run it on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest

from celeriac.specs.pool import Pool, PoolOptions
from celeriac.testing.suite.pool.stage import Stage

HEARTBEAT = 0.2

Staged = Callable[..., Stage]


class PoolClauses:
    """Set `driver`; override `make` if the driver needs more than options."""

    driver: ClassVar[type[Pool]]

    def make(self, **options: Any) -> Pool:
        """A pool that is not started; `options` are fields of PoolOptions."""
        return self.driver(PoolOptions(**{"concurrency": 1, "heartbeat": HEARTBEAT, **options}))

    @pytest.fixture
    def stage(self, tmp_path: Path) -> Iterator[Staged]:
        """A call that makes and starts a pool with the options given; all are stopped in the end."""
        with staging(self.make, tmp_path) as stage:
            yield stage

    def needs(self, *capabilities: str) -> None:
        """Skip the clause unless the driver declares these."""
        for capability in capabilities:
            if capability not in self.driver.capabilities:
                pytest.skip(f"{self.driver.__name__} does not declare {capability!r}")


@contextmanager
def staging(make: Callable[..., Pool], folder: Path) -> Iterator[Staged]:
    """A call that starts what `make` makes on a stage of its own; all stages are closed in the end."""
    stages: list[Stage] = []

    def build(**options: Any) -> Stage:
        place = folder / f"stage-{len(stages)}"
        place.mkdir()
        stages.append(Stage(make(**options), place))
        return stages[-1]

    try:
        yield build
    finally:
        for each in stages:
            each.close()
