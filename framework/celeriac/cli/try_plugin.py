"""Imports one plugin and prints what it found, as JSON: ``python -m celeriac.cli.try_plugin KIND NAME``.

Each plugin gets a process of its own, so that one that hangs, ends the process or breaks the interpreter harms nothing.
"""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from celeriac.errors import CeleriacError, DriverConflict, DriverNotInstalled
from celeriac.kinds import KINDS

OTHERS = {"hooks": "celeriac.hooks", "settings": "celeriac.settings", "app": "celeriac.apps"}
"""Entry points that are no drivers, by the word that stands for their kind here."""

PATIENCE = 30.0
"""Seconds that a plugin may take to be imported."""


def probe_all(plugins: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
    """What `probe` finds of each (kind, name), in processes of their own, several at a time."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        return list(pool.map(_probe_apart, plugins))


def probe(kind: str, name: str) -> dict[str, Any]:
    """Import the plugin here. ``status`` is ok, missing (a package), conflict or broken."""
    try:
        facts = _driver(kind, name) if kind in KINDS else _other(kind, name)
    except DriverNotInstalled as error:
        return {"status": "missing", "problem": str(error)}
    except DriverConflict as error:
        return {"status": "conflict", "problem": str(error)}
    except CeleriacError as error:
        return {"status": "broken", "problem": str(error)}
    except ModuleNotFoundError as error:
        return {"status": "missing", "problem": f"needs the module {error.name!r}, which is not installed"}
    except Exception as error:
        return {"status": "broken", "problem": f"{type(error).__name__}: {error}"}
    return {"status": "ok", "problem": None, **facts}


def _driver(kind_name: str, name: str) -> dict[str, Any]:
    from celeriac.registry import Registry

    kind = KINDS[kind_name]
    driver = Registry().load(kind, name)
    return {
        "api": driver.api,
        "about": (inspect.getdoc(driver) or "").partition("\n\n")[0].replace("\n", " "),
        "capabilities": {
            capability: meaning
            for capability, meaning in kind.capabilities.items()
            if capability in driver.capabilities
        },
    }


def _other(kind: str, name: str) -> dict[str, Any]:
    from celeriac.hooks import Hooks
    from celeriac.registry import list_entry_points

    found = [entry_point for entry_point in list_entry_points(OTHERS[kind]) if entry_point.name == name]
    loaded = [entry_point.load() for entry_point in found]
    if kind == "hooks":
        for listener in loaded:
            Hooks().register(listener, name)
    return {"about": (inspect.getdoc(loaded[0]) or "").partition("\n\n")[0].replace("\n", " ")}


def _probe_apart(plugin: tuple[str, str]) -> dict[str, Any]:
    command = [sys.executable, "-m", __name__, *plugin]
    try:
        ended = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        return {"status": "broken", "problem": f"its import takes longer than {PATIENCE:g} s"}
    try:
        # What the plugin itself may have printed stands before it.
        found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        last = ended.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        return {"status": "broken", "problem": f"its import ends the process with status {ended.returncode}: {last}"}
    return found


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(probe(*sys.argv[1:])) + "\n")
