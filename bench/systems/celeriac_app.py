"""Our app, as a user writes it. Option `early`: acknowledge before the run instead of after."""

from __future__ import annotations

from celeriac import Celeriac
from systems import bodies

setup = bodies.setup
_URLS = {
    "sqlite": f"sqlite://{setup.folder}/celeriac.db",
    "memory": "memory://bench",
    "redis": setup.redis,
    "rabbitmq": setup.rabbitmq,
}
broker = _URLS[setup.broker]
backend = setup.redis if setup.broker == "rabbitmq" else broker
delivery = "at_most_once" if setup.options.get("early") else None
app = Celeriac("bench", broker=broker, backend=backend, task_ignore_result=not setup.results, delivery=delivery)
functions = {name: app.task(body) for name, body in bodies.FUNCTIONS.items()}
coroutines = {name: app.task(body) for name, body in bodies.COROUTINES.items()}
