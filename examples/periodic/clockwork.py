from datetime import UTC, datetime
from pathlib import Path

from celeriac import Celeriac, crontab

app = Celeriac("clockwork", timezone="Europe/Berlin")


@app.task
def tick() -> None:
    with Path("ticks.txt").open("a") as file:
        file.write(f"{datetime.now(UTC).isoformat()}\n")


@app.task
def report(kind: str) -> str:
    return f"the {kind} report"


app.conf.beat_schedule = {
    "every-second": {"task": "clockwork.tick", "schedule": 1.0},
    "workday-mornings": {
        "task": "clockwork.report",
        "schedule": crontab(minute="30", hour="7", day_of_week="mon-fri"),
        "args": ("daily",),
    },
    # The same as a line of a crontab file; by the app's clocks, so at midnight in Berlin.
    "first-of-the-month": {"task": "clockwork.report", "schedule": "0 0 1 * *", "args": ("monthly",)},
}
