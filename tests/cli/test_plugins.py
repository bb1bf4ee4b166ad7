"""What is installed, by whom, and whether it works."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import celeriac

CODE = """
import click
from celeriac import hookimpl
from celeriac.specs.pool import Pool

class Lazy(Pool):
    "A pool that does nothing.\\n\\nAnd more."

class Listener:
    @staticmethod
    @hookimpl
    def celeriac_cli_commands():
        @click.command("greet")
        @click.option("-A", "name")
        @click.pass_obj
        def greet(session, name):
            "Greet the app."
            click.echo(f"hello {name or session.app.main}")
        return [greet]
"""

ENTRY_POINTS = """
[celeriac.pools]
lazy = stranger:Lazy
threads = stranger:Lazy
broken = stranger:Nothing

[celeriac.loggers]
needy = stranger_needy:Logger
rude = stranger_rude:Logger

[celeriac.hooks]
greeter = stranger:Listener
"""


@pytest.fixture
def stranger(project: Path) -> dict[str, str]:
    """The environment in which a stranger's distribution is installed."""
    site = project / "site"
    info = site / "stranger-2.5.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 2.5\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    (site / "stranger.py").write_text(CODE)
    (site / "stranger_needy.py").write_text("import quite_missing.part\n")
    (site / "stranger_rude.py").write_text("import os\nos._exit(7)\n")
    return {"PYTHONPATH": str(site)}


def test_list_shows_every_kind_with_its_package(folder: Path, read) -> None:
    rows = read("plugins", "list")
    assert {row["kind"] for row in rows} >= {"transport", "pool", "serializer", "backend", "scheduler", "logger"}
    [sqlite] = [row for row in rows if (row["kind"], row["name"]) == ("transport", "sqlite")]
    assert sqlite["distribution"] == "celeriac"


@pytest.mark.parametrize("kind", ["pool", "pools"])
def test_list_of_one_kind(folder: Path, read, kind: str) -> None:
    assert {row["kind"] for row in read("plugins", "list", kind)} == {"pool"}


def test_list_imports_nothing_of_a_stranger(project: Path, stranger) -> None:
    ended = celeriac("plugins", "list", "--json", cwd=project, env=stranger)
    assert ended.returncode == 0, ended.stderr
    rows = json.loads(ended.stdout)
    [rude] = [row for row in rows if row["name"] == "rude"]
    assert (rude["distribution"], rude["version"]) == ("stranger", "2.5")
    assert [row["distribution"] for row in rows if row["kind"] == "hooks"] == ["stranger"]


def test_show_tells_capabilities_with_their_meaning(folder: Path, read) -> None:
    from celeriac.specs.transport import CAPABILITIES

    [shown] = read("plugins", "show", "transport", "sqlite")
    assert shown["status"] == "ok"
    assert shown["capabilities"]["durable"] == CAPABILITIES["durable"]


def test_show_of_a_name_covers_all_kinds(folder: Path, read) -> None:
    assert {row["kind"] for row in read("plugins", "show", "memory")} == {"transport", "backend", "scheduler"}


def test_doctor_tells_ok_missing_broken_and_conflict_apart(project: Path, stranger) -> None:
    ended = celeriac("plugins", "doctor", "--json", cwd=project, env=stranger)
    assert ended.returncode == 1, ended.stderr
    found = {(row["kind"], row["name"]): row for row in json.loads(ended.stdout)}
    assert found["transport", "sqlite"]["status"] == "ok"
    assert found["hooks", "greeter"]["status"] == "ok"
    assert found["pool", "lazy"]["status"] == "broken"
    assert "does not implement" in found["pool", "lazy"]["problem"]
    assert found["pool", "broken"]["status"] == "broken"
    assert found["pool", "threads"]["status"] == "conflict"
    assert "stranger" in found["pool", "threads"]["problem"]
    assert found["logger", "needy"]["status"] == "missing"
    assert "pip install quite_missing" in found["logger", "needy"]["problem"]
    assert found["logger", "rude"]["status"] == "broken"
    assert "status 7" in found["logger", "rude"]["problem"]


def test_a_missing_package_alone_does_not_worry_the_doctor(folder: Path, run, monkeypatch) -> None:
    from celeriac.cli import try_plugin

    monkeypatch.setattr(
        try_plugin, "probe_all", lambda plugins: [{"status": "missing", "problem": "x"} for _ in plugins]
    )
    assert run("plugins", "doctor").exit_code == 0
    monkeypatch.setattr(
        try_plugin, "probe_all", lambda plugins: [{"status": "broken", "problem": "x"} for _ in plugins]
    )
    assert run("plugins", "doctor").exit_code == 1


def test_a_plugin_adds_a_command(project: Path, stranger) -> None:
    assert celeriac("-A", "hello", "greet", cwd=project, env=stranger).stdout == "hello hello\n"
    ended = celeriac("gret", cwd=project, env=stranger)
    assert ended.returncode == 2
    assert "did you mean 'greet'?" in ended.stderr
    assert "greet" not in celeriac("--help", cwd=project, env=stranger).stdout
