"""The tasks of `shop`, on the Redis that SHOP_URL names."""

from __future__ import annotations

import os

from shop import add, app, work

app.conf.update({"broker_url": os.environ["SHOP_URL"], "result_backend": os.environ["SHOP_URL"]}, "redis_shop")

__all__ = ["add", "app", "work"]
