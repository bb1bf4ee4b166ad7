"""Canvas: calls as values, and how they are combined.

A workflow is compiled to messages when it is called: ids are fixed then, each message carries what follows it, and the
completion of a chord is one record in the result store. Nothing of a workflow lives in a process.
"""

from __future__ import annotations

from celeriac.canvas.chains import chain
from celeriac.canvas.chords import chord
from celeriac.canvas.groups import group
from celeriac.canvas.pieces import chunks, xmap, xstarmap
from celeriac.canvas.reading import signature
from celeriac.canvas.signatures import Signature
from celeriac.canvas.stamps import StampingVisitor

__all__ = ["Signature", "StampingVisitor", "chain", "chord", "chunks", "group", "signature", "xmap", "xstarmap"]
