"""The settings of an app: their values, and where each came from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from celeriac.errors import UnknownSetting
from celeriac.settings.fields import BY_NAME, SETTINGS
from celeriac.settings.names import resolve, unknown
from celeriac.settings.refused import REFUSED
from celeriac.settings.setting import Setting
from celeriac.settings.source import Source, check, shown
from celeriac.settings.values import Values

DEFAULT = "default"


class NoSuchSetting(UnknownSetting, AttributeError, KeyError):
    """A setting was read that does not exist, or that is not honoured."""

    def __str__(self) -> str:  # KeyError would show the repr of the text
        return str(self.args[0])


class Explanation(NamedTuple):
    """What there is to say about a setting. Secrets in the value are masked."""

    value: Any
    source: str
    doc: str


class Settings(Values, Mapping[str, Any]):
    """Every setting as a plain attribute (read on the message path) and as an item, under any of its names.

    A later source wins over an earlier one; nothing is merged.
    """

    _changed: Callable[[], object] | None

    def __init__(self, mapping: Mapping[str, Any] | None = None, /, source: str = "mapping", **settings: Any) -> None:
        values = self.__dict__
        values["_sources"] = {}
        values["_without_effect"] = {}
        values["_changed"] = None
        for setting in SETTINGS:
            values[setting.name] = setting.make_default()
        self.update(mapping, source, **settings)

    def update(self, mapping: Mapping[str, Any] | None = None, /, source: str = "mapping", **settings: Any) -> None:
        """Set what the mapping holds; all of it, or nothing when something in it is wrong.

        Raises:
            UnknownSetting: nothing answers to a name.
            ConfigurationError: a value does not fit, a setting is not honoured, or two names of one setting disagree.
        """
        self.load(Source(source, {**(mapping or {}), **settings}))

    def load(self, *sources: Source) -> None:
        """Set what the sources hold, one after the other.

        Raises:
            UnknownSetting, ConfigurationError: as `update`; that source has set nothing then.
        """
        for source in sources:
            checked = check(source)
            self.__dict__.update(checked.honoured)
            self._sources.update(dict.fromkeys(checked.honoured, source.label))
            self._without_effect.update({name: (value, source.label) for name, value in checked.without_effect.items()})
            if self._changed is not None and checked.honoured:
                self._changed()

    def listen(self, changed: Callable[[], object]) -> None:
        """Have this called whenever settings have changed: whoever works something out from them."""
        self.__dict__["_changed"] = changed

    def add_defaults(self, mapping: Mapping[str, Any], /, source: str = "defaults") -> None:
        """As `update`, but only for settings that nothing has set so far."""
        honoured = check(Source(source, mapping)).honoured
        self.update({name: value for name, value in honoured.items() if name not in self._sources}, source)

    def copy(self) -> Settings:
        """The same values from the same sources, to be changed apart from these."""
        new = Settings()
        new.__dict__.update(self.__dict__, _sources=dict(self._sources), _without_effect=dict(self._without_effect))
        return new

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_changed": None}

    def source(self, name: str) -> str:
        """Where the value of a setting came from; ``default`` when nothing has set it."""
        return self._sources.get(self._name(name), DEFAULT)

    def explain(self, name: str) -> Explanation:
        """The value (without secrets), where it came from, and what it is for; also for settings that are refused.

        Raises:
            NoSuchSetting: nothing answers to this name.
        """
        known = resolve(name)
        if known in REFUSED:
            value, source = self._without_effect.get(known, (None, DEFAULT))
            return Explanation(value, source, f"not honoured: {REFUSED[known].reason}")
        setting = BY_NAME[self._name(name)]
        return Explanation(shown(setting, self[setting.name]), self.source(setting.name), setting.doc)

    def without_effect(self) -> dict[str, str]:
        """Settings of Celery that were given, are not honoured, and ask for what happens anyway: name to reason."""
        return {name: REFUSED[name].reason for name in self._without_effect}

    def as_dict(self, *, censored: bool = True, with_defaults: bool = True) -> dict[str, Any]:
        """The values by name, without secrets unless asked for."""
        return {
            setting.name: shown(setting, self[setting.name]) if censored else self[setting.name]
            for setting in SETTINGS
            if with_defaults or setting.name in self._sources
        }

    # Celery's names

    def table(self, with_defaults: bool = False, censored: bool = True) -> dict[str, Any]:
        """The values by name."""
        return self.as_dict(censored=censored, with_defaults=with_defaults)

    def humanize(self, with_defaults: bool = False, censored: bool = True) -> str:
        """The values for a person, a line each."""
        return "\n".join(f"{name}: {value!r}" for name, value in self.table(with_defaults, censored).items())

    def find_option(self, name: str, namespace: str = "") -> tuple[str, Setting]:
        """A setting by its name, or by the end of it (``concurrency``), within a namespace (``worker``) if one is
        given: its whole name and its declaration.

        Raises:
            NoSuchSetting: there is none.
        """
        wanted = [f"{namespace}_{name}"] if namespace else [name]
        ends = [known for known in BY_NAME if known.endswith(f"_{name}") and known.startswith(namespace)]
        known = next((known for known in (*wanted, *ends) if known in BY_NAME), None) or self._name(name)
        return known, BY_NAME[known]

    def __getitem__(self, name: str) -> Any:
        return self.__dict__[name if name in BY_NAME else self._name(name)]

    def __setitem__(self, name: str, value: Any) -> None:
        self.update({name: value}, "assignment")

    def __iter__(self) -> Iterator[str]:
        return iter(BY_NAME)

    def __len__(self) -> int:
        return len(BY_NAME)

    if not TYPE_CHECKING:  # a type checker knows the settings' own names, and is to find the misspelt ones

        def __getattr__(self, name):
            if name.startswith("_"):
                raise AttributeError(name)
            return self[name]

    def __setattr__(self, name: str, value: Any) -> None:
        self.update({name: value}, "assignment")

    def __repr__(self) -> str:
        given = self.as_dict(with_defaults=False)
        return f"<Settings {', '.join(f'{name}={value!r} ({self._sources[name]})' for name, value in given.items())}>"

    def _name(self, name: str) -> str:
        known = resolve(name) if isinstance(name, str) else None
        if known is None:
            raise NoSuchSetting(str(unknown(str(name))))
        if known in REFUSED:
            raise NoSuchSetting(f"the setting {name!r} is not honoured: {REFUSED[known].reason}")
        return known
