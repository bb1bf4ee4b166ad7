"""``celeriac control``."""

from __future__ import annotations

from typing import Any

import click

from celeriac.cli.asking import ask, asking_options, report_nobody
from celeriac.cli.group import group, json_option, pass_session
from celeriac.cli.session import Session
from celeriac.cli.values import COUNT


@group("control")
def control() -> None:
    """Tell workers what to do. The exit status is 1 when nobody answers."""


@control.command("shutdown")
@asking_options
@json_option
@pass_session
def shutdown(session: Session, /, destination: list[str] | None, timeout: float, as_json: bool) -> None:
    """Stop workers as TERM does."""
    from celeriac.control import Control

    # A worker that stops does not answer; who is there is asked before.
    there = ask(session, "ping", {}, destination, timeout)
    if there:
        Control(session.client).shutdown(list(there))
    _report(session, {host: {"ok": "told to stop"} for host in there}, destination, timeout, as_json)


@control.command("revoke")
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@click.option("--terminate", is_flag=True, help="End them where they run.")
@click.option("-s", "--signal", default="SIGTERM", show_default=True, help="The signal, with --terminate.")
@asking_options
@json_option
@pass_session
def revoke(session: Session, /, ids: tuple[str, ...], terminate: bool, signal: str, **how: Any) -> None:
    """Keep tasks from starting in the workers that are up now."""
    arguments = {"task_id": list(ids), "terminate": terminate, "signal": _signal(signal)}
    _tell(session, "revoke", arguments, **how)


@control.command("terminate")
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@click.option("-s", "--signal", default="SIGTERM", show_default=True, help="The signal.")
@asking_options
@json_option
@pass_session
def terminate(session: Session, /, ids: tuple[str, ...], signal: str, **how: Any) -> None:
    """End tasks where they run, and keep them from starting."""
    _tell(session, "terminate", {"task_id": list(ids), "signal": _signal(signal)}, **how)


@control.command("rate_limit")
@click.argument("task", metavar="TASK")
@click.argument("rate", metavar="RATE")
@asking_options
@json_option
@pass_session
def rate_limit(session: Session, /, task: str, rate: str, **how: Any) -> None:
    """Have each worker begin no more runs of TASK than RATE: 10/s, 100/m, 1000/h, 0 for no limit."""
    _tell(session, "rate_limit", {"task_name": task, "rate_limit": rate}, **how)


@control.command("enable_events")
@asking_options
@json_option
@pass_session
def enable_events(session: Session, /, **how: Any) -> None:
    """Have workers send events from now on."""
    _tell(session, "enable_events", {}, **how)


@control.command("disable_events")
@asking_options
@json_option
@pass_session
def disable_events(session: Session, /, **how: Any) -> None:
    """Have workers send no more events."""
    _tell(session, "disable_events", {}, **how)


@control.command("pool_grow")
@click.argument("n", type=COUNT, default=1)
@asking_options
@json_option
@pass_session
def pool_grow(session: Session, /, n: int, **how: Any) -> None:
    """Add N slots to the pool."""
    _tell(session, "pool_grow", {"n": n}, **how)


@control.command("pool_shrink")
@click.argument("n", type=COUNT, default=1)
@asking_options
@json_option
@pass_session
def pool_shrink(session: Session, /, n: int, **how: Any) -> None:
    """Remove N slots from the pool, as they become free."""
    _tell(session, "pool_shrink", {"n": n}, **how)


def _signal(name: str) -> str:
    """The signal's full name.

    Raises:
        UsageError: there is none of that name; the nearest is named.
    """
    from signal import Signals

    from celeriac.cli.group import fail

    names = [known.name for known in Signals]
    full = name.upper() if name.upper().startswith("SIG") else f"SIG{name.upper()}"
    if full not in names:
        raise fail(f"there is no signal {name!r}", names, full)
    return full


def _tell(
    session: Session,
    command: str,
    arguments: dict[str, Any],
    destination: list[str] | None,
    timeout: float,
    as_json: bool,
) -> None:
    _report(session, ask(session, command, arguments, destination, timeout), destination, timeout, as_json)


def _report(
    session: Session, answers: dict[str, Any], destination: list[str] | None, timeout: float, as_json: bool
) -> None:
    """Print what workers answered, and end with 1 when one refused or none was there."""
    from celeriac.cli import output

    if as_json:
        output.document(answers)
    elif answers:
        output.table(session, ("Worker", "Answer"), [(host, _words(answer)) for host, answer in answers.items()])
    else:
        report_nobody(timeout, destination)
    refused = any(isinstance(answer, dict) and "error" in answer for answer in answers.values())
    click.get_current_context().exit(0 if answers and not refused else 1)


def _words(answer: Any) -> Any:
    if isinstance(answer, dict) and len(answer) == 1:
        [(verdict, words)] = answer.items()
        return words if verdict == "ok" else f"{verdict}: {words}"
    return answer
