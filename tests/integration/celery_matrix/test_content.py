"""What bodies are written in."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from servers.security import make_security
from servers.shop_workers import Shops

PATIENCE = 10
SERIALIZERS = ["json", "pickle", "yaml", "msgpack", "auth"]
NO_YAML = "Celery's own signatures cannot be written in YAML"
VALUE = {"Grüße": ["🥬\n", 1.5, None, True]}


def get(result: Any) -> Any:
    return result.get(timeout=PATIENCE)


@pytest.fixture(scope="module")
def settings() -> Iterator[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="celeriac-matrix-") as folder:
        security = make_security(Path(folder))
        yield {"accept_content": SERIALIZERS, **security}


@pytest.mark.parametrize("serializer", SERIALIZERS)
def test_bodies_in_every_serializer(shops: Shops, side: str, serializer: str) -> None:
    assert get(shops.call(side, "echo", VALUE, serializer=serializer)) == VALUE


@pytest.mark.parametrize("serializer", SERIALIZERS)
def test_chains_and_retries_keep_their_serializer(shops: Shops, side: str, serializer: str) -> None:
    if (side, serializer) == ("celery", "yaml"):
        pytest.skip(NO_YAML)
    back = "theirs" if side == "celery" else "ours"
    first = shops.signature(side, "again", 1, serializer=serializer)
    then = shops.signature(side, "add", 10, serializer=serializer, queue=back)
    assert get((first | then).apply_async()) == 11


@pytest.mark.parametrize("compression", ["gzip", "zlib", "bzip2", "lzma", "brotli", "zstd"])
def test_bodies_in_every_compression(shops: Shops, side: str, compression: str) -> None:
    text = "🥬 and so on " * 1000
    assert get(shops.call(side, "echo", text, compression=compression)) == text
    assert get(shops.call(side, "again", 1, compression=compression)) == 1
