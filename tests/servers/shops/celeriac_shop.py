"""The shop as a Celeriac app."""

from __future__ import annotations

import shop_tasks

from celeriac import Celeriac

app = Celeriac("shop", broker=shop_tasks.BROKER)
app.conf.update(task_default_queue="ours", worker_prefetch_multiplier=1)
app.conf.update(shop_tasks.SETTINGS)
shop_tasks.register(app)
