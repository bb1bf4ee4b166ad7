"""The page ``docs/reference/cli.md``, written from the commands themselves."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import cleandoc

import click

from celeriac.cli.root import cli

HEAD = """# Command line

<!-- Written by celeriac.cli.reference; do not edit. -->

`celeriac COMMAND` and `python -m celeriac COMMAND` are the same. The options of `celeriac` itself may stand before or
after the command. What reports takes `--json` and prints exactly one JSON document on standard output; the log, notices
and errors go to standard error. The exit status is 0, 1 for what went wrong, 2 for what was written wrong (usage,
configuration), 130 after an interrupt. Tables are drawn on terminals only, and not with `-C` or `NO_COLOR`.

`-A` takes a module (`proj`), `module:attr` (`proj.tasks:app`), the path of a `.py` file or a folder, or the name of an
installed app (entry points `celeriac.apps`). In a module the app is looked for under the names `app`, `celeriac` and
`celery`, then under any name; in a package also in its modules `celeriac`, `celery`, `app` and `tasks`. The current
folder is on the path. Without an app, `-b` and a broker's URL are enough for everything that runs no task.
"""


def render() -> str:
    """The page as Markdown, ending in a newline."""
    return "\n".join([HEAD, *_sections(cli, None)])


def _sections(command: click.Command, parent: click.Context | None) -> Iterator[str]:
    with click.Context(command, parent, info_name=command.name) as context:
        yield _section(command, context)
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                found = command.get_command(context, name)
                if found is not None:
                    yield from _sections(found, context)


def _section(command: click.Command, context: click.Context) -> str:
    depth = 2 if context.parent is None or context.parent.parent is None else 3
    parts = [f"{'#' * depth} {context.command_path}\n", f"`{' '.join(command.get_usage(context).split()[1:])}`\n"]
    parts.append(_prose(command.help or ""))
    options = [option for option in command.params if isinstance(option, click.Option) and not option.hidden]
    if options:
        rows = [_row(option, context) for option in options]
        parts.append("| Option | Meaning |\n| --- | --- |\n" + "".join(rows))
    return "\n".join(parts)


def _prose(text: str) -> str:
    """The help; what click is told not to wrap becomes code."""
    blocks = cleandoc(text).split("\n\n")
    return "\n\n".join(
        "\n".join(["```text", *block.splitlines()[1:], "```"]) if block.startswith("\b") else block for block in blocks
    ) + "\n"  # fmt: skip


def _row(option: click.Option, context: click.Context) -> str:
    record = option.get_help_record(context)
    assert record is not None
    names, meaning = (part.replace("|", "\\|") for part in record)
    return f"| `{names}` | {meaning} |\n"


if __name__ == "__main__":
    click.echo(render(), nl=False)
