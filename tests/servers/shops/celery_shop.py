"""The shop as a Celery app."""

from __future__ import annotations

import os

import shop_tasks
from celery import Celery

app = Celery("shop", broker=shop_tasks.URL, backend=shop_tasks.URL)
app.conf.update(
    task_default_queue="theirs",
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    broker_transport_options={"global_keyprefix": os.environ.get("SHOP_PREFIX", "")},
    result_backend_transport_options={"global_keyprefix": os.environ.get("SHOP_PREFIX", "")},
)
for name in ("add", "divide", "moment", "block", "write"):
    app.task(name=f"shop.{name}", shared=False)(getattr(shop_tasks, name))
app.task(name="shop.again", bind=True, shared=False)(shop_tasks.again)
