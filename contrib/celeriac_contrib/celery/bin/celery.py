"""``celery``: the command line of Celeriac with the face on."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from celeriac.cli.root import cli as celery
from celeriac_contrib.celery.absent import absent
from celeriac_contrib.celery.face import OPTION

__all__ = ("celery", "main")


def main(argv: Sequence[str] | None = None) -> None:
    """Run a command line; ends in SystemExit."""
    celery([OPTION, *(sys.argv[1:] if argv is None else argv)], prog_name="celery")


__getattr__ = absent(__name__)
