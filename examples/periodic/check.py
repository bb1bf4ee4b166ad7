"""Does what the README says, and checks what comes of it."""

import sys
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from checking import copy_of, done, running, until

from celeriac import crontab

with copy_of(__file__) as folder:
    from clockwork import app

    ticks = folder / "ticks.txt"

    def lines() -> int:
        return len(ticks.read_text().splitlines()) if ticks.exists() else 0

    with running("-A", "clockwork", "worker", "-P", "solo"):
        with running("-A", "clockwork", "beat", "-l", "info"), running("-A", "clockwork", "beat", "-l", "info"):
            until(lambda: lines() >= 2, "two ticks")
        seconds = {line.partition(".")[0] for line in ticks.read_text().splitlines()}
        assert len(seconds) >= lines() - 1, "two beats, and each firing ran once"

    friday_evening = datetime(2026, 1, 2, 18, 0, tzinfo=app.timezone).timestamp()
    schedule = app.conf.beat_schedule["workday-mornings"]["schedule"].in_zone(app.timezone)
    due = datetime.fromtimestamp(schedule.next_after(friday_evening), app.timezone)
    assert f"{due:%a %H:%M}" == "Mon 07:30", due
    assert schedule == crontab("30", "7", "mon-fri", tz="Europe/Berlin")
    app.close()
done(__file__)
