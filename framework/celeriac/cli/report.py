"""``celeriac report``."""

from __future__ import annotations

from typing import Any

import click

from celeriac.cli.group import command, json_option, pass_session
from celeriac.cli.session import Session

PACKAGES = ("click", "msgspec", "pluggy", "rich", "stevedore")


@command("report")
@json_option
@pass_session
def report(session: Session, /, as_json: bool) -> None:
    """Show versions, platform and settings, without secrets, for bug reports."""
    from celeriac.cli import output

    known = collect(session)
    if as_json:
        output.document(known)
        return
    for name, section in known.items():
        click.echo(f"{name}:")
        output.facts(session, section)
        click.echo()


def collect(session: Session) -> dict[str, dict[str, Any]]:
    """Everything, by section."""
    import platform

    from celeriac import __version__
    from celeriac.drivers import backend_url, broker_url
    from celeriac.settings.urls import mask

    app = session.any_app
    conf = app.conf
    known = session.app_name is not None or conf.broker_url is not None
    return {
        "versions": {"celeriac": __version__, "python": platform.python_version(), **_versions()},
        "platform": {"system": platform.platform(), "implementation": platform.python_implementation()},
        "app": {
            "name": session.app_name,
            "main": app.main,
            "broker": mask(broker_url(app)) if known else None,
            "backend": mask(backend_url(app)) if known else None,
        },
        "settings": conf.as_dict(with_defaults=False),
    }


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in PACKAGES}
