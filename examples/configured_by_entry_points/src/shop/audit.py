"""A listener: a line for every task that has ended. It hears all apps of this installation, so it asks which."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from celeriac import Celeriac, Context, hookimpl


@hookimpl
def celeriac_task_postrun(app: Celeriac, context: Context, state: str, result: Any) -> None:
    if app.main == "shop":
        with Path("audit.log").open("a") as file:
            file.write(f"{context.task} {state} {result}\n")
