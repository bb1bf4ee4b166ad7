"""Texts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pprint import pformat
from textwrap import dedent, fill, indent
from typing import Any

from celeriac_contrib.celery.absent import absent

__all__ = (
    "abbr",
    "abbrtask",
    "dedent",
    "dedent_initial",
    "ensure_newlines",
    "ensure_sep",
    "fill_paragraphs",
    "indent",
    "join",
    "pluralize",
    "pretty",
    "str_to_list",
    "simple_format",
    "truncate",
)


def str_to_list(s: Any) -> Any:
    """``"a,b"`` as a list."""
    return s.split(",") if isinstance(s, str) else s


def dedent_initial(s: str, n: int = 4) -> str:
    """Without the indentation of the first line."""
    return s[n:] if s[:n] == " " * n else s


def ensure_sep(sep: str, s: str, n: int = 2) -> str:
    """The text with at least so many separators at its end."""
    return s + sep * (n - (len(s) - len(s.rstrip(sep))) // len(sep))


def ensure_newlines(s: str, n: int = 2) -> str:
    """The same with new lines."""
    return ensure_sep("\n", s, n)


def abbr(S: str, max: int, ellipsis: str | bool = "...") -> str:
    """The text, cut to `max` characters."""
    if len(S) <= max:
        return S
    return S[: max - len(ellipsis)] + ellipsis if isinstance(ellipsis, str) and ellipsis else S[:max]


def abbrtask(S: str, max: int) -> str:
    """The name of a task, cut in its module."""
    if len(S) <= max:
        return S
    module, _, name = S.rpartition(".")
    return f"{abbr(module, max - len(name), False)}[.]{name}"


def fill_paragraphs(s: str, width: int, sep: str = "\n") -> str:
    """The text in lines of that width."""
    return sep.join(fill(part, width) for part in s.split(sep))


def join(l: Iterable[Any], sep: str = "\n") -> str:  # noqa: E741 (Celery's)
    """What is not empty, joined."""
    return sep.join(str(each) for each in l if each)


def pluralize(n: float, text: str, suffix: str = "s") -> str:
    """The word with its ending, unless there is one."""
    return text if n == 1 else text + suffix


def pretty(value: Any, width: int = 80, nl_width: int = 80, sep: str = "\n", **kw: Any) -> str:
    """A value for the eye."""
    return sep + pformat(value, width=nl_width, **kw) if isinstance(value, (dict, list, tuple)) else repr(value)


def simple_format(s: str, keys: Mapping[str, Any], pattern: Any = re.compile("%(\\w)"), expand: str = r"\1") -> str:
    """The text with ``%x`` filled in."""
    keys = {**keys, "%": "%"}

    def filled(match: re.Match[str]) -> str:
        value = keys[match.expand(expand)]
        return str(value() if callable(value) else value)

    return str(pattern.sub(filled, s)) if s else s


def truncate(s: str, maxlen: int = 128, suffix: str = "...") -> str:
    """The text, cut at a word."""
    return s if not maxlen or len(s) < maxlen else s[:maxlen].rsplit(" ", 1)[0] + suffix


__getattr__ = absent(__name__)
