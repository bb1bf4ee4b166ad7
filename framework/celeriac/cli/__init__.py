"""The command line. What stands here and in `root` and `group` imports click and nothing heavy."""

from __future__ import annotations


def main() -> None:
    """The entry point of ``celeriac``; ends in SystemExit."""
    import sys

    if sys.argv[1:2] == ["probe"]:  # asked every few seconds; what is not understood gets its help from click
        from celeriac.probe import run

        status = run(sys.argv[2:])
        if status is not None:
            sys.exit(status)

    from celeriac.cli.root import cli

    cli(prog_name="celeriac")
