"""Does what the README says, and checks what comes of it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from checking import copy_of, done, error_of, running

from celeriac.errors import ChordError

with copy_of(__file__):
    from shop import app, one_item, price_of_all, prices, purchase

    with running("-A", "shop", "worker", "-c", "2"):
        result = one_item("leek", 3).delay()
        assert result.get(timeout=10) == 360
        assert result.parent.get(timeout=10) == 120
        assert prices("leek", "stock").delay().get(timeout=10) == [120, 90]
        assert price_of_all("leek", "stock").delay().get(timeout=10) == 210
        assert purchase({"celery root": 2, "stock": 4}, "ada").delay().get(timeout=10) == "ada pays 8.60"
        error = error_of(lambda: price_of_all("truffle", "leek").delay().get(timeout=10))
        assert isinstance(error, ChordError), error
        assert "KeyError: 'truffle'" in str(error), error
    app.close()
done(__file__)
