"""``celeriac plugins``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from celeriac.cli.group import fail, group, json_option, pass_session
from celeriac.cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD = ("Kind", "Name", "Target", "Package", "Version")
HARMLESS = ("ok", "missing")
"""What does not make the doctor worry: an optional package may be missing."""


@group("plugins")
def plugins() -> None:
    """Show what is installed, and whether it works."""


@plugins.command("list")
@click.argument("kind", required=False)
@json_option
@pass_session
def list_(session: Session, /, kind: str | None, as_json: bool) -> None:
    """All plugins, or those of one KIND; nothing is imported."""
    from celeriac.cli import output

    rows = list(installed(session, kind))
    if as_json:
        output.document(rows)
    else:
        output.table(session, HEAD, [list(row.values()) for row in rows])


@plugins.command("show")
@click.argument("words", metavar="[KIND] NAME", nargs=-1, required=True)
@json_option
@pass_session
@click.pass_context
def show(context: click.Context, session: Session, /, words: tuple[str, ...], as_json: bool) -> None:
    """Where the plugin NAME comes from and what it can do; of all kinds, where KIND is not written."""
    from celeriac.cli import output
    from celeriac.cli.try_plugin import probe_all

    if len(words) > 2:
        raise click.UsageError("write a kind and a name, or a name")
    kind, name = (words[0], words[1]) if len(words) == 2 else (None, words[0])
    rows = list(installed(session, kind))
    chosen = [row for row in rows if row["name"] == name]
    if not chosen:
        what = f"{kind} " if kind else "plugin "
        raise fail(f"no {what}{name!r} is installed", [row["name"] for row in rows], name)
    probed = probe_all((row["kind"], row["name"]) for row in chosen)
    found = [{**row, **facts} for row, facts in zip(chosen, probed, strict=True)]
    if as_json:
        output.document(found)
    for at, facts in enumerate(found) if not as_json else ():
        if at:
            click.echo()
        output.facts(session, facts)
    context.exit(0 if all(facts["status"] in HARMLESS for facts in found) else 1)


@plugins.command("doctor")
@json_option
@pass_session
@click.pass_context
def doctor(context: click.Context, session: Session, /, as_json: bool) -> None:
    """Import every plugin, each in a process of its own, and say which work.

    The exit status is 1 when one is broken, or two claim one name. A missing optional package is no fault; what to
    install is said.
    """
    from celeriac.cli import output
    from celeriac.cli.try_plugin import probe_all

    names = list(dict.fromkeys((row["kind"], row["name"]) for row in installed(session, None)))
    found = [
        {"kind": kind, "name": name, "status": facts["status"], "problem": facts["problem"]}
        for (kind, name), facts in zip(names, probe_all(names), strict=True)
    ]
    if as_json:
        output.document(found)
    else:
        output.table(session, ("Kind", "Name", "Status", "Problem"), [list(row.values()) for row in found])
    context.exit(0 if all(row["status"] in HARMLESS for row in found) else 1)


def installed(session: Session, kind: str | None) -> Iterator[dict[str, Any]]:
    """One row for each plugin, from metadata alone.

    Raises:
        UsageError: there is no such kind; the nearest is named.
    """
    from celeriac.cli.try_plugin import OTHERS
    from celeriac.kinds import KINDS
    from celeriac.registry import list_entry_points

    known = [*KINDS, *OTHERS]
    if kind is not None and kind.removesuffix("s") in KINDS:
        kind = kind.removesuffix("s")
    if kind is not None and kind not in known:
        raise fail(f"there is no kind {kind!r} (known: {', '.join(known)})", known, kind)
    registry = session.any_app.registry
    for name in KINDS if kind is None else [kind]:
        if name in KINDS:
            yield from registry.describe(KINDS[name])
            continue
    for name, group_name in OTHERS.items():
        if kind in (None, name):
            for entry_point in list_entry_points(group_name):
                yield _row(name, entry_point.name, entry_point.value)


def _row(kind: str, name: str, target: str) -> dict[str, Any]:
    from importlib.metadata import entry_points

    found = [each for each in entry_points(name=name) if each.value == target and each.dist is not None]
    package = found[0].dist if found else None
    return {
        "kind": kind,
        "name": name,
        "target": target,
        "distribution": package.name if package else None,
        "version": package.version if package else None,
    }
