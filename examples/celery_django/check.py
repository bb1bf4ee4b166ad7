"""Does what the README says, and checks what comes of it."""

import json
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from checking import PATIENCE, celeriac, copy_of, done, running


def python(*arguments: str) -> str:
    command = [sys.executable, *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=2 * PATIENCE, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


with copy_of(__file__) as folder:
    os.environ["SHOP_BROKER"] = f"sqlite:///{folder}/queue.db"
    os.environ["PYTHONPATH"] = python("-m", "celeriac_contrib.celery.install").strip()
    python("manage.py", "migrate", "--run-syncdb")
    assert "0 are missing" in celeriac("migrate", "check", "proj", "shop")
    with running("--as-celery", "-A", "proj", "worker", "-B", "-l", "info", "-c", "2"):
        found = json.loads(python("scenario.py", "1"))
    assert found["chord"] == 20
    assert found["commit"] == "paid"
done(__file__)
