"""The worker: receive, admit, run, settle. One message enters each module once, in that order."""

from __future__ import annotations

from celeriac.worker.worker import Worker

__all__ = ["Worker"]
