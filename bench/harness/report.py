"""The tables, as Markdown that reads well in a terminal too."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.commands import BASE, HELP, HELP_BOUND
from harness.plan import ROWS
from harness.summary import Run, Spread, ratio, runs_of, spread
from systems.system import Entry

Line = list[str]


@dataclass(frozen=True)
class Column:
    """A value of a row; with `ratio` its comparison comes first, with `range` its least and most."""

    name: str
    title: str
    digits: int = 0
    ratio: bool = False
    range: bool = False


COLUMNS: Mapping[str, tuple[Column, ...]] = {
    "W1": (
        Column("rate", "tasks/s", ratio=True, range=True),
        Column("cpu_us", "CPU µs/task", 1),
        Column("done", "done"),
        Column("settled_ms", "settled after ms"),
        Column("rss", "RSS MiB"),
        Column("pss", "PSS MiB"),
    ),
    "W3": (
        Column("p50", "p50 ms", 3, ratio=True, range=True),
        Column("p99", "p99 ms", 2),
        Column("max", "max ms", 2),
        Column("trips", "trips"),
    ),
    "W5": (
        Column("first_ms", "exec to first task ms", ratio=True, range=True),
        Column("rss", "RSS MiB"),
        Column("pss", "PSS MiB"),
        Column("idle_cpu", "idle CPU %", 1),
    ),
    "W6": (
        Column("p50", "late p50 ms", 2, ratio=True, range=True),
        Column("p99", "p99 ms", 2),
        Column("max", "max ms", 2),
        Column("early", "early"),
        Column("done", "done"),
    ),
    "W8": (
        Column("rate", "tasks/s", range=True),
        Column("of_ideal", "of the ideal", 2),
        Column("done", "done"),
    ),
}
WAYS = ("one by one", "batch", "group")
"""W2's columns are ways to enqueue: each is a line there, compared with ours of the same kind."""


def tables(runs: Sequence[Run], entries: Sequence[Entry], commands: Mapping[str, Sequence[float]]) -> str:
    parts = []
    for row in ROWS:
        for results in row.results:
            lines = _ways(runs, entries) if row.key == "W2" else _lines(runs, entries, row.key, results)
            if len(lines) > 1:
                said = f", results {'on' if results else 'off'}" if len(row.results) > 1 else ""
                parts.append(f"### {row.key} {row.title}{said}\n\n{_table(lines)}")
    if commands:
        parts.append(f"### W5 Commands, from exec to exit\n\n{_table(_commands(commands))}\n\n{_help(commands)}")
    problems = _problems(runs)
    if problems:
        parts.append("### What was not as it should be\n\n" + "\n".join(f"- {problem}" for problem in problems))
    return "\n\n".join(parts)


def about(machine: Mapping[str, Any], runs: Sequence[Run]) -> str:
    """On what, and how quiet it was."""
    loops = sorted(value for run in runs for value in run.calibration)
    packages = ", ".join(f"{name} {number}" for name, number in machine["packages"].items())
    lines = [
        f"`{machine['command']}`, {machine['date']}, commit {machine['commit'] or 'unknown'}.",
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB; {machine['system']}.",
        f"{machine['python']} ({machine['optimised']}); SQLite {machine['sqlite']}; {packages}.",
    ]
    if loops:
        busy = sum(value > 1.3 * loops[0] for value in loops)
        lines.append(
            f"Fixed loop: best {loops[0]:.1f} ms, median {loops[len(loops) // 2]:.1f} ms, worst {loops[-1]:.1f} ms; "
            f"{busy} of {len(loops)} were more than 1.3 times the best (the machine had other work then)."
        )
    return "\n".join(f"- {line}" for line in lines)


def _lines(runs: Sequence[Run], entries: Sequence[Entry], row: str, results: bool) -> list[Line]:
    columns = COLUMNS[row]
    lines = [["system", "broker", *(title for column in columns for title in _titles(column))]]
    for entry in entries:
        found = runs_of(runs, row, entry.name, results)
        if found:
            base = runs_of(runs, row, entry.base, results)
            cells = [cell for column in columns for cell in _cells(column, found, base)]
            lines.append([entry.name, entry.broker, *cells])
    return lines


def _ways(runs: Sequence[Run], entries: Sequence[Entry]) -> list[Line]:
    lines = [["way", "system", "broker", "ratio", "tasks/s", "(min-max)"]]
    for way in WAYS:
        column = Column(way, way, ratio=True, range=True)
        for entry in entries:
            found = runs_of(runs, "W2", entry.name, False)
            if spread(found, way):
                cells = _cells(column, found, runs_of(runs, "W2", entry.base, False))
                lines.append([way, entry.name, entry.broker, *cells])
    return lines


def _titles(column: Column) -> Line:
    return [*(["ratio"] if column.ratio else []), column.title, *(["(min-max)"] if column.range else [])]


def _cells(column: Column, found: Sequence[Run], base: Sequence[Run]) -> Line:
    compared, value = ratio(found, base, column.name), spread(found, column.name)

    def show(number: float) -> str:
        return f"{number:,.{column.digits}f}"

    return [
        *([_maybe(compared, lambda it: f"**{_short(it.middle)}**")] if column.ratio else []),
        _maybe(value, lambda it: show(it.middle)),
        *([_maybe(value, lambda it: f"{show(it.least)}-{show(it.most)}")] if column.range else []),
    ]


def _maybe(value: Spread | None, show: Callable[[Spread], str]) -> str:
    return "-" if value is None else show(value)


def _short(number: float) -> str:
    """Three digits that matter, without an exponent."""
    digits = 3 if number < 0.1 else 2 if number < 10 else 1 if number < 100 else 0
    return f"{number:,.{digits}f}"


def _help(commands: Mapping[str, Sequence[float]]) -> str:
    value, base = Spread.of(commands[HELP]), Spread.of(commands[BASE])
    if value is None or base is None:
        return ""
    return f"`{HELP}` takes {value.middle / base.middle:.2f} times `{BASE}`; the bound is {HELP_BOUND:g}."


def _commands(commands: Mapping[str, Sequence[float]]) -> list[Line]:
    base = Spread.of(commands[BASE])
    lines = [["command", "ratio", "median ms", "(min-max)"]]
    for text, times in commands.items():
        value = Spread.of(times)
        if value and base:
            compared = f"**{value.middle / base.middle:.2f}**"
            lines.append([f"`{text}`", compared, f"{value.middle:.0f}", f"{value.least:.0f}-{value.most:.0f}"])
    return lines


def _problems(runs: Sequence[Run]) -> list[str]:
    found: dict[str, int] = {}
    for run in runs:
        for problem in run.problems:
            stored = f" results {'on' if run.results else 'off'}" if run.row == "W1" else ""
            text = f"{run.row}{stored} {run.entry}: {problem.partition(chr(10))[0]}"
            found[text] = found.get(text, 0) + 1
    return [f"{text} ({number} times)" if number > 1 else text for text, number in found.items()]


def _table(lines: Sequence[Line]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    numbers = [all(_is_number(cell) for cell in column[1:]) for column in zip(*lines, strict=True)]
    rule = [f"{'-' * (width - 1)}:" if number else "-" * width for width, number in zip(widths, numbers, strict=True)]

    def write(line: Line) -> str:
        cells = zip(line, widths, numbers, strict=True)
        return "| " + " | ".join(c.rjust(width) if number else c.ljust(width) for c, width, number in cells) + " |"

    return "\n".join([write(lines[0]), write(rule), *map(write, lines[1:])])


def _is_number(cell: str) -> bool:
    return not cell.strip("*0123456789,.-")
