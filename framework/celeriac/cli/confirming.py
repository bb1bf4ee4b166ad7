"""Asking before something is destroyed."""

from __future__ import annotations

import sys

import click


def confirm(what: str, *, force: bool) -> None:
    """Go on when `force`, or when the person at the terminal agrees.

    Raises:
        UsageError: nobody can be asked.
        Abort: the answer is no.
    """
    if force:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(f"nobody can be asked whether to {what}; write -f to do it")
    click.confirm(f"{what[0].upper()}{what[1:]}?", abort=True, err=True)
