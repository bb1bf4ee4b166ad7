"""A pool that runs scripts, and what came of them."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from celeriac.specs.pool import Outcome, Pool, Request
from celeriac.testing.suite.pool.scripts import PATIENCE, ScriptRunner


class Stage:
    """Owns a started pool. `close` opens all gates and stops it."""

    def __init__(self, pool: Pool, folder: Path, runner: ScriptRunner | None = None) -> None:
        self.pool = pool
        self.runner = runner or ScriptRunner(folder)
        self.answers: list[Outcome] = []
        self.hear: Callable[[list[Outcome]], None] = self._note
        """Called with each batch of outcomes; a clause may put something before it."""
        self._gates: set[str] = set()
        self._answered = threading.Condition()
        self._asides: list[threading.Thread] = []
        self._stopped = False
        pool.start(self.runner, lambda outcomes: self.hear(outcomes))

    # asking

    def run(self, *requests: Request) -> list[Outcome]:
        """Submit these in this thread and wait for their answers, which are returned in the order of the requests."""
        self.pool.submit(requests)
        return self.wait(*(request.key for request in requests))

    def begin(self, *requests: Request) -> None:
        """Submit these from another thread, as one batch: some pools run them before `submit` returns."""
        self.aside(lambda: self.pool.submit(requests))

    def aside(self, call: Callable[[], object]) -> threading.Thread:
        """Make this call in another thread; `close` waits for it."""
        thread = threading.Thread(target=call, name="suite-aside", daemon=True)
        self._asides.append(thread)
        thread.start()
        return thread

    def gate(self, name: str) -> str:
        """A gate for `script_wait`, which `close` opens if nobody else does."""
        self._gates.add(name)
        return name

    def open(self, *gates: str) -> None:
        for gate in gates:
            self.runner.open_gate(gate)

    def stop(self, grace: float) -> None:
        self._stopped = True
        self.pool.stop(grace)

    # what came of it

    def _note(self, outcomes: list[Outcome]) -> None:
        with self._answered:
            self.answers += outcomes
            self._answered.notify_all()

    def wait(self, *keys: int) -> list[Outcome]:
        """Wait until these have been answered; returns the answers in this order."""
        with self._answered:
            self._answered.wait_for(lambda: not self._missing(keys), PATIENCE)
            missing = self._missing(keys)
            assert not missing, (
                f"not answered within {PATIENCE:g} s: requests {missing}; running: {self.pool.running()}"
            )
            found = {outcome.key: outcome for outcome in self.answers}
            return [found[key] for key in keys]

    def _missing(self, keys: Sequence[int]) -> list[int]:
        answered = {outcome.key for outcome in self.answers}
        return [key for key in keys if key not in answered]

    def wait_begun(self, *keys: int) -> None:
        """Wait until the scripts of these have begun, and the pool says so."""
        eventually(lambda: set(keys) <= set(self.runner.ran()), f"requests {keys} begin")
        eventually(lambda: set(keys) <= set(self.pool.running()), f"running() lists {keys}")

    def check_each_answered_once(self, number: int) -> None:
        """Exactly `number` answers have come, each with another key, and nothing that never ran did."""
        counts = Counter(outcome.key for outcome in self.answers)
        twice = {key for key, count in counts.items() if count > 1}
        assert not twice, f"answered more than once: requests {sorted(twice)}"
        assert len(counts) == number, f"{number} requests, answers to {sorted(counts)}"

    def close(self) -> None:
        self.open(*self._gates)
        if not self._stopped:
            self.pool.stop(PATIENCE)
        for thread in self._asides:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a call to the pool did not return"


def eventually(condition: Callable[[], bool], what: str) -> None:
    """Wait until `condition` holds."""
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, f"did not happen within {PATIENCE:g} s: {what}"
        time.sleep(0.005)
