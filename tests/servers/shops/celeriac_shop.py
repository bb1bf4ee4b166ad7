"""The shop as a Celeriac app."""

from __future__ import annotations

import os

import shop_tasks

from celeriac import Celeriac

app = Celeriac("shop", broker=shop_tasks.URL, backend=shop_tasks.URL)
app.conf.update(
    task_default_queue="ours",
    worker_prefetch_multiplier=1,
    broker_transport_options={"global_keyprefix": os.environ.get("SHOP_PREFIX", "")},
    result_backend_transport_options={"global_keyprefix": os.environ.get("SHOP_PREFIX", "")},
)
for name in ("add", "divide", "moment", "block", "write"):
    app.task(name=f"shop.{name}")(getattr(shop_tasks, name))
app.task(name="shop.again", bind=True)(shop_tasks.again)
