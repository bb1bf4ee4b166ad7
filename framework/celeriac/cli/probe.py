"""``celeriac probe``. `celeriac.cli.main` takes the short way past this module when it understands the command line."""

from __future__ import annotations

import click

from celeriac import probe as asking
from celeriac.cli.group import command
from celeriac.cli.values import POSITIVE_SECONDS


@command("probe")
@click.argument("question", type=click.Choice(["live", "ready"]))
@click.option("--file", "path", metavar="PATH", help="Read the worker's file (worker --probe-file).")
@click.option(
    "--max-age",
    type=POSITIVE_SECONDS,
    default=asking.MAX_AGE,
    show_default=True,
    metavar="SECONDS",
    help="A file older than that is a no.",
)
@click.option("--port", type=click.IntRange(1, 65535), metavar="N", help="Ask on the worker's port (--probe-port).")
@click.option("--host", default=asking.HOST, show_default=True, metavar="HOST", help="Where the port is.")
@click.option(
    "--timeout",
    type=POSITIVE_SECONDS,
    default=asking.TIMEOUT,
    show_default=True,
    metavar="SECONDS",
    help="Wait so long at most for the answer on the port.",
)
@click.pass_context
def probe(
    context: click.Context, question: str, path: str | None, max_age: float, port: int | None, host: str, timeout: float
) -> None:
    """Ask a worker of this machine whether it is alive (live) or consumes (ready).

    The exit status is 0 for yes and 1 for no, with the reason on standard error. The app is not imported and the
    broker is not asked: this is for supervisors, who ask every few seconds.
    """
    if path is not None and port is None:
        problem = asking.check_file(question, path, max_age)
    elif port is not None and path is None:
        problem = asking.check_port(question, port, host, timeout)
    else:
        raise click.UsageError("write either --file or --port, as the worker was given --probe-file or --probe-port")
    if problem:
        click.echo(problem, err=True)
        context.exit(1)
