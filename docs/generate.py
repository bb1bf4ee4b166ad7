"""Writes the pages, and the tables within pages, that repeat what the code declares: ``make docs``.

``tests/docs/test_generated.py`` renders each of them afresh and compares.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from celeriac import errors
from celeriac.kinds import KINDS, POOL, Kind
from celeriac.registry import load_object
from celeriac.specs import lifecycle
from celeriac.specs.driver import Driver

DOCS = Path(__file__).parent
PROJECT = DOCS.parent / "pyproject.toml"

NOTE = "<!-- Written by docs/generate.py; do not edit. -->"
YES, NO = "yes", ""


def settings() -> str:
    from celeriac.settings.reference import render

    return render()


def cli() -> str:
    from celeriac.cli.reference import render

    return render()


# hooks

HOOKS_HEAD = f"""# Hooks

{NOTE}

{{about}}

A hook is a function of this name, marked with `celeriac.hookimpl`. It takes the arguments that it names; leave out
those that you do not need. On the message path a hook that nobody listens to costs nothing but a look.
[Your first plugin](../first-plugin.md) writes one.
"""


def hooks() -> str:
    """Each hook of `celeriac.specs.lifecycle`, under the heading that its comment there gives."""
    about = inspect.cleandoc(lifecycle.__doc__ or "").partition("\n\n")
    parts = [HOOKS_HEAD.format(about=_prose(f"{about[0]}\n\n{about[2]}"))]
    for subject, functions in _by_subject(inspect.getsource(lifecycle)).items():
        parts.append(f"## {subject.capitalize()}\n")
        for function in functions:
            arguments = "\n".join(f"- `{argument.arg}`: `{_type(argument)}`" for argument in function.args.args)
            returned = ast.unparse(function.returns) if function.returns else "None"
            parts.append(f"### {function.name}\n")
            parts.append(f"{_prose(ast.get_docstring(function) or '')}\n")
            parts.append(f"{arguments or 'No arguments.'}\n")
            if returned != "None":
                parts.append(f"Returns `{returned}`.\n")
    return "\n".join(parts)


def _by_subject(source: str) -> dict[str, list[ast.FunctionDef]]:
    functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    subjects: dict[str, list[ast.FunctionDef]] = {}
    for number, line in enumerate(source.splitlines(), start=1):
        if line.startswith("# "):
            subject = line.removeprefix("# ")
        for function in functions:
            if function.lineno == number:
                subjects.setdefault(subject, []).append(function)
    return subjects


def _type(argument: ast.arg) -> str:
    return ast.unparse(argument.annotation) if argument.annotation else "Any"


# errors

ERRORS_HEAD = f"""# Errors

{NOTE}

All of them are in `celeriac.errors`. {{about}}

```text
{{tree}}
```
"""


def errors_() -> str:
    """The tree as `celeriac.errors` draws it, and what each class says of itself."""
    about, rest = inspect.cleandoc(errors.__doc__ or "").split("\n\n", 1)
    tree, _, last = rest.rpartition("\n\n")
    drawn = inspect.cleandoc(tree)
    parts = [ERRORS_HEAD.format(about=f"{_prose(about)} {_prose(last)}", tree=drawn)]
    rows = [
        (f"`{kind.__name__}`", ", ".join(f"`{base.__name__}`" for base in kind.__bases__), _prose(kind.__doc__ or ""))
        for kind in error_classes()
    ]
    parts.append(_table(("Error", "Is a", "Meaning"), rows))
    return "\n".join(parts)


def error_classes() -> list[type[BaseException]]:
    """In the order of their definition."""
    return [
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, BaseException) and value.__module__ == errors.__name__
    ]


# drivers

DRIVERS_HEAD = f"""# Drivers

{NOTE}

A driver is a plugin of which exactly one acts. It is chosen by its name in a setting, or by the scheme of a URL. What
it can do is declared on its class, as `capabilities`: the worker's refusals, the conformance suite, `plugins show`
and the tables below read it there. That is the most: with `kombu`, the URL decides how much of it holds
([which](../kombu.md#what-each-can-do)). `module:attr` is taken wherever a driver is named (but see
[compressors](../first-plugin.md#2-a-compressor)). A driver that needs an extra is known without it; using it then says
what to install.
"""

CHOSEN_BY = {
    "transport": "the scheme of `broker_url`",
    "pool": "`worker_pool`, or `celeriac worker -P`",
    "serializer": "`task_serializer`, `result_serializer`, a task's `serializer`; read where `accept_content` names it",
    "compressor": "`task_compression`, or a task's `compression`",
    "backend": "the scheme of `result_backend`; when that is not set, of `broker_url`",
    "scheduler": "`beat_scheduler`, or `celeriac beat -S`",
    "logger": "`worker_logger`, or `celeriac worker --logger`",
}


def drivers() -> str:
    """Every built-in driver of each kind, and its capabilities."""
    parts = [DRIVERS_HEAD]
    for kind in KINDS.values():
        found = built_in(kind)
        parts.append(f"## {kind.name.capitalize()}s\n")
        parts.append(f"Chosen by {CHOSEN_BY[kind.name]}. Entry points: `{kind.group}`. Contract: `{kind.module}`.\n")
        rows = [(f"`{name}`", f"`{package(name)}`", _first(driver)) for name, driver in found.items()]
        parts.append(_table(("Name", "Package", "About"), rows))
        if kind.capabilities:
            parts.append(_capabilities(kind, found))
    return "\n".join(parts)


def built_in(kind: Kind) -> dict[str, type[Driver]]:
    """The drivers that this repository offers, by name; a stranger's that happens to be installed is not among them."""
    return {name: load_object(target) for name, target in sorted(_project()["entry-points"][kind.group].items())}


def package(name: str) -> str:
    """What to install for a driver: the extra carries the driver's name; ``rediss`` and ``sentinel`` are redis too."""
    extra = {"rediss": "redis", "sentinel": "redis"}.get(name, name)
    return f"celeriac[{extra}]" if extra in _project()["optional-dependencies"] else "celeriac"


def _capabilities(kind: Kind, found: Mapping[str, type[Driver]]) -> str:
    rows = [
        (f"`{name}`", *(YES if name in driver.capabilities else NO for driver in found.values()), meaning)
        for name, meaning in kind.capabilities.items()
    ]
    return _table(("Capability", *(f"`{name}`" for name in found), "Meaning"), rows)


def _first(driver: type[Driver]) -> str:
    """What the module of the driver says first: the line for a reader who chooses."""
    about = sys.modules[driver.__module__].__doc__ or driver.__doc__ or ""
    return _prose(inspect.cleandoc(about).partition("\n\n")[0])


# tables within pages


def limits() -> str:
    """What each pool can enforce."""
    found = built_in(POOL)
    rows = [
        (f"`{name}`", _limit(driver, "time-limit"), _limit(driver, "soft-time-limit"), _terminate(driver))
        for name, driver in found.items()
    ]
    return _table(("Pool", "`time_limit`", "`soft_time_limit`", "`revoke(terminate=True)`"), rows)


def _limit(driver: type[Driver], capability: str) -> str:
    if capability in driver.capabilities:
        return "any task"
    return "coroutine tasks, where they await" if "await-limits" in driver.capabilities else "no"


def _terminate(driver: type[Driver]) -> str:
    return "yes" if "terminate" in driver.capabilities else "no"


# writing

# Celery's names

CELERY_HEAD = f"""# Celery's names

{NOTE}

The public modules and names of Celery {{version}}, and what became of them in the
[face](../coming-from-celery.md#without-changing-imports): {{modules_here}} of {{modules}} modules are here, and
{{here}} of {{names}} names (functions, classes, constants, and the members of the classes that projects use).
`import celery…` of anything below ends in an error with these words. `celeriac migrate check` says which of them a
project uses.
"""


def celery_names() -> str:
    """What `celeriac_contrib.celery` lacks, with the reasons, and how much it has."""
    from celeriac_contrib.celery import inventory

    rows = list(inventory.compared())
    modules, named = [row for row in rows if not row.name], [row for row in rows if row.name]
    head = CELERY_HEAD.format(
        version=inventory.written_down()["version"],
        modules=len(modules),
        modules_here=sum(row.is_here for row in modules),
        names=len(named),
        here=sum(row.is_here for row in named),
    )
    absent = [row for row in modules if not row.is_here]
    lacking = [row for row in named if not row.is_here and row.module not in {each.module for each in absent}]
    return "\n".join(
        [
            head,
            "## Modules\n",
            _table(("Module", "Instead"), [(f"`celery.{row.module}`", row.reason or "") for row in absent]),
            "## Names in modules that are here\n",
            _table(
                ("Name", "Instead"),
                [(f"`celery.{row.module}.{row.name}`".replace("..", "."), row.reason or "") for row in lacking],
            ),
        ]
    )


PAGES: Mapping[str, Callable[[], str]] = {
    "reference/celery.md": celery_names,
    "reference/cli.md": cli,
    "reference/drivers.md": drivers,
    "reference/errors.md": errors_,
    "reference/hooks.md": hooks,
    "reference/settings.md": settings,
}
TABLES: Mapping[tuple[str, str], Callable[[], str]] = {("delivery.md", "limits"): limits}


def pages() -> Iterator[tuple[Path, str]]:
    """Each page that is written here, as it should be now."""
    for name, render in PAGES.items():
        if name != "reference/cli.md" or find_spec("celeriac.cli.reference"):
            yield DOCS / name, render()
    for (name, mark), table in TABLES.items():
        page = DOCS / name
        yield page, with_table(page.read_text(), mark, table())


def with_table(text: str, mark: str, table: str) -> str:
    """The page with the table between its two marks."""
    begin, end = f"<!-- {mark}: written by docs/generate.py -->\n", f"<!-- end of {mark} -->"
    pattern = re.compile(f"(?<={re.escape(begin)}).*?(?={re.escape(end)})", re.DOTALL)
    if len(pattern.findall(text)) != 1:
        raise ValueError(f"one place for the table {mark!r} was looked for: {begin!r} … {end!r}")
    return pattern.sub(lambda _: table, text)


def _prose(docstring: str) -> str:
    """A docstring as Markdown: one paragraph a line, code in single backquotes."""
    paragraphs = (" ".join(paragraph.split()) for paragraph in docstring.split("\n\n"))
    return "\n\n".join(paragraphs).replace("``", "`")


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(map(_cell, line))} |\n" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _project() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads(PROJECT.read_text())["project"]
    return found


def main() -> int:
    """Write what differs."""
    for path, text in pages():
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            sys.stdout.write(f"written: {path.relative_to(DOCS)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
