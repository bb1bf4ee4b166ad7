"""The shop as a Celery app."""

from __future__ import annotations

import shop_tasks
from celery import Celery

app = Celery("shop", broker=shop_tasks.BROKER)
app.conf.update(
    task_default_queue="theirs",
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
)
app.conf.update(shop_tasks.SETTINGS)
shop_tasks.register(app, shared=False)
if app.conf.security_key:
    # What `app.setup_security` does but for its demand that nothing else is accepted.
    from pathlib import Path

    from celery.security.serialization import register_auth

    key, certificate = Path(app.conf.security_key).read_text(), Path(app.conf.security_certificate).read_text()
    register_auth(key, None, certificate, app.conf.security_cert_store)
