"""Does what the README says, and checks what comes of it. The project must be installed."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from checking import celeriac, done, running, temporary_folder

with temporary_folder() as folder:
    names = {(row["kind"], row["name"]) for row in json.loads(celeriac("plugins", "list", "--json"))}
    assert {("app", "shop"), ("settings", "shop"), ("hooks", "shop-audit")} <= names, names
    with running("--app", "shop", "worker", "-l", "info") as said:
        answer = celeriac("--app", "shop", "call", "shop.tasks.bill", "--args", "[7, 12.5]", "--wait", "--json")
        assert json.loads(answer)["result"] == "order 7: 12.50", answer
        celeriac("--app", "shop", "call", "shop.tasks.refuse", "--args", "[8]", "--wait", status=1)
    assert "threads, concurrency 4" in said()
    assert (folder / "shop-queue.db").exists()
    assert (folder / "audit.log").read_text().splitlines() == [
        "shop.tasks.bill SUCCESS order 7: 12.50",
        "shop.tasks.refuse FAILURE order 8 is refused",
    ]
done(__file__)
