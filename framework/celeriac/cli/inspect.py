"""``celeriac inspect``."""

from __future__ import annotations

from typing import Any

import click

from celeriac.cli.asking import ask, asking_options, report_nobody
from celeriac.cli.group import command, json_option, pass_session
from celeriac.cli.session import Session
from celeriac.cli.values import Word

QUESTIONS = {
    "ping": "whether they answer",
    "stats": "counts, pool, resources",
    "active": "tasks that run",
    "reserved": "tasks that are held and have not started",
    "revoked": "ids of tasks that are not to start",
    "registered": "the names of tasks",
    "active_queues": "the queues that are consumed",
    "conf": "settings that were set, without secrets",
}

HELP = "\b\n" + "\n".join(f"{name.ljust(14)} {meaning}" for name, meaning in QUESTIONS.items())


@command(
    "inspect",
    help=f"Ask workers what they do. QUESTION is one of:\n\n{HELP}\n\nThe exit status is 1 when nobody answers.",
)
@click.argument("question", type=Word(tuple(QUESTIONS)), metavar="QUESTION")
@asking_options
@json_option
@pass_session
@click.pass_context
def inspect(
    context: click.Context,
    session: Session,
    /,
    question: str,
    destination: list[str] | None,
    timeout: float,
    as_json: bool,
) -> None:
    """Ask workers what they do."""
    from celeriac.cli import output

    answers = ask(session, question, {}, destination, timeout)
    if as_json:
        output.document(answers)
    elif not answers:
        report_nobody(timeout, destination)
    for host, answer in answers.items() if not as_json else ():
        click.echo(f"{output.text(host)}:")
        _show(session, answer)
    context.exit(0 if answers else 1)


def _show(session: Session, answer: Any) -> None:
    from celeriac.cli import output

    if isinstance(answer, dict):
        output.facts(session, answer)
    elif isinstance(answer, list) and answer and all(isinstance(item, dict) for item in answer):
        head = list(dict.fromkeys(key for item in answer for key in item))
        output.table(session, head, [[item.get(key) for key in head] for item in answer])
    elif isinstance(answer, list):
        click.echo("\n".join(output.text(item) for item in answer) or "(none)")
    else:
        click.echo(output.text(answer))
