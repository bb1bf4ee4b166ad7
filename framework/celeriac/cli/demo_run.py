"""What ``celeriac demo`` does: start a worker, fan out, kill on the way, join, check. The display is the command's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import sysconfig
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import Any

from celeriac import GroupResult, chord
from celeriac.cli.demo_tasks import app, measure, ping, summarize, survey
from celeriac.errors import CeleriacError

PINGS = 300
_NOT_SURVEYED = frozenset({"site-packages", "test", "tests", "lib2to3", "idlelib", "turtledemo", "__pycache__"})


class DemoFailed(CeleriacError):
    """The numbers do not agree, or the worker did not do its work."""


@dataclass
class Report:
    """What the demo has seen. Times in seconds, sizes in bytes."""

    folder: str
    files: int
    bytes: int = 0
    lines: int = 0
    tokens: int = 0
    processes: int = 0
    seconds: float = 0.0
    files_per_second: float = 0.0
    round_trip_p50_ms: float = 0.0
    round_trip_p99_ms: float = 0.0
    runs: int = 0
    killed: list[str] = field(default_factory=list)
    agrees: bool = False
    packages: list[dict[str, Any]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class WorkerProcess:
    """A worker of the demo's app in a process of its own, as ``celeriac worker`` starts it."""

    def __init__(self, broker: str, processes: int, log: Path) -> None:
        self._log = log.open("ab")
        command = [sys.executable, "-m", "celeriac", "-A", "celeriac.cli.demo_tasks:app", "-b", broker]
        command += ["--result-backend", broker, "worker", "-P", "prefork", "-c", str(processes), "-l", "info"]
        # Its own session: a Ctrl-C in the terminal is ours to pass on.
        self.process = subprocess.Popen(command, stdout=self._log, stderr=self._log, start_new_session=True)  # noqa: S603

    def kill(self) -> None:
        """SIGKILL: the worker gets to do nothing any more."""
        self.process.kill()
        self.process.wait()
        self._log.close()

    def stop(self) -> None:
        """SIGTERM, and wait."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._log.close()


def python_files(folder: Path | None) -> tuple[Path, list[str]]:
    """The folder and its Python files; by default the standard library of this interpreter."""
    root = folder or Path(sysconfig.get_path("stdlib"))
    skipped = frozenset() if folder else _NOT_SURVEYED
    files = sorted(str(path) for path in root.rglob("*.py") if skipped.isdisjoint(path.relative_to(root).parts))
    return root, [path for path in files if os.access(path, os.R_OK) and Path(path).is_file()]


def count_plainly(files: list[str]) -> Counter[str]:
    """The same survey in this one process: what the workers' numbers must agree with."""
    totals: Counter[str] = Counter()
    for path in files:
        row = measure(path)
        totals.update(files=1, bytes=row["bytes"], lines=row["lines"], tokens=row["tokens"])
    return totals


class Demo:
    """One run over `files`. `place` is a folder for the queue, the logs and the list of runs."""

    def __init__(self, files: list[str], place: Path, processes: int, kill: bool) -> None:
        self._files = files
        self._place = place
        self._processes = processes
        self._kill = kill
        self._runs = place / "runs.log"
        self._broker = f"sqlite://{place / 'queue.db'}"
        self._worker: WorkerProcess | None = None
        self.killed: list[str] = []

    def start(self) -> None:
        """Start the worker and wait until it answers."""
        app.conf.update({"broker_url": self._broker, "result_backend": self._broker}, source="demo")
        self._worker = self._start_worker()
        ping.delay().get(timeout=60)

    def stop(self) -> None:
        """Stop the worker and close the queue."""
        if self._worker is not None:
            self._worker.stop()
        app.close()

    def survey(self, progress: Callable[[int], None]) -> tuple[list[dict[str, Any]], float]:
        """Fan out over all files, tell `progress` how many are done, and return the summary and the seconds."""
        began = time.perf_counter()
        header = [survey.s(path, str(self._runs)) for path in self._files]
        result = chord(header, summarize.s()).delay()
        assert isinstance(result.parent, GroupResult)
        members = {member.id for member in result.parent}
        for done in self._finished(members):
            progress(done)
            self._kill_on_the_way(done)
        rows = result.get(timeout=60)
        return rows, time.perf_counter() - began

    def round_trips(self) -> tuple[float, float]:
        """p50 and p99 of a call and its result on the idle worker, in milliseconds."""
        times = []
        for _ in range(PINGS):
            began = time.perf_counter()
            ping.delay().get(timeout=10)
            times.append((time.perf_counter() - began) * 1000)
        cuts = quantiles(times, n=100)
        return cuts[49], cuts[98]

    def runs(self) -> int:
        """How often a survey was begun: more often than there are files, when something was killed in the middle."""
        return len(self._runs.read_text().splitlines())

    def _finished(self, members: set[str]) -> Iterator[int]:
        total, waiting = len(members), set(members)
        silent_since = time.monotonic()
        while waiting:
            ready = app.backend.driver.wait(list(waiting), 0.2)
            waiting -= ready.keys()
            if ready:
                silent_since = time.monotonic()
            elif time.monotonic() - silent_since > 60:
                raise DemoFailed(f"nothing happened for a minute; see {self._place / 'worker.log'}")
            yield total - len(waiting)

    def _kill_on_the_way(self, done: int) -> None:
        if not self._kill:
            return
        if not self.killed and done > len(self._files) // 4:
            child = int(self._runs.read_text().splitlines()[-1].split()[0])
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            self.killed.append(f"child process {child}, {done} of {len(self._files)} files in")
        elif len(self.killed) == 1 and done > len(self._files) // 2:
            assert self._worker is not None
            self._worker.kill()
            self.killed.append(f"the whole worker {self._worker.process.pid}, {done} of {len(self._files)} files in")
            self._worker = self._start_worker()

    def _start_worker(self) -> WorkerProcess:
        return WorkerProcess(self._broker, self._processes, self._place / "worker.log")


def run(
    files: list[str],
    folder: Path,
    place: Path,
    processes: int,
    kill: bool,
    step: Callable[[str], None],
    progress: Callable[[int], None],
) -> Report:
    """The whole demo.

    Raises:
        DemoFailed: a number differs from the plain count.
    """
    report = Report(str(folder), len(files), processes=processes)
    step("counting plainly, in one process")
    plain = count_plainly(files)
    demo = Demo(files, place, processes, kill)
    try:
        step(f"starting a worker with {processes} processes")
        demo.start()
        step(f"one task for each of {len(files)} files, joined by a chord")
        report.packages, report.seconds = demo.survey(progress)
        step(f"{PINGS} round trips to the idle worker")
        report.round_trip_p50_ms, report.round_trip_p99_ms = demo.round_trips()
    finally:
        demo.stop()
    report.killed, report.runs = demo.killed, demo.runs()
    report.files_per_second = len(files) / report.seconds
    counted = {name: sum(row[name] for row in report.packages) for name in ("files", "bytes", "lines", "tokens")}
    report.bytes, report.lines, report.tokens = counted["bytes"], counted["lines"], counted["tokens"]
    report.agrees = counted == dict(plain)
    if not report.agrees:
        raise DemoFailed(f"the workers counted {counted}, one process {dict(plain)}")
    return report
