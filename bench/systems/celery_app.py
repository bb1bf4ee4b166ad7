"""Celery, set up for speed: no events, no remote control, a large prefetch, polling each millisecond.

Option `late`: acknowledge after the run instead of before.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from celery import Celery

from systems import bodies

POLL = 0.001
"""Seconds between two looks, where it polls; as it comes, a second for messages and half of one for results."""

setup = bodies.setup


def place(folder: Path) -> Mapping[str, Any]:
    """The settings that say where messages and results are."""
    if setup.broker == "redis":
        return {"broker_url": setup.redis, "result_backend": setup.redis}
    if setup.broker == "rabbitmq":
        return {"broker_url": setup.rabbitmq, "result_backend": setup.redis}
    if setup.broker == "filesystem":
        return _in_files(folder)
    if setup.broker == "sqlalchemy":
        return {
            "broker_url": f"sqla+sqlite:///{folder}/broker.db",
            "result_backend": f"db+sqlite:///{folder}/results.db",
        }
    return {
        "broker_url": "memory://",
        "result_backend": "cache+memory://",
        "broker_transport_options": {"polling_interval": POLL},
    }


def _in_files(folder: Path) -> Mapping[str, Any]:
    messages, control, results = folder / "messages", folder / "control", folder / "results"
    for needed in (messages, control, results):
        needed.mkdir(exist_ok=True)
    folders = {"data_folder_in": messages, "data_folder_out": messages, "control_folder": control}
    return {
        "broker_url": "filesystem://",
        "result_backend": f"file://{results}",
        "broker_transport_options": {**{name: str(path) for name, path in folders.items()}, "polling_interval": POLL},
    }


app = Celery("bench", set_as_current=True)
app.conf.update(place(setup.folder))
if setup.broker == "sqlalchemy":
    from kombu.transport.sqlalchemy import Transport as SqlTransport

    SqlTransport.polling_interval = POLL  # its options all go to SQLAlchemy's engine, which does not know this one
app.conf.update(
    task_ignore_result=not setup.results,
    task_acks_late=bool(setup.options.get("late")),
    worker_prefetch_multiplier=256,
    worker_enable_remote_control=False,
    worker_hijack_root_logger=False,
    worker_send_task_events=False,
    broker_connection_retry_on_startup=True,
)
tasks = {name: app.task(body) for name, body in bodies.FUNCTIONS.items()}
