"""What Redis's errors mean to us."""

from __future__ import annotations

from dataclasses import dataclass

from hiredis import ReplyError

from celeriac.errors import CeleriacError

_NOT_OURS = ("WRONGTYPE",)
_MOVED = ("MOVED", "ASK", "READONLY", "CLUSTERDOWN", "TRYAGAIN", "MASTERDOWN")
_ADVICE = {
    "OOM": "the server has no memory left (maxmemory); free some, or raise its limit",
    "READONLY": "this server is a replica and takes no writes; give the URL of the primary",
    "MISCONF": "the server cannot write its snapshot to disk; look at its log",
    "NOAUTH": "the server wants a password; put it into the URL",
    "NOPERM": "this user may not do that; its ACL must allow the commands and keys that docs/redis.md lists",
    "LOADING": "the server is still reading its data",
}


def has_moved(error: ReplyError) -> bool:
    """Whether the keys are now, or soon, at another server than the one that said so."""
    return str(error).partition(" ")[0] in _MOVED


@dataclass(frozen=True, slots=True)
class Faces:
    """The classes as which Redis's errors show themselves."""

    down: type[CeleriacError]
    damaged: type[CeleriacError]

    def of(self, error: Exception, shown: str) -> CeleriacError:
        """The error to raise for one of Redis's, of a socket, or of a parser."""
        text = str(error) or type(error).__name__
        if isinstance(error, ReplyError):
            code = text.partition(" ")[0]
            if code in _NOT_OURS:
                return self.damaged(f"{shown} holds a key of ours that is something else: {text}; use another database")
            return self.down(f"{shown}: {_ADVICE.get(code, 'the server refused')} ({text})")
        return self.down(f"{shown} cannot be reached: {text}")
