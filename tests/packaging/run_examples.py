"""Run the check of every example with this interpreter, one after the other; ``make examples``.

Examples that are distributions of their own (they have a pyproject.toml) are left to `check_package.py`, which installs
them in clean environments.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"
PATIENCE = 60.0
"""Seconds for one example; each takes a few."""


def main(chosen: list[str]) -> int:
    """Run them all, or those that are named; the exit status."""
    checks = [check for check in sorted(EXAMPLES.glob("*/check.py")) if not (check.parent / "pyproject.toml").exists()]
    if chosen:
        checks = [check for check in checks if check.parent.name in chosen]
    failed = [check.parent.name for check in checks if not passes(check)]
    print(f"{len(checks) - len(failed)} of {len(checks)} examples do as they say", flush=True)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed or not checks else 0


def passes(check: Path) -> bool:
    """Run one check, and say in a line how it went; what it printed only when it failed."""
    start = time.monotonic()
    try:
        run = subprocess.run([sys.executable, check], capture_output=True, text=True, timeout=PATIENCE, check=False)
        status, output = run.returncode, run.stdout + run.stderr
    except subprocess.TimeoutExpired as error:
        status, output = -1, f"not done after {PATIENCE:g} s\n{_text(error.stdout)}{_text(error.stderr)}"
    print(f"{'ok    ' if status == 0 else 'FAILED'} {time.monotonic() - start:5.1f} s  {check.parent.name}", flush=True)
    if status:
        print(output, file=sys.stderr, flush=True)
    return status == 0


def _text(output: bytes | str | None) -> str:
    # subprocess keeps what it had read so far undecoded
    return output.decode(errors="replace") if isinstance(output, bytes) else output or ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
