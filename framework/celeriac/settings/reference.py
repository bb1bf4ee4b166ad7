"""The page ``docs/reference/settings.md``, written from the declarations."""

from __future__ import annotations

from celeriac.settings.differences import DIFFERENCES
from celeriac.settings.fields import BY_SUBJECT
from celeriac.settings.names import PREFIX
from celeriac.settings.refused import REFUSED_BY_SUBJECT
from celeriac.settings.setting import Refused, Setting
from celeriac.settings.settings import Settings

HEAD = """# Settings

<!-- Written by celeriac.settings.reference; do not edit. -->

Settings have Celery's names where they mean the same. Each answers to its own name, to that name in upper case, to
that behind `CELERY_`, and to the old names in the table. Where each value came from is known: `celeriac config`.

Sources, a later one wins: defaults, settings profiles, environment variables, what the app was given, what
`config_from_object` and `config_from_file` add. In the environment, `CELERIAC_` and the name in upper case sets any
setting (lists with commas between, dicts as JSON, `none` for None); `CELERY_BROKER_URL` and `CELERY_RESULT_BACKEND` are
read as Celery reads them. `CELERIAC_APP`, `CELERIAC_CONFIG` and `CELERIAC_DEBUG` are no settings.

An unknown name is an error that names the nearest setting, and so is a value of the wrong type.
"""

DIFFERENCES_HEAD = """## Defaults that differ from Celery's

All other settings that both have, have the same default.
"""

REFUSED_HEAD = """## Not honoured

These settings of Celery are known and refused: setting one is an error that says the reason. The values in the second
column, and None, ask for what happens anyway; they are accepted and have no effect.
"""


def render() -> str:
    """The page as Markdown, ending in a newline."""
    parts = [HEAD]
    for subject, settings in BY_SUBJECT.items():
        parts.append(f"## {subject}\n")
        parts.append(_table(("Setting", "Type", "Default", "Old names", "Meaning"), map(_row, settings)))
    parts.append(DIFFERENCES_HEAD)
    parts.append(_table(("Setting", "Celery", "Here", "Why"), map(_difference_row, DIFFERENCES)))
    parts.append(REFUSED_HEAD)
    for subject, refused in REFUSED_BY_SUBJECT.items():
        parts.append(f"### {subject}\n")
        parts.append(_table(("Setting", "Accepted", "Reason"), map(_refused_row, refused)))
    return "\n".join(parts)


def _table(head: tuple[str, ...], rows: map[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def _row(setting: Setting) -> tuple[str, ...]:
    doc = setting.doc if setting.celery else f"{setting.doc} *Not in Celery.*"
    old = ", ".join(f"`{name}`" for name in setting.old if name not in _regular(setting.name))
    return f"`{setting.name}`", _type(setting), f"`{setting.default!r}`", old, doc


def _difference_row(name: str) -> tuple[str, ...]:
    difference = DIFFERENCES[name]
    return f"`{name}`", f"`{difference.celery!r}`", f"`{Settings()[name]!r}`", difference.why


def _type(setting: Setting) -> str:
    return setting.expected.replace("'", "`")


def _refused_row(refused: Refused) -> tuple[str, ...]:
    return f"`{refused.name}`", ", ".join(f"`{value!r}`" for value in refused.harmless), refused.reason


def _regular(name: str) -> tuple[str, ...]:
    return name.upper(), PREFIX + name.upper()
