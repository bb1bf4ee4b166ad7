"""``celeriac beat``."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType

import click

from celeriac.cli.group import command, pass_session
from celeriac.cli.session import Session
from celeriac.cli.values import POSITIVE_SECONDS, Level


@command("beat")
@click.option("-S", "--scheduler", metavar="NAME", help="The scheduler that keeps the entries.")
@click.option("-s", "--schedule", metavar="FILE", help="Where it remembers what has fired.")
@click.option(
    "--max-interval",
    type=POSITIVE_SECONDS,
    metavar="SECONDS",
    help="Seconds between two looks, at most.",
)
@click.option("-l", "--loglevel", "level", type=Level(), help="debug, info, warning, error, critical, or a number.")
@click.option("-f", "--logfile", metavar="FILE", help="Log to this file instead of standard error.")
@click.option("--logger", metavar="NAME", help="How the log looks: text, json.  [setting worker_logger]")
@pass_session
def beat(
    session: Session,
    /,
    scheduler: str | None,
    schedule: str | None,
    max_interval: float | None,
    level: int | None,
    logfile: str | None,
    logger: str | None,
) -> None:
    """Start beat: it sends the tasks of the schedule when they are due.

    It stops on TERM and INT, after the firing at hand. Several may run at a time: each firing runs once.
    """
    from celeriac.beat import Beat
    from celeriac.cli.logs import logging_to

    session.override(
        beat_scheduler=scheduler,
        beat_schedule_filename=schedule,
        beat_max_loop_interval=max_interval,
        worker_log_file=logfile,
        worker_logger=logger,
    )
    with logging_to(session, level):
        beating = Beat(session.app)
        _stop_on_signals(beating.stop)
        beating.run()


def _stop_on_signals(stop: Callable[[], None]) -> None:
    def on_signal(_number: int, _frame: FrameType | None) -> None:
        # In a thread: the signal may have come while the main thread holds the lock that `stop` needs.
        threading.Thread(target=stop, name="celeriac-beat-stop").start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
