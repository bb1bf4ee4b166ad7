"""What a project says of Celery, read from its source. Nothing of it is imported or run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from celeriac.settings.names import resolve

NAME, SETTING, OPTION = "name", "setting", "task option"
SKIPPED = frozenset({"node_modules", "__pycache__", "build", "dist", "site-packages"})


class Use(NamedTuple):
    """One thing of Celery that stands in the source."""

    kind: str
    name: str
    """``module:name`` without ``celery.``, a setting, or an option."""
    file: str
    line: int
    value: object = ...
    """What a setting is given, where that is written out; else an ellipsis."""


def files(places: list[Path]) -> Iterator[Path]:
    """The Python files below the places, in order."""
    for place in places:
        if place.is_file():
            yield place
            continue
        for path in sorted(place.rglob("*.py")):
            if not any(part in SKIPPED or part.startswith(".") for part in path.relative_to(place).parts):
                yield path


def uses(places: list[Path], broken: list[str]) -> Iterator[Use]:
    """Everything of Celery that they use; files that are not Python are added to `broken`."""
    sources: dict[Path, ast.Module] = {}
    for path in files(places):
        try:
            sources[path] = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError) as error:
            broken.append(f"{path}: {error}")
    apps = {name for tree in sources.values() for name in _apps(tree)}
    modules = {name for tree in sources.values() for name in _settings_modules(tree)}
    for path, tree in sources.items():
        reader = _Reader(str(path), apps, _is_one_of(path, modules))
        reader.visit(tree)
        yield from dict.fromkeys(reader.found)


def _apps(tree: ast.Module) -> Iterator[str]:
    """Names that are given an app."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and _last(node.value.func) == "Celery":
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def _settings_modules(tree: ast.Module) -> Iterator[str]:
    """What `config_from_object` is given, as a name and without a namespace."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _last(node.func) == "config_from_object" and node.args:
            first = node.args[0]
            named = any(keyword.arg == "namespace" for keyword in node.keywords)
            if isinstance(first, ast.Constant) and isinstance(first.value, str) and not named:
                yield first.value.partition(":")[0]


def _is_one_of(path: Path, modules: set[str]) -> bool:
    dotted = ".".join(path.with_suffix("").parts)
    return any(dotted == module or dotted.endswith(f".{module}") for module in modules)


def _last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


class _Reader(ast.NodeVisitor):
    def __init__(self, file: str, apps: set[str], holds_settings: bool) -> None:
        self.file = file
        self.found: list[Use] = []
        self._apps = apps
        self._holds_settings = holds_settings
        self._modules: dict[str, str] = {}
        self._depth = 0

    def _use(self, kind: str, name: str, node: ast.AST, value: object = ...) -> None:
        self.found.append(Use(kind, name, self.file, getattr(node, "lineno", 0), _hashable(value)))

    # names

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            if alias.name == "celery" or alias.name.startswith("celery."):
                self._use(NAME, f"{alias.name.removeprefix('celery').removeprefix('.')}:", node)
                self._modules[alias.asname or alias.name.partition(".")[0]] = alias.name if alias.asname else "celery"

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        if node.level or not (module == "celery" or module.startswith("celery.")):
            return
        place = module.removeprefix("celery").removeprefix(".")
        for alias in node.names:
            self._use(NAME, f"{place}:{alias.name}", node)
            self._modules[alias.asname or alias.name] = f"{module}.{alias.name}"

    def visit_Attribute(self, node: ast.Attribute) -> None:
        chain = _chain(node)
        if chain and chain[0] in self._modules and self._modules[chain[0]].startswith("celery"):
            path = [*self._modules[chain[0]].split(".")[1:], *chain[1:]]
            self._use(NAME, ".".join(path), node)
        elif chain and chain[0] in self._apps and len(chain) > 1:
            self._use(NAME, f"app.base:Celery.{chain[1]}", node)
            if chain[1] == "conf" and len(chain) > 2 and resolve(chain[2]) and isinstance(node.ctx, ast.Load):
                self._use(SETTING, chain[2], node)
        self.generic_visit(node)

    # settings and options

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self._set(target, node.value)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._set(node.target, node.value)
        self.generic_visit(node)

    def _set(self, target: ast.expr, value: ast.expr) -> None:
        name = _last(target)
        chain = _chain(target) if isinstance(target, ast.Attribute) else []
        if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
            chain = [*_chain(target.value), str(target.slice.value)] if _chain(target.value) else []
            name = chain[-1] if chain else ""
        if name == "CELERY" and isinstance(value, (ast.Dict, ast.Call)):
            self._mapping(value)
        elif (
            (len(chain) >= 2 and chain[-2] == "conf")
            or name.startswith("CELERY_")
            or (self._holds_settings and isinstance(target, ast.Name) and resolve(name))
        ):
            self._use(SETTING, name, target, _literal(value))

    def _mapping(self, value: ast.Dict | ast.Call) -> None:
        if isinstance(value, ast.Call):
            for keyword in value.keywords:
                if keyword.arg:
                    self._use(SETTING, keyword.arg, keyword.value, _literal(keyword.value))
            return
        for key, each in zip(value.keys, value.values, strict=True):
            if isinstance(key, ast.Constant):
                self._use(SETTING, str(key.value), each, _literal(each))

    def visit_Call(self, node: ast.Call) -> None:
        chain = _chain(node.func)
        if chain[-2:] == ["conf", "update"]:
            self._mapping(node)
            for given in node.args:
                if isinstance(given, ast.Dict):
                    self._mapping(given)
        elif chain and (chain[-1] == "shared_task" or (chain[-1] == "task" and chain[0] in self._apps)):
            for keyword in node.keywords:
                if keyword.arg:
                    self._use(OPTION, keyword.arg, keyword.value)
        elif chain and chain[-1] == "Celery":
            for keyword in node.keywords:
                if keyword.arg and resolve(keyword.arg):
                    self._use(SETTING, keyword.arg, keyword.value, _literal(keyword.value))
        self.generic_visit(node)


def _chain(node: ast.expr) -> list[str]:
    """``a.b.c`` as its parts; empty for what is more than names."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.insert(0, node.attr)
        node = node.value
    return [node.id, *parts] if isinstance(node, ast.Name) else []


def _literal(node: ast.expr) -> object:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return ...


def _hashable(value: object) -> object:
    return value if isinstance(value, (str, int, float, bool, type(None), type(...))) else ...
