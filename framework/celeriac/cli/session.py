"""What the global options say, and the app that they lead to."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from celeriac.app import Celeriac

SETTINGS_FILES = (".toml", ".json", ".py")
COMMAND_LINE = "command line"
"""The source of settings that were given as options."""


class Session:
    """One run of the command line. A command of a plugin gets it with ``click.pass_obj`` and uses `app` or `client`."""

    def __init__(self, app: Celeriac | None = None) -> None:
        self.app_name: str | None = None if app is None else (app.main or "app")
        self.broker: str | None = None
        self.result_backend: str | None = None
        self.config: str | None = None
        self.as_celery = False
        self.workdir: str | None = None
        self.quiet = False
        self.no_color = False
        self.debug = False
        self._given = app
        self._app: Celeriac | None = None

    @property
    def app(self) -> Celeriac:
        """The app that ``-A`` names.

        Raises:
            UsageError: none is named.
            ConfigurationError: it cannot be found or loaded.
        """
        if self.app_name is None:
            raise click.UsageError("no app is named; write -A and its module (-A proj), file, folder or installed name")
        return self.any_app

    @property
    def client(self) -> Celeriac:
        """The app that ``-A`` names, or one without tasks that knows the broker: enough to talk to workers and queues.

        Raises:
            UsageError: neither an app nor a broker is named.
            TransportDown: of several brokers, none answers.
        """
        app = self.any_app
        if self.app_name is None and app.conf.broker_url is None:
            raise click.UsageError(
                "neither an app nor a broker is named; write -A and the app's module, or -b and a URL"
            )
        app.find_broker()
        return app

    @property
    def any_app(self) -> Celeriac:
        """The app that ``-A`` names, or one that knows nothing but options and environment."""
        if self._app is None:
            self._enter_folder()
            self._app = self._make_app()
            self._configure(self._app)
        return self._app

    def close(self) -> None:
        """Close the app's connections."""
        if self._app is not None:
            self._app.close()

    def notice(self, text: str) -> None:
        """Tell the user something on standard error, unless ``--quiet``."""
        if not self.quiet:
            click.echo(text, err=True)

    def _enter_folder(self) -> None:
        if self.workdir is not None:
            try:
                os.chdir(self.workdir)
            except OSError as error:
                raise click.UsageError(f"cannot change to the folder {self.workdir!r}: {error.strerror}") from error
        folder = os.getcwd()  # noqa: PTH109 (pathlib is slow to import)
        if folder not in sys.path and "" not in sys.path:
            sys.path.insert(0, folder)

    def _make_app(self) -> Celeriac:
        if self._given is not None:
            return self._given
        if self.app_name is not None:
            from celeriac.cli.find_app import find_app

            return find_app(self.app_name)
        from celeriac.app import Celeriac

        app = Celeriac()
        app._origin = None  # noqa: SLF001 (its embedded files belong into the current folder, not beside this module)
        return app

    def _configure(self, app: Celeriac) -> None:
        if self.config is not None:
            if self.config.endswith(SETTINGS_FILES):
                app.config_from_file(self.config)
            else:
                app.config_from_object(self.config)
        self.override(broker_url=self.broker, result_backend=self.result_backend)

    def override(self, **settings: object) -> None:
        """Set what was given (not None) on the command line over everything else."""
        app = self.any_app
        given = {name: value for name, value in settings.items() if value is not None}
        if given:
            app.conf.update(given, COMMAND_LINE)
            app.configured()
