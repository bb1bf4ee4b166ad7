"""A small Django project: a database, one app, and Celery's settings beside Django's own."""

import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
PLACE = Path(os.environ.get("SHOP_FOLDER", BASE_DIR))

SECRET_KEY = "only-an-example"
DEBUG = False
USE_TZ = True
INSTALLED_APPS = ["shop"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": PLACE / "db.sqlite3",
        "OPTIONS": {"timeout": 20},
    }
}

CELERY_BROKER_URL = os.environ.get("SHOP_BROKER", "redis://localhost:6379/0")
CELERY_RESULT_BACKEND = os.environ.get("SHOP_BROKER", "redis://localhost:6379/0")
CELERY_TASK_TRACK_STARTED = True
CELERY_TASK_TIME_LIMIT = 30 * 60
CELERY_TIMEZONE = "Europe/Zurich"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE = {
    "stock every second": {"task": "shop.tasks.count_stock", "schedule": 1.0, "args": ("from beat",)},
}
