"""Commands and groups: the global options everywhere, sub-commands that are imported when they are used, and the
nearest match for what is misspelt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

import click

from celeriac.cli.session import Session
from celeriac.nearest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

F = TypeVar("F", bound=Callable[..., Any])

NOTE = "The options of celeriac itself (-A, -b, --config …) may stand here as well; see celeriac --help."


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Put a global option where all commands find it; the one nearest to the command wins."""
    if value is not None and value is not False and parameter.name is not None:
        setattr(context.ensure_object(Session), parameter.name, value)


def _option(*names: str, **options: Any) -> click.Option:
    return click.Option(names, expose_value=False, callback=_keep, **options)


def global_options(*, hidden: bool = False) -> list[click.Option]:
    """The options that every command takes. Only the visible ones, of ``celeriac`` itself, look at the environment."""
    app = {"envvar": "CELERIAC_APP", "show_envvar": True} if not hidden else {}
    config = {"envvar": "CELERIAC_CONFIG", "show_envvar": True} if not hidden else {}
    debug = {"envvar": "CELERIAC_DEBUG", "show_envvar": True} if not hidden else {}
    face = {"envvar": "CELERIAC_AS_CELERY", "show_envvar": True} if not hidden else {}
    return [
        _option(
            "-A",
            "--app",
            "app_name",
            metavar="APP",
            hidden=hidden,
            help="The app: module, module:attr, a .py file, a folder, or the name of an installed app.",
            **app,
        ),
        _option("-b", "--broker", metavar="URL", hidden=hidden, help="The broker, over what the app says."),
        _option("--result-backend", metavar="URL", hidden=hidden, help="The result backend, over what the app says."),
        _option(
            "--config",
            metavar="FILE|MODULE",
            hidden=hidden,
            help="Settings to take over the app's own: a .toml, .json or .py file, or a module.",
            **config,
        ),
        _option(
            "--as-celery",
            is_flag=True,
            hidden=hidden,
            help="Run a Celery project: `import celery` is Celeriac, here and in the processes started from here.",
            **face,
        ),
        _option("--workdir", metavar="FOLDER", hidden=hidden, help="Change to this folder first."),
        _option("-q", "--quiet", is_flag=True, hidden=hidden, help="No banner and no notices."),
        _option("-C", "--no-color", is_flag=True, hidden=hidden, help="No colours and no drawn tables."),
        _option("--debug", is_flag=True, hidden=hidden, help="Show the traceback of an error.", **debug),
    ]


class Command(click.Command):
    """A command that takes the global options too."""

    def __init__(self, *args: Any, **options: Any) -> None:
        options.setdefault("epilog", NOTE)
        super().__init__(*args, **options)
        self.params.extend(global_options(hidden=True))


class Group(click.Group):
    """A group that names the nearest command."""

    command_class = Command

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.params.extend(global_options(hidden=self.hides_global_options))

    hides_global_options = True

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        found = self.get_command(ctx, name)
        if found is not None:
            return name, found, args[1:]
        if not name.startswith("-") and not ctx.resilient_parsing:
            ctx.fail(f"No such command {name!r}{did_you_mean(name, self.known(ctx))}")
        return super().resolve_command(ctx, args)

    def known(self, ctx: click.Context) -> list[str]:
        """The names that a misspelt one is compared with."""
        return self.list_commands(ctx)


class LazyGroup(Group):
    """A group whose sub-commands are a table of name to (``module:attr``, one line of help)."""

    hides_global_options = False

    def __init__(self, *args: Any, table: Mapping[str, tuple[str, str]], **options: Any) -> None:
        super().__init__(*args, **options)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.table:
            return self.more(ctx).get(cmd_name)
        module, _, attribute = self.table[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def more(self, ctx: click.Context) -> Mapping[str, click.Command]:  # noqa: ARG002
        """Commands that are not in the table; asked only for a name that is not there."""
        return {}

    def known(self, ctx: click.Context) -> list[str]:
        return [*self.table, *self.more(ctx)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self.table.items()])


def command(name: str, **options: Any) -> Callable[[Callable[..., Any]], Command]:
    """Decorator: a command with the global options."""
    return click.command(name, cls=Command, **options)


def group(name: str, **options: Any) -> Callable[[Callable[..., Any]], Group]:
    """Decorator: a group with the global options."""
    return click.group(name, cls=Group, **options)


def json_option(function: F) -> F:
    """Decorator: ``--json``, for everything that reports."""
    return click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")(function)


def fail(text: str, candidates: Sequence[str] = (), name: str = "") -> click.UsageError:
    """A usage error, with the nearest of the candidates to what was written."""
    return click.UsageError(text + did_you_mean(name, candidates))


pass_session = click.make_pass_decorator(Session, ensure=True)
"""Decorator: the command's first argument is the `Session`."""
