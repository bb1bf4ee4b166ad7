"""Tasks that know the Flask application."""

import os
from pathlib import Path

from celery import shared_task
from celery.signals import before_task_publish, task_retry
from flask import current_app

DIARY = Path(os.environ.get("SHOP_FOLDER", "."), "diary.txt")


def write(text):
    with DIARY.open("a") as diary:
        diary.write(f"{text}\n")


@before_task_publish.connect
def on_publish(sender=None, headers=None, body=None, **kwargs):
    if sender == "tasks.add_together":
        headers["x-greeting"] = "from the client"
        write(f"published {sender} {list(body[0])} {headers['argsrepr']}")


@task_retry.connect
def on_retry(sender=None, request=None, reason=None, **kwargs):
    write(f"retry {sender.name} {request.retries} {'busy' in str(reason)}")


@shared_task(ignore_result=False)
def add_together(a, b):
    return a + b


@shared_task(bind=True, ignore_result=False, name="tasks.greet")
def greet(self, name):
    return f"{current_app.config['GREETING']} {name}"


@shared_task(bind=True, ignore_result=False)
def progress(self, steps):
    for step in range(steps):
        self.update_state(state="PROGRESS", meta={"current": step + 1, "total": steps})
    return "done"


@shared_task(bind=True, ignore_result=False, autoretry_for=(OSError,), max_retries=2, default_retry_delay=0)
def busy(self):
    if self.request.retries < 2:
        raise OSError("busy")
    return self.request.retries


@shared_task
def tick():
    write("tick")
