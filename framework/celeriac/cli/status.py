"""``celeriac status``."""

from __future__ import annotations

from typing import Any

import click

from celeriac.cli.asking import ask, asking_options, report_nobody
from celeriac.cli.group import command, json_option, pass_session
from celeriac.cli.session import Session

HEAD = ("Worker", "Pid", "Pool", "Slots", "Held", "Done", "Up")


@command("status")
@asking_options
@json_option
@pass_session
@click.pass_context
def status(
    context: click.Context, session: Session, /, destination: list[str] | None, timeout: float, as_json: bool
) -> None:
    """Show the workers that answer. The exit status is 1 when none does."""
    from celeriac.cli import output

    workers = {host: facts(stats) for host, stats in ask(session, "stats", {}, destination, timeout).items()}
    if as_json:
        output.document(workers)
    elif workers:
        output.table(session, HEAD, [(host, *_cells(found)) for host, found in workers.items()])
    else:
        report_nobody(timeout, destination)
    context.exit(0 if workers else 1)


def facts(stats: Any) -> dict[str, Any]:
    """What matters of a worker's stats; a worker of another make may leave out anything."""
    stats = stats if isinstance(stats, dict) else {}
    pool = stats.get("pool") if isinstance(stats.get("pool"), dict) else {}
    total = stats.get("total") if isinstance(stats.get("total"), dict) else {}
    return {
        "pid": stats.get("pid"),
        "pool": pool.get("implementation"),
        "concurrency": pool.get("max-concurrency"),
        "held": stats.get("held"),
        "tasks": sum(count for count in total.values() if isinstance(count, int)),
        "uptime": stats.get("uptime"),
    }


def _cells(found: dict[str, Any]) -> tuple[Any, ...]:
    up = found["uptime"]
    return (
        *[found[key] for key in ("pid", "pool", "concurrency", "held", "tasks")],
        f"{up} s" if up is not None else "",
    )
