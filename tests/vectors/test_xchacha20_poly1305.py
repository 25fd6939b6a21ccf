"""Wycheproof's XChaCha20-Poly1305: the AEAD that opens v2.local, and nothing else here."""

from typing import Any

import pytest

from tests.vectors.corpus import each, grouped
from watchword.crypto.encryption import xchacha20_poly1305_open
from watchword.errors import SealError

pytestmark = pytest.mark.usefixtures("vectors")

VECTORS = [row for row in grouped("xchacha20_poly1305_test.json") if len(row[1]["iv"]) == 48]


@pytest.mark.parametrize("vector", each(VECTORS))
def test_open(vector: dict[str, Any]) -> None:
    key, nonce, aad = (bytes.fromhex(vector[name]) for name in ("key", "iv", "aad"))
    sealed = bytes.fromhex(vector["ct"] + vector["tag"])
    if vector["result"] == "valid":
        assert xchacha20_poly1305_open(key, nonce, sealed, aad) == bytes.fromhex(vector["msg"])
        return
    with pytest.raises(SealError):
        xchacha20_poly1305_open(key, nonce, sealed, aad)


def test_all_were_run() -> None:
    assert len(VECTORS) > 250
