"""``celeriac worker``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from celeriac.cli.group import command, pass_session
from celeriac.cli.session import Session
from celeriac.cli.values import COUNT, NAMES, POSITIVE_SECONDS, SECONDS, Level

if TYPE_CHECKING:
    from celeriac.app import Celeriac
    from celeriac.worker import Worker

SETTINGS = {
    "concurrency": "worker_concurrency",
    "pool": "worker_pool",
    "hostname": "worker_hostname",
    "logfile": "worker_log_file",
    "logger": "worker_logger",
    "prefetch_multiplier": "worker_prefetch_multiplier",
    "max_tasks_per_child": "worker_max_tasks_per_child",
    "max_memory_per_child": "worker_max_memory_per_child",
    "time_limit": "task_time_limit",
    "soft_time_limit": "task_soft_time_limit",
    "grace": "worker_shutdown_timeout",
    "probe_port": "worker_probe_port",
    "probe_host": "worker_probe_host",
    "probe_file": "worker_probe_file",
    "send_events": "worker_send_task_events",
}
"""Options that are settings for the time of this run."""


@command("worker")
@click.option(
    "-c", "--concurrency", type=COUNT, metavar="N", help="How many tasks run at once.  [setting worker_concurrency]"
)
@click.option("-P", "--pool", metavar="NAME", help="The pool that tasks run in.  [setting worker_pool]")
@click.option("-l", "--loglevel", "level", type=Level(), help="debug, info, warning, error, critical, or a number.")
@click.option("-Q", "--queues", type=NAMES, help="The queues to consume, with commas between.")
@click.option("-X", "--exclude-queues", type=NAMES, help="Configured queues that are not to be consumed.")
@click.option("-n", "--hostname", metavar="NAME", help="The worker's name; %h host, %n its first label, %d the rest.")
@click.option("-f", "--logfile", metavar="FILE", help="Log to this file instead of standard error.")
@click.option("--logger", metavar="NAME", help="How the log looks: text, json.  [setting worker_logger]")
@click.option(
    "--prefetch-multiplier", type=click.IntRange(min=0), metavar="N", help="Messages held for each slot; 0: no bound."
)
@click.option(
    "--max-tasks-per-child", type=COUNT, metavar="N", help="Replace a process of the pool after so many tasks."
)
@click.option("--max-memory-per-child", type=COUNT, metavar="N", help="Replace it when it holds more than so many KiB.")
@click.option("--time-limit", type=POSITIVE_SECONDS, metavar="SECONDS", help="Seconds after which a task is ended.")
@click.option(
    "--soft-time-limit",
    type=POSITIVE_SECONDS,
    metavar="SECONDS",
    help="Seconds after which SoftTimeLimitExceeded is raised in it.",
)
@click.option("--grace", type=SECONDS, metavar="SECONDS", help="Seconds that running tasks get to end after a TERM.")
@click.option(
    "--probe-port",
    type=click.IntRange(1, 65535),
    metavar="N",
    help="Answer GET /live and /ready on this port.  [setting worker_probe_port]",
)
@click.option("--probe-host", metavar="HOST", help="The address of that port.  [setting worker_probe_host]")
@click.option("--probe-file", metavar="PATH", help="Write each second how the worker is.  [setting worker_probe_file]")
@click.option(
    "-E", "--task-events", "send_events", is_flag=True, default=None, help="Send events.  [worker_send_task_events]"
)
@click.option("-B", "--beat", "with_beat", is_flag=True, help="Run beat in a thread of this worker.")
@click.option("--purge", is_flag=True, help="Drop what waits in the queues before starting.")
@pass_session
@click.pass_context
def worker(
    context: click.Context,
    session: Session,
    /,
    level: int | None,
    queues: list[str] | None,
    exclude_queues: list[str] | None,
    with_beat: bool,
    purge: bool,
    **options: Any,
) -> None:
    """Start a worker.

    It stops on TERM and INT: it takes no more messages at once, lets running tasks end within the grace, and gives
    back the rest. A second signal stops it now. The exit status is 0 when it was stopped.
    """
    import logging

    from celeriac.cli.embedded_beat import EmbeddedBeat
    from celeriac.cli.logs import logging_to
    from celeriac.cli.queues import choose_queues
    from celeriac.cli.redirected import redirected
    from celeriac.specs.logger import ROOT
    from celeriac.worker import Worker

    app = session.app
    session.override(**{SETTINGS[name]: value for name, value in options.items()})
    consumed = choose_queues(app, queues, exclude_queues or [])
    app.load_tasks()
    with logging_to(session, level) as logger:
        working = Worker(app, queues=consumed)
        beat = EmbeddedBeat(app, working.stop) if with_beat else None
        if purge:
            dropped = sum(map(app.transport.purge, consumed))
            session.notice(f"messages purged: {dropped}")
            app.close()  # the pool's children are made before there is a connection
        if not logger.supports("structured"):
            session.notice(banner(app, working, logging.getLogger(ROOT).isEnabledFor(logging.INFO)))
        with redirected(app.conf):
            status = working.run()
    if beat is not None:
        beat.raise_error()
    context.exit(status)


def banner(app: Celeriac, worker: Worker, with_tasks: bool) -> str:
    """What is about to run, without passwords; the names of the tasks if wanted."""
    import os

    from celeriac import __version__
    from celeriac.drivers import backend_url, broker_url
    from celeriac.settings.urls import mask

    tasks = app.tasks.regular()
    rows = {
        "app": app.main or "__main__",
        "broker": mask(broker_url(app)),
        "backend": mask(backend_url(app)),
        "pool": f"{worker.pool_name}, concurrency {worker.concurrency}",
        "queues": ", ".join(worker.queues),
        "tasks": (", ".join(sorted(tasks)) if with_tasks else str(len(tasks))) or "none",
    }
    width = max(map(len, rows))
    head = f"celeriac {__version__}  {worker.hostname}  pid {os.getpid()}"
    return "\n".join([head, *(f"  {name.ljust(width)}  {value}" for name, value in rows.items())])
