"""Our app, as a user writes it."""

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
app = Celeriac("bench", broker=broker, backend=backend, task_ignore_result=not setup.results)
functions = {name: app.task(body) for name, body in bodies.FUNCTIONS.items()}
coroutines = {name: app.task(body) for name, body in bodies.COROUTINES.items()}
