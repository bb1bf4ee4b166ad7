"""Finding drivers, and what is said when they cannot be had."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from celeriac import Celeriac
from celeriac import registry as registry_module
from celeriac.errors import DriverConflict, DriverInvalid, DriverNotInstalled, UnknownDriver
from celeriac.kinds import COMPRESSOR, KINDS, SERIALIZER, TRANSPORT
from celeriac.registry import Registry
from celeriac.specs.compressor import Compressor


class Reverse(Compressor):
    content_type = "application/x-reverse"

    def compress(self, data: bytes) -> bytes:
        return data[::-1]

    def decompress(self, data: bytes, max_size: int) -> bytes:
        return data[::-1]


class OfAnotherApi(Reverse):
    api = 99


class Unfinished(Compressor):
    content_type = "application/x-unfinished"


class Boastful(Reverse):
    capabilities = frozenset({"flies"})


def entry(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, COMPRESSOR.group)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[EntryPoint]:
    """Entry points of compressors, as if they were installed."""
    found: list[EntryPoint] = []
    monkeypatch.setattr(registry_module, "list_entry_points", lambda group: list(found))
    return found


def test_every_built_in_of_every_kind_is_listed_without_being_imported() -> None:
    registry = Registry()

    names = {kind.name: registry.names(kind) for kind in KINDS.values()}

    assert {"memory", "filesystem", "sqlite"} <= set(names["transport"])
    assert {"solo", "threads", "prefork", "asyncio"} <= set(names["pool"])
    assert {"json", "pickle", "yaml", "msgpack", "auth"} <= set(names["serializer"])
    assert {"gzip", "zlib", "bzip2", "lzma", "zstd", "brotli"} <= set(names["compressor"])
    assert {"memory", "filesystem", "sqlite"} <= set(names["backend"])
    assert {"memory", "file"} <= set(names["scheduler"])
    assert {"text", "json"} <= set(names["logger"])


def test_an_unknown_name_gets_the_nearest_and_the_list() -> None:
    with pytest.raises(UnknownDriver, match="no transport 'sqlit' is installed; did you mean 'sqlite'.*filesystem"):
        Registry().load(TRANSPORT, "sqlit")


@pytest.mark.parametrize(
    ("scheme", "driver"),
    [
        ("redis", "redis"),
        ("kombu+sqs", "kombu"),
        ("kombu+sqla+postgresql", "kombu"),
        ("sqla+postgresql", "sqla+postgresql"),
        ("package.module:Driver", "package.module:Driver"),
    ],
)
def test_what_stands_before_a_plus_names_the_driver_where_the_whole_does_not(scheme: str, driver: str) -> None:
    assert Registry().for_scheme(TRANSPORT, scheme) == driver


def test_a_driver_may_have_a_plus_in_its_name(installed: list[EntryPoint]) -> None:
    installed += [entry("x", "one.module:Driver"), entry("x+y", "two.module:Driver")]

    assert [Registry().for_scheme(COMPRESSOR, each) for each in ("x", "x+y", "x+y+z")] == ["x", "x+y", "x"]


def test_a_broker_of_celerys_without_a_driver_is_told_how_kombu_reaches_it() -> None:
    app = Celeriac("shop", broker="mongodb://user:secret@host/db")

    with pytest.raises(UnknownDriver, match=r"no transport 'mongodb'.*write kombu\+mongodb://… and install"):
        _ = app.transport


def test_a_missing_package_is_named_with_the_pip_command(
    installed: list[EntryPoint], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stranger.py").write_text("import no_such_module_at_all\n")
    monkeypatch.syspath_prepend(tmp_path)
    installed.append(entry("snappy", "stranger:Driver"))

    with pytest.raises(DriverNotInstalled) as caught:
        Registry().load(COMPRESSOR, "snappy")

    assert str(caught.value) == (
        "compressor 'snappy' needs the module 'no_such_module_at_all', which is not installed; "
        "run: pip install no_such_module_at_all"
    )


def test_the_pip_command_names_the_extra_of_the_distribution() -> None:
    (found,) = [e for e in registry_module.list_entry_points(SERIALIZER.group) if e.name == "msgpack"]

    assert registry_module._requirement(found, "msgpack") == "'celeriac[msgpack]'"


def test_two_distributions_with_one_name_are_a_conflict_that_names_both(installed: list[EntryPoint]) -> None:
    installed += [entry("x", "one.module:Driver"), entry("x", "two.module:Driver")]

    with pytest.raises(DriverConflict, match=r"one\.module:Driver.*two\.module:Driver"):
        Registry().load(COMPRESSOR, "x")


def test_the_same_entry_point_seen_twice_is_no_conflict(installed: list[EntryPoint]) -> None:
    value = f"{__name__}:Reverse"
    installed += [entry("x", value), entry("x", value)]

    assert len(list(Registry()._list(COMPRESSOR)["x"])) == 1


def test_what_is_no_driver_of_its_kind_is_refused() -> None:
    registry = Registry()

    with pytest.raises(DriverInvalid, match="not a subclass"):
        registry.register(COMPRESSOR, "x", str)  # type: ignore[arg-type]
    with pytest.raises(DriverInvalid, match="version 99 of its contract"):
        registry.register(COMPRESSOR, "x", OfAnotherApi)
    with pytest.raises(DriverInvalid, match="does not implement: compress, decompress"):
        registry.register(COMPRESSOR, "x", Unfinished)
    with pytest.raises(DriverInvalid, match="unknown capabilities: flies"):
        registry.register(COMPRESSOR, "x", Boastful)


def test_a_driver_that_fails_to_import_says_so(installed: list[EntryPoint]) -> None:
    installed.append(entry("x", "json:no_such_attribute"))

    with pytest.raises(DriverInvalid, match="fails to load"):
        Registry().load(COMPRESSOR, "x")

    installed[:] = [entry("x", "no_such_module_at_all:Driver")]
    with pytest.raises(DriverInvalid, match="which is not there; reinstall it"):
        Registry().load(COMPRESSOR, "x")


def test_a_driver_registered_by_hand_is_found_and_cannot_take_a_built_in_name() -> None:
    registry = Registry()
    registry.register(COMPRESSOR, "reverse", Reverse)

    assert registry.load(COMPRESSOR, "reverse") is Reverse
    assert registry.find_content_type(COMPRESSOR, "application/x-reverse") == ("reverse", Reverse)
    with pytest.raises(DriverConflict, match="'gzip' is taken by"):
        registry.register(COMPRESSOR, "gzip", Reverse)


def test_module_and_attribute_skip_discovery(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_scan(_: str) -> Any:
        raise AssertionError("scanned")

    monkeypatch.setattr(registry_module, "list_entry_points", no_scan)

    driver = Registry().load(TRANSPORT, "celeriac_plugins.transports.memory:MemoryTransport")

    assert driver.__name__ == "MemoryTransport"
    with pytest.raises(UnknownDriver, match="there is no module"):
        Registry().load(TRANSPORT, "no_such_module:X")
    with pytest.raises(UnknownDriver, match="has no 'Nothing'"):
        Registry().load(TRANSPORT, "celeriac_plugins.transports.memory:Nothing")


def test_every_built_in_driver_loads_or_names_its_extra() -> None:
    registry = Registry()
    for kind in KINDS.values():
        for row in registry.describe(kind):
            assert row["distribution"] == "celeriac", row
            try:
                registry.load(kind, row["name"])
            except DriverNotInstalled as error:
                assert f"pip install 'celeriac[{row['name']}]'" in str(error)
