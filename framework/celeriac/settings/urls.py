"""URLs of brokers and result backends: the driver that they name, and how they look in messages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from celeriac.errors import ConfigurationError

MASK = "***"

_NAME = r"[A-Za-z][A-Za-z0-9+._-]*(?::[A-Za-z_][A-Za-z0-9_.]*)?"
_DRIVER = re.compile(rf"({_NAME})://(.*)", re.DOTALL)
_DRIVER_ALONE = re.compile(rf"({_NAME}):?")
_START = re.compile(r"(?<=[;,\s])(?=[^;,\s:/@]+://)")  # where in a text a URL, perhaps in quotes, begins
_IN_PATH = re.compile(r"[/?#]")
_SECRET_NAME = re.compile(
    r"secret|passw|passphrase|pwd|token|credential|signature|api_?key|(?<!routing)(?:^|[_-])key$|^pass$|[_-]pass$",
    re.IGNORECASE,
)
_PARAMETER = re.compile(r"(?<=[?&])([^=&#\s]+)=([^&#\s]*)")


def split_scheme(url: str) -> tuple[str, str]:
    """The driver that a URL names, and what follows ``://``. The driver alone is enough (``memory``), and it may be a
    ``module:attr``.

    Raises:
        ConfigurationError: the text names no driver.
    """
    match = _DRIVER.fullmatch(url)
    if match:
        return _driver(match.group(1)), match.group(2)
    match = _DRIVER_ALONE.fullmatch(url)
    if match:
        return _driver(match.group(1)), ""
    raise ConfigurationError(
        "not a URL, it begins with no scheme; write for instance 'sqlite:///queue.db' or 'memory://'"
    )


def _driver(name: str) -> str:
    return name if ":" in name else name.lower()


def mask(url: str) -> str:
    """The URL, or a text with URLs in it, with ``***`` in place of each password: in the user part, and in parameters
    whose name says that they are secret.

    A password with an ``@`` or ``/`` that should have been quoted is hidden whole, at the price that a text between a
    URL's port and a later ``@`` is hidden as well.
    """
    pieces = _START.split(url)
    return "".join(_mask_one(piece) for piece in pieces)


def _mask_one(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    user, at, host = rest.rpartition("@")
    name, colon, _ = user.partition(":")
    if at and colon and not _IN_PATH.search(name):
        rest = f"{name}:{MASK}@{host}"
    elif "://" in rest:  # a URL in a parameter of the URL
        rest = _mask_one(rest)
    return scheme + separator + _PARAMETER.sub(_mask_parameter, rest)


def _mask_parameter(match: re.Match[str]) -> str:
    from urllib.parse import unquote

    name = match.group(1)
    return f"{name}={MASK}" if is_secret_name(unquote(name)) else match.group()


def is_secret_name(name: str) -> bool:
    """Whether a value of this name is better not shown: a password, token, key …"""
    return _SECRET_NAME.search(name) is not None


def censor(value: Any, *, secret: bool = False) -> Any:
    """The value without its secrets: passwords in URLs, and whatever is below a name that says so, at any depth."""
    if isinstance(value, Mapping):
        return {key: censor(item, secret=secret or is_secret_name(str(key))) for key, item in value.items()}
    if isinstance(value, list):
        return [censor(item, secret=secret) for item in value]
    if isinstance(value, tuple):
        return tuple(censor(item, secret=secret) for item in value)
    if secret and value is not None and not isinstance(value, bool):
        return MASK
    return mask(value) if isinstance(value, str) else value
