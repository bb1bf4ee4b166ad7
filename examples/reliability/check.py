"""Does what the README says, and checks what comes of it."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from checking import celeriac, copy_of, done, error_of, running, until

from celeriac.errors import WorkerLost

with copy_of(__file__) as folder:
    from shop import app, pay, render

    with running("-A", "shop", "worker", "-P", "prefork", "-c", "2", "-l", "info") as said:
        assert pay.delay(7).get(timeout=10) == "order 7 paid at try 3"
        poison = render.delay("home")
        error = error_of(lambda: poison.get(timeout=15))
        assert isinstance(error, WorkerLost), error
        assert "SIGKILL" in str(error), error
        assert pay.delay(8).get(timeout=10) == "order 8 paid at try 3"

        (letter,) = json.loads(celeriac("-A", "shop", "dlq", "list", "--json"))
        assert (letter["task"], letter["task_id"], letter["deliveries"]) == ("shop.render", poison.id, 3)
        assert "SIGKILL" in celeriac("-A", "shop", "dlq", "show", letter["id"])

        (folder / "repaired").touch()
        celeriac("-A", "shop", "dlq", "replay", letter["id"])
        until(lambda: app.AsyncResult(poison.id).successful(), "the result of the replayed task")
        assert app.AsyncResult(poison.id).get() == "home rendered"
        assert json.loads(celeriac("-A", "shop", "dlq", "list", "--json")) == []
    app.close()
done(__file__)
