"""Settings as Celery has them: what Celeriac honours it honours, what it does not honour is kept and has no effect.

Celeriac's own apps refuse a setting that means nothing to them. A project that runs on both cannot change its settings
for the one, so here each such setting is logged once, when the app is first used, with the reason and what to use
instead (`celeriac migrate check` says the same beforehand). Where the defaults of the two differ, Celery's hold.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from celeriac.kinds import BACKEND
from celeriac.registry import Registry
from celeriac.settings.fields import BY_NAME
from celeriac.settings.names import resolve_in
from celeriac.settings.pending import PendingSettings
from celeriac.settings.refused import REFUSED
from celeriac.settings.settings import DEFAULT, NoSuchSetting, Settings
from celeriac.settings.source import Source
from celeriac.settings.urls import split_scheme
from celeriac_contrib.celery.app.defaults import DEFAULTS, PRESET
from celeriac_contrib.celery.backends.adapter import PLACE, installed

logger = logging.getLogger("celeriac.celery")

DISABLED = "celeriac_contrib.celery.backends.disabled:DisabledStore"
"""The result backend of a project that names none: nothing is stored."""

KOMBU = frozenset(
    {"filesystem", "sqs", "sqla", "mongodb", "zookeeper", "consul", "etcd", "pyro", "azurestoragequeues"}
    | {"azureservicebus", "gcpubsub", "confluentkafka", "slmq", "qpid", "virtual"}
)
"""Transports that Celery has from kombu, and that we reach through it."""

STORES = {"cache+memory": "memory://", "cache": "memory://", "disabled": f"{DISABLED}://", "file": "filesystem"}


class CelerySettings(Settings):
    """`app.conf`: by attribute and by item, under new and old names, and with room for anything else."""

    _foreign: dict[str, Any]
    _reasons: dict[str, str]

    def __init__(self, mapping: Mapping[str, Any] | None = None) -> None:
        self.__dict__["_foreign"] = {}
        self.__dict__["_reasons"] = {}
        super().__init__()
        super().load(Source("Celery's defaults", PRESET))
        self._sources.clear()
        self.update(mapping)

    def load(self, *sources: Source) -> None:
        """As in Celeriac, but what is not honoured is kept aside."""
        for source in sources:
            known: dict[str, Any] = {}
            for given, value in source.values.items():
                name = resolve_in(given, source.prefix) if isinstance(given, str) else None
                if name is not None and name in BY_NAME and not _means_none(name, value):
                    known[given] = _translated(name, value)
                else:
                    self._keep(name or str(given).removeprefix(source.prefix), given, value, source)
            super().load(Source(source.label, known, source.prefix, source.text))

    def _keep(self, name: str, given: str, value: Any, source: Source) -> None:
        self._foreign[name.lower() if name.isupper() and name in REFUSED else name] = value
        self._foreign[given] = value
        if name in REFUSED and not REFUSED[name].accepts(value, text=source.text):
            self._reasons[given] = REFUSED[name].reason

    def complete(self) -> None:
        """All sources are read: log what has no effect, once."""
        for given, reason in self._reasons.items():
            logger.warning("the setting %s has no effect here: %s", given, reason)
        self._reasons.clear()

    def copy(self) -> CelerySettings:
        new = CelerySettings()
        new.__dict__.update(self.__dict__, _sources=dict(self._sources), _without_effect=dict(self._without_effect))
        new.__dict__.update(_foreign=dict(self._foreign), _reasons=dict(self._reasons))
        return new

    # reading

    def __getitem__(self, name: str) -> Any:
        if name in BY_NAME:
            return self.__dict__[name]
        if name in self._foreign:
            return self._foreign[name]
        known = resolve_in(name, "") if isinstance(name, str) else None
        if known in BY_NAME:
            return self.__dict__[known]
        if known in self._foreign:
            return self._foreign[known]
        if (known or name) in DEFAULTS:
            return DEFAULTS[known or name]
        raise NoSuchSetting(f"no setting {name!r}")

    def get(self, name: str, default: Any = None) -> Any:
        try:
            return self[name]
        except KeyError:
            return default

    def __contains__(self, name: object) -> bool:
        return self.get(str(name), self) is not self

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([*BY_NAME, *DEFAULTS, *self._foreign]))

    def __len__(self) -> int:
        return len(list(iter(self)))

    # writing

    def setdefault(self, name: str, default: Any = None) -> Any:
        """The value; `default` becomes it where nothing has set one."""
        known = resolve_in(name, "")
        if (known is None or self._sources.get(known, DEFAULT) == DEFAULT) and name not in self._foreign:
            self.update({name: default})
        return self[name]

    def finalize(self) -> CelerySettings:
        return self

    def find_option(self, name: str, namespace: str = "") -> tuple[str, str, Any]:
        """Where an option is that may be written without its namespace: ``(namespace, name, value)``."""
        for full in (name, f"{namespace}_{name}", *(each for each in self if each.endswith(f"_{name}"))):
            if full.strip("_") in self:
                group, _, rest = full.strip("_").partition("_")
                return group, rest or group, self[full.strip("_")]
        raise KeyError(name)

    def find_value_for_key(self, name: str, namespace: str = "celery") -> Any:
        return self.find_option(name, namespace)[2]

    def table(self, with_defaults: bool = False, censored: bool = True) -> dict[str, Any]:
        """The settings as a mapping, without secrets."""
        return self.as_dict(censored=censored, with_defaults=with_defaults)

    def humanize(self, with_defaults: bool = False, censored: bool = True) -> str:
        """The settings as text, a line each."""
        return "\n".join(f"{name}: {value!r}" for name, value in self.table(with_defaults, censored).items())

    def without_defaults(self) -> dict[str, Any]:
        return {**self.as_dict(censored=False, with_defaults=False), **self._foreign}


class PendingCelerySettings(PendingSettings):
    """Takes the place of the settings until the first reading: what is set is noted."""

    def __init__(self, app: Any) -> None:
        super().__init__(app._note, app.configure)

    def update(self, mapping: Mapping[str, Any] | None = None, /, source: str = "mapping", **settings: Any) -> None:
        self.__dict__["_note"](Source(source, {**(mapping or {}), **settings}))

    def __contains__(self, name: object) -> bool:
        return name in self.__dict__["_load_all"]()


def _means_none(name: str, value: Any) -> bool:
    """None where Celeriac has no such value: the default stays."""
    return value is None and not BY_NAME[name].optional


def _translated(name: str, value: Any) -> Any:
    """A value that the two write in different ways."""
    if name in ("broker_url", "broker_read_url", "broker_write_url"):
        return _broker(value)
    if name == "result_backend":
        return _store(value)
    if name == "task_queues" and value and not isinstance(value, (str, Mapping)):
        return [each if isinstance(each, (str, Mapping)) else {"name": each.name} for each in value]
    if name == "beat_schedule" and isinstance(value, Mapping):
        return {key: _entry(each) for key, each in value.items()}
    if name == "worker_pool" and value in ("processes", "thread"):
        return {"processes": "prefork", "thread": "threads"}[value]
    if name == "beat_scheduler" and value in ("celery.beat:PersistentScheduler", "celery.beat.PersistentScheduler"):
        return "file"
    if name == "beat_max_loop_interval" and not value:
        return 300.0
    if name == "worker_concurrency" and not value:
        return None
    return value


def _broker(url: Any) -> Any:
    """Kombu's transports through kombu; several URLs in one text, as both take them."""
    if isinstance(url, (list, tuple)):
        url = ";".join(map(str, url))
    if not isinstance(url, str) or not url:
        return url or None
    if "://" not in url:
        url = f"{url}://"
    scheme = split_scheme(url)[0].partition("+")[0]
    return f"kombu+{url}" if scheme in KOMBU else url


def _store(url: Any) -> Any:
    """The URL of a result backend, by our name for it."""
    if not url:
        return f"{DISABLED}://"
    if isinstance(url, type):
        return f"{PLACE}://{url.__module__}:{url.__qualname__}"
    scheme, colon, rest = str(url).partition("://")
    if not colon and scheme not in STORES and scheme not in Registry().names(BACKEND):
        theirs = installed(scheme) or (scheme if "." in scheme or ":" in scheme else None)
        if theirs is not None:
            return f"{PLACE}://{theirs}"
    if scheme == "file":
        return f"filesystem://{rest}"
    if scheme in STORES:
        return STORES[scheme]
    return url if colon else f"{url}://"


def _entry(entry: Any) -> Any:
    """A row of the schedule, without what means the same as nothing."""
    if not isinstance(entry, Mapping):
        return entry
    return {key: value for key, value in entry.items() if not (key == "relative" and not value)}
