"""``celeriac`` itself: the table of its commands, and how every error ends."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from celeriac import __version__
from celeriac.cli.face import faced
from celeriac.cli.group import LazyGroup
from celeriac.cli.session import Session
from celeriac.errors import CeleriacError, ConfigurationError, NotRegistered
from celeriac.nearest import did_you_mean

if TYPE_CHECKING:
    from celeriac.app import Celeriac

TABLE = {
    "demo": ("celeriac.cli.demo:demo", "Run the tour: count real files on the embedded queue."),
    "worker": ("celeriac.cli.worker:worker", "Start a worker."),
    "beat": ("celeriac.cli.beat:beat", "Start the scheduler of periodic tasks."),
    "call": ("celeriac.cli.call:call", "Send a task by its name."),
    "result": ("celeriac.cli.result:result", "Show the result of a task."),
    "probe": ("celeriac.cli.probe:probe", "Ask a worker whether it is alive or ready."),
    "status": ("celeriac.cli.status:status", "Show the workers that answer."),
    "inspect": ("celeriac.cli.inspect:inspect", "Ask workers what they do."),
    "events": ("celeriac.cli.events:events", "Print what happens to tasks and workers."),
    "control": ("celeriac.cli.control:control", "Tell workers what to do."),
    "purge": ("celeriac.cli.purge:purge", "Drop the messages that wait in queues."),
    "queue": ("celeriac.cli.queue:queue", "Look at queues."),
    "dlq": ("celeriac.cli.dlq:dlq", "Look after dead letters."),
    "gc": ("celeriac.cli.gc:gc", "Remove what dead processes have left at the broker."),
    "plugins": ("celeriac.cli.plugins:plugins", "Show what is installed, and whether it works."),
    "doctor": ("celeriac.cli.doctor:doctor", "Look for settings that do not fit each other."),
    "config": ("celeriac.cli.config:config", "Show settings and where they came from."),
    "upgrade": ("celeriac.cli.upgrade:upgrade", "Rewrite files that use old names."),
    "report": ("celeriac.cli.report:report", "Show versions and settings, for bug reports."),
}

USAGE, FAILURE, INTERRUPTED = 2, 1, 130


class Root(LazyGroup):
    """The outermost group. It alone ends the process."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.table:
            from celeriac.cli.extra import installed_command

            installed = installed_command(cmd_name)
            if installed is not None:
                return installed
        return super().get_command(ctx, cmd_name)

    def more(self, ctx: click.Context) -> Mapping[str, click.Command]:
        """The commands of plugins (hook ``celeriac_cli_commands``)."""
        from celeriac.cli.extra import extra_commands

        return extra_commands(ctx.ensure_object(Session))

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> Any:
        if not extra.pop("standalone_mode", True):
            return super().main(args, prog_name, standalone_mode=False, **extra)
        session = extra.setdefault("obj", Session())

        def run() -> Any:
            words = faced(sys.argv[1:] if args is None else args)
            return super(Root, self).main(words, prog_name, standalone_mode=False, **extra)

        sys.exit(_guarded(session, run))


def run(app: Celeriac, arguments: Sequence[str]) -> int:
    """A command line with this app as ``-A``; the exit status."""
    session = Session(app)
    return _guarded(
        session, lambda: click.Group.main(cli, list(arguments), "celeriac", standalone_mode=False, obj=session)
    )


def _guarded(session: Session, run: Callable[[], Any]) -> int:
    """Run a command line; its exit status."""
    try:
        status = run()
    except click.Abort as error:
        click.echo("Aborted.", err=True)
        return INTERRUPTED if isinstance(error.__cause__, KeyboardInterrupt) else FAILURE
    except click.ClickException as error:
        if session.debug:
            raise
        _with_nearest_option(error).show()
        return error.exit_code
    except CeleriacError as error:
        if session.debug:
            raise
        click.echo(f"Error: {' '.join(str(error).split())}", err=True)
        return USAGE if isinstance(error, (ConfigurationError, NotRegistered)) else FAILURE
    finally:
        session.close()
    return status if isinstance(status, int) else 0


def _with_nearest_option(error: click.ClickException) -> click.ClickException:
    """An option is misspelt: say it in the words that all other misspellings get."""
    if not isinstance(error, click.NoSuchOption):
        return error
    near = did_you_mean(error.option_name, error.possibilities or ())
    return click.UsageError(f"No such option {error.option_name!r}{near}", error.ctx)


def _show_version(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        click.echo(f"celeriac {__version__}")
        context.exit()


@click.group(
    "celeriac",
    cls=Root,
    table=TABLE,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Plugins may add commands. celeriac COMMAND --help says more.",
)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="The version.")
def cli() -> None:
    """Celeriac, a distributed task queue."""
