"""Does what the README says, and checks what comes of it. The distribution must be installed."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from checking import celeriac, copy_of, done, running

HELLO = Path(__file__).parents[1] / "hello" / "hello.py"

(found,) = json.loads(celeriac("plugins", "show", "transport", "shelf", "--json"))
assert found["distribution"] == "celeriac-shelf", found
assert found["status"] == "ok", found
assert "durable" in found["capabilities"], found
assert "fan-out" not in found["capabilities"], found

with copy_of(str(HELLO)) as folder:
    broker = f"shelf://{folder}/queue.shelf"
    app = ("-A", "hello", "-b", broker)
    waiting = celeriac(*app, "call", "hello.add", "--args", "[20, 22]").strip()
    with running(*app, "worker", "-P", "threads", "-c", "2", "-l", "info") as said:
        answer = json.loads(celeriac(*app, "call", "hello.add", "--args", "[2, 3]", "--wait", "--json"))
        assert answer["result"] == 5, answer
        assert json.loads(celeriac(*app, "result", waiting, "--json"))["result"] == 42
    assert broker in said()
    assert (folder / "queue.shelf").exists()
done(__file__)
