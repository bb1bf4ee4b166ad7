"""Celery's worker for tests on its memory transport, in a thread of the client's process."""

from __future__ import annotations

import threading

from celery.contrib.testing.worker import start_worker

from harness.workers import ThreadWorker, Worker
from systems.celery_app import app
from systems.celery_system import CelerySystem


class CeleryMemory(CelerySystem):
    def start_worker(self) -> Worker:
        done = threading.Event()

        def run() -> None:
            with start_worker(app, pool="solo", perform_ping_check=False, loglevel="warning"):
                done.wait()

        return ThreadWorker(run, done.set)
