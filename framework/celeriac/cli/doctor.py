"""``celeriac doctor``."""

from __future__ import annotations

import click

from celeriac.cli.group import command, json_option, pass_session
from celeriac.cli.session import Session

UNFIT = 1


@command("doctor")
@json_option
@pass_session
def doctor(session: Session, /, as_json: bool) -> int:
    """Look for settings that do not fit each other, the tasks, or the drivers.

    Nothing is connected to. The exit status is 1 when something cannot work, 0 when there is nothing, or only what is
    worth knowing.
    """
    from celeriac.cli import output
    from celeriac.doctor import examine

    app = session.any_app
    if session.app_name is not None:
        app.load_tasks()
    findings = examine(app)
    if as_json:
        output.document([{**finding._asdict(), "settings": list(finding.settings)} for finding in findings])
    else:
        for finding in findings:
            click.echo(f"{finding.level}: {', '.join(finding.settings)}")
            click.echo(f"  {finding.why}")
            click.echo(f"  {finding.advice}")
        if not findings:
            click.echo("nothing found")
    return UNFIT if any(finding.level == "error" for finding in findings) else 0
