"""The command line. What stands here and in `root` and `group` imports click and nothing heavy."""

from __future__ import annotations


def main() -> None:
    """The entry point of ``celeriac``; ends in SystemExit."""
    from celeriac.cli.root import cli

    cli(prog_name="celeriac")
