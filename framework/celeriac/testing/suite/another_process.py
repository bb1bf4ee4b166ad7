"""Run a few lines in a fresh interpreter that knows the author's suite: for clauses about several processes."""

from __future__ import annotations

import subprocess
import sys
import threading
from importlib import import_module, util
from inspect import getfile
from types import ModuleType, TracebackType
from typing import Any, Self

BOUND = 30.0
"""Seconds after which another process counts as hung and is killed."""

_PREAMBLE = """
import sys
sys.path[:] = {path!r}
from celeriac.testing.suite.another_process import load
suite = load({module!r}, {file!r}, {name!r})()
"""


class AnotherProcess:
    """A process that runs `script`, in which ``suite`` is an instance of the suite's class and ``argv`` the rest.

    It is a context manager that leaves no process behind. ``tell`` writes a line to its standard input, ``hear`` reads
    a line from its standard output, ``end`` waits for it.
    """

    def __init__(self, suite: object, script: str, *arguments: str) -> None:
        cls = type(suite)
        names = {"path": sys.path, "module": cls.__module__, "file": getfile(cls), "name": cls.__qualname__}
        code = f"{_PREAMBLE.format(**names)}\nargv = sys.argv[1:]\n{script}"
        self._process = subprocess.Popen(  # noqa: S603 (our own interpreter, our own lines)
            [sys.executable, "-c", code, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._watch = threading.Timer(BOUND, self._process.kill)
        self._watch.daemon = True
        self._watch.start()

    def tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def hear(self) -> str:
        """The next line; an empty text when the process has ended."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().rstrip("\n")

    def end(self) -> int:
        """Wait for its end and return its exit status."""
        return self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._watch.cancel()
        self._process.kill()
        self._process.communicate()


def load(module: str, file: str, name: str) -> Any:
    """The class of this qualified name, from a module that may be importable by file only, as pytest's modules are."""
    found: Any = _load_module(module, file)
    for part in name.split("."):
        found = getattr(found, part)
    return found


def _load_module(name: str, file: str) -> ModuleType:
    try:
        return import_module(name)
    except ImportError:
        spec = util.spec_from_file_location(name, file)
        assert spec is not None
        assert spec.loader is not None
        module = util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module
