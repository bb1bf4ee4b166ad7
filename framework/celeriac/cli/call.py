"""``celeriac call``."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from celeriac.cli.group import command, json_option, pass_session
from celeriac.cli.session import Session
from celeriac.cli.values import SECONDS, Expiry, Json, Moment

if TYPE_CHECKING:
    from celeriac.app import Celeriac


@command("call")
@click.argument("name")
@click.option("-a", "--args", "arguments", type=Json(list), default="[]", help="The arguments, a JSON list.")
@click.option("-k", "--kwargs", type=Json(dict), default="{}", help="The keyword arguments, a JSON object.")
@click.option("--countdown", type=SECONDS, metavar="SECONDS", help="Seconds from now before which it does not start.")
@click.option("--eta", type=Moment(), help="The time before which it does not start, in ISO 8601.")
@click.option("--expires", type=Expiry(), help="Seconds from now, or the time, after which it does not start.")
@click.option("-Q", "--queue", metavar="NAME", help="The queue, instead of the one that the app would choose.")
@click.option("--priority", type=click.IntRange(0, 9), metavar="N", help="0 to 9, 9 first.")
@click.option("--serializer", metavar="NAME", help="The serializer of the arguments.")
@click.option("--unregistered", is_flag=True, help="Send it although the app has no task of that name.")
@click.option("-w", "--wait", is_flag=True, help="Wait for the result and print it.")
@click.option("--timeout", type=SECONDS, metavar="SECONDS", help="With --wait: seconds after which to give up.")
@json_option
@pass_session
@click.pass_context
def call(
    context: click.Context,
    session: Session,
    /,
    name: str,
    arguments: list[Any],
    kwargs: dict[str, Any],
    unregistered: bool,
    wait: bool,
    timeout: float | None,
    as_json: bool,
    eta: datetime | None,
    countdown: float | None,
    **options: Any,
) -> None:
    """Send the task NAME, and print its id.

    With an app (-A) the name and the arguments are checked first; with a broker alone (-b) they are sent as they are.
    """
    from celeriac.cli import output
    from celeriac.cli.shown_result import show_result, wait_for

    if eta is not None and countdown is not None:
        raise click.UsageError("--eta and --countdown say the same; give one of them")
    app = session.client
    if session.app_name is not None and not unregistered:
        check_task(app, name, arguments, kwargs, wait)
    given = {**options, "eta": eta, "countdown": countdown}
    result = app.send_task(name, arguments, kwargs, **{key: value for key, value in given.items() if value is not None})
    if not wait:
        output.document({"id": result.id}) if as_json else click.echo(result.id)
        return
    if not as_json:
        click.echo(result.id)
    in_time = wait_for(result, timeout)
    context.exit(show_result(result, as_json=as_json) if in_time or as_json else 1)


def check_task(app: Celeriac, name: str, arguments: list[Any], kwargs: dict[str, Any], wait: bool) -> None:
    """Refuse here what a worker would refuse later.

    Raises:
        NotRegistered: the app has no such task; the nearest is named.
        UsageError: the arguments do not fit, or there will be no result to wait for.
    """
    app.load_tasks()
    task = app.find_task(name)
    try:
        task.check_arguments(arguments, kwargs)
    except TypeError as error:
        raise click.UsageError(str(error)) from error
    ignored = app.conf.task_ignore_result if task.ignore_result is None else task.ignore_result
    if wait and ignored:
        raise click.UsageError(f"the task {name!r} keeps no result (ignore_result); --wait would wait for ever")
