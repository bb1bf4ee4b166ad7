"""The types of values that settings have.

Text is understood everywhere, not only in the environment: settings modules are full of ``os.environ.get(…)``. A
function raises ValueError or TypeError for what does not fit; the message is written by the caller, who knows the
setting and its source.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from math import isfinite
from typing import Any

from celeriac.settings.setting import Kind
from celeriac.settings.urls import split_scheme

TRUE = frozenset({"true", "yes", "on", "1"})
FALSE = frozenset({"false", "no", "off", "0"})


def to_bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower() if isinstance(value, str | int) else ""
    if word in TRUE:
        return True
    if word in FALSE:
        return False
    raise ValueError


def to_int(value: Any) -> int:
    if isinstance(value, bool):
        raise TypeError
    if isinstance(value, str):
        return int(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise TypeError


def to_float(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError
    try:
        number = float(value)
    except OverflowError:
        raise ValueError from None
    if not isfinite(number):
        raise ValueError
    return number


def to_seconds(value: Any) -> float:
    seconds = value.total_seconds() if isinstance(value, timedelta) else to_float(value)
    if seconds < 0:
        raise ValueError
    return seconds


def to_positive_seconds(value: Any) -> float:
    seconds = to_seconds(value)
    if seconds == 0:
        raise ValueError
    return seconds


def to_expiry(value: Any) -> float | None:
    """Seconds; 0 is never, as in Celery."""
    return to_seconds(value) or None


def to_text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return str(value)


def to_word(value: Any) -> str:
    """Text in lower case, with a meaning that does not depend on case."""
    return to_text(value).strip().lower()


def to_secret(value: Any) -> str:
    """Text; Celery takes a key's password as bytes."""
    return value.decode() if isinstance(value, bytes) else to_text(value)


def to_path(value: Any) -> str:
    if hasattr(value, "__fspath__"):
        value = value.__fspath__()
    return to_text(value)


def to_url(value: Any) -> str:
    """A URL; several, as a list, become one text with semicolons."""
    if isinstance(value, list | tuple):
        value = ";".join(to_url(item) for item in value)
    url = to_text(value)
    split_scheme(url)
    return url


def to_strategy(value: Any) -> Any:
    """The name of a strategy of failover, the dotted name of a function, or a function."""
    return value if callable(value) else to_text(value)


def to_delivery_mode(value: Any) -> int:
    """1 or 2; Celery takes the words for them as well."""
    words = {"transient": 1, "persistent": 2}
    mode = words.get(value.strip().lower()) if isinstance(value, str) else None
    return to_int(value) if mode is None else mode


def to_list(value: Any) -> list[str]:
    """Names: a list, a tuple, a set, or text with commas between (or a JSON list)."""
    if isinstance(value, str):
        value = _parse_json(value) if value.lstrip().startswith("[") else _split(value)
    if isinstance(value, set | frozenset):
        value = sorted(value)
    if not isinstance(value, list | tuple):
        raise TypeError
    return [to_text(item) for item in value]


def to_dict(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        value = _parse_json(value)
    if not isinstance(value, Mapping):
        raise TypeError
    return {to_text(key): item for key, item in value.items()}


def to_queues(value: Any) -> list[dict[str, Any]]:
    """Queues as dicts that have a ``name``. Takes names, such dicts, a dict of name to options, and objects with a name
    (``kombu.Queue``), of which the name is kept."""
    if isinstance(value, str):
        value = _parse_json(value) if value.lstrip().startswith(("[", "{")) else _split(value)
    if isinstance(value, Mapping):
        value = [{**(options or {}), "name": name} for name, options in value.items()]
    if not isinstance(value, list | tuple | set | frozenset):
        raise TypeError
    return [_to_queue(item) for item in value]


def _to_queue(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        queue: dict[str, Any] = {"name": value}
    elif isinstance(value, Mapping):
        queue = to_dict(value)
    else:
        queue = _queue_of(value) if hasattr(value, "name") else {}
    if not isinstance(queue.get("name"), str) or not queue["name"]:
        raise ValueError
    return queue


def _queue_of(value: Any) -> dict[str, Any]:
    """What matters of an object such as ``kombu.Queue``."""
    exchange = getattr(value, "exchange", None)
    queue = {
        "name": value.name,
        "exchange": getattr(exchange, "name", exchange) or None,
        "exchange_type": getattr(exchange, "type", None),
        "routing_key": getattr(value, "routing_key", None) or None,
    }
    return {name: item for name, item in queue.items() if item is not None}


def to_rules(value: Any) -> Any:
    """Routes or annotations, kept as they are: a dict, a list, a function, a class, or the dotted name of one."""
    if isinstance(value, str):
        return _parse_json(value) if value.lstrip().startswith(("[", "{")) else value
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, list | tuple):
        return list(value)
    if callable(value):
        return value
    raise TypeError


def to_rate(value: Any) -> str:
    """Runs in a time, as text: ``10/s``."""
    from celeriac.worker.rates import parse_rate

    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError
    parse_rate(value)
    return str(value)


def to_policy(value: Any) -> Any:
    """A RetryPolicy, or what makes one."""
    from celeriac.retry import RetryPolicy, policy_from

    return policy_from(value if isinstance(value, RetryPolicy) else to_dict(value))


def to_annotations(value: Any) -> Any:
    """As rules; also an object with ``annotate`` or ``annotate_any``."""
    return value if hasattr(value, "annotate") or hasattr(value, "annotate_any") else to_rules(value)


def to_timezone(value: Any) -> str:
    """The name of a time zone that this machine knows. Zone objects of zoneinfo and pytz are taken by their name."""
    name = to_text(getattr(value, "key", None) or getattr(value, "zone", None) or value)
    if name.upper() == "UTC":
        return "UTC"
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError):
        raise ValueError from None
    return name


def _split(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def _parse_json(text: str) -> Any:
    import json

    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError from None


BOOL = Kind("bool", "true or false", to_bool)
INT = Kind("int", "a whole number", to_int)
SECONDS = Kind("float", "seconds (a number or a timedelta), not negative", to_seconds)
POSITIVE_SECONDS = Kind("float", "seconds (a number or a timedelta), more than 0", to_positive_seconds)
EXPIRY = Kind("float", "seconds (a number or a timedelta), 0 for never", to_expiry)
TEXT = Kind("str", "text", to_text)
WORD = Kind("str", "text", to_word)
URL = Kind("str", "a URL such as 'sqlite:///queue.db'", to_url, shown_in_errors=False)
STRATEGY = Kind("Any", "round-robin, shuffle, or a function", to_strategy, takes_code=True)
DELIVERY_MODE = Kind("int", "1 (transient) or 2 (persistent)", to_delivery_mode)
SECRET = Kind("str", "text", to_secret, shown_in_errors=False)
PATH = Kind("str", "a path", to_path)
TIMEZONE = Kind("str", "the name of a known time zone, such as 'Europe/Zurich'", to_timezone)
LIST = Kind("list[str]", "a list of texts", to_list, shown_in_errors=False)
DICT = Kind("dict[str, Any]", "a dict whose keys are texts", to_dict, shown_in_errors=False)
QUEUES = Kind(
    "list[dict[str, Any]]", "a list of queue names, or of dicts with a 'name'", to_queues, shown_in_errors=False
)
RATE = Kind("str", "a rate such as '10/s', '100/m' or '1000/h'", to_rate)
POLICY = Kind("Any", "a RetryPolicy, or a dict of its fields", to_policy)
SCHEDULE = Kind("dict[str, Any]", "a dict of entry name to entry", to_dict, shown_in_errors=False, keyed_by_user=True)
RULES = Kind(
    "Any",
    "a dict, a list, a function, or the dotted name of one",
    to_rules,
    takes_code=True,
    shown_in_errors=False,
    keyed_by_user=True,
)
ANNOTATIONS = RULES._replace(
    expected="a dict, a list, a class, or an object with annotate(task)", coerce=to_annotations
)
