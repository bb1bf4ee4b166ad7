"""Does what the README says, and checks what comes of it. The distribution must be installed."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from checking import celeriac, copy_of, done, running

HELLO = Path(__file__).parents[1] / "hello" / "hello.py"

(found,) = json.loads(celeriac("plugins", "show", "pool", "oneshot", "--json"))
assert found["distribution"] == "celeriac-oneshot", found
assert found["status"] == "ok", found
assert list(found["capabilities"]) == ["parallel"], found

with copy_of(str(HELLO)) as folder:
    from hello import add, app, greet

    with running("-A", "hello", "worker", "-P", "oneshot", "-c", "4", "-l", "info") as said:
        sums = [add.delay(number, number) for number in range(50)]
        greetings = [greet.delay(name) for name in ("ada", "bob")]
        assert [result.get(timeout=10) for result in sums] == [2 * number for number in range(50)]
        assert [result.get(timeout=10) for result in greetings] == ["hello, ada", "hello, bob"]
    assert "oneshot, concurrency 4" in said()
    app.close()

    refused = celeriac("-A", "hello", "worker", "-P", "oneshot", "--time-limit", "5", status=2)
    assert refused == "", "the reason is on standard error"
done(__file__)
