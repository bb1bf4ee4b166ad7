"""The help costs nothing and tells the truth."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from celeriac import __version__
from celeriac.cli import reference
from celeriac.cli.root import TABLE, cli

HEAVY = {"rich", "msgspec", "stevedore", "pluggy", "asyncio", "sqlite3", "importlib.metadata", "celeriac.app"}

LIST_MODULES = """
import json, sys
from celeriac.cli import main
try:
    main()
except SystemExit:
    print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_import_click_and_nothing_heavy(option: str) -> None:
    ended = subprocess.run([sys.executable, "-c", LIST_MODULES, option], capture_output=True, text=True, check=True)
    loaded = set(json.loads(ended.stderr))
    assert "click" in loaded
    assert not loaded & HEAVY
    assert not {name for name in loaded if name.startswith("celeriac_plugins")}


def test_version_is_the_package_s(run) -> None:
    assert run("--version").stdout == f"celeriac {__version__}\n"


def test_help_lists_every_command_with_its_line(run) -> None:
    shown = run("--help").stdout
    for name, (_, line) in TABLE.items():
        assert f"  {name} " in shown
        assert line in shown


def test_the_table_s_lines_are_those_of_the_commands() -> None:
    import click

    with click.Context(cli) as context:
        for name in TABLE:
            command = cli.get_command(context, name)
            assert command is not None
            assert command.name == name


def test_every_command_takes_the_global_options_behind_its_name_too(run) -> None:
    note = "may stand here as well"
    for name in set(TABLE) - {"demo", "control", "queue", "dlq", "plugins", "config", "upgrade"}:
        assert note in run(name, "--help").stdout
    assert note in " ".join(run("dlq", "list", "--help").stdout.split())


def test_the_page_in_the_docs_is_what_the_commands_say() -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"
    assert page.read_text() == reference.render(), (
        "write it again: python -m celeriac.cli.reference > docs/reference/cli.md"
    )
