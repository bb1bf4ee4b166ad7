"""What the application does, as its own clients see it: prints the outcomes as JSON."""

import json
import time

from make_celery import celery_app, flask_app
from tasks import DIARY, add_together, busy, greet, progress

PATIENCE = 30


def until(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(condition)
        time.sleep(0.05)


def over_http():
    client = flask_app.test_client()
    id = client.post("/add", json={"a": 2, "b": 40}).json["result_id"]
    until(lambda: client.get(f"/result/{id}").json["ready"])
    return client.get(f"/result/{id}").json


def main():
    found = {
        "http": over_http(),
        "context": greet.delay("ada").get(timeout=PATIENCE),
        "progress": progress.delay(3).get(timeout=PATIENCE),
        "autoretry": busy.delay().get(timeout=PATIENCE),
        "by name": celery_app.send_task("tasks.greet", ("bob",)).get(timeout=PATIENCE),
        "pong": sorted(answer["ok"] for each in celery_app.control.ping(timeout=0.7) for answer in each.values())[:1],
        "registered": sorted(
            {
                name
                for names in celery_app.control.inspect(timeout=0.7).registered().values()
                for name in names
                if name.startswith("tasks.")
            }
        ),
        "conf": [celery_app.conf.task_ignore_result, celery_app.conf["CELERY_IGNORE_RESULT"]],
        "child": add_together.s(1).apply_async((2,)).get(timeout=PATIENCE),
    }
    until(lambda: DIARY.exists() and "tick" in DIARY.read_text())
    found["diary"] = sorted({line for line in DIARY.read_text().splitlines() if line != "tick"})
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
