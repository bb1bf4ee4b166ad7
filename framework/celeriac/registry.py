"""Finds drivers by entry point and loads them one at a time, at first use.

stevedore lists a group without importing anything (and keeps a cache of the scan on disk). Loading is ours: this is the
one place where a missing package, an unknown name, a conflict or a wrong class becomes an error that says what to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any

from celeriac.errors import DriverConflict, DriverInvalid, DriverNotInstalled, UnknownDriver
from celeriac.kinds import KINDS, Kind
from celeriac.nearest import did_you_mean

if TYPE_CHECKING:
    from importlib.metadata import Distribution, EntryPoint

    from celeriac.specs.driver import Driver


class Registry:
    """The drivers that are installed, and those that were registered by hand. Thread-safe: two loads of one driver at
    the same moment do the same work twice and agree."""

    def __init__(self) -> None:
        self._by_hand: dict[tuple[str, str], type[Driver]] = {}
        self._listed: dict[str, dict[str, list[EntryPoint]]] = {}
        self._loaded: dict[tuple[str, str], type[Driver]] = {}
        self._by_content_type: dict[tuple[str, str], tuple[str, type[Driver]]] = {}

    def register(self, kind: Kind, name: str, driver: type[Driver]) -> None:
        """Offer a driver without packaging it, for this process only.

        Raises:
            DriverConflict: an installed distribution offers that name.
        """
        if name in self._list(kind):
            raise DriverConflict(f"the {kind.name} name {name!r} is taken by {self._where(self._list(kind)[name])}")
        self._by_hand[kind.name, name] = _checked(kind, name, driver)

    def names(self, kind: Kind) -> list[str]:
        """The names of all drivers of a kind, sorted; nothing is imported."""
        by_hand = {name for kind_name, name in self._by_hand if kind_name == kind.name}
        return sorted(by_hand | set(self._list(kind)))

    def load(self, kind: Kind, name: str) -> type[Driver]:
        """The driver class of that name. ``module:attr`` is taken as it stands and skips discovery.

        Raises:
            UnknownDriver, DriverNotInstalled, DriverConflict, DriverInvalid
        """
        loaded = self._loaded.get((kind.name, name)) or self._by_hand.get((kind.name, name))
        if loaded is None:
            loaded = self._loaded[kind.name, name] = self._load(kind, name)
        return loaded

    def for_scheme(self, kind: Kind, scheme: str) -> str:
        """The name of the driver for a URL of that scheme: the scheme itself, or where there is none of that name what
        stands before its first ``+``. The rest is the driver's business: ``kombu+sqs://`` is for `kombu`."""
        if ":" in scheme or "+" not in scheme:
            return scheme
        names, head = self.names(kind), scheme.partition("+")[0]
        return head if scheme not in names and head in names else scheme

    def find_content_type(self, kind: Kind, content_type: str) -> tuple[str, type[Driver]]:
        """The name and class of the serializer or compressor that declares this content type. Drivers whose package is
        missing are passed over."""
        key = (kind.name, content_type)
        if key not in self._by_content_type:
            for name in self.names(kind):
                try:
                    driver = self.load(kind, name)
                except DriverNotInstalled:
                    continue
                self._by_content_type.setdefault((kind.name, getattr(driver, "content_type", "")), (name, driver))
        try:
            return self._by_content_type[key]
        except KeyError:
            raise UnknownDriver(f"no installed {kind.name} reads the content type {content_type!r}") from None

    def describe(self, kind: Kind) -> Iterator[dict[str, Any]]:
        """What is installed, from metadata alone: name, target, distribution, version."""
        for name in self.names(kind):
            if (kind.name, name) in self._by_hand:
                target = self._by_hand[kind.name, name]
                yield _row(kind, name, f"{target.__module__}:{target.__qualname__}", None)
            for entry_point in self._list(kind).get(name, ()):
                yield _row(kind, name, entry_point.value, _distribution(entry_point))

    def _list(self, kind: Kind) -> dict[str, list[EntryPoint]]:
        listed = self._listed.get(kind.group)
        if listed is None:
            listed = {}
            for entry_point in list_entry_points(kind.group):
                known = listed.setdefault(entry_point.name, [])
                if entry_point.value not in [other.value for other in known]:
                    known.append(entry_point)
            self._listed[kind.group] = listed
        return listed

    def _load(self, kind: Kind, name: str) -> type[Driver]:
        if ":" in name:
            return _checked(kind, name, load_object(name))
        found = self._list(kind).get(name)
        if found is None:
            installed = self.names(kind)
            raise UnknownDriver(
                f"no {kind.name} {name!r} is installed{did_you_mean(name, installed) or ';'} "
                f"installed: {', '.join(installed)}"
            )
        if len(found) > 1:
            raise DriverConflict(
                f"the {kind.name} name {name!r} is claimed by {self._where(found)}; "
                "uninstall one of them, or name the one you want as 'module:attr'"
            )
        return _checked(kind, name, _load_entry_point(kind, found[0]))

    @staticmethod
    def _where(entry_points: list[EntryPoint]) -> str:
        return " and ".join(f"{_distribution_name(entry_point)} ({entry_point.value})" for entry_point in entry_points)


def list_entry_points(group: str) -> list[EntryPoint]:
    """All entry points of a group; nothing is imported but stevedore."""
    from stevedore import NamedExtensionManager

    # With no names it loads nothing and still lists the whole group.
    manager: NamedExtensionManager[Any] = NamedExtensionManager(group, names=[])
    return list(manager.list_entry_points())


def load_object(path: str) -> Any:
    """The object at ``module:attr``; dots after the colon walk into it.

    Raises:
        UnknownDriver: there is no such module or attribute.
    """
    module_name, _, attributes = path.partition(":")
    try:
        target: Any = import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and module_name.startswith(error.name):
            raise UnknownDriver(f"{path!r}: there is no module {error.name!r}") from error
        raise
    for attribute in filter(None, attributes.split(".")):
        try:
            target = getattr(target, attribute)
        except AttributeError:
            raise UnknownDriver(f"{path!r}: {target!r} has no {attribute!r}") from None
    return target


def _load_entry_point(kind: Kind, entry_point: EntryPoint) -> Any:
    try:
        return entry_point.load()
    except ModuleNotFoundError as error:
        if error.name and error.name.partition(".")[0] == entry_point.module.partition(".")[0]:
            raise DriverInvalid(
                f"{kind.name} {entry_point.name!r} of {_distribution_name(entry_point)} points at "
                f"{entry_point.value!r}, which is not there; reinstall it"
            ) from error
        raise DriverNotInstalled(
            f"{kind.name} {entry_point.name!r} needs the module {error.name!r}, which is not installed; "
            f"run: pip install {_requirement(entry_point, error.name or '?')}"
        ) from error
    except Exception as error:
        raise DriverInvalid(
            f"{kind.name} {entry_point.name!r} of {_distribution_name(entry_point)} fails to load: "
            f"{type(error).__name__}: {error}"
        ) from error


def _checked(kind: Kind, name: str, driver: Any) -> type[Driver]:
    contract = kind.contract
    if not (isinstance(driver, type) and issubclass(driver, contract)):
        raise DriverInvalid(f"{kind.name} {name!r} is {driver!r}, not a subclass of {kind.module}.{kind.contract_name}")
    if driver.api != contract.api:
        raise DriverInvalid(
            f"{kind.name} {name!r} was written for version {driver.api} of its contract, this Celeriac has "
            f"{contract.api}; upgrade the {'driver' if driver.api < contract.api else 'celeriac package'}"
        )
    missing = sorted(getattr(driver, "__abstractmethods__", ()))
    if missing:
        raise DriverInvalid(f"{kind.name} {name!r} does not implement: {', '.join(missing)}")
    unknown = sorted(driver.capabilities - kind.capabilities.keys())
    if unknown:
        raise DriverInvalid(f"{kind.name} {name!r} declares unknown capabilities: {', '.join(unknown)}")
    return driver


def _requirement(entry_point: EntryPoint, module: str) -> str:
    distribution = _distribution(entry_point)
    extras = (distribution.metadata.get_all("Provides-Extra") or ()) if distribution else ()
    # The extra has the name of the entry point, or where several share a module (redis, rediss), of that.
    for name in (entry_point.name, entry_point.module.rpartition(".")[2]):
        if distribution and name in extras:
            return f"'{distribution.name}[{name}]'"
    return module.partition(".")[0]


def _distribution(entry_point: EntryPoint) -> Distribution | None:
    """stevedore's cache returns entry points without their distribution; look it up when an error needs it."""
    from importlib.metadata import distributions

    if entry_point.dist is not None:
        return entry_point.dist
    wanted = (entry_point.group, entry_point.name, entry_point.value)
    for distribution in distributions():
        if any((found.group, found.name, found.value) == wanted for found in distribution.entry_points):
            return distribution
    return None


def _distribution_name(entry_point: EntryPoint) -> str:
    distribution = _distribution(entry_point)
    return distribution.name if distribution else "an unknown distribution"


def _row(kind: Kind, name: str, target: str, distribution: Distribution | None) -> dict[str, Any]:
    return {
        "kind": kind.name,
        "name": name,
        "target": target,
        "distribution": distribution.name if distribution else None,
        "version": distribution.version if distribution else None,
    }


__all__ = ["KINDS", "Registry", "list_entry_points", "load_object"]
