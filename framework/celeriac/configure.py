"""An app's first use: settings from profile, environment and constructor, then the hooks.

Later wins: defaults, the settings profiles (entry points of ``celeriac.settings``: the one named like the app, then
those in ``settings_profiles``), the environment, what the constructor was given, what `config_from_object` adds.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from celeriac.errors import UnknownDriver
from celeriac.hooks import GROUP as HOOKS_GROUP
from celeriac.nearest import did_you_mean
from celeriac.registry import list_entry_points, load_object
from celeriac.settings import Settings, sources

if TYPE_CHECKING:
    from celeriac.app import Celeriac

logger = logging.getLogger("celeriac.app")

PROFILES_GROUP = "celeriac.settings"


def configure(app: Celeriac, given: Mapping[str, Any]) -> Settings:
    """Make the app's settings and register its hooks; the app has them before the first hook is called."""
    app.on_configure.send(app)
    settings = Settings()
    environment = sources.environment(os.environ)
    wanted = Settings()
    wanted.load(*environment)
    wanted.update(given, "constructor")
    load_profiles(settings, app.main, wanted.settings_profiles)
    settings.load(*environment)
    settings.update(given, "constructor")
    for read in app._sources:  # noqa: SLF001 (the app's own second half)
        source = read()
        if source is not None:
            settings.load(source)
    for default in app._defaults:  # noqa: SLF001
        settings.add_defaults(default() if callable(default) else default)
    settings.listen(app.configured)
    app._parts["conf"] = settings  # noqa: SLF001
    register_hooks(app, settings)
    app.on_after_configure.send(app, source=settings)
    if app.hooks.configure:
        app.hooks.configure(app=app)
    return settings


def load_profiles(settings: Settings, main: str | None, names: list[str]) -> None:
    """Settings profiles: the one named like the app, then those that are named."""
    profiles = {entry_point.name: entry_point for entry_point in list_entry_points(PROFILES_GROUP)}
    for name in dict.fromkeys([*([main] if main in profiles else []), *names]):
        if ":" in name:
            source = load_object(name)
        elif name in profiles:
            source = profiles[name].load()
        else:
            raise UnknownDriver(
                f"no settings profile {name!r} is installed{did_you_mean(name, profiles) or ';'} "
                f"installed: {', '.join(sorted(profiles)) or 'none'}"
            )
        settings.load(sources.obj(source, label=f"settings profile {name}"))


def register_hooks(app: Celeriac, settings: Settings) -> None:
    """The loader, the listeners that are installed, and those that the settings name."""
    if app._loader is not None:  # noqa: SLF001
        from celeriac.loader import LoaderHooks

        app.hooks.register(LoaderHooks(app.loader), "loader")
    for entry_point in list_entry_points(HOOKS_GROUP):
        try:
            app.hooks.register(entry_point.load(), entry_point.name)
        except Exception:
            # A stranger's broken listener must not keep the app from working.
            logger.exception("hooks plugin %r (%s) cannot be used", entry_point.name, entry_point.value)
    for name in settings.hooks:
        app.hooks.register(load_object(name if ":" in name else f"{name}:"), name)
