"""How a result is shown, and which exit status it gives."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from celeriac import states
from celeriac.cli import output
from celeriac.errors import ResultTimeout

if TYPE_CHECKING:
    from celeriac.result import AsyncResult


def wait_for(result: AsyncResult[Any], timeout: float | None) -> bool:
    """Wait for the result; False, and a word on standard error, when it does not come in time."""
    try:
        result.get(timeout, propagate=False)
    except ResultTimeout as error:
        click.echo(f"Error: {error}", err=True)
        return False
    return True


def show_result(result: AsyncResult[Any], *, as_json: bool) -> int:
    """Print a result; 0 for a success, 1 for anything else. A failure goes to standard error, with the traceback from
    the worker."""
    state, value, traceback = result.state, result.result, result.traceback
    if as_json:
        output.document(_document(result, state, value, traceback))
    elif state == states.SUCCESS:
        click.echo(_value(value))
    elif state in states.READY_STATES:
        click.echo(output.lines(traceback or f"{state}: {_error(value)}"), err=True)
    else:
        click.echo(f"task {result.id} is {state}", err=True)
    return 0 if state == states.SUCCESS else 1


def show_traceback(result: AsyncResult[Any]) -> int:
    """Print the traceback from the worker; 1 when there is none."""
    traceback = result.traceback
    if traceback is None:
        click.echo(f"task {result.id} is {result.state}, without a traceback", err=True)
        return 1
    click.echo(output.lines(traceback))
    return 0


def _document(result: AsyncResult[Any], state: str, value: Any, traceback: str | None) -> dict[str, Any]:
    done = result.date_done
    return {
        "id": result.id,
        "status": state,
        "result": _error(value) if isinstance(value, BaseException) else value,
        "traceback": traceback,
        "date_done": done.isoformat() if done is not None else None,
    }


def _error(value: Any) -> str:
    from celeriac.failure import describe

    return describe(value) if isinstance(value, BaseException) else str(value)


def _value(value: Any) -> str:
    """A text as it is, line by line; anything else as JSON."""
    if isinstance(value, str):
        return output.lines(value)
    return output.text(json.dumps(output.plain(value), ensure_ascii=False))
