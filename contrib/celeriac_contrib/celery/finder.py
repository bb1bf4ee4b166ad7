"""Where ``celery`` and everything below it comes from once the face is put on.

There is one module object for each module of the face: ``celery.canvas`` *is* ``celeriac_contrib.celery.canvas``. So a
class is the same by whichever name it was imported.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

from celeriac_contrib.celery.absent import advice
from celeriac_contrib.celery.lazy import lazily
from celeriac_contrib.celery.tree import MODULES

HOME = "celeriac_contrib.celery"
NAME = "celery"


class TreeFinder(MetaPathFinder):
    """Makes the modules of `tree.MODULES`, below the face's own name."""

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith(f"{HOME}."):
            return None
        row = fullname.removeprefix(f"{HOME}.")
        if row not in MODULES:
            reason = advice(row)
            if reason is not None:
                raise ModuleNotFoundError(f"{NAME}.{row}: {reason}", name=fullname)
            return None
        return ModuleSpec(fullname, _TreeLoader(row), is_package=any(each.startswith(f"{row}.") for each in MODULES))


class _TreeLoader(Loader):
    def __init__(self, row: str) -> None:
        self._row = row

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return ModuleType(spec.name, f"The names of Celery's module {NAME}.{self._row}.")

    def exec_module(self, module: ModuleType) -> None:
        names, fetch = lazily(module.__name__)
        vars(module).update(__all__=names, __getattr__=fetch)


class AliasFinder(MetaPathFinder):
    """Leads ``celery`` and what is below it to the face."""

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != NAME and not fullname.startswith(f"{NAME}."):
            return None
        home = HOME + fullname.removeprefix(NAME)
        found = find_spec(home)
        if found is None:
            raise ModuleNotFoundError(
                f"{fullname}: Celery's face has no such module; docs/coming-from-celery.md has what there is",
                name=fullname,
            )
        return ModuleSpec(
            fullname, _AliasLoader(home), is_package=found.submodule_search_locations is not None, origin=found.origin
        )


class _AliasLoader(Loader):
    def __init__(self, home: str) -> None:
        self._home = home

    def create_module(self, _spec: ModuleSpec) -> ModuleType:
        module = import_module(self._home)
        self._own = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._own  # the import system has put the alias's there

    def get_code(self, _fullname: str) -> object:
        """For ``python -m celery``."""
        spec = find_spec(self._home)
        assert spec is not None
        return spec.loader.get_code(self._home)  # type: ignore[union-attr]


def find_modules_of_the_tree() -> None:
    """Have the modules of `tree` found; the package does so when it is imported."""
    if not any(isinstance(each, TreeFinder) for each in sys.meta_path):
        sys.meta_path.append(TreeFinder())
