"""Whether what a project uses works here."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import NamedTuple

from celeriac import Celeriac
from celeriac.settings.fields import BY_NAME
from celeriac.settings.names import resolve_in
from celeriac.settings.refused import REFUSED
from celeriac_contrib.celery import differs
from celeriac_contrib.celery.absent import HOME, advice, advice_on_name
from celeriac_contrib.celery.app.defaults import DEFAULTS
from celeriac_contrib.celery.inventory import written_down
from celeriac_contrib.celery.migrate.reading import NAME, OPTION, Use

WORKS, DIFFERS, MISSING = "works", "differs", "missing"


class Verdict(NamedTuple):
    """What becomes of a use, and how."""

    status: str
    how: str = ""


def judge(use: Use) -> Verdict:
    """The verdict on one use."""
    if use.kind == NAME:
        return _name(use.name)
    if use.kind == OPTION:
        how = differs.OPTIONS.get(use.name)
        return Verdict(DIFFERS, how) if how else Verdict(WORKS)
    return _setting(use)


def _name(name: str) -> Verdict:
    module, colon, attribute = name.partition(":")
    if not colon:
        module, attribute = _split(name)
    if attribute == "*" or not attribute:
        reason = advice(module) if not _importable(module) else None
        return Verdict(MISSING, reason) if reason else _unknown_module(module)
    how = differs.NAMES.get(f"{module}:{attribute}")
    if how:
        return Verdict(DIFFERS, how)
    if _importable(f"{module}.{attribute}".strip(".")):  # from celery import signals
        return Verdict(WORKS)
    if not _importable(module):
        return Verdict(MISSING, advice(module) or "Celery has no such module")
    if _has(module, attribute):
        return Verdict(WORKS)
    submodule = advice(f"{module}.{attribute}".strip("."))
    reason = advice_on_name(module, attribute) or (submodule if _is_celerys(module, attribute) else None)
    return Verdict(MISSING, reason or "it is none of Celery's public names")


def _is_celerys(module: str, attribute: str) -> bool:
    return f"{module}.{attribute}".strip(".") in written_down()["names"]


def _unknown_module(module: str) -> Verdict:
    return Verdict(WORKS) if _importable(module) else Verdict(MISSING, "Celery has no such module")


def _split(path: str) -> tuple[str, str]:
    """``app.task.Task.retry``: the longest part that is a module of Celery's, and the rest."""
    parts = path.split(".")
    known = written_down()["names"]
    for length in range(len(parts), 0, -1):
        if ".".join(parts[:length]) in known:
            return ".".join(parts[:length]), ".".join(parts[length:])
    return "", path


def _importable(module: str) -> bool:
    try:
        import_module(f"{HOME}.{module}".rstrip("."))
    except ImportError:
        return False
    return True


def _has(module: str, attribute: str) -> bool:
    """Of a value that is made when it is used, no more can be said than that it is there."""
    target: object = import_module(f"{HOME}.{module}".rstrip("."))
    for part in attribute.split("."):
        if isinstance(target, type) and target.__name__ == "Celery":
            target = target("example", set_as_current=False, fixups=[])
        try:
            if not hasattr(target, part):
                return not isinstance(target, (type, ModuleType, Celeriac))
        except ImportError:
            return False
        target = getattr(target, part)
    return True


def _setting(use: Use) -> Verdict:
    name = resolve_in(use.name, "CELERY_") if use.name.startswith("CELERY_") else resolve_in(use.name, "")
    if name is None:
        lower = use.name.removeprefix("CELERY_").lower()
        if lower in DEFAULTS:
            return Verdict(MISSING, "kept, without effect")
        return Verdict(DIFFERS, "no setting of Celery's: kept, without effect")
    if name in BY_NAME:
        how = differs.SETTINGS.get(name)
        if use.value is ...:
            return Verdict(DIFFERS, how) if how else Verdict(WORKS)
        return _value(name, use)
    if use.value is not ... and REFUSED[name].accepts(use.value):
        return Verdict(WORKS, "asks for what happens anyway")
    return Verdict(MISSING, f"kept, without effect: {REFUSED[name].reason}")


def _value(name: str, use: Use) -> Verdict:
    """A value that is written out can be looked at."""
    from celeriac.errors import ConfigurationError
    from celeriac.kinds import BACKEND, TRANSPORT
    from celeriac.registry import Registry
    from celeriac.settings.urls import split_scheme
    from celeriac_contrib.celery.app.settings import CelerySettings

    conf = CelerySettings()
    try:
        conf.update({name: use.value})
    except ConfigurationError as error:
        return Verdict(MISSING, str(error).partition(" (mapping)")[0])
    if name in ("broker_url", "result_backend") and isinstance(use.value, str):
        kind = TRANSPORT if name == "broker_url" else BACKEND
        scheme = split_scheme(conf[name])[0]
        if ":" not in scheme and Registry().for_scheme(kind, scheme) not in Registry().names(kind):
            return Verdict(MISSING, f"no {kind.name} {scheme!r} is installed (docs/reference/drivers.md)")
        return Verdict(WORKS)
    how = differs.SETTINGS.get(name)
    return Verdict(DIFFERS, how) if how and name != "result_backend" else Verdict(WORKS)
