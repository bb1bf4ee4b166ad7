"""Unique tasks (X6) over Redis, with callers and workers in processes of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from celeriac import Celeriac
from servers.redis_server import RedisServer, redis_server, shared_redis
from working import wait_until

__all__ = ["redis_server", "shared_redis"]

SHOP = """
import os, sys, time
from celeriac import Celeriac, Unique

app = Celeriac("shop", broker=os.environ["SHOP"], backend=os.environ["SHOP"], worker_lease=2)

@app.task(name="pay", unique=Unique(key=["order"]))
def pay(order, seconds=0):
    with open("ran", "a") as file:
        file.write(f"{os.getpid()} {pay.request.id}\\n")
    time.sleep(seconds)
    with open("ended", "a") as file:
        file.write("x\\n")
    return order
"""
"""What each process imports."""


def test_x6_many_processes_and_a_killed_worker_make_one_run(redis_server: RedisServer, tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    environment = {"SHOP": redis_server.url, "PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"}
    call = "import shop, sys; sys.stdin.readline(); print(*[shop.pay.delay(7, seconds=1.5).id for _ in range(25)])"

    def start(*words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *words], cwd=tmp_path, env=environment, stdin=-1, stdout=-1, stderr=-1, text=True
        )

    callers = [start("-c", call) for _ in range(4)]
    ids = {word for caller in callers for word in caller.communicate("go\n", timeout=30)[0].split()}
    assert len(ids) == 1

    worker = ("-m", "celeriac", "-A", "shop", "worker", "-P", "prefork", "-c", "2", "-q")
    first = start(*worker)
    wait_until(lambda: (tmp_path / "ran").exists(), 20)
    first.kill()
    first.communicate()
    second = start(*worker)
    app = Celeriac("caller", broker=redis_server.url, backend=redis_server.url)
    try:
        assert app.AsyncResult(ids.pop()).get(timeout=30) == 7
    finally:
        second.terminate()
        second.communicate(timeout=30)
        app.close()

    assert len((tmp_path / "ended").read_text().split()) == 1
    assert len({line.split()[1] for line in (tmp_path / "ran").read_text().splitlines()}) == 1
