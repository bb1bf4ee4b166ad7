"""A repr that is short and never fails."""

from __future__ import annotations

import reprlib
from typing import Any

from celeriac_contrib.celery.absent import absent

__all__ = ("saferepr",)


def saferepr(o: Any, maxlen: int | None = None, maxlevels: int = 3, seen: Any = None) -> str:
    """The object's repr, cut to `maxlen` characters."""
    short = reprlib.Repr()
    short.maxlevel = maxlevels
    short.maxstring = short.maxother = maxlen or 1024
    short.maxlist = short.maxtuple = short.maxdict = short.maxset = maxlen or 1024
    text = short.repr(o)
    return text if not maxlen or len(text) <= maxlen else text[: maxlen - 3] + "..."


__getattr__ = absent(__name__)
