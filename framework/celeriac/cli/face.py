"""``--as-celery``: the face of another system, put on before anything of its project is imported.

A face is an entry point of ``celeriac.faces`` that leads to a module with two functions: ``install()`` has imports of
the system's name lead here, and ``arguments(words)`` puts the system's command line into words of ours.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from celeriac.errors import UnknownDriver
from celeriac.registry import list_entry_points

GROUP = "celeriac.faces"
OPTION, VARIABLE, NAME = "--as-celery", "CELERIAC_AS_CELERY", "celery"
_NO = frozenset({"", "0", "false", "no", "off"})


def faced(words: Sequence[str]) -> list[str]:
    """The command line, in words of ours; the face is on where it or the environment asks for it.

    Raises:
        UnknownDriver: the face is not installed.
    """
    if OPTION not in words and os.environ.get(VARIABLE, "").strip().lower() in _NO:
        return list(words)
    for entry_point in list_entry_points(GROUP):
        if entry_point.name == NAME:
            face = entry_point.load()
            face.install()
            return list(face.arguments(words))
    raise UnknownDriver(f"{OPTION}: no face {NAME!r} is installed (entry points {GROUP})")
