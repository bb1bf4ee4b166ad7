"""``celeriac upgrade``."""

from __future__ import annotations

import click

from celeriac.cli.group import group, pass_session
from celeriac.cli.session import Session


@group("upgrade")
def upgrade() -> None:
    """Rewrite files that use old names."""


@upgrade.command("settings")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--django", is_flag=True, help="Write CELERY_ and the name in upper case, for a namespace.")
@click.option("--no-backup", is_flag=True, help="Keep no copy of the old file, as FILE.orig.")
@pass_session
def settings(session: Session, /, file: str, django: bool, no_backup: bool) -> None:
    """Rename the old settings that are set in the Python FILE."""
    from pathlib import Path

    from celeriac.settings.renaming import renamed

    path = Path(file)
    old = path.read_text()
    new, names = renamed(old, "CELERY_" if django else "")
    if not names:
        session.notice("no old names found")
        return
    if not no_backup:
        path.with_name(f"{path.name}.orig").write_text(old)
    path.write_text(new)
    for before, after in names.items():
        click.echo(f"{before} -> {after}")
