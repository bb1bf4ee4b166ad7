"""Build the distribution and look at it as its users will: in clean environments; ``make package``.

Wheel and sdist, what is in them and what they say; installed without extras, with two, from the sdist, editable; then
distributions of strangers beside it: found, used by a worker, and proved by the conformance suite.
"""

from __future__ import annotations

import sys
import tempfile
import tomllib
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from environments import Environment, Failed, expect, run, step

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
PACKAGES = {"celeriac", "celeriac_plugins", "celeriac_contrib"}
DEPENDENCIES = {"click", "msgspec", "pluggy", "rich", "stevedore"}
SUITES = {"backend", "compressor", "logger", "pool", "scheduler", "serializer", "transport"}
OF_NO_DRIVER = {"pydantic"}
"""Extras of something that tasks may use; every other one has the name of a driver."""
IMPORT_ALL = f"import {', '.join(sorted(PACKAGES))}, celeriac.app, celeriac.worker"


def main() -> int:
    """All steps in order; the exit status is 1 at the first that fails."""
    try:
        with tempfile.TemporaryDirectory(prefix="celeriac-package-") as folder:
            check(Path(folder))
    except Failed as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def check(folder: Path) -> None:
    with step("build the sdist, and the wheel from it"):
        run([sys.executable, "-m", "build", "--outdir", folder / "dist", ROOT])
        (wheel,), (sdist,) = (folder / "dist").glob("*.whl"), (folder / "dist").glob("*.tar.gz")
    with step("what the wheel holds, and says of itself"):
        check_contents(wheel)
        check_metadata(wheel)
    check_plain(folder, wheel)
    check_extras(folder, wheel)
    check_sources(folder, sdist)
    for example in sorted(EXAMPLES.glob("third_party_*")):
        check_stranger(folder, wheel, example)


# the wheel


def check_contents(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.partition("/")[0] for name in names if ".dist-info/" not in name}
    expect(tops == PACKAGES, f"top level of the wheel: {sorted(tops)}")
    wanted = {f"{package}/py.typed" for package in PACKAGES}
    suites = {name.removeprefix("celeriac/testing/suite/").partition("/")[0].removesuffix(".py") for name in names}
    expect(wanted <= set(names), f"not in the wheel: {sorted(wanted - set(names))}")
    expect(suites >= SUITES, f"suites not in the wheel: {sorted(SUITES - suites)}")
    litter = [name for name in names if name.endswith((".pyc", ".db", ".orig", ".log"))]
    expect(not litter, f"litter in the wheel: {litter}")
    sources = {
        str(file.relative_to(room))
        for room in (ROOT / "framework", ROOT / "plugins", ROOT / "contrib")
        for file in room.rglob("*.py")
    }
    expect(sources <= set(names), f"not in the wheel: {sorted(sources - set(names))}")


def check_metadata(wheel: Path) -> None:
    metadata, entry_points = read_metadata(wheel)
    base = {each.partition(">")[0] for each in metadata.get_all("Requires-Dist") or () if ";" not in each}
    expect(base == DEPENDENCIES, f"base dependencies: {sorted(base)}")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    written = {**project["entry-points"], "console_scripts": project["scripts"]}
    expect(entry_points == written, f"entry points: {entry_points}")
    names = {name for group, entries in entry_points.items() if group != "console_scripts" for name in entries}
    odd = set(metadata.get_all("Provides-Extra") or ()) - names - {"all", *OF_NO_DRIVER}
    expect(not odd, f"extras that are no entry point: {sorted(odd)}")
    expect(metadata["License-File"] and metadata["Description-Content-Type"] == "text/markdown", "license or README")


def read_metadata(wheel: Path) -> tuple[Message, dict[str, dict[str, str]]]:
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        text = archive.read(metadata.replace("METADATA", "entry_points.txt")).decode()
        parsed = Parser().parsestr(archive.read(metadata).decode())
    groups: dict[str, dict[str, str]] = {}
    for line in filter(None, text.splitlines()):
        if line.startswith("["):
            entries = groups[line.strip("[]")] = {}
        else:
            name, _, target = line.partition(" = ")
            entries[name] = target
    return parsed, groups


# installed


def check_plain(folder: Path, wheel: Path) -> None:
    with step("install the wheel, without extras"):
        plain = Environment(folder / "plain")
        plain.install(wheel)
    with step("celeriac plugins list; a worker runs tasks on SQLite; a missing package is named"):
        listed = plain.run("celeriac", "plugins", "list")
        for word in ("sqlite", "prefork", "msgpack", "zstd", "celeriac_plugins"):
            expect(word in listed, f"no {word!r} in celeriac plugins list:\n{listed}")
        work = copy_hello(folder / "plain-work")
        call = ("celeriac", "-A", "hello", "call", "hello.add", "--args", "[2, 3]", "--wait", "--timeout", "30")
        with plain.running("celeriac", "-A", "hello", "worker", "-c", "1", folder=work):
            expect(plain.run(*call, folder=work).splitlines()[-1] == "5", "hello.add gives no 5")
        expect(list(work.glob("*.db")), "no SQLite file beside hello.py")
        said = plain.run(*call, folder=work, status=2, CELERIAC_TASK_SERIALIZER="msgpack")
        expect("pip install 'celeriac[msgpack]'" in " ".join(said.split()), f"no pip command in: {said}")


def check_extras(folder: Path, wheel: Path) -> None:
    with step("install the wheel with [msgpack,zstd], and a project beside it"):
        bundled = Environment(folder / "bundled")
        bundled.install(f"{wheel}[msgpack,zstd]", EXAMPLES / "configured_by_entry_points")
    with step("both extras work together; the project is found by its entry points"):
        variables = {
            "CELERIAC_TASK_SERIALIZER": "msgpack",
            "CELERIAC_RESULT_SERIALIZER": "msgpack",
            "CELERIAC_ACCEPT_CONTENT": "msgpack",
            "CELERIAC_TASK_COMPRESSION": "zstd",
        }
        work = copy_hello(folder / "bundled-work")
        call = ("celeriac", "-A", "hello", "call", "hello.add", "--args", "[20, 22]", "--wait", "--timeout", "30")
        with bundled.running("celeriac", "-A", "hello", "worker", "-P", "solo", folder=work, **variables):
            expect(bundled.run(*call, folder=work, **variables).splitlines()[-1] == "42", "hello.add gives no 42")
        bundled.run("python", EXAMPLES / "configured_by_entry_points" / "check.py")


def check_sources(folder: Path, sdist: Path) -> None:
    with step("install from the sdist, and import"):
        from_sdist = Environment(folder / "from-sdist")
        from_sdist.install(sdist)
        from_sdist.run("python", "-c", IMPORT_ALL)
    with step("install editable, and import"):
        editable = Environment(folder / "editable")
        editable.install("--editable", ROOT)
        place = editable.run("python", "-c", f"{IMPORT_ALL}; print(celeriac.__file__)").strip()
        expect(Path(place).is_relative_to(ROOT), f"celeriac is not imported from its sources but from {place}")
        editable.run("celeriac", "--version")


def check_stranger(folder: Path, wheel: Path, example: Path) -> None:
    name = example.name
    with step(f"{name}: install it beside the wheel, in an environment of its own"):
        stranger = Environment(folder / name)
        stranger.install(wheel, example, "pytest", "hypothesis")
    with step(f"{name}: found, used by a worker"):
        stranger.run("python", example / "check.py")
    with step(f"{name}: passes the conformance suite"):
        tests = ("python", "-m", "pytest", "-p", "no:cacheprovider", example / "tests")
        summary = stranger.run(*tests, PYTHONDONTWRITEBYTECODE="1").strip().splitlines()[-1].strip("= ")
        expect("passed" in summary, summary)
    print(f"  {summary}", flush=True)


def copy_hello(folder: Path) -> Path:
    """A folder with the example's module and nothing else."""
    folder.mkdir()
    (folder / "hello.py").write_text((EXAMPLES / "hello" / "hello.py").read_text())
    return folder


if __name__ == "__main__":
    sys.exit(main())
