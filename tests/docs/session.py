"""An interpreter that a page talks to: each line of input is a JSON text with one ``pycon`` block, each line of output
what its examples wanted and got. Names stay from block to block.

The doctest module would do, but for errors with notes, of which it compares the note.
"""

from __future__ import annotations

import io
import json
import sys
import traceback
from contextlib import redirect_stdout
from doctest import DocTestParser
from typing import Any

HEAD = "Traceback (most recent call last):\n"


def answer(source: str, names: dict[str, Any]) -> str:
    """What the interpreter shows for one example; of an error the line that names it."""
    shown = io.StringIO()
    try:
        with redirect_stdout(shown):
            exec(compile(source, "<page>", "single"), names)
    except Exception as error:
        return shown.getvalue() + HEAD + "".join(traceback.format_exception_only(error)[:1])
    return shown.getvalue()


def main() -> None:
    names: dict[str, Any] = {"__name__": "__console__"}
    parser = DocTestParser()
    sys.path.insert(0, "")
    for line in sys.stdin:
        steps = []
        for example in parser.get_examples(json.loads(line)):
            want = example.want if example.exc_msg is None else HEAD + example.exc_msg
            steps.append({"source": example.source, "want": want, "got": answer(example.source, names)})
        sys.stdout.write(json.dumps(steps) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
