"""From a name as somebody writes it to the setting that is meant.

A setting answers to its own name (``task_serializer``), to that in upper case, to that behind ``CELERY_``, and to the
old names that Celery gave it (``CELERYD_CONCURRENCY``).
"""

from __future__ import annotations

from celeriac.errors import UnknownSetting
from celeriac.settings.fields import BY_NAME, SETTINGS
from celeriac.settings.refused import REFUSED

PREFIX = "CELERY_"

NEAR = 0.85
"""How alike (difflib's ratio) a stray name and a setting's must be for the one to be taken for a misspelling."""

OLD_NAMES: dict[str, str] = {old: setting.name for setting in SETTINGS for old in setting.old}
OLD_NAMES.update({old: refused.name for refused in REFUSED.values() for old in refused.old})


def is_known(name: str) -> bool:
    return name in BY_NAME or name in REFUSED


def resolve(name: str) -> str | None:
    """The setting's own name, honoured or refused, or None when nothing answers to `name`."""
    if is_known(name):
        return name
    if name in OLD_NAMES:
        return OLD_NAMES[name]
    if name.isupper():
        lower = name.lower()
        if is_known(lower):
            return lower
        if name.startswith(PREFIX) and is_known(lower[len(PREFIX) :]):
            return lower[len(PREFIX) :]
    return None


def spellings(name: str) -> tuple[str, ...]:
    """Everything that a setting answers to."""
    known = BY_NAME.get(name) or REFUSED[name]
    return tuple(dict.fromkeys((name, name.upper(), PREFIX + name.upper(), *known.old)))


def resolve_in(name: str, prefix: str) -> str | None:
    """As `resolve`, for a name that carries the prefix of a namespace. ``CELERY_ACKS_LATE`` is an old name and not
    ``ACKS_LATE`` in the namespace ``CELERY``; both ways are tried."""
    return resolve(name[len(prefix) :]) or resolve(name)


def unknown(name: str, source: str = "", prefix: str = "") -> UnknownSetting:
    """The error for a name that nothing answers to, with the nearest one, spelt in the same manner."""
    from celeriac.nearest import did_you_mean

    where = f" ({source})" if source else ""
    return UnknownSetting(f"unknown setting {name!r}{did_you_mean(name, _candidates(name, prefix))}{where}")


def _candidates(name: str, prefix: str) -> list[str]:
    """What may have been meant: settings that are honoured, in the case and with the prefix of `name`."""
    if not prefix and name.startswith(PREFIX):
        prefix = PREFIX
    if not name[len(prefix) :].isupper():
        return [prefix + known for known in BY_NAME]
    old = [] if prefix else list(OLD_NAMES)
    return [prefix + known.upper() for known in BY_NAME] + old


def misspelt(name: str) -> bool:
    """Whether a name that nothing answers to is so near to a setting's that it must be meant for it."""
    from difflib import SequenceMatcher

    lower = name.lower().removeprefix(PREFIX.lower())
    matcher = SequenceMatcher(b=lower)
    for known in (*BY_NAME, *REFUSED):
        if abs(len(known) - len(lower)) <= 0.3 * len(lower):
            matcher.set_seq1(known)
            if matcher.quick_ratio() >= NEAR and matcher.ratio() >= NEAR:
                return True
    return False
