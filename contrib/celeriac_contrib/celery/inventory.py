"""Every public module and name of the installed Celery, read from its source, and which of them the face has.

``python -m celeriac_contrib.celery.inventory`` writes the names down, in ``names.json``.

Nothing is imported: some modules need packages that are not here. What counts as public is what a module's ``__all__``
names; where it has none, its functions, classes and constants without a leading underscore. Of the classes that
projects use, the public methods and attributes count too.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from functools import reduce
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from celeriac_contrib.celery.absent import HOME, advice, advice_on_name

DATA = Path(__file__).parent / "names.json"

CLASSES = {
    "app.base": ["Celery"],
    "app.control": ["Control", "Inspect"],
    "app.task": ["Task"],
    "canvas": ["Signature", "_basemap", "_chain", "_chord", "chunks", "group"],
    "contrib.abortable": ["AbortableAsyncResult", "AbortableTask"],
    "result": ["AsyncResult", "EagerResult", "GroupResult", "ResultSet"],
    "utils.dispatch.signal": ["Signal"],
}
"""Those whose members count, by module."""

LOGGERS = frozenset({"logger", "debug", "info", "warning", "error", "critical", "warn"})


class Row(NamedTuple):
    """A name of Celery: is it here, and if not, why."""

    module: str
    name: str
    """Empty: the module itself."""
    is_here: bool
    reason: str | None


def compared() -> Iterator[Row]:
    """Every module and name that is written down, beside what the face has."""
    for module, found in written_down()["names"].items():
        reason = advice(module) if not _is_here(module) else None
        yield Row(module, "", _is_here(module), reason)
        for name in found:
            is_here = _has(module, name)
            yield Row(module, name, is_here, None if is_here else reason or advice_on_name(module, name))


def written_down() -> Any:
    """What ``names.json`` holds: the version of Celery, and its names by module."""
    return json.loads(DATA.read_text())


def _place(module: str) -> str:
    return f"{HOME}.{module}" if module else HOME


def _is_here(module: str) -> bool:
    try:
        import_module(_place(module))
    except ModuleNotFoundError as error:
        if error.name and not _place(module).startswith(error.name):
            raise  # of another package
        return False
    return True


def _has(module: str, name: str) -> bool:
    if not _is_here(module):
        return False
    first, *rest = name.split(".")
    try:
        target = getattr(import_module(_place(module)), first)
        if rest:
            target = _example(target)
        reduce(getattr, rest, target)
    except (AttributeError, ImportError):
        return False
    return True


def _example(kind: Any) -> Any:
    """Where the members of a class are looked for: some belong to its objects only."""
    return kind("example", set_as_current=False, fixups=[]) if kind.__name__ == "Celery" else kind


def names() -> dict[str, list[str]]:
    """The public names of each public module, without ``celery.``; ``""`` is the package itself."""
    spec = find_spec("celery")
    assert spec is not None
    assert spec.origin is not None
    root = Path(spec.origin).parent
    found: dict[str, list[str]] = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        if any(part.startswith("_") for part in parts):
            continue
        module = ".".join(parts)
        tree = ast.parse(path.read_text())
        found[module] = sorted({*_public(tree), *_members(tree, CLASSES.get(module, []))})
    return found


def _public(tree: ast.Module) -> list[str]:
    declared = _declared(tree)
    if declared is not None:
        return declared
    named = []
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            named.append(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            named += [target.id for target in targets if isinstance(target, ast.Name)]
    return [name for name in named if not name.startswith("_") and name not in LOGGERS]


def _declared(tree: ast.Module) -> list[str] | None:
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            try:
                return list(ast.literal_eval(node.value))
            except ValueError:
                return None
    return None


def _members(tree: ast.Module, classes: list[str]) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name in classes:
            for each in node.body:
                if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    if not each.name.startswith("_"):
                        yield f"{node.name.lstrip('_')}.{each.name}"
                elif isinstance(each, (ast.Assign, ast.AnnAssign)):
                    for target in each.targets if isinstance(each, ast.Assign) else [each.target]:
                        if isinstance(target, ast.Name) and not target.id.startswith("_"):
                            yield f"{node.name.lstrip('_')}.{target.id}"


def document() -> dict[str, object]:
    """What is to be written down for the Celery that is installed."""
    return {"version": version("celery"), "names": names()}


if __name__ == "__main__":
    DATA.write_text(json.dumps(document(), indent=1) + "\n")
