"""What one measurement tells all of its processes: where to work, on which broker, and where to count."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from harness.tally import Notes, Tally

_FOLDER, _BROKER, _RESULTS = "BENCH_FOLDER", "BENCH_BROKER", "BENCH_RESULTS"


@dataclass(frozen=True)
class Setup:
    """`broker` is one that the system's adapter knows; `results` says whether workers store what tasks return."""

    folder: Path
    broker: str
    results: bool

    @classmethod
    def from_environment(cls) -> Setup:
        """For the module that makes the app, which is imported by client and worker alike."""
        return cls(Path(os.environ[_FOLDER]), os.environ[_BROKER], os.environ[_RESULTS] == "1")

    def environment(self) -> Mapping[str, str]:
        return {
            _FOLDER: str(self.folder),
            _BROKER: self.broker,
            _RESULTS: str(int(self.results)),
            "TMPDIR": str(self.folder),
        }

    @property
    def tally_path(self) -> Path:
        return self.folder / "tally"

    @property
    def late_path(self) -> Path:
        return self.folder / "late"

    @cached_property
    def tally(self) -> Tally:
        return Tally(self.tally_path)

    @cached_property
    def late(self) -> Notes:
        """Seconds that each task began after it was due."""
        return Notes(self.late_path)
