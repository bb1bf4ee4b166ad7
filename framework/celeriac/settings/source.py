"""What one place says about the settings, and the check that it passes before any of it counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from celeriac.errors import ConfigurationError
from celeriac.settings.fields import BY_NAME
from celeriac.settings.names import OLD_NAMES, is_known, resolve_in, unknown
from celeriac.settings.refused import REFUSED
from celeriac.settings.setting import Setting
from celeriac.settings.urls import MASK, censor


class Source(NamedTuple):
    """Settings that were read from one place."""

    label: str
    """The place, as it reads in errors: ``file /etc/shop.toml``, ``environment variable CELERY_BROKER_URL``."""
    values: Mapping[str, Any]
    """By any name that a setting answers to."""
    prefix: str = ""
    """What stands before each name: a namespace with its underscore."""
    text: bool = False
    """The values are the text of environment variables."""


class Checked(NamedTuple):
    """The content of a source, by the settings' own names."""

    honoured: dict[str, Any]
    without_effect: dict[str, Any]
    """Refused settings whose values ask for what happens anyway."""


def check(source: Source) -> Checked:
    """The values in their own types.

    Raises:
        UnknownSetting: nothing answers to a name.
        ConfigurationError: a value does not fit, a setting is not honoured, or two names of one setting disagree.
    """
    if not source.prefix:
        _check_one_style(source)
    checked = Checked({}, {})
    written: dict[str, str] = {}
    for given, value in source.values.items():
        name = resolve_in(given, source.prefix) if isinstance(given, str) else None
        if name is None:
            raise unknown(str(given), source.label, source.prefix)
        if name in REFUSED:
            _check_refused(source, given, name, value)
            checked.without_effect[name] = value
            continue
        coerced = _coerce(source, BY_NAME[name], given, value)
        if name in written and checked.honoured[name] != coerced:
            raise ConfigurationError(
                f"{written[name]!r} and {given!r} are one setting and differ; keep one of them ({source.label})"
            )
        checked.honoured[name] = coerced
        written[name] = given
    return checked


def _check_one_style(source: Source) -> None:
    """Old names and new ones in one place: somebody has begun to rename them, and what is left would win or lose by
    chance."""
    names = [name for name in source.values if isinstance(name, str)]
    old = next((name for name in names if name in OLD_NAMES and name.isupper()), None)
    new = next((name for name in names if name.islower() and is_known(name)), None)
    if old is not None and new is not None:
        raise ConfigurationError(
            f"{old!r} is an old name and {new!r} a new one; write {OLD_NAMES[old]!r} for the first "
            f"(celeriac upgrade settings FILE rewrites a file) ({source.label})"
        )


def shown(setting: Setting, value: Any) -> Any:
    """The value of a setting as it may be shown to anybody."""
    if setting.secret:
        return None if value is None else MASK
    if setting.kind.keyed_by_user and isinstance(value, Mapping):
        return {key: censor(item) for key, item in value.items()}
    return censor(value)


def _check_refused(source: Source, given: str, name: str, value: Any) -> None:
    if not REFUSED[name].accepts(value, text=source.text):
        raise ConfigurationError(f"the setting {given!r} is not honoured: {REFUSED[name].reason} ({source.label})")


def _coerce(source: Source, setting: Setting, given: str, value: Any) -> Any:
    try:
        return setting.parse(value) if source.text else setting.coerce(value)
    except (ValueError, TypeError):
        # Without a cause: its text may hold the value, and the value may be a secret.
        raise ConfigurationError(
            f"the setting {given!r} is {_describe(setting, value)}; expected {setting.expected} ({source.label})"
        ) from None


def _describe(setting: Setting, value: Any) -> str:
    kind = f"of type {type(value).__name__}"
    if setting.secret or not setting.kind.shown_in_errors or not isinstance(value, str | int | float):
        return kind
    text = repr(shown(setting, value))
    return f"{text if len(text) <= 60 else text[:57] + '…'} ({kind})"
