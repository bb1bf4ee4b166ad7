"""``celeriac config``."""

from __future__ import annotations

import click

from celeriac.cli.group import group, json_option, pass_session
from celeriac.cli.session import Session


@group("config")
def config() -> None:
    """Show settings and where they came from; secrets are masked."""


@config.command("show")
@click.option("--all", "every", is_flag=True, help="Settings that nothing has set, too.")
@json_option
@pass_session
def show(session: Session, /, every: bool, as_json: bool) -> None:
    """The settings that were set, with their sources."""
    from celeriac.cli import output

    conf = session.any_app.conf
    values = conf.as_dict(with_defaults=every)
    if as_json:
        output.document({name: {"value": value, "source": conf.source(name)} for name, value in values.items()})
    else:
        rows = [(name, repr(value), conf.source(name)) for name, value in values.items()]
        output.table(session, ("Setting", "Value", "Source"), rows)


@config.command("explain")
@click.argument("key")
@json_option
@pass_session
def explain(session: Session, /, key: str, as_json: bool) -> None:
    """What the setting KEY is for, its value, and where it came from."""
    from celeriac.cli import output
    from celeriac.settings.honoured import honoured_by
    from celeriac.settings.names import resolve

    app = session.any_app
    value, source, doc = app.conf.explain(key)
    name = resolve(key) or key
    known = {"setting": name, "value": value, "source": source, "honoured by": honoured_by(app, name), "doc": doc}
    if as_json:
        output.document(known)
    else:
        output.facts(session, {**known, "value": repr(value)})
