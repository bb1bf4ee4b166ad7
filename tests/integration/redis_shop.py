"""The tasks of `shop`, on the Redis that SHOP_URL names; with SHOP_RESULTS, results are there."""

from __future__ import annotations

import os

from shop import add, app, work

broker = os.environ["SHOP_URL"]
app.conf.update({"broker_url": broker, "result_backend": os.environ.get("SHOP_RESULTS", broker)}, "redis_shop")

__all__ = ["add", "app", "work"]
