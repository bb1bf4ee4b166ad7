"""What the installed distribution says of itself, and what an import of it costs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import EntryPoint, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

import pytest

import celeriac
from celeriac.kinds import KINDS

PACKAGES = ("celeriac", "celeriac_plugins", "celeriac_contrib")
DISTRIBUTION = distribution("celeriac")
EXTRAS = set(DISTRIBUTION.metadata.get_all("Provides-Extra") or ())
DRIVERS = [each for each in DISTRIBUTION.entry_points if each.group in {kind.group for kind in KINDS.values()}]

ANOTHER_NAME_OF = {"amqps": "amqp", "pyamqp": "amqp", "zlib": "gzip", "rediss": "redis", "sentinel": "redis"}
"""Entry points that share the module of another."""


def modules() -> Iterator[str]:
    """The names of all modules of the three packages."""
    for package in PACKAGES:
        spec = find_spec(package)
        assert spec is not None
        assert spec.origin is not None
        root = Path(spec.origin).parent
        for file in sorted(root.rglob("*.py")):
            parts = file.relative_to(root.parent).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def loaded_by(code: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after these lines."""
    script = f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return set(json.loads(done.stdout))


def of_package(loaded: set[str], *names: str) -> list[str]:
    """Those of the loaded modules that are one of these, or below one."""
    return sorted(module for module in loaded if any(module == name or module.startswith(f"{name}.") for name in names))


def skip_for_want_of(error: ModuleNotFoundError, extra: str) -> NoReturn:
    """What is missing must be what that extra brings."""
    missing = (error.name or "").partition(".")[0]
    if missing in PACKAGES or extra not in EXTRAS:
        raise error
    pytest.skip(f"{missing} is not installed; it comes with celeriac[{extra}]")


def show(entry_point: EntryPoint) -> str:
    return f"{entry_point.group}:{entry_point.name}"


# entry points


def test_every_kind_of_driver_has_a_builtin() -> None:
    assert {each.group for each in DRIVERS} == {kind.group for kind in KINDS.values()}


@pytest.mark.parametrize("entry_point", DRIVERS, ids=show)
def test_an_entry_point_loads_a_driver_of_its_kind_or_lacks_the_package_of_its_extra(entry_point: EntryPoint) -> None:
    (kind,) = [kind for kind in KINDS.values() if kind.group == entry_point.group]
    try:
        driver = entry_point.load()
    except ModuleNotFoundError as error:
        skip_for_want_of(error, ANOTHER_NAME_OF.get(entry_point.name, entry_point.name))
    assert issubclass(driver, kind.contract)
    assert not driver.__abstractmethods__


@pytest.mark.parametrize("entry_point", DRIVERS, ids=show)
def test_an_entry_point_has_the_name_of_its_module(entry_point: EntryPoint) -> None:
    folder = entry_point.group.removeprefix("celeriac.")
    name = ANOTHER_NAME_OF.get(entry_point.name, entry_point.name)
    assert entry_point.module == f"celeriac_plugins.{folder}.{name}"


def test_an_extra_has_the_name_of_an_entry_point() -> None:
    of_tasks = {"pydantic"}  # no driver: what tasks may ask for
    assert EXTRAS - {"all"} - of_tasks <= {each.name for each in DRIVERS}
    assert "all" in EXTRAS


# what an import costs


def test_importing_celeriac_loads_nothing_that_is_not_needed() -> None:
    loaded = loaded_by("import celeriac")
    assert of_package(loaded, "celeriac") == ["celeriac"]
    heavy = ("asyncio", "importlib.metadata", "stevedore", "pluggy", "click", "rich", "msgspec", "kombu", "celery")
    assert of_package(loaded, *heavy, "celeriac_plugins", "celeriac_contrib") == []


def test_making_an_app_and_a_task_loads_no_driver_and_scans_nothing() -> None:
    loaded = loaded_by("import celeriac\napp = celeriac.Celeriac('x')\n@app.task\ndef f(): ...")
    foreign = ("importlib.metadata", "stevedore", "click", "rich", "kombu", "celery", "sqlite3")
    ours = ("celeriac_plugins", "celeriac_contrib", "celeriac.worker", "celeriac.cli")
    assert of_package(loaded, *foreign, *ours) == []


def test_a_worker_on_redis_loads_neither_asyncio_nor_redis_py() -> None:
    """They are for coroutines, TLS, Sentinels and clusters, and half of a worker's memory and start-up otherwise."""
    pytest.importorskip("hiredis")
    code = """
from celeriac import Celeriac
from celeriac.worker import Worker
app = Celeriac("quick", broker="redis://localhost:1/0", backend="redis://localhost:1/0")
app.transport, app.backend.driver, Worker(app, pool="solo")
"""
    assert of_package(loaded_by(code), "asyncio", "redis") == []


def test_calling_a_task_loads_only_the_drivers_that_were_chosen() -> None:
    code = """
import celeriac
app = celeriac.Celeriac("x", broker="memory://", backend="memory://")
@app.task
def f(): ...
f.delay()
"""
    drivers = [name for name in of_package(loaded_by(code), "celeriac_plugins") if name.count(".") == 2]
    # The result backend, as a call may have to say where its result goes.
    chosen = {"serializers.json", "transports.memory", "backends.memory"}
    loaded = {name.removeprefix("celeriac_plugins.") for name in drivers}
    assert {name for name in loaded if "._" not in f".{name}"} == chosen  # without their own parts


# names and modules


@pytest.mark.parametrize("name", celeriac.__all__)
def test_a_public_name_can_be_imported(name: str) -> None:
    assert getattr(celeriac, name) is not None


def test_public_names_are_listed_once_and_others_are_refused() -> None:
    assert len(set(celeriac.__all__)) == len(celeriac.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing_of_the_kind'"):
        _ = celeriac.nothing_of_the_kind


ACTS_WHEN_IMPORTED = ("__main__", "celeriac_contrib.celery.install")
"""It is what these are for; the latter has tests of its own."""


@pytest.mark.parametrize("name", [name for name in modules() if not name.endswith(ACTS_WHEN_IMPORTED)])
def test_a_module_can_be_imported(name: str) -> None:
    try:
        import_module(name)
    except ModuleNotFoundError as error:
        skip_for_want_of(error, name.rpartition(".")[2].lstrip("_").partition("_")[0])  # zstd_by_stdlib: zstd


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_is_marked_as_typed(package: str) -> None:
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    assert (Path(spec.origin).parent / "py.typed").exists()
