"""Old names of settings in a Python file, renamed where they are set."""

from __future__ import annotations

import io
import tokenize
from itertools import pairwise

from celeriac.settings.names import OLD_NAMES, PREFIX, resolve


def renamed(source: str, prefix: str = "") -> tuple[str, dict[str, str]]:
    """The file with the new names, and which became which. `prefix` goes before them, in upper case (``CELERY_``)."""
    lines = source.splitlines(keepends=True)
    names: dict[str, str] = {}
    for token in reversed(_assigned(source)):
        new = _new_name(token.string, prefix)
        if new is not None and new != token.string:
            row, start = token.start[0] - 1, token.start[1]
            line = lines[row]
            lines[row] = line[:start] + new + line[start + len(token.string) :]
            names[token.string] = new
    return "".join(lines), dict(reversed(names.items()))


def _assigned(source: str) -> list[tokenize.TokenInfo]:
    """The names that begin a line and have a value assigned to them."""
    found: list[tokenize.TokenInfo] = []
    tokens = [
        token
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type not in (tokenize.COMMENT, tokenize.NL)
    ]
    for token, following in pairwise(tokens):
        is_first = token.start[1] == 0 and token.type == tokenize.NAME
        if is_first and following.string in ("=", ":") and token.string.isupper():
            found.append(token)
    return found


def _new_name(name: str, prefix: str) -> str | None:
    known = OLD_NAMES.get(name)
    if known is None and (prefix or not name.startswith(PREFIX)):
        known = resolve(name)
    if known is None:
        return None
    return f"{prefix}{known.upper()}" if prefix else known
