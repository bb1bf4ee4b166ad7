"""kombu's envelope, with bodies small and large: ours, Celery's, Celery's with a head of ours, and what is none."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celeriac.message import UNREADABLE, Message
from celeriac_plugins.transports.redis import envelope

SIZES = st.sampled_from([0, 1, 2, 3, 1500, 2045, 2046, 2047, 2048, 2049, 2050, 9000])
BODIES = st.builds(lambda size, seed: (seed * size)[:size], SIZES, st.binary(min_size=1, max_size=5))
HEADERS = st.dictionaries(st.text(max_size=8) | st.just("body"), st.none() | st.text(max_size=8) | st.floats())


def foreign(body: bytes) -> dict[str, Any]:
    """As Celery makes it."""
    properties = {"correlation_id": "a", "delivery_mode": 2, "body_encoding": "base64", "delivery_tag": "t"}
    return {
        "body": base64.b64encode(body).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"id": "a", "body": "YQ=="},
        "properties": properties,
    }


@given(BODIES, HEADERS)
def test_what_is_written_is_read(body: bytes, headers: dict[str, Any]) -> None:
    sent = Message(headers, {"correlation_id": "a", "body": "YQ=="}, body)
    text = envelope.write(sent, "q", 9, envelope.moment(1.5))
    read, begun = envelope.read(text)
    assert (repr(read), begun) == (repr(sent), 0)
    assert base64.b64decode(json.loads(text)["body"]) == body


@given(BODIES, st.sampled_from([(",", ":"), (", ", ": "), (" , ", " : ")]), st.booleans(), st.booleans())
def test_celerys_is_read_however_it_is_spaced(
    body: bytes, separators: tuple[str, str], has_head: bool, is_last: bool
) -> None:
    fields = foreign(body)
    if is_last:
        fields["body"] = fields.pop("body")
    text = json.dumps(fields, separators=separators)
    if has_head:
        text = '{"x-celeriac":"2;1.000000;9;f",' + text[1:]
    read, begun = envelope.read(text.encode())
    assert read == Message({"id": "a", "body": "YQ=="}, {"correlation_id": "a", "delivery_mode": 2}, body)
    assert begun == 2 * has_head


def test_a_body_with_escaped_slashes_is_read() -> None:
    body = b"\xff" * 5000
    text = json.dumps(foreign(body)).replace("/", "\\/")
    assert "\\/" in text
    assert envelope.read(text.encode())[0].body == body


@pytest.mark.parametrize("size", [10, 5000])
@pytest.mark.parametrize("spoil", ["*", "=", "\\", "é"])
def test_what_is_no_base64_is_unreadable(size: int, spoil: str) -> None:
    fields = foreign(b"x" * size)
    fields["body"] = spoil + fields["body"]
    text = json.dumps(fields, ensure_ascii=False).encode()
    assert envelope.read(text) == (Message({}, {}, text, UNREADABLE, "binary"), 0)


@given(st.binary(max_size=40), st.sampled_from([b"", b"{", b'{"body":"', b'{"x-celeriac":"0;1;9;","body":"']))
def test_what_is_no_envelope_comes_back_as_it_is(tail: bytes, head: bytes) -> None:
    text = head + b"A" * 3000 + tail
    read, _ = envelope.read(text)
    assert read.content_type == UNREADABLE
