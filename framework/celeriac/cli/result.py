"""``celeriac result``."""

from __future__ import annotations

import click

from celeriac.cli.group import command, json_option, pass_session
from celeriac.cli.session import Session
from celeriac.cli.values import SECONDS


@command("result")
@click.argument("task_id", metavar="ID")
@click.option("--timeout", type=SECONDS, metavar="SECONDS", help="Wait so long at most for the task to end.")
@click.option("--follow", is_flag=True, help="Print how far it has come, until it ends.")
@click.option("--traceback", is_flag=True, help="Print the traceback of the failed task, and nothing else.")
@json_option
@pass_session
@click.pass_context
def result(
    context: click.Context,
    session: Session,
    /,
    task_id: str,
    timeout: float | None,
    follow: bool,
    traceback: bool,
    as_json: bool,
) -> None:
    """Show the result of the task ID.

    The exit status is 0 for a success; 1 for a failure, and for a task that has not ended or is not known.
    """
    from celeriac.cli.shown_result import show_result, show_traceback, wait_for

    found = session.client.AsyncResult(task_id)
    if follow:
        from celeriac.cli.following import follow as follow_to_the_end

        in_time = follow_to_the_end(found, timeout)
    else:
        in_time = timeout is None or wait_for(found, timeout)
    if not in_time and not as_json:
        context.exit(1)
    context.exit(show_traceback(found) if traceback and not as_json else show_result(found, as_json=as_json))
