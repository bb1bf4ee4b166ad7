"""What one measurement tells all of its processes: where to work, on which broker, and where to count."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.tally import Notes, Tally

_FOLDER, _BROKER, _RESULTS = "BENCH_FOLDER", "BENCH_BROKER", "BENCH_RESULTS"
_OPTIONS, _REDIS, _RABBITMQ, _SERVER = "BENCH_OPTIONS", "BENCH_REDIS", "BENCH_RABBITMQ", "BENCH_SERVER"


@dataclass(frozen=True)
class Setup:
    """`broker` is one that the system's adapter knows; `results` says whether workers store what tasks return, which
    they do in Redis when the broker is RabbitMQ."""

    folder: Path
    broker: str
    results: bool
    options: Mapping[str, Any] = field(default_factory=dict)
    """Those of the system's entry."""
    redis: str = ""
    """URL of an empty database, where the broker needs one."""
    rabbitmq: str = ""
    """URL of a fresh virtual host, where the broker needs one."""
    server: int = 0
    """The process of the broker's server, if it has one."""

    @classmethod
    def from_environment(cls) -> Setup:
        """For the module that makes the app, which is imported by client and worker alike."""
        known = os.environ
        return cls(
            Path(known[_FOLDER]),
            known[_BROKER],
            known[_RESULTS] == "1",
            json.loads(known[_OPTIONS]),
            known[_REDIS],
            known[_RABBITMQ],
            int(known[_SERVER]),
        )

    def environment(self) -> Mapping[str, str]:
        return {
            _FOLDER: str(self.folder),
            _BROKER: self.broker,
            _RESULTS: str(int(self.results)),
            _OPTIONS: json.dumps(dict(self.options)),
            _REDIS: self.redis,
            _RABBITMQ: self.rabbitmq,
            _SERVER: str(self.server),
            "TMPDIR": str(self.folder),
        }

    @property
    def log(self) -> Path:
        """Where the worker's output goes."""
        return self.folder / "worker.log"

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
