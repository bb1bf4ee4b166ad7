"""The settings of an app that nobody has read yet: what is set is noted, and the first reading loads everything."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from celeriac.settings.source import Source, check

if TYPE_CHECKING:
    from celeriac.settings.settings import Settings


class PendingSettings(Mapping[str, Any]):
    """Takes the place of `Settings` until the first reading. Setting something checks it, and configures nothing."""

    def __init__(self, note: Callable[[Source], None], load: Callable[[], Settings]) -> None:
        self.__dict__.update(_note=note, _load_all=load)

    def update(self, mapping: Mapping[str, Any] | None = None, /, source: str = "mapping", **settings: Any) -> None:
        """As `Settings.update`."""
        given = Source(source, {**(mapping or {}), **settings})
        check(given)
        self._note(given)

    def __setitem__(self, name: str, value: Any) -> None:
        self.update({name: value}, "assignment")

    def __setattr__(self, name: str, value: Any) -> None:
        self.update({name: value}, "assignment")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._load_all(), name)

    def __getitem__(self, name: str) -> Any:
        return self._load_all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._load_all())

    def __len__(self) -> int:
        return len(self._load_all())

    def __bool__(self) -> bool:
        return True

    def __reduce__(self) -> Any:
        return _same, (self._load_all(),)

    def __repr__(self) -> str:
        return repr(self._load_all())


def _same(settings: Settings) -> Settings:
    return settings
