"""Does what the README says, and checks what comes of it."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from checking import celeriac, copy_of, done, running

with copy_of(__file__) as folder:
    from hello import add, app, greet

    waiting = add.delay(20, 22)  # before there is a worker: it waits in the file
    with running("-A", "hello", "worker", "-l", "info") as said:
        assert waiting.get(timeout=10) == 42
        answer = json.loads(celeriac("-A", "hello", "call", "hello.add", "--args", "[2, 3]", "--wait", "--json"))
        assert (answer["status"], answer["result"]) == ("SUCCESS", 5)
        assert greet.delay("ada").get(timeout=10) == "hello, ada"
        assert greet.name == "hello.greet"
    assert "hello.add" in said()
    app.close()
    assert (folder / "hello.celeriac.db").exists()
done(__file__)
