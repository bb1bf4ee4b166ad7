"""The check of the transport options that a setting carries to a driver."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any

from celeriac.errors import ConfigurationError


def check_options(driver: str, extra: Mapping[str, Any], known: Collection[str]) -> None:
    """Refuse options that the driver does not know; `driver` names it for the reader: ``result backend 'memory'``.

    Raises:
        ConfigurationError: names the option, the nearest one that there is, and all that there are.
    """
    for name in extra:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            offer = f"it takes {', '.join(sorted(known))}" if known else "it takes none"
            raise ConfigurationError(f"{driver} has no transport option {name!r}{hint} ({offer})")
