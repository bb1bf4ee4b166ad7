"""A Flask application made by a factory, with Celery beside it, as their documentation shows it."""

import os

from celery import Celery, Task
from celery.schedules import crontab
from flask import Flask, current_app, request

PLACE = os.environ.get("SHOP_BROKER", "redis://localhost:6379/0")


def celery_init_app(app):
    class FlaskTask(Task):
        def __call__(self, *args, **kwargs):
            with app.app_context():
                return self.run(*args, **kwargs)

    celery_app = Celery(app.name, task_cls=FlaskTask)
    celery_app.config_from_object(app.config["CELERY"])
    celery_app.set_default()
    app.extensions["celery"] = celery_app
    return celery_app


def create_app():
    app = Flask("factory")
    app.config.from_mapping(
        GREETING="hello",
        CELERY={
            "broker_url": PLACE,
            "result_backend": PLACE,
            "task_ignore_result": True,
            "task_routes": {"tasks.urgent.*": {"queue": "urgent"}, "tasks.*": "celery"},
            "beat_schedule": {
                "tick": {"task": "tasks.tick", "schedule": 1.0},
                "nightly": {"task": "tasks.tick", "schedule": crontab(hour=3, minute=30)},
            },
        },
    )
    celery_init_app(app)

    import tasks

    @app.post("/add")
    def start_add():
        result = tasks.add_together.delay(request.json["a"], request.json["b"])
        return {"result_id": result.id}

    @app.get("/result/<id>")
    def show_result(id):
        from celery.result import AsyncResult

        result = AsyncResult(id)
        ready = result.ready()
        return {
            "ready": ready,
            "successful": result.successful() if ready else None,
            "value": result.get() if ready else result.result,
        }

    @app.get("/greeting")
    def greeting():
        return current_app.config["GREETING"]

    return app
