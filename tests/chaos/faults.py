"""What is done to brokers, lines and workers. Each fault returns when what was broken answers again."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from chaos.brokers import Networked
from worker_process import until

if TYPE_CHECKING:
    from chaos.scene import Scene
    from worker_process import WorkerProcess

READY = " ready: "
"""What a worker's log says when it consumes."""


@dataclass(frozen=True, slots=True)
class Fault:
    """`happen` breaks something, lets it be broken for a while, and mends it."""

    happen: Callable[[Scene, Random], None]
    workers: int = 1
    """How many run: with one, no second one hides that it does not consume any more."""
    networked: bool = True
    """Whether it needs a broker with a server and a line."""


def _seconds(chance: Random, least: float, usual: float, most: float) -> float:
    """How long something stays broken: a short time in four of five cycles, as it is the moment that matters, and now
    and then for so long that time-outs run out."""
    return chance.uniform(least, usual if chance.random() < 0.8 else most)


def kill_broker(scene: Scene, chance: Random) -> None:
    """SIGKILL; it starts again soon."""
    server = _networked(scene).server
    server.kill()
    time.sleep(_seconds(chance, 0.1, 0.4, 1.5))
    server.start()


def pause_broker(scene: Scene, chance: Random) -> None:
    """SIGSTOP, and SIGCONT: its connections stay open, and nobody answers."""
    server = _networked(scene).server
    server.pause()
    time.sleep(_seconds(chance, 0.3, 0.8, 3))
    server.resume()


def reset_line(scene: Scene, chance: Random) -> None:
    """Several resets in a row, with refusals between: a load balancer that starts anew."""
    line = _networked(scene).line
    for _ in range(chance.randint(1, 3)):
        line.refuse()
        line.reset()
        time.sleep(chance.uniform(0, 0.4))
        line.restore()


def swallow_line(scene: Scene, chance: Random) -> None:
    """A black hole; the connections of that time are dead for ever, and nobody is told."""
    line = _networked(scene).line
    line.swallow()
    time.sleep(chance.uniform(0.5, 4))
    line.restore()


def kill_worker(scene: Scene, chance: Random) -> None:
    """The worker and all its processes, with SIGKILL; another one is started, and up when this returns."""
    worker = scene.workers[0]
    before = worker.text().count(READY)
    family = worker.descendants()
    os.killpg(worker.pid, signal.SIGKILL)
    worker.process.wait()
    for process in family:
        if process.is_running():
            process.kill()
    time.sleep(chance.uniform(0, 0.3))
    worker.restart()
    until(lambda: worker.text().count(READY) > before, "the new worker to be up")


def stop_worker(scene: Scene, chance: Random) -> None:
    """One of two stands still for longer than its lease; the other one must start a new task meanwhile."""
    worker = scene.workers[0]
    scene.workers.reverse()
    _signal_all(worker, signal.SIGSTOP)
    try:
        began = time.monotonic()
        scene.prove_a_start(began)
        time.sleep(max(began + scene.lease + chance.uniform(0.3, 1.0) - time.monotonic(), 0))
    finally:
        _signal_all(worker, signal.SIGCONT)


def _signal_all(worker: WorkerProcess, number: int) -> None:
    for pid in (worker.pid, *(process.pid for process in worker.descendants())):
        os.kill(pid, number)


def _networked(scene: Scene) -> Networked:
    assert isinstance(scene.broker, Networked)
    return scene.broker


FAULTS: Mapping[str, Fault] = {
    "broker-kill": Fault(kill_broker),
    "broker-pause": Fault(pause_broker),
    "line-reset": Fault(reset_line),
    "black-hole": Fault(swallow_line),
    "worker-kill": Fault(kill_worker, networked=False),
    "worker-stop": Fault(stop_worker, networked=False, workers=2),
}
