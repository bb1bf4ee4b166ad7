"""The tables, as Markdown that reads well in a terminal too."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness.columns import COLUMNS, NOTES, WAYS, Column
from harness.commands import BASE, HELP, HELP_BOUND
from harness.plan import ROWS
from harness.summary import Run, Spread, compared_with, ratio, runs_of, spread
from systems.system import Entry

Line = list[str]


def tables(runs: Sequence[Run], entries: Sequence[Entry], commands: Mapping[str, Sequence[float]]) -> str:
    parts = []
    for key, row in ROWS.items():
        for results in row.results:
            lines = _ways(runs, entries) if key == "W2" else _lines(runs, entries, key, results)
            if len(lines) > 1:
                said = f", results {'on' if results else 'off'}" if len(row.results) > 1 else ""
                note = f"{NOTES[key]}\n\n" if key in NOTES else ""
                parts.append(f"### {key} {row.title}{said}\n\n{note}{_table(lines)}")
    if commands:
        parts.append(f"### W5 Commands, from exec to exit\n\n{_table(_commands(commands))}\n\n{_help(commands)}")
    problems = _problems(runs)
    if problems:
        parts.append("### What was not as it should be\n\n" + "\n".join(f"- {problem}" for problem in problems))
    return "\n\n".join(parts)


def about(machine: Mapping[str, Any], runs: Sequence[Run]) -> str:
    """On what, and how quiet it was."""
    loops = sorted(value for run in runs if run.calibration for value in run.calibration)
    lines = [
        f"`{machine['command']}`, {machine['date']}, commit {machine['commit'] or 'unknown'}.",
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB; {machine['system']}.",
        f"{machine['python']} ({machine['optimised']}); {_versions({**machine['servers'], **machine['packages']})}.",
    ]
    elsewhere = [f"{name}: {_versions(found)}" for name, found in machine["elsewhere"].items() if found]
    if elsewhere:
        lines.append(f"In environments of their own: {'; '.join(elsewhere)}.")
    if loops:
        busy = sum(value > 1.3 * loops[0] for value in loops)
        lines.append(
            f"Fixed loop: best {loops[0]:.1f} ms, median {loops[len(loops) // 2]:.1f} ms, worst {loops[-1]:.1f} ms; "
            f"{busy} of {len(loops)} were more than 1.3 times the best (the machine had other work then)."
        )
    return "\n".join(f"- {line}" for line in lines)


def _versions(found: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in found.items())


def _lines(runs: Sequence[Run], entries: Sequence[Entry], row: str, results: bool) -> list[Line]:
    columns = COLUMNS[row]
    promised = ["promise"] if row == "W1" else []
    lines = [["broker", "system", *(title for column in columns for title in _titles(column)), *promised]]
    for entry in entries:
        found = runs_of(runs, row, entry.name, results)
        if any(run.values for run in found):
            base, floor = (runs_of(runs, row, name, results) for name in compared_with(entry, row))
            cells = [cell for column in columns for cell in _cells(column, found, base, floor)]
            lines.append([entry.broker, entry.system, *cells, *([entry.promise] if promised else [])])
    return lines


def _ways(runs: Sequence[Run], entries: Sequence[Entry]) -> list[Line]:
    column = Column("", "tasks/s", ratio=True, floor=True, range=True)
    lines = [["way", "broker", "system", *_titles(column)]]
    for way in WAYS:
        for entry in entries:
            found = runs_of(runs, "W2", entry.name, False)
            if spread(found, way):
                base, floor = (runs_of(runs, "W2", name, False) for name in compared_with(entry, "W2"))
                cells = _cells(replace(column, name=way), found, base, floor)
                lines.append([way, entry.broker, entry.system, *cells])
    return lines


def _titles(column: Column) -> Line:
    return [
        *(["ratio"] if column.ratio else []),
        *(["to floor"] if column.floor else []),
        column.title,
        *(["(min-max)"] if column.range else []),
    ]


def _cells(column: Column, found: Sequence[Run], base: Sequence[Run], floor: Sequence[Run]) -> Line:
    value = spread(found, column.name)

    def show(number: float) -> str:
        return f"{number:,.{column.digits}f}"

    def compared(other: Sequence[Run], mark: str) -> str:
        return _maybe(ratio(found, other, column.name), lambda it: f"{mark}{_short(it.middle)}{mark}")

    return [
        *([compared(base, "**")] if column.ratio else []),
        *([compared(floor, "")] if column.floor else []),
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
            where = f"{run.entry} is left out" if run.row == "-" else f"{run.row}{stored} {run.entry}"
            text = f"{where}: {problem.partition(chr(10))[0]}"
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
