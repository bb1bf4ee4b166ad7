"""``celeriac migrate check``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import click

from celeriac.cli.group import group, json_option
from celeriac.cli.output import document
from celeriac_contrib.celery.migrate.reading import Use, uses
from celeriac_contrib.celery.migrate.verdicts import DIFFERS, MISSING, WORKS, Verdict, judge


@group("migrate")
def migrate() -> None:
    """Move a Celery project."""


@migrate.command("check")
@click.argument("places", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--all", "with_all", is_flag=True, help="Show also what works.")
@json_option
@click.pass_context
def check(context: click.Context, places: tuple[Path, ...], with_all: bool, as_json: bool) -> None:
    """Read a project and say of each Celery name, setting and task option whether it works with --as-celery.

    Nothing of the project is imported. The exit status is 0, or 1 when something is missing.
    """
    broken: list[str] = []
    judged = [(use, judge(use)) for use in uses(list(places), broken)]
    counts = Counter(verdict.status for _, verdict in judged)
    if as_json:
        document(
            {
                "uses": [_row(use, verdict) for use, verdict in judged],
                "counts": {status: counts[status] for status in (WORKS, DIFFERS, MISSING)},
                "unreadable": broken,
            }
        )
    else:
        _show(judged, counts, broken, with_all)
    context.exit(1 if counts[MISSING] or broken else 0)


def _show(judged: list[tuple[Use, Verdict]], counts: Counter[str], broken: list[str], with_all: bool) -> None:
    for status in (MISSING, DIFFERS, *([WORKS] if with_all else [])):
        rows = [(use, verdict) for use, verdict in judged if verdict.status == status]
        if not rows:
            continue
        click.echo(f"{status}:")
        for use, verdict in rows:
            how = f": {verdict.how}" if verdict.how else ""
            click.echo(f"  {use.file}:{use.line}  {_shown(use)}{how}")
    for text in broken:
        click.echo(f"not Python: {text}")
    click.echo(f"{counts[WORKS]} work, {counts[DIFFERS]} differ, {counts[MISSING]} are missing")


def _shown(use: Use) -> str:
    if use.kind != "name":
        return f"{use.kind} {use.name}"
    module, _, name = use.name.partition(":")
    return ".".join(filter(None, ["celery", module, name]))


def _row(use: Use, verdict: Verdict) -> dict[str, Any]:
    return {
        "kind": use.kind,
        "name": _shown(use).rpartition(" ")[2],
        "file": use.file,
        "line": use.line,
        "status": verdict.status,
        "how": verdict.how,
    }
