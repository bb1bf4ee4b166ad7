"""What a bug report should say: versions, platform, settings; no secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from celeriac.app import Celeriac

PACKAGES = ("click", "msgspec", "pluggy", "rich", "stevedore")


def collect(app: Celeriac, name: str | None = None) -> dict[str, dict[str, Any]]:
    """Everything, by section. `name` is what the app was found by."""
    import platform

    from celeriac import __version__
    from celeriac.drivers import backend_url, broker_url
    from celeriac.settings.urls import mask

    known = name is not None or app.conf.broker_url is not None
    return {
        "versions": {"celeriac": __version__, "python": platform.python_version(), **_versions()},
        "platform": {"system": platform.platform(), "implementation": platform.python_implementation()},
        "app": {
            "name": name,
            "main": app.main,
            "broker": mask(broker_url(app)) if known else None,
            "backend": mask(backend_url(app)) if known else None,
        },
        "settings": app.conf.as_dict(with_defaults=False),
    }


def as_text(app: Celeriac) -> str:
    """The same, a line for each fact."""
    lines: list[str] = []
    for section, facts in collect(app, app.main).items():
        lines += [f"{section}:", *(f"  {name}: {value}" for name, value in facts.items()), ""]
    return "\n".join(lines)


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in PACKAGES}
