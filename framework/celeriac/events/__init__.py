"""Events: what happens to tasks and workers, told to whoever listens. On Celery's wire, both ways.

Telling never holds up a task or a call: events wait in a bounded buffer that a thread empties, and one that finds no
room is dropped and counted.
"""

from __future__ import annotations

from celeriac.events.access import Events
from celeriac.events.dispatcher import EventDispatcher
from celeriac.events.event import make_event
from celeriac.events.receiver import EventReceiver

__all__ = ["EventDispatcher", "EventReceiver", "Events", "make_event"]
